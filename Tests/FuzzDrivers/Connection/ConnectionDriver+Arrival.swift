import MartletTCP
import MartletWire

extension ConnectionDriver {
  /// A segment for whatever record the connection is in now.
  mutating func arrives(_ scripted: ScriptedSegment) throws(Finding) {
    tell("<- \(scripted.seg.line)\(scripted.lies ? ", a lie" : "")")
    try checkRecordless(scripted.seg)
    if embryo != nil {
      try arrivesHalfOpen(scripted)
    } else if timeWait != nil {
      try arrivesTimeWait(scripted.seg)
    } else if tcb.state != .closed {
      try arrivesConnected(scripted)
    }
  }

  private mutating func arrivesConnected(_ scripted: ScriptedSegment) throws(Finding) {
    if tcb.owesAckAtOnce { try sendOwedAcknowledgment() }
    let seg = scripted.seg
    let before = tcb
    let heldBefore = (cold.receive.count, cold.outOfOrder.totalBytes)
    let disorder = cold.outOfOrder.isEmpty ? nil : cold.disorderStamp
    let reaction = tcb.segmentArrives(
      seg, text: scripted.text.span.bytes, cold: &cold, &around, now: now)
    if before.state == .synSent, tcb.state != .synSent, tcb.state != .closed { inbound.irs = seg.seq }
    try checkAnswer(to: seg, reaction, before)
    try checkNumbers(seg, before)
    if before.state.isSynchronized {
      let held = (cold.receive.count, cold.outOfOrder.totalBytes)
      let isInert =
        tcb.state == before.state && tcb.snd.una == before.snd.una && tcb.snd.wnd == before.snd.wnd
        && tcb.rcv.nxt == before.rcv.nxt && held == heldBefore
      try expect(
        isInert || before.admits(seg, now, disorder), "a segment outside the window changes nothing: \(seg)")
    }
    noteKept(scripted)
    try settle(reaction)
  }

  /// Tells the oracle which octets of the segment the connection has now.
  private mutating func noteKept(_ scripted: ScriptedSegment) {
    guard !scripted.text.isEmpty, tcb.state != .closed, tcb.state != .synSent, tcb.state != .synReceived,
      tcb.mode.isDisjoint(with: [.discardsText, .orphan])
    else { return }
    // Places relative to RCV.NXT, as numbers that do not wrap.
    let begin = Int64(Int32(bitPattern: scripted.seg.textStart.distance(from: tcb.rcv.nxt)))
    let end = begin + Int64(scripted.text.count)
    let first = -Int64(inbound.offset(of: tcb.rcv.nxt))
    keep(max(begin, first), min(end, tcb.mode.contains(.finReceived) ? -1 : 0), scripted.lies)
    for i in 0..<cold.outOfOrder.count {
      let held = cold.outOfOrder.range(at: i, around.pool)
      let start = Int64(held.start.distance(from: tcb.rcv.nxt))
      keep(max(begin, start), min(end, start + Int64(held.count)), scripted.lies)
    }
  }

  private mutating func keep(_ start: Int64, _ end: Int64, _ lies: Bool) {
    guard start < end else { return }
    let range = SequenceRange(start: tcb.rcv.nxt.moved(by: Int(start)), end: tcb.rcv.nxt.moved(by: Int(end)))
    inbound.keep(range, lie: lies)
  }

