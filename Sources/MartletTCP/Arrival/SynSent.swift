import MartletWire

// SEGMENT ARRIVES in SYN-SENT (RFC 9293 §3.10.7.3).

extension TCB {
  mutating func segmentArrivesSynSent(
    _ seg: Segment, _ text: RawSpan, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    // First, check the ACK bit: "If SEG.ACK =< ISS or SEG.ACK > SND.NXT, send a reset (unless the RST
    // bit is set …) and discard the segment."
    let acknowledges = seg.flags.contains(.ack)
    if acknowledges, !seg.ack.follows(snd.una) || seg.ack.follows(snd.max) {
      if seg.flags.contains(.rst) {
        around.recorder.note(.resetIgnored, seg.seq.rawValue, at: now)
      } else {
        around.recorder.note(.handshakeUnacknowledged, seg.ack.rawValue, snd.max.rawValue, at: now)
        reaction.insert(.answerReset)
      }
      return reaction
    }
    // Without one, nothing shows that its sender has seen our SYN.
    if !acknowledges { reaction.insert(.stray) }
    // Second, check the RST bit: believed only with an ACK of our SYN.
    if seg.flags.contains(.rst) {
      guard acknowledges else {
        around.recorder.note(.resetIgnored, seg.seq.rawValue, at: now)
        return reaction
      }
      around.recorder.note(.refused, seg.ack.rawValue, at: now)
      around.counters.attemptFails &+= 1
      end(.refused, &cold, &around, now, &reaction)
      reaction.insert(.reset)
      return reaction
    }
    // Fourth, check the SYN bit. Fifth: "if neither of the SYN or RST bits is set, then drop".
    guard seg.flags.contains(.syn) else { return reaction }
    synchronize(with: seg, around, now)
    guard acknowledges else {
      // "Otherwise, enter SYN-RECEIVED, form a SYN,ACK segment …": simultaneous open (MUST-10). Text
      // on the bare SYN is left to come again.
      around.recorder.note(.synCrossed, seg.seq.rawValue, at: now)
      transition(to: .synReceived, &around, now)
      pending = [.syn]
      snd.nxt = snd.una.advanced(by: 1)
      timers.tries = 0
      timers.backoff = 0
      reaction.formUnion([.output, .rearmTimer])
      return reaction
    }
    around.recorder.note(.synAcknowledged, seg.ack.rawValue, seg.seq.rawValue, at: now)
    settleFastOpen(seg.ack, &cold, &around, now)
    establish(wnd: seg.wnd.scaled(by: .none), seg, &cold, &around, now, &reaction)
    pending.insert(.ack)
    reaction.insert(.output)
    // "If there are other controls or text in the segment, then continue processing at the sixth step."
    var rest = seg
    rest.flags.remove(.syn)
    rest.seq = rcv.nxt
    checkUrgent(rest, &cold, &around, now, &reaction)
    guard takeText(rest, text, &cold, &around, now, &reaction) == .next else { return reaction }
    checkFinish(rest, &cold, &around, now, &reaction)
    return reaction
  }

  /// IRS, RCV.NXT and the options that both SYNs carry (S2.10).
  private mutating func synchronize(with seg: Segment, _ around: borrowing Surroundings, _ now: Instant) {
    rcv.nxt = seg.seq.advanced(by: 1)
    rcv.lastAckSent = rcv.nxt
    // The window of our SYN was unscaled.
    let offered = min(rcv.buffer.octets, 65_535)
    rcv.advertisedEdge = rcv.nxt.advanced(by: offered)
    timers.lastArrival = Tick(now)
    restartReceiveRound(Tick(now))
    let options = seg.options.present
    if mode.contains(.windowScaling), options.contains(.windowScale) {
      snd.wndShift = seg.options.windowScale
    } else {
      // RFC 7323 §2.2: both or neither.
      mode.remove(.windowScaling)
      rcv.wndShift = .none
    }
    // A simultaneous open does without.
    if !seg.agreesToECN { mode.remove(.ecn) }
    if !options.contains(.sackPermitted) { mode.remove(.sack) }
    if mode.contains(.timestamps), options.contains(.timestamps) {
      timestamps.recent = seg.options.tsval
      timers.recentEpoch = now.epoch
    } else {
      mode.remove(.timestamps)
    }
    // Last: the initial window counts segments as they will be, with the options agreed upon.
    adoptPeerMSS(options.contains(.maximumSegmentSize) ? seg.options.maximumSegmentSize : 0, around)
  }

  /// What the peer's full segments carry, until larger ones come: options take their part (RFC 9293 §3.7.1).
  func fullSegment(of offered: UInt16) -> UInt16 {
    let size = min(rcv.mss, max(offered, 88))
    return mode.contains(.timestamps) ? size &- 12 : size
  }

  /// Fixes the send MSS from the peer's option and the path (RFC 9293 §3.7.1). `snd.mss` is the path's
  /// limit so far; 0 for `peer` means that the option was absent.
  mutating func adoptPeerMSS(_ peer: UInt16, _ around: borrowing Surroundings) {
    // MUST-15: the default of the address family stands in for an absent option.
    let offered = peer == 0 ? rcv.segmentSize : peer
    snd.mss = max(min(snd.mss, offered), leastSendMSS(around.configuration.minimumSendMSS))
    rcv.segmentSize = fullSegment(of: offered)
    congestion = CongestionController(
      mss: effectiveSendMSS, segments: around.configuration.initialWindowSegments,
      congestion.algorithm.control)
  }
}
