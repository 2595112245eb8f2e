import MartletWire

extension TCB {
  /// Fires whatever is due at `now`, each timer once however late it is (robustness rule T4). Calling
  /// too early does nothing.
  public mutating func timerFires(
    cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    let tick = Tick(now)
    if timers.armed.contains(.delayedAck), delayedAckTick(near: tick).isDue(at: tick) {
      timers.armed.remove(.delayedAck)
      pending.insert(.ack)
      around.counters.delayedACKs &+= 1
      around.recorder.note(.delayedAck, rcv.nxt.rawValue, at: now)
      reaction.insert(.output)
    }
    if timers.armed.contains(.pacing), self.tick(ofLowHalf: timers.pacing, near: tick).isDue(at: tick) {
      timers.armed.remove(.pacing)
      reaction.insert(.output)
    }
    if !timers.armed.isDisjoint(with: .lossTimers), timers.retransmission.isDue(at: tick) {
      lossTimerFires(&cold, &around, now, &reaction)
    } else if timers.armed.contains(.persist), timers.retransmission.isDue(at: tick) {
      persistTimerFires(&cold, &around, now, &reaction)
    }
    if timers.armed.contains(.ending), timers.life.isDue(at: tick) {
      endingTimerFires(&cold, &around, now, &reaction)
    } else if timers.armed.contains(.keepAlive), timers.life.isDue(at: tick) {
      keepAliveTimerFires(&cold, &around, now, &reaction)
    }
    if state != .closed, nextDeadline(near: now) != nil { reaction.insert(.rearmTimer) }
    return reaction
  }

