import MartletWire

// Text and FIN: how much may leave now (RFC 9293 §3.8.6, RFC 5681 §2, §3).

extension TCB {
  /// Octets of text that a full segment carries: the MSS less the options that every segment has
  /// (RFC 9293 §3.7.1, MUST-16).
  @inline(__always)
  package var effectiveSendMSS: UInt16 {
    mode.contains(.timestamps) ? snd.mss &- 12 : snd.mss
  }

  /// The floor is one for text (robustness rule E2): what timestamps take comes on top.
  @inline(__always)
  func leastSendMSS(_ leastText: UInt16) -> UInt16 {
    mode.contains(.timestamps) ? leastText &+ 12 : leastText
  }

  /// Text beyond SND.NXT waits, or a FIN.
  @inline(__always)
  func hasUnsent(_ cold: ColdBlock) -> Bool {
    let offset = snd.flight
    if offset < cold.send.count { return true }
    // In FIN-WAIT-2 the FIN is acknowledged, and both counts are 0.
    return mode.contains(.finQueued) && offset == cold.send.count && state != .finWait2
  }

  /// The next text from SND.NXT, with the FIN when it is the last; nil when a window, Nagle or the
  /// silly-window rules hold it back.
  mutating func textSegment(
    _ limit: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    let offset = snd.flight
    let inNetwork = pipe(cold)
    guard hasUnsent(cold) else {
      noteApplicationLimit(inNetwork, &cold)
      return nil
    }
    if offset == 0 { resumeAfterIdle(&cold, &around, now) }
    let unsent = cold.send.count &- offset
    // What the peer offers, and what the path is believed to take, from SND.NXT on.
    let usable = snd.wnd.octets > offset ? snd.wnd.octets &- offset : 0
    var allowed = congestion.cwnd > inNetwork ? min(usable, congestion.cwnd &- inNetwork) : 0
    let burst = around.configuration.initialWindowSegments
    if allowed > 0, isPaced(cold.spreadsWindow, burst: burst) {
      allowed = min(allowed, pacedOctets(&cold, burst: burst, now))
    }
    let mss = UInt32(effectiveSendMSS)
    if cold.search.high != 0,
      let probe = pathProbe(unsent: unsent, usable: usable, allowed: allowed, &cold, &around, now)
    {
      return probe
    }

    let count = textCount(unsent, usable: usable, allowed: allowed, limit: max(textLimit(limit), mss), mss)
    let isLast = count == unsent
    // A FIN takes one octet of the peer's window like any other (RFC 9293 §3.4).
    let carriesFin = isLast && mode.contains(.finQueued) && allowed > count
    guard count > 0 || carriesFin else {
      holdBack(usable: usable, &around, now)
      return nil
    }
    pending.remove(.override)
    let plan = departingText(count, offset, isLast, carriesFin, &cold, &around, now)
    noteDeparture(plan, carriesFin, &cold, &around, now)
    return plan
  }

  /// New text though the congestion window is full: at most one segment of it, for a tail-loss probe.
  mutating func textBeyondWindow(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    let offset = snd.flight
    guard hasUnsent(cold), snd.wnd.octets > offset else { return nil }
    let usable = snd.wnd.octets &- offset
    let unsent = cold.send.count &- offset
    let count = min(min(unsent, usable), UInt32(effectiveSendMSS))
    let carriesFin = count == unsent && mode.contains(.finQueued) && usable > count
    guard count > 0 || carriesFin else { return nil }
    let plan = departingText(count, offset, count == unsent, carriesFin, &cold, &around, now)
    noteDeparture(plan, carriesFin, &cold, &around, now)
    return plan
  }

  /// The application has nothing more to send though the window has room: what is delivered from here on
  /// says nothing about the path.
  @inline(__always)
  private func noteApplicationLimit(_ inNetwork: UInt32, _ cold: inout ColdBlock) {
    guard inNetwork > 0, inNetwork < congestion.cwnd, cold.scoreboard.lost.isEmpty else { return }
    cold.rate.becomeApplicationLimited(flight: inNetwork)
  }

  /// There is new text, or a FIN, and neither the peer's window, nor Nagle, nor the silly-window rules hold it
  /// back.
  func mayLeave(_ cold: ColdBlock) -> Bool {
    guard hasUnsent(cold), snd.wnd.octets > snd.flight else { return false }
    let usable = snd.wnd.octets &- snd.flight
    let unsent = cold.send.count &- snd.flight
    let mss = UInt32(effectiveSendMSS)
    return unsent == 0 || textCount(unsent, usable: usable, allowed: usable, limit: mss, mss) > 0
  }

