import MartletWire

// Seventh, process the segment text (RFC 9293 §3.10.7.4).

extension TCB {
  mutating func takeText(
    _ seg: Segment, _ text: RawSpan, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    guard seg.textCount > 0, state == .established || state == .finWait1 || state == .finWait2 else {
      return .next
    }
    // "… segment text that is outside the window is trimmed": in front what came before, behind what was
    // never offered or lies past the peer's FIN.
    let skipped = seg.seq.precedes(rcv.nxt) ? min(rcv.nxt.distance(from: seg.seq), seg.textCount) : 0
    let start = seg.seq.advanced(by: skipped)
    let edge = cold.finWaits ? cold.finSequence : rcv.advertisedEdge
    let room = edge.follows(start) ? edge.distance(from: start) : 0
    let count = min(seg.textCount &- skipped, room)
    if skipped > 0 { noteOldText(seg, &cold, &around, now) }
    // A FIN that comes in its turn is the end, whatever was said to come behind it.
    if seg.flags.contains(.fin), start == rcv.nxt {
      dropOutOfOrder(beyond: seg.seq.advanced(by: seg.textCount), &cold, &around)
    }
    if skipped == seg.textCount {
      // All of it was here before.
      acknowledgeAtOnce(&reaction)
      return seg.flags.contains(.fin) ? .next : .done
    }
    guard count > 0 else {
      around.recorder.note(.textRefused, seg.seq.rawValue, seg.textCount, at: now)
      acknowledgeAtOnce(&reaction)
      return .next
    }
    if mode.contains(.orphan) {
      // RFC 1122 §4.2.2.13, kept by RFC 9293 §3.6.1 (SHLD-3): nobody will ever read it, say so.
      around.counters.tcpAbortOnData &+= 1
      around.recorder.note(.textToOrphan, seg.seq.rawValue, seg.textCount, at: now)
      end(.aborted, &cold, &around, now, &reaction)
      reaction.insert(.sendReset)
      return .done
    }
    let piece = text.extracting(
      Int(truncatingIfNeeded: skipped)..<Int(truncatingIfNeeded: skipped &+ count))
    if start == rcv.nxt, cold.outOfOrder.isEmpty {
      if seg.textCount == count, skipped == 0 {
        takeInOrder(text, seg, &cold, &around, now, &reaction)
      } else {
        takeInOrder(piece, trimmed(seg, to: start, count), &cold, &around, now, &reaction)
      }
    } else {
      takeOutOfOrder(
        piece, seg, SequenceRange(start: start, end: start.advanced(by: count)), &cold, &around, now,
        &reaction)
    }
    if skipped > 0 { acknowledgeAtOnce(&reaction) }
    return .next
  }

  private func trimmed(_ seg: Segment, to start: SequenceNumber, _ count: UInt32) -> Segment {
    var seg = seg
    seg.seq = start
    seg.textCount = count
    return seg
  }

  /// The next octets and nothing waits behind a hole: they go to the tail of the queue.
  mutating func takeInOrder(
    _ text: RawSpan, _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    if !mode.contains(.discardsText) {
      guard around.budget.lets(grow: cold.receive.chunksHeld),
        cold.receive.append(text, &around.pool, &around.budget)
      else {
        // No memory: not acknowledged, so it will come again.
        around.counters.rcvQDrop &+= 1
        around.recorder.note(.textRefused, seg.seq.rawValue, seg.textCount, at: now)
        reaction.insert(.dropped)
        return
      }
      if cold.receive.count == seg.textCount { cold.readerMoved = timers.lastArrival }
      reaction.insert(.readable)
    }
    rcv.nxt = rcv.nxt.advanced(by: seg.textCount)
    measureReader(seg, cold, &around, now)
    around.recorder.note(.textInOrder, seg.seq.rawValue, seg.textCount, at: now)
    scheduleAcknowledgment(of: seg, &around, now, &reaction)
  }

  /// Text past a hole, or text that fills one: written into place, and only where nothing is yet, so
  /// that the first arrival of an octet wins (robustness rule R5).
  private mutating func takeOutOfOrder(
    _ text: RawSpan, _ seg: Segment, _ range: SequenceRange, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    acknowledgeAtOnce(&reaction)
    acknowledgeQuickly(around.configuration)
    noteDisorder(&cold)
    noteTextHeld(range, &cold, &around, now)
    guard storeHoles(text, range, &cold, &around) else {
      around.counters.tcpOFODrop &+= 1
      around.recorder.note(.textRefused, range.start.rawValue, range.count, at: now)
      reaction.insert(.dropped)
      return
    }
    guard range.start == rcv.nxt else {
      around.counters.tcpOFOQueue &+= 1
      if cold.receive.isEmpty, cold.outOfOrder.count == 1 { cold.readerMoved = timers.lastArrival }
      around.recorder.note(.textOutOfOrder, range.start.rawValue, range.count, at: now)
      noteRecentRange(range.start, &cold, around)
      return
    }
    // The first hole is filled: RFC 5681 §4.2 wants the acknowledgment at once.
    let filled = cold.outOfOrder.advance(range.end, &around.pool, &around.budget)
    let count = filled.distance(from: rcv.nxt)
    if !mode.contains(.discardsText) { cold.receive.commit(count) }
    rcv.nxt = filled
    measureReader(seg, cold, &around, now)
    around.recorder.note(.textInOrder, range.start.rawValue, count, at: now)
    reaction.insert(.readable)
  }