  /// Whichever of the three runs (RFC 8985 §8).
  private mutating func lossTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    if timers.armed.contains(.tailProbe) {
      tailProbeTimerFires(&cold, &around, now, &reaction)
    } else if timers.armed.contains(.reordering) {
      armRetransmission(around.configuration.rto, now)
      reorderingTimerFires(&cold, &around, now, &reaction)
    } else {
      retransmissionTimerFires(&cold, &around, now, &reaction)
    }
  }

  /// RFC 6298 (5.4) to (5.7); R1 and R2 of RFC 9293 §3.8.3.
  private mutating func retransmissionTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    if isTriedEnough(around, now) {
      giveUp(.timedOut, &cold, &around, now, &reaction)
      return
    }
    if timers.tries < .max { timers.tries &+= 1 }
    if timers.backoff < 16 { timers.backoff &+= 1 }
    around.counters.tcpTimeouts &+= 1
    let isHandshake = state == .synSent || state == .synReceived
    if isHandshake {
      mode.insert(.synResent)
      pending.insert(.syn)
    }
    around.recorder.note(
      .retransmissionTimeout, snd.una.rawValue, backedOffTimeout(around.configuration.rto), at: now)
    if !isHandshake { startOver(&cold, &around, now, &reaction) }
    armRetransmission(around.configuration.rto, now)
    reaction.insert(.output)
    if timers.tries >= around.configuration.retransmissionsBeforeAdvice, !mode.contains(.advised) {
      // MUST-20 (a), SHLD-9: R1 is passed.
      mode.insert(.advised)
      if softError == .none { softError = .retransmitting }
      reaction.insert(.adviseNegatively)
    }
  }

  /// R2 is passed: the user timeout where the application has set one (MUST-21: earlier or later), else a
  /// number of tries.
  ///
  /// An orphan has nobody left who would wait longer (robustness rule E8). What counts are its tries since something
  /// was acknowledged or the back-off was taken back, whichever is later: a peer that answers "window 0" for ever does
  /// not keep it. The back-off alone would not do: it stands until a round trip is measured, which what is sent again
  /// cannot (Karn), and so grows over time-outs each of which brings something forward.
  private func isTriedEnough(_ around: borrowing Surroundings, _ now: Instant) -> Bool {
    if userTimeoutIsOver(now) { return true }
    if mode.contains(.orphan), state.isSynchronized {
      return min(timers.tries, timers.backoff) >= min(around.configuration.orphanRetransmissions, 16)
    }
    if limits.userTimeout > 0, !mode.contains(.orphan) { return false }
    return timers.tries >= retransmissionLimit(around)
  }

  /// MUST-22: the SYN has limits of its own.
  private func retransmissionLimit(_ around: borrowing Surroundings) -> UInt8 {
    switch state {
    case .synSent: return around.configuration.synRetries
    case .synReceived: return around.configuration.synAckRetries
    case .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck, .closed, .listen, .timeWait:
      return around.configuration.retransmissionsBeforeEnd
    }
  }

  /// RFC 9293 §3.8.6.1: probe, and double the wait (SHLD-29, SHLD-30); for ever, as long as the peer
  /// answers (MUST-37). Or less than a segment has waited long enough (§3.8.6.2.1 (4)).
  private mutating func persistTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    guard hasUnsent(cold) else {
      timers.armed.remove(.persist)
      return
    }
    // Each answer begins the tries anew, and so keeps the connection (MUST-37), but not an orphan, which
    // would never end.
    if isTriedEnough(around, now) {
      giveUp(.timedOut, &cold, &around, now, &reaction)
      return
    }
    reaction.insert(.output)
    if snd.wnd.octets > snd.flight {
      timers.armed.remove(.persist)
      pending.insert(.override)
      around.recorder.note(.sillyWindowOverridden, snd.nxt.rawValue, snd.wnd.octets, at: now)
      if snd.una != snd.max { armRetransmission(around.configuration.rto, now) }
      return
    }
    if timers.tries < .max { timers.tries &+= 1 }
    if timers.backoff < 16 { timers.backoff &+= 1 }
    pending.insert(.probe)
    let wait = boundedByUserTimeout(backedOffTimeout(around.configuration.rto), now)
    timers.retransmission = Tick(roundingUp: now).advanced(by: wait)
  }

  /// RFC 9293 §3.8.4.
  private mutating func keepAliveTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    // The timer was not moved when segments came: MUST-26, "no data or acknowledgment packets have been
    // received … within an interval".
    let idle = UInt32(limits.keepAliveIdle) &* 1_000
    let silence = Tick(now).milliseconds(since: timers.lastArrival)
    let otherTimerRuns = !timers.armed.isDisjoint(with: .lossTimers.union(.persist))
    if silence < idle || otherTimerRuns {
      timers.life =
        otherTimerRuns && silence >= idle
        ? Tick(now).advanced(by: UInt32(limits.keepAliveInterval) &* 1_000)
        : timers.lastArrival.advanced(by: idle)
      return
    }
    guard timers.tries < limits.keepAliveCount else {
      giveUp(.keepAliveTimedOut, &cold, &around, now, &reaction)
      return
    }
    timers.tries &+= 1
    pending.insert(.keepAlive)
    timers.life = Tick(roundingUp: now).advanced(by: UInt32(limits.keepAliveInterval) &* 1_000)
    reaction.insert(.output)
  }

  /// From here on the peer has a time in which to acknowledge a segment.
  mutating func watchOrphan(_ cold: inout ColdBlock, _ around: borrowing Surroundings, _ now: Instant) {
    cold.orphanUna = snd.una
    armEnding(around.configuration.orphanPatience, now)
  }

  /// FIN-WAIT-2 of an orphan ends now, whatever its time: its place is wanted.
  package mutating func endingIsOver(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    endingTimerFires(&cold, &around, now, &reaction)
    return reaction
  }

  /// FIN-WAIT-2 of an orphan, the linger time, or the patience with a peer that takes its time, is over.
  private mutating func endingTimerFires(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    if state == .finWait2 {
      // The peer's half may stay open for ever; a reset would be wrong, silence is what it gets.
      around.counters.finWait2Timeouts &+= 1
      end(.closed, &cold, &around, now, &reaction)
    } else if !mode.contains(.lingers), cold.send.isEmpty {
      // The FIN alone has its tries.
      timers.armed.remove(.ending)
    } else if !mode.contains(.lingers),
      snd.una.distance(from: cold.orphanUna) >= UInt32(effectiveSendMSS)
    {
      watchOrphan(&cold, around, now)
    } else {
      around.counters.tcpAbortOnLinger &+= 1
      end(.aborted, &cold, &around, now, &reaction)
      reaction.insert(.sendReset)
    }
  }

  private mutating func giveUp(
    _ reason: EndReason, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    let waited = Tick(now).milliseconds(since: timers.progress)
    around.recorder.note(.givesUp, UInt32(timers.tries), waited, at: now)
    around.counters.tcpAbortOnTimeout &+= 1
    let isSynchronized = state.isSynchronized
    if !isSynchronized { around.counters.attemptFails &+= 1 }
    let tries = timers.tries
    end(reason, &cold, &around, now, &reaction)
    // What `ConnectionStatus` reports as the tries it took.
    timers.tries = tries
    timers.life = Tick(rawValue: waited)
    if isSynchronized { reaction.insert(.sendReset) }
  }
}