  /// How many octets the rules let leave; 0: none.
  @inline(__always)
  private func textCount(
    _ unsent: UInt32, usable: UInt32, allowed: UInt32, limit: UInt32, _ mss: UInt32
  ) -> UInt32 {
    let most = min(unsent, allowed)
    // RFC 9293 §3.8.6.2.1 (1): "if a maximum-sized segment can be sent" (SHLD-28).
    if most >= mss {
      let capped = min(most, limit)
      return capped == unsent ? capped : capped &- capped % mss
    }
    guard most > 0 else { return 0 }
    // None of this is for the octet of a window probe.
    if snd.nxt.precedes(snd.max) { return min(most, snd.max.distance(from: snd.nxt)) }
    if most == unsent {
      // (2): "if the data is pushed and all queued data can be sent now", which Nagle allows when
      // nothing is unacknowledged (SHLD-7), so that nothing waits for ever (MUST-60), and the application always, with NODELAY (MUST-17). No more
      // text can follow a FIN, so waiting would gain nothing.
      if snd.flight == 0 || mode.contains(.noDelay) || mode.contains(.finQueued) { return most }
    }
    // (3): at least half of the largest window ever offered; with nothing outstanding, where Nagle asks for that.
    let half = max(snd.maxWnd.scaled(by: snd.wndShift).octets / 2, 1)
    if snd.flight == 0 || mode.contains(.noDelay), most == min(unsent, usable), most >= half { return most }
    // (4): the override timer fired.
    return pending.contains(.override) ? most : 0
  }

  mutating func departingText(
    _ count: UInt32, _ offset: UInt32, _ isLast: Bool, _ carriesFin: Bool, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan {
    var plan = segment(seq: snd.nxt, flags: .ack, &cold, &around, now)
    plan.textOffset = offset
    plan.textCount = count
    plan.segmentSize = effectiveSendMSS
    // MUST-61: "… MUST set the PSH bit in the last buffered segment", and in no other (SHLD-27).
    if isLast, count > 0 { plan.flags.insert(.psh) }
    if carriesFin { plan.flags.insert(.fin) }
    plan.isRetransmission = snd.nxt.precedes(snd.max)
    markCapable(&plan, &cold)
    addUrgentPointer(to: &plan, cold)
    return plan
  }

  /// MUST-62: the pointer is "the sequence number of the octet following the urgent data".
  @inline(__always)
  func addUrgentPointer(to plan: inout SegmentPlan, _ cold: ColdBlock) {
    guard cold.sendsUrgent, cold.sendUrgentPointer.follows(plan.seq) else { return }
    plan.flags.insert(.urg)
    plan.urgentPointer = UInt16(clamping: cold.sendUrgentPointer.distance(from: plan.seq))
  }

  /// SND.NXT moves, the clock starts.
  @inline(__always)
  mutating func noteDeparture(
    _ plan: SegmentPlan, _ carriesFin: Bool, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    let length = plan.textCount &+ (carriesFin ? 1 : 0)
    if snd.una == snd.max {
      timers.progress = Tick(now)
      // Unanswered keep-alives do not count against text.
      timers.tries = 0
    }
    let clock = now.microseconds
    let before = pipe(cold)
    if before == 0 {
      cold.rate.restart(now: clock)
      if recovery.phase == .open { cold.recover = snd.una.retreated(by: 1) }
      if cold.rate.isApplicationLimited { congestion.restartFromIdle(now: clock, &cold.congestion) }
    }
    snd.nxt = snd.nxt.advanced(by: length)
    if carriesFin { mode.insert(.finSent) }
    if !cold.send.isEmpty {
      cold.sent.append(
        SequenceRange(start: plan.seq, end: snd.nxt), cold.rate, flight: before &+ length, now: clock,
        span: rtt.srtt8 >> 11, &around.pool, &around.budget)
    }
    if plan.isRetransmission { around.counters.retransSegs &+= 1 }
    snd.probesNxt = false
    if recovery.phase == .fastRecovery { cold.reduction.out = cold.reduction.out &+ length }
    let burst = around.configuration.initialWindowSegments
    if isPaced(cold.spreadsWindow, burst: burst) { notePacedDeparture(length, &cold, now) }
    timers.armed.remove(.persist)
    startLossTimer(
      crossesSegment: before <= UInt32(plan.segmentSize) && before &+ length > UInt32(plan.segmentSize), cold,
      around.configuration.rto, now)
  }

  /// Nothing may leave and nothing is in flight: no acknowledgment will ever come to go on with, so a
  /// timer must (RFC 9293 §3.8.6.1 for a shut window, §3.8.6.2.1 (4) for a small one).
  private mutating func holdBack(
    usable: UInt32, _ around: inout Surroundings, _ now: Instant
  ) {
    guard snd.flight == 0, !timers.armed.contains(.persist) else { return }
    timers.armed.subtract(.lossTimers)
    timers.armed.insert(.persist)
    timers.progress = Tick(now)
    let wait =
      usable == 0
      ? backedOffTimeout(around.configuration.rto)
      : around.configuration.sillyWindowOverride.timerMilliseconds
    timers.retransmission = Tick(roundingUp: now).advanced(by: boundedByUserTimeout(wait, now))
  }
}
