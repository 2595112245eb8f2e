import MartletWire

// What leaves is pulled: the engine gets a buffer first, then asks each marked
// connection for segments until there is none. In this order: a handshake
// segment, an acknowledgment that has blocks to tell, the segment that recovery
// wants again, text and FIN, probes, and last a bare acknowledgment, which every
// one of the others would have carried.

extension TCB {
  /// The next segment to send now; nil when there is none. Call again after any event that returned
  /// `.output`; asking in vain is harmless.
  ///
  /// - Parameter limit: the most octets of text that one segment may carry: a device that cuts segments
  ///   takes up to 65,535, any other passes 0 and gets one MSS.
  public mutating func nextSegment(
    limit: UInt32 = 0, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> SegmentPlan? {
    switch state {
    case .closed, .listen, .timeWait:
      return state == .timeWait && pending.contains(.ack)
        ? acknowledgment(cold: &cold, &around, now: now) : nil
    case .synSent, .synReceived:
      if pending.contains(.syn) { return synchronizeSegment(&cold, &around, now) }
      if let plan = earlyText(limit, &cold, &around, now) { return plan }
      guard pending.contains(.ack) else { return nil }
      return acknowledgment(cold: &cold, &around, now: now)
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      break
    }
    if owesSACK(cold) { return acknowledgment(cold: &cold, &around, now: now) }
    if cold.scoreboard.isInUse || pending.contains(.retransmit) {
      if let plan = lostSegment(limit, &cold, &around, now) { return plan }
    }
    if let plan = textSegment(limit, &cold, &around, now) { return plan }
    if cold.scoreboard.isInUse {
      if let plan = rescueSegment(&cold, &around, now) { return plan }
    }
    if pending.contains(.tailProbe), let plan = tailProbe(&cold, &around, now) { return plan }
    if pending.contains(.probe), let plan = windowProbe(&cold, &around, now) { return plan }
    if pending.contains(.keepAlive) { return keepAliveProbe(&cold, &around, now) }
    guard pending.contains(.ack) else { return nil }
    return acknowledgment(cold: &cold, &around, now: now)
  }

  /// An acknowledgment is owed that the connection's next segment must not overtake.
  public var owesAckAtOnce: Bool { pending.contains(.ackNow) }

  /// A bare acknowledgment: "<SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>", with SACK blocks while a hole waits.
  public mutating func acknowledgment(
    cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> SegmentPlan {
    var plan = segment(seq: sequenceWithoutText, flags: .ack, &cold, &around, now)
    mode.remove(.isAheadOfWindow)
    if mode.contains(.sack), cold.hasBlocks { addSACKBlocks(to: &plan, &cold, &around) }
    return plan
  }

  /// The sequence number of a segment without text: SND.MAX, which may lie beyond a window that shrank or a
  /// probe that was not taken. In SYN-RECEIVED no window is known yet.
  var sequenceWithoutText: SequenceNumber {
    let edge = snd.una.advanced(by: snd.wnd.octets)
    guard state != .synReceived, snd.max.follows(edge), !mode.contains(.isAheadOfWindow) else {
      return snd.max
    }
    // A field that rounds down seems to take back less than one unit of the scale; what was promised is
    // honoured all the same (RFC 7323 §2.4), so text up to there has arrived, or will.
    let isRounding = snd.wnd != .zero && snd.max.distance(from: edge) < 1 << UInt32(snd.wndShift.shift)
    return isRounding ? snd.max : edge
  }

  /// Fills in what every segment after the handshake carries, and settles what was owed.
  @inline(__always)
  mutating func segment(
    seq: SequenceNumber, flags: TCPFlags, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) -> SegmentPlan {
    var plan = SegmentPlan(seq: seq, ack: rcv.nxt, flags: flags, window: nextWindow(cold, &around))
    if mode.contains(.timestamps) {
      plan.options.present = .timestamps
      plan.options.tsval = timestampValue(now)
      plan.options.tsecr = timestamps.recent
    }
    if mode.contains(.echoesMark) { plan.flags.insert(.ece) }
    rcv.lastAckSent = rcv.nxt
    pending.subtract([.ack, .ackNow])
    timers.armed.remove(.delayedAck)
    around.counters.outSegs &+= 1
    return plan
  }

  /// "<SEQ=ISS><CTL=SYN>", or with ACK in SYN-RECEIVED (RFC 9293 §3.10.1, §3.10.7.3). The options that
  /// travel on SYNs only are these (MUST-65, RFC 2018 §2).
  private mutating func synchronizeSegment(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan {
    let answers = state == .synReceived
    // The peer's SYN fixed RCV.WND; the buffer may have been set anew since.
    let window = WindowSize(answers ? rcv.wnd : rcv.buffer.octets)
    var plan = SegmentPlan(
      seq: isOpenEarly ? snd.una.retreated(by: 1) : snd.una, ack: answers ? rcv.nxt : SequenceNumber(0),
      flags: answers ? [.syn, .ack] : .syn,
      window: window.unscaled(by: .none))
    plan.options.present = .maximumSegmentSize
    plan.options.maximumSegmentSize = rcv.mss
    if mode.contains(.windowScaling) {
      plan.options.present.insert(.windowScale)
      plan.options.windowScale = rcv.wndShift
    }
    if mode.contains(.sack) { plan.options.present.insert(.sackPermitted) }
    if mode.contains(.timestamps) {
      plan.options.present.insert(.timestamps)
      plan.options.tsval = timestampValue(now)
      plan.options.tsecr = answers ? timestamps.recent : 0
    }
    plan.isRetransmission = timers.tries > 0
    // RFC 3168 §6.1.1, §6.1.1.1: asked for once; a SYN that had no answer may have met somebody who dislikes it.
    if mode.contains(.ecn), !answers, !mode.contains(.synResent) { plan.flags.formUnion([.ece, .cwr]) }
    if mode.contains(.ecn), isOpenEarly { plan.flags.insert(.ece) }
    if plan.isRetransmission { countRetransmission(&around) } else { timers.progress = Tick(now) }
    pending.subtract([.syn, .ack, .ackNow])
    if answers { rcv.lastAckSent = rcv.nxt }
    if !isOpenEarly, snd.nxt == snd.una { snd.nxt = snd.una.advanced(by: 1) }
    // RFC 7413 §4.2.2: a SYN that is sent again has neither text nor option.
    if mode.contains(.offersFastOpen), !answers, !plan.isRetransmission {
      snd.nxt = snd.una.advanced(by: 1 &+ addFastOpen(to: &plan, cold))
    }
    around.counters.outSegs &+= 1
    armRetransmission(around.configuration.rto, now)
    return plan
  }
}

extension TCB {
  /// The window field of the next segment, and with it RCV.ADV. The right edge moves only by a step
  /// worth telling (MUST-39: half the buffer or a segment) and never back (SHLD-14).
  @inline(__always)
  mutating func nextWindow(_ cold: ColdBlock, _ around: inout Surroundings) -> UnscaledWindow {
    let promised = rcv.wnd
    let free = freeReceiveSpace(cold)
    let gain = free > promised ? free &- promised : 0
    let offered = gain >= min(rcv.buffer.octets / 2, UInt32(rcv.mss)) ? free : promised
    // RFC 7323 §2.4: the field rounds down, and may so seem to take back less than one unit of the
    // scale; what was promised once is honoured all the same.
    let shift = UInt32(rcv.wndShift.shift)
    let field = min(offered >> shift, 65_535)
    rcv.advertisedEdge = rcv.nxt.advanced(by: max(promised, field << shift))
    if field == 0 { around.counters.tcpToZeroWindowAdv &+= 1 }
    return UnscaledWindow(UInt16(truncatingIfNeeded: field))
  }

  /// Octets that the receive buffer still has room for.
  @inline(__always)
  func freeReceiveSpace(_ cold: ColdBlock) -> UInt32 {
    let unread = cold.receive.count
    let capacity = rcv.buffer.octets
    return capacity > unread ? capacity &- unread : 0
  }
}
