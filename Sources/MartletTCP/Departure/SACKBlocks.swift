import MartletWire

// The SACK option (RFC 2018 §3, §4; RFC 2883 §4): up to four blocks, three beside
// timestamps. First what came twice, if that is why the acknowledgment leaves;
// then the range that grew last; then those that grew before it, each once.

extension TCB {
  /// Something is to be told that only a bare acknowledgment has room for.
  @inline(__always)
  func owesSACK(_ cold: ColdBlock) -> Bool {
    guard pending.contains(.ackNow), mode.contains(.sack) else { return false }
    return cold.hasBlocks
  }

  mutating func addSACKBlocks(
    to plan: inout SegmentPlan, _ cold: inout ColdBlock, _ around: inout Surroundings
  ) {
    let room = mode.contains(.timestamps) ? 3 : 4
    var count = 0
    if !cold.duplicate.isEmpty {
      let duplicate = cold.duplicate
      cold.duplicate = SequenceRange(start: rcv.nxt, end: rcv.nxt)
      plan.options.sack[0] = SACKBlock(start: duplicate.start, end: duplicate.end)
      count = 1
      if duplicate.start.precedes(rcv.nxt) {
        around.counters.tcpDSACKOldSent &+= 1
      } else {
        around.counters.tcpDSACKOfoSent &+= 1
        // "(4) … then the second SACK block in that SACK option should specify that (possibly larger) block."
        if let whole = cold.outOfOrder.range(containing: duplicate.start, around.pool) {
          plan.options.sack[1] = SACKBlock(start: whole.start, end: whole.end)
          count = 2
        }
      }
    }
    let first = count
    var next = 0
    while next < Int(cold.recentCount), count < room {
      let point = cold.recentRanges[next]
      next &+= 1
      guard let range = cold.outOfOrder.range(containing: point, around.pool) else { continue }
      var isThere = false
      // The block of the duplicate is not one of these, but the range that holds it is.
      for k in min(first, 1)..<count where plan.options.sack[k].start == range.start { isThere = true }
      if isThere { continue }
      plan.options.sack[count] = SACKBlock(start: range.start, end: range.end)
      count &+= 1
    }
    guard count > 0 else { return }
    plan.options.sackCount = UInt8(truncatingIfNeeded: count)
    plan.options.present.insert(.sack)
  }
}
