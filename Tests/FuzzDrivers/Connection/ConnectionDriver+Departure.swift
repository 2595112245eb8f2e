import MartletTCP
import MartletWire

extension ConnectionDriver {
  /// Carries out what the engine would, and checks what must hold after every event.
  mutating func settle(_ reaction: Reaction) throws(Finding) {
    let armed = tcb.timers.armed
    tell("   marks 0x\(String(reaction.rawValue, radix: 16)) armed \(armed.rawValue)")
    if tcb.state.isSynchronized {
      let edge = tcb.snd.una.advanced(by: tcb.snd.wnd.octets)
      if edge.follows(peerEdge) { peerEdge = edge }
    }
    try expect(
      reaction.contains(.closed) == (tcb.state == .closed), "CLOSED is told, and nothing else: \(reaction)")
    try checkRecord()
    if reaction.contains(.enterTimeWait), timeWait == nil {
      try expect(tcb.state == .timeWait, "TIME-WAIT is told when it is entered")
      try drain(limit: 0)
      timeWait = TimeWaitTCB(tcb, around, now: now)
    }
    if tcb.state == .closed {
      isFinished = true
      try expect(tcb.endReason != .none, "what has ended has a reason")
      try expect(tcb.nextDeadline(near: now) == nil, "what has ended has no deadline")
    }
  }

  func checkRecord() throws(Finding) {
    if let violated = tcb.checkInvariants(cold: cold, around.pool) { throw Finding("\(violated)") }
  }

  /// As the engine does after every event: an idle block is given up, and holds nothing.
  mutating func dropIdleBlock() throws(Finding) {
    guard cold.isIdle else { return }
    cold = ColdBlock()
    try expect(around.pool.inUse == 0, "an idle connection holds no chunk: \(around.pool.inUse)")
  }

  mutating func sendOwedAcknowledgment() throws(Finding) {
    let plan = tcb.acknowledgment(cold: &cold, &around, now: now)
    try expect(
      plan.flags.subtracting(.ece) == .ack && plan.textCount == 0,
      "what is owed at once is a bare acknowledgment")
    try check(plan)
    try checkRecord()
  }

  /// Takes everything that wants to leave.
  mutating func pull(limit: UInt32 = 0) throws(Finding) {
    guard embryo == nil, timeWait == nil else { return }
    try drain(limit: limit)
    try checkRecord()
    try checkRest()
    try dropIdleBlock()
  }

  private mutating func drain(limit: UInt32) throws(Finding) {
    // A segment of text carries at least the smallest MSS, less its options, or all there is.
    let most = Int(cold.send.count) / 76 + 16
    var count = 0
    while let plan = tcb.nextSegment(limit: limit, cold: &cold, &around, now: now) {
      count += 1
      try expect(count <= most, "pulling ends: \(count) segments for \(cold.send.count) octets")
      try check(plan)
      let mss = UInt32(tcb.effectiveSendMSS)
      // A path probe is larger on purpose (RFC 4821 §7.3), and no larger than what was used before.
      let isProbe = cold.search.isOut && plan.seq == cold.search.range.start
      try expect(
        isProbe || plan.textCount <= max(mss, limit), "no segment is larger than MSS and limit: \(plan)")
    }
  }

  /// Every segment that leaves.
  private mutating func check(_ plan: SegmentPlan) throws(Finding) {
    tell("-> \(plan.line)")
    if tcb.state == .synSent || tcb.state == .synReceived {
      let sequence: UInt32 = plan.flags.contains(.syn) ? 0 : 1
      try expect(plan.seq == setup.iss.advanced(by: sequence), "the handshake has its numbers: \(plan)")
    }
    let header = TCPHeader(
      sourcePort: 1, destinationPort: 2, seq: plan.seq, ack: plan.ack, flags: plan.flags,
      window: plan.window, urgentPointer: plan.urgentPointer, options: plan.options)
    try expect(header.encodedCount <= 60, "the options fit")
    try expect(header.options.encodedSACKCount == Int(header.options.sackCount), "all SACK blocks fit")
    try checkOffer(plan)
    try checkBlocks(plan)
    try expect(!plan.flags.contains(.rst), "a pulled segment is no reset")
    guard plan.textCount > 0 || plan.flags.contains(.fin) else { return }
    try expect(
      plan.textOffset + plan.textCount <= cold.send.count, "text is cut from the send queue: \(plan)")
    let end = plan.seq.advanced(by: plan.textCount &+ plan.flags.sequenceLength)
    try expect(
      end.precedesOrEquals(peerEdge.advanced(by: 1)), "nothing but a probe exceeds the peer's window: \(plan)"
    )
    let start = plan.seq.distance(from: setup.iss.advanced(by: 1))
    try expect(start &+ plan.textCount <= queued, "nothing is sent that nobody queued: \(plan)")
    if plan.flags.contains(.fin) {
      try expect(hasFinished, "FIN is sent when asked for")
      try expect(start &+ plan.textCount == queued, "FIN follows the last octet: \(plan)")
    }
    try checkText(plan, from: start)
  }

