import MartletWire

// Fifth, check the ACK field (RFC 9293 §3.10.7.4).

extension TCB {
  mutating func checkAcknowledgment(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    // "If the ACK bit is off, drop the segment and return."
    guard seg.flags.contains(.ack) else {
      around.recorder.note(.ackMissing, seg.seq.rawValue, at: now)
      return .done
    }
    if state == .synReceived, checkHandshakeAcknowledgment(seg, &cold, &around, now, &reaction) == .done {
      return .done
    }
    // "If the ACK acks something not yet sent (SEG.ACK > SND.NXT), then send an ACK, drop the segment,
    // and return." The octet of a window probe beyond SND.NXT was sent too.
    if seg.ack.follows(snd.max) {
      around.recorder.note(.ackOfUnsent, seg.ack.rawValue, snd.max.rawValue, at: now)
      challenge(&around, now, &reaction)
      return .done
    }
    if seg.ack.precedes(snd.una) {
      // RFC 5961 §5.2 (MAY-12): older than any window ever offered, so not from the peer. Max(SND.WND) is kept as a
      // field, without the SYN's window: the RFC lets MAX.SND.WND be what a field can say.
      if snd.una.distance(from: seg.ack) > max(snd.maxWnd.scaled(by: snd.wndShift).octets, 65_535) {
        around.recorder.note(.ackTooOld, seg.ack.rawValue, snd.una.rawValue, at: now)
        challenge(&around, now, &reaction)
        return .done
      }
      // "If the ACK is a duplicate (SEG.ACK =< SND.UNA), it can be ignored."
      around.counters.tcpACKsIgnored &+= 1
      around.recorder.note(.ackRepeated, seg.ack.rawValue, snd.una.rawValue, at: now)
      return .next
    }
    let windowBefore = snd.wnd
    let cwndBefore = congestion.cwnd
    updateWindow(seg, &cold, &around, now, &reaction)
    var delivery = Delivery()
    delivery.flightBefore = pipe(cold)
    if mode.contains(.sack), seg.options.present.contains(.sack) {
      if cold.rack.hasForward { delivery.forward = cold.rack.forward }
      selectiveAcknowledgment(seg, &delivery, &cold, &around, now)
    }
    if seg.ack == snd.una {
      repeatedAcknowledgment(seg, windowBefore, &delivery, &cold, &around, now)
    } else {
      advanceUna(to: seg.ack, seg, &delivery, &cold, &around, now, &reaction)
    }
    recoverOrGrow(seg, &delivery, &cold, &around, now, &reaction)
    if mode.contains(.ecn), seg.flags.contains(.ece) {
      // What a recovery that was none had left of window and flight is not what the mark is about.
      let before = delivery.isUndone ? congestion.cwnd : cwndBefore
      let flight = delivery.isUndone ? pipe(cold) &+ delivery.octets : delivery.flightBefore
      congestionEchoArrives(cwnd: before, flight: flight, &cold, &around, now)
    }
    return finishAcknowledged(&cold, &around, now, &reaction)
  }

  /// SYN-RECEIVED of a simultaneous open: "If SND.UNA < SEG.ACK =< SND.NXT, then enter ESTABLISHED …
  /// If the segment acknowledgment is not acceptable, form a reset segment."
  private mutating func checkHandshakeAcknowledgment(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    if mode.contains(.fastOpen) { return completeFastOpen(seg, &cold, &around, now, &reaction) }
    guard seg.ack == snd.max else {
      around.recorder.note(.handshakeUnacknowledged, seg.ack.rawValue, snd.max.rawValue, at: now)
      reaction.insert(.answerReset)
      return .done
    }
    around.recorder.note(.handshakeAcknowledged, seg.ack.rawValue, at: now)
    establish(wnd: seg.wnd.scaled(by: snd.wndShift), seg, &cold, &around, now, &reaction)
    return .next
  }

  /// Our SYN is acknowledged: ESTABLISHED, or FIN-WAIT-1 where the sending half was closed before.
  mutating func establish(
    wnd: WindowSize, _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    if timers.tries == 0 {
      rtt.measured(microseconds: roundTripSinceProgress(now))
    }
    snd.una = seg.ack
    snd.wnd = wnd
    snd.wl1 = seg.seq
    snd.maxWnd = wnd.unscaled(by: snd.wndShift)
    pending.remove(.syn)
    acknowledgedProgress(now)
    timers.armed.subtract(.lossTimers)
    if mode.contains(.synResent) {
      // RFC 5681 §3.1: a SYN or SYN-ACK was lost: one segment.
      congestion.cwnd = UInt32(effectiveSendMSS)
      // RFC 6298 (5.7): "the RTO MUST be re-initialized to 3 seconds when data transmission begins".
      timers.backoff = 0
    }
    transition(to: .established, &around, now)
    if mode.contains(.keepAlive) { armKeepAlive(now) }
    reaction.formUnion([.established, .writable, .rearmTimer])
    if mode.contains(.finQueued) { transition(to: .finWait1, &around, now) }
    if mode.contains(.finQueued) || !cold.send.isEmpty { reaction.insert(.output) }
  }

  private func roundTripSinceProgress(_ now: Instant) -> UInt32 {
    Tick(now).milliseconds(since: timers.progress) &* 1_000
  }