  /// Writes those parts of `range` that are missing and adds it to the set, but for the next octets, which no
  /// set and no limit is for: without them nothing would ever go on. False: a limit or the budget refused it,
  /// and nothing counts as received that did not before.
  private func storeHoles(
    _ text: RawSpan, _ range: SequenceRange, _ cold: inout ColdBlock, _ around: inout Surroundings
  ) -> Bool {
    var missing: UInt32 = 0
    var next = range.start
    while let hole = cold.outOfOrder.firstHole(from: next, before: range.end, around.pool) {
      missing = missing &+ hole.count
      next = hole.end
    }
    guard missing > 0 else { return true }
    let isNext = range.start == rcv.nxt
    guard isNext || hasRoomOutOfOrder(for: range, missing, cold, around) else { return false }
    next = range.start
    while let hole = cold.outOfOrder.firstHole(from: next, before: range.end, around.pool) {
      let from = Int(truncatingIfNeeded: hole.start.distance(from: range.start))
      let piece = text.extracting(from..<from &+ Int(truncatingIfNeeded: hole.count))
      let place = hole.start.distance(from: rcv.nxt)
      // Nobody will read it; that it came is remembered all the same, since SACK blocks have said so.
      if mode.contains(.discardsText) { break }
      guard cold.receive.write(piece, at: place, &around.pool, &around.budget) else { return false }
      next = hole.end
    }
    if isNext { return true }
    let limit = Int(around.configuration.outOfOrderRanges)
    return cold.outOfOrder.insert(range, limit: limit, &around.pool, &around.budget) != .refused
  }

  /// Robustness rule E3: a bounded number of ranges, and memory for out-of-order octets of at most
  /// 4 × them + 72 KiB. Asked before anything is written, let alone acknowledged by SACK.
  private func hasRoomOutOfOrder(
    for range: SequenceRange, _ missing: UInt32, _ cold: ColdBlock, _ around: borrowing Surroundings
  ) -> Bool {
    // What is held and what this may take: its chunks, two that it begins and ends in, and a table.
    let chunks =
      UInt64(UInt32(clamping: cold.receive.chunksHeld &+ cold.outOfOrder.chunksHeld))
      &+ UInt64(range.count >> 12) &+ 3
    let memory = chunks &* UInt64(ChunkPool.chunkSize)
    let octets = UInt64(cold.outOfOrder.totalBytes &+ missing)
    guard memory <= UInt64(cold.receive.count) &+ 4 &* octets &+ 72 << 10 else { return false }
    guard around.budget.takesOutOfOrder, around.budget.lets(grow: cold.receive.chunksHeld) else {
      return false
    }
    if cold.outOfOrder.count < Int(around.configuration.outOfOrderRanges) { return true }
    // Full, unless it grows a range that is there.
    return cold.outOfOrder.range(containing: range.start.retreated(by: 1), around.pool) != nil
      || cold.outOfOrder.range(containing: range.end, around.pool) != nil
  }

  /// Remembers which range grew last: the first SACK block must be its, and those after it the others
  /// that grew lately, each once (RFC 2018 §4).
  private func noteRecentRange(
    _ point: SequenceNumber, _ cold: inout ColdBlock, _ around: borrowing Surroundings
  ) {
    guard let range = cold.outOfOrder.range(containing: point, around.pool) else { return }
    var recent = cold.recentRanges
    recent[0] = point
    var count: UInt8 = 1
    for i in 0..<Int(cold.recentCount) where count < 4 {
      let other = cold.recentRanges[i]
      let isSame = other.isWithin(from: range.start, length: range.count)
      if isSame || other.precedes(rcv.nxt) { continue }
      recent[Int(count)] = other
      count &+= 1
    }
    cold.recentRanges = recent
    cold.recentCount = count
  }

  /// Gives back everything that waits behind a hole.
  func dropOutOfOrder(_ cold: inout ColdBlock, _ around: inout Surroundings) {
    guard !cold.outOfOrder.isEmpty else { return }
    cold.outOfOrder.removeAll(&around.pool, &around.budget)
    cold.receive.removeOutOfOrder(&around.pool, &around.budget)
    cold.recentCount = 0
  }

  /// Gives back what waits beyond `fin`. What waits before it stays as it came (robustness rule R5).
  private func dropOutOfOrder(
    beyond fin: SequenceNumber, _ cold: inout ColdBlock, _ around: inout Surroundings
  ) {
    guard let end = endOfOutOfOrder(cold, around), end.follows(fin) else { return }
    cold.outOfOrder.subtract(SequenceRange(start: fin, end: end), &around.pool, &around.budget)
    cold.receive.removeOutOfOrder(keeping: fin.distance(from: rcv.nxt), &around.pool, &around.budget)
    cold.recentCount = 0
  }

  /// Where the last of what waits behind a hole ends.
  func endOfOutOfOrder(_ cold: ColdBlock, _ around: borrowing Surroundings) -> SequenceNumber? {
    let last = cold.outOfOrder.count &- 1
    return last < 0 ? nil : cold.outOfOrder.range(at: last, around.pool).end
  }
}
