import MartletWire

// The SACK option as the sender of text takes it (RFC 2018 §5, RFC 2883 §4, RFC 6675 §4).

extension TCB {
  /// Takes in what the option reports. A block that lies is ignored; one that would make the scoreboard
  /// too large, likewise (robustness rule E2).
  mutating func selectiveAcknowledgment(
    _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    let count = Int(seg.options.sackCount)
    for i in 0..<min(count, 4) {
      let block = SequenceRange(start: seg.options.sack[i].start, end: seg.options.sack[i].end)
      if i == 0, isDuplicateReport(block, seg) {
        duplicateReported(block, &delivery, &cold, &around, now)
        continue
      }
      guard isCredible(block, seg) else {
        around.counters.tcpSACKDiscard &+= 1
        continue
      }
      take(block, seg, &delivery, &cold, &around, now)
    }
  }

  /// RFC 2883 §4: the first block lies below the cumulative acknowledgment, or inside the second.
  private func isDuplicateReport(_ block: SequenceRange, _ seg: Segment) -> Bool {
    guard block.start.precedes(block.end) else { return false }
    if block.end.precedesOrEquals(seg.ack) { return true }
    guard seg.options.sackCount > 1 else { return false }
    let second = seg.options.sack[1]
    return second.start.precedesOrEquals(block.start) && block.end.precedesOrEquals(second.end)
  }

  /// Above what is acknowledged, below what was sent.
  private func isCredible(_ block: SequenceRange, _ seg: Segment) -> Bool {
    block.start.precedes(block.end) && block.start.follows(seg.ack) && block.start.follows(snd.una)
      && block.end.precedesOrEquals(snd.nxt)
  }

  private mutating func take(
    _ block: SequenceRange, _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) {
    let fresh = block.count &- cold.scoreboard.sacked.bytes(in: block, around.pool)
    guard fresh > 0 else { return }
    guard hasRoom(for: block, cold, around) else {
      around.counters.tcpSACKDiscard &+= 1
      noteTime(of: block, &delivery, cold, around)
      return
    }
    cold.scoreboard.begin(snd.una)
    deliverUnsacked(
      block, isAcknowledged: false, onceFrom: cold.scoreboard.lostEdge, seg, &delivery, &cold, &around, now)
    let limit = Int(around.configuration.outOfOrderRanges)
    // Without memory for it, what was lost of it stays so, and leaves again.
    guard cold.scoreboard.sacked.insert(block, limit: limit, &around.pool, &around.budget) != .refused else {
      return
    }
    cold.scoreboard.lost.subtract(block, &around.pool, &around.budget)
    delivery.octets &+= fresh
    delivery.isSelective = true
    if !cold.rack.hasForward || block.end.follows(cold.rack.forward) {
      cold.rack.hasForward = true
      cold.rack.forward = block.end
    }
  }

  /// There is no room to remember that the block arrived, but what was sent well before it can be judged all
  /// the same: otherwise time would stand still until the retransmission timer fires.
  private func noteTime(
    of block: SequenceRange, _ delivery: inout Delivery, _ cold: ColdBlock, _ around: borrowing Surroundings
  ) {
    guard block.start.followsOrEquals(cold.scoreboard.lostEdge) else { return }
    let i = cold.sent.index(endingAfter: block.start, around.pool)
    guard i < cold.sent.count else { return }
    var record = cold.sent.record(i, around.pool)
    guard record.range.start.precedesOrEquals(block.start) else { return }
    record.range.end = SequenceNumber.earliest(record.range.end, block.end)
    delivery.add(record)
  }

  private func hasRoom(
    for block: SequenceRange, _ cold: ColdBlock, _ around: borrowing Surroundings
  ) -> Bool {
    let sacked = cold.scoreboard.sacked
    if sacked.count < Int(around.configuration.outOfOrderRanges) { return true }
    // It may be one with others, which takes none: a block that covers fifty of them least of all.
    let i = sacked.firstIndex(endingAfter: block.start.retreated(by: 1), around.pool)
    return i < sacked.count && sacked.range(at: i, around.pool).start.precedesOrEquals(block.end)
  }

  /// The peer got something twice: a retransmission was not needed, or the network duplicated.
  private mutating func duplicateReported(
    _ block: SequenceRange, _ delivery: inout Delivery, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) {
    // Of this connection's recent past, or it lies.
    guard block.end.precedesOrEquals(snd.nxt),
      snd.nxt.distance(from: block.start) <= snd.maxWnd.scaled(by: snd.wndShift).octets &* 2
    else {
      around.counters.tcpSACKDiscard &+= 1
      return
    }
    around.counters.tcpDSACKRecv &+= 1
    delivery.duplicated = block.count
    delivery.duplicatedEnd = block.end
    around.recorder.note(.duplicateReported, block.start.rawValue, block.count, at: now)
    widenReorderingWindow(&cold, now)
  }
}