  /// "If SND.UNA =< SEG.ACK =< SND.NXT, the send window should be updated. If (SND.WL1 < SEG.SEQ or
  /// (SND.WL1 = SEG.SEQ and SND.WL2 =< SEG.ACK)) …" SND.WL2 =< SEG.ACK holds here: see `SendSequence`.
  @inline(__always)
  mutating func updateWindow(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    guard snd.wl1.precedesOrEquals(seg.seq) else { return }
    snd.wl1 = seg.seq
    let wnd = seg.wnd.scaled(by: snd.wndShift)
    guard wnd != snd.wnd else { return }
    if wnd == .zero || snd.wnd == .zero { noteWindow(wnd, &around, now) }
    let opened = wnd.octets > snd.wnd.octets
    if snd.wnd == .zero, snd.flight > 0 { resumeIntoWindow(&cold, &around, now) }
    snd.wnd = wnd
    if seg.wnd.field > snd.maxWnd.field { snd.maxWnd = seg.wnd }
    if opened, timers.armed.contains(.persist) {
      // The peer reads again: no more probes, and no memory of how long they took.
      timers.armed.remove(.persist)
      timers.backoff = 0
      timers.tries = 0
      pending.subtract([.probe, .override])
      // A probe, or what was in flight when the window shut, waits for its acknowledgment as ever.
      if snd.una != snd.max {
        armRetransmission(around.configuration.rto, now)
        reaction.insert(.rearmTimer)
      }
    }
    if hasUnsent(cold) || cold.scoreboard.isInUse { reaction.insert(.output) }
  }

  @inline(never)
  private func noteWindow(_ wnd: WindowSize, _ around: inout Surroundings, _ now: Instant) {
    if wnd == .zero {
      around.recorder.note(.windowShut, snd.una.rawValue, at: now)
    } else {
      around.recorder.note(.windowOpens, wnd.octets, at: now)
    }
  }

  /// A window that was shut with text in flight opens: what the timer has sent into it since is not there. If
  /// the timer has not fired, nothing was sent, and a peer that shuts and opens gains nothing by it.
  private mutating func resumeIntoWindow(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard cold.scoreboard.isInUse, timers.backoff > 0 else { return }
    let lost = cold.scoreboard.loseResent(&around.pool, &around.budget) { $0.range.end }
    cold.rate.lost = cold.rate.lost &+ lost
    timers.backoff = 0
    timers.tries = 0
    pending.insert(.retransmit)
    armRetransmission(around.configuration.rto, now)
  }

  /// SND.UNA moves: takes the acknowledged octets from the queue and the scoreboard.
  @inline(__always)
  mutating func advanceUna(
    to ack: SequenceNumber, _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    let octets = ack.distance(from: snd.una)
    delivery.acknowledged = octets
    around.recorder.note(.ackAdvances, ack.rawValue, octets, at: now)
    if seg.textCount == 0 { around.counters.tcpPureAcks &+= 1 }
    if cold.scoreboard.isInUse {
      if cold.rack.hasForward, !seg.options.present.contains(.sack) { delivery.forward = cold.rack.forward }
      deliverPrefix(upTo: ack, seg, &delivery, &cold, &around, now)
    } else {
      delivery.octets = octets
      if let newest = cold.sent.removeAll(before: ack, &around.pool, &around.budget) {
        delivery.newest = newest
        delivery.roundTrip = newest.roundTrip(upTo: ack, now: now.microseconds)
      }
    }

    let text = min(octets, cold.send.count)  // the last one may be our FIN's
    cold.send.consume(text, anchored: false, &around.pool, &around.budget)
    snd.una = ack
    if snd.nxt.precedes(ack) {
      snd.nxt = ack
      snd.probesNxt = false
    }
    if cold.sendsUrgent, cold.sendUrgentPointer.precedesOrEquals(ack) { cold.sendsUrgent = false }
    acknowledgedProgress(now)
    if hasUnsent(cold) { reaction.insert(.output) }
    if mode.contains(.writerWaits), hasRoomForWriter(cold) {
      mode.remove(.writerWaits)
      reaction.insert(.writable)
    }
  }

  /// The peer answered: counts that lead to giving up start again.
  mutating func acknowledgedProgress(_ now: Instant) {
    timers.progress = Tick(now)
    timers.tries = 0
    mode.remove(.advised)
    if softError == .retransmitting { softError = .none }
  }

  /// "FIN-WAIT-1: … if the FIN segment is now acknowledged, then enter FIN-WAIT-2", and the same in
  /// CLOSING and LAST-ACK.
  private mutating func finishAcknowledged(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) -> Check {
    guard isFinAcknowledged(cold) else { return .next }
    switch state {
    case .finWait1:
      transition(to: .finWait2, &around, now)
      if mode.contains(.orphan) { armEnding(around.configuration.finWait2, now) }
      reaction.insert(.rearmTimer)
      return .next
    case .closing:
      transition(to: .timeWait, &around, now)
      reaction.insert(.enterTimeWait)
      // TIME-WAIT goes by this segment's timestamp, too (RFC 7323 §4.3).
      return .next
    case .lastAck:
      end(.closed, &cold, &around, now, &reaction)
      return .done
    case .closed, .listen, .synSent, .synReceived, .established, .finWait2, .closeWait, .timeWait:
      return .next
    }
  }

  /// Everything sent is acknowledged, and the FIN was sent.
  @inline(__always)
  func isFinAcknowledged(_ cold: ColdBlock) -> Bool {
    mode.contains(.finQueued) && mode.contains(.finSent) && snd.una == snd.max && cold.send.isEmpty
  }
}