  /// RST is never answered by RST, nor answered at all outside the window (robustness rules E11, O3).
  private func checkAnswer(to seg: Segment, _ reaction: Reaction, _ before: TCB) throws(Finding) {
    if seg.flags.contains(.rst) {
      try expect(
        reaction.isDisjoint(with: [.answerReset, .sendReset]), "a reset is not answered with a reset: \(seg)")
      let isInWindow = seg.seq.distance(from: before.rcv.nxt) <= before.rcv.wnd
      if before.state == .synSent || !isInWindow {
        try expect(!tcb.owesAckAtOnce, "a reset outside the window is not answered: \(seg)")
      }
      if tcb.state == .closed, before.state != .synSent {
        try expect(seg.seq == before.rcv.nxt, "only a reset at RCV.NXT is believed: \(seg)")
      }
    } else if tcb.state == .closed {
      try expect(
        before.state == .lastAck || reaction.contains(.sendReset),
        "without RST a segment ends no connection but the last acknowledgment: \(seg) in \(before.state)")
    }
    if reaction.contains(.answerReset) {
      try expect(!before.state.isSynchronized, "a synchronized connection answers with no reset: \(seg)")
    }
  }

  /// What a segment may move, and how far.
  private func checkNumbers(_ seg: Segment, _ before: TCB) throws(Finding) {
    guard tcb.state != .closed else { return }
    let limit = before.snd.max.distance(from: before.snd.una)
    try expect(
      tcb.snd.una.distance(from: before.snd.una) <= limit,
      "SND.UNA moves forward, and only over what was sent: \(seg)")
    if tcb.snd.una != before.snd.una {
      try expect(seg.flags.contains(.ack) && seg.ack == tcb.snd.una, "SND.UNA moves to SEG.ACK: \(seg)")
    }
    guard before.state != .synSent else { return }
    try expect(
      tcb.rcv.nxt.distance(from: before.rcv.nxt) <= before.rcv.wnd &+ 1,
      "RCV.NXT moves forward, and only inside the window: \(seg)")
    try expect(
      tcb.rcv.advertisedEdge.followsOrEquals(before.rcv.advertisedEdge),
      "the right edge of the window never moves back: \(seg)")
  }

  /// CLOSED and LISTEN have no record, so any segment may be tried on them.
  private func checkRecordless(_ seg: Segment) throws(Finding) {
    let answer = segmentArrivesClosed(seg)
    try expect((answer == nil) == seg.flags.contains(.rst), "in CLOSED all but a reset is answered")
    switch segmentArrivesListen(seg) {
    case .drop: break
    case .reset(let plan):
      try expect(
        plan.flags == .rst && plan.seq == seg.ack && !seg.flags.contains(.rst), "LISTEN resets an ACK")
    case .open:
      try expect(
        seg.flags.contains(.syn) && seg.flags.isDisjoint(with: [.ack, .rst]), "LISTEN opens for a SYN")
    }
  }
}

extension TCB {
  /// Whether RFC 9293 §3.10.7.4 and RFC 7323 §5.3 let a segment change anything, written down a second
  /// time with numbers that do not wrap.
  ///
  /// - Parameter disorder: TS.Recent when the hole was made that is open: text of that time may fill it, a
  ///   deviation from §5.3 (Documentation/Deviations.md).
  func admits(_ seg: Segment, _ now: Instant, _ disorder: UInt32?) -> Bool {
    let isReset = seg.flags.contains(.rst)
    if mode.contains(.timestamps), !isReset {
      guard seg.options.present.contains(.timestamps) else { return false }
      let age = Int64(Int32(bitPattern: seg.options.tsval &- timestamps.recent))
      // 24 days in units of 18 minutes.
      let idle = now.epoch &- timers.recentEpoch
      let mayFill =
        seg.textCount > 0 && disorder.map { Int32(bitPattern: seg.options.tsval &- $0) >= 0 } ?? false
      if age < 0, idle <= 1_886, !mayFill { return false }
    }
    let window = Int64(rcv.advertisedEdge.rawValue &- rcv.nxt.rawValue)
    let first = Int64(Int32(bitPattern: seg.seq.rawValue &- rcv.nxt.rawValue))
    let length = isReset ? 0 : Int64(seg.textCount) + Int64(seg.flags.sequenceLength)
    if length == 0 || (window == 0 && first == 0) { return first >= 0 && first <= window }
    return window > 0 && first < window && first + length > 0
  }
}