  private func checkText(_ plan: SegmentPlan, from start: UInt32) throws(Finding) {
    var text = [UInt8](repeating: 0, count: Int(plan.textCount))
    var elements = text.mutableSpan
    var out = elements.mutableBytes
    cold.send.copy(at: plan.textOffset, count: plan.textCount, into: &out, at: 0, around.pool)
    for (i, octet) in text.enumerated() {
      try expect(
        octet == outboundOctet(start &+ UInt32(i)), "octet \(i) of what is sent is what was queued: \(plan)")
    }
  }

  /// Acknowledgment and window: neither moves back. The field rounds down by less than one unit of the
  /// scale (RFC 7323 §2.4).
  private mutating func checkOffer(_ plan: SegmentPlan) throws(Finding) {
    guard plan.flags.contains(.ack) else { return }
    try expect(plan.ack == tcb.rcv.nxt, "RCV.NXT is acknowledged: \(plan)")
    if let last = lastAckSent {
      try expect(plan.ack.followsOrEquals(last), "acknowledgments do not move back: \(plan)")
    }
    lastAckSent = plan.ack
    let scale = plan.flags.contains(.syn) ? .none : tcb.rcv.wndShift
    let edge = plan.ack.advanced(by: plan.window.scaled(by: scale).octets)
    // A SYN cannot say more than 65,535.
    let saysAll = !plan.flags.contains(.syn) || plan.window.field < .max
    if let told = toldEdge, saysAll {
      let unit: UInt32 = 1 << UInt32(scale.shift)
      try expect(edge.advanced(by: unit).follows(told), "the right edge told does not move back: \(plan)")
      if edge.follows(told) { toldEdge = edge }
    } else if toldEdge == nil {
      toldEdge = edge
    }
    try expect(
      edge.precedesOrEquals(tcb.rcv.advertisedEdge), "no more is told than is kept: \(plan)")
  }

  /// SACK blocks tell of what is held, and of nothing else (RFC 2018 §4), but for the first, which may tell
  /// of what came twice: it is acknowledged, or a part of the second (RFC 2883 §4).
  private func checkBlocks(_ plan: SegmentPlan) throws(Finding) {
    guard plan.options.present.contains(.sack) else { return }
    try expect(tcb.mode.contains(.sack), "SACK blocks are for those who asked")
    for i in 0..<Int(plan.options.sackCount) {
      let block = plan.options.sack[i]
      try expect(block.start.precedes(block.end), "a SACK block holds something: \(plan)")
      if i == 0, block.end.precedesOrEquals(plan.ack) { continue }
      if i == 0, plan.options.sackCount > 1 {
        let whole = plan.options.sack[1]
        if whole.start.precedesOrEquals(block.start), block.end.precedesOrEquals(whole.end) { continue }
      }
      let held = cold.outOfOrder.range(containing: block.start, around.pool)
      try expect(
        held == SequenceRange(start: block.start, end: block.end) && block.start.follows(plan.ack),
        "a SACK block is a range that is held: \(plan)")
    }
  }

  /// Nothing more wants to leave now. What remains must have a timer that brings it back.
  private mutating func checkRest() throws(Finding) {
    guard tcb.state != .closed, tcb.state != .timeWait else { return }
    let again = tcb.nextSegment(cold: &cold, &around, now: now)
    try expect(again == nil, "asking in vain stays in vain")
    try expect(tcb.pending.isDisjoint(with: [.ack, .ackNow, .syn]), "what was owed has left")
    let sendTimer = !tcb.timers.armed.isDisjoint(with: [.lossTimers, .persist])
    guard tcb.state.isSynchronized else {
      try expect(sendTimer, "a SYN that waits for its answer has a timer")
      return
    }
    let isFinUnsent = hasFinished && tcb.state != .finWait2 && !tcb.mode.contains(.finSent)
    if cold.send.count > 0 || isFinUnsent || tcb.snd.una != tcb.snd.max {
      try expect(sendTimer, "what waits to be sent or acknowledged has a timer, in \(tcb.state)")
    }
    if tcb.rcv.nxt != tcb.rcv.lastAckSent {
      try expect(tcb.timers.armed.contains(.delayedAck), "what came is acknowledged in time")
    }
    if hasClosed {
      try expect(tcb.nextDeadline(near: now) != nil, "E8: a connection without an owner has a deadline")
    }
  }
}
