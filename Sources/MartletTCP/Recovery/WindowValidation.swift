import MartletWire

/// Whether the congestion window is one that the path has lately been asked to carry
/// (RFC 7661). An application that sends less keeps its window for five minutes, but it
/// does not grow on what was never tried.
@frozen
package struct WindowValidation: BitwiseCopyable, Sendable {
  /// pipeACK of this sampling period and of the one before it: the most octets acknowledged in a round trip.
  package var pipeAck: UInt32 = 0
  package var previousPipeAck: UInt32 = 0
  /// Octets acknowledged in this round trip.
  package var roundOctets: UInt32 = 0
  /// The most that was in flight in this round trip.
  package var peak: UInt32 = 0
  /// When the period began, in microseconds modulo 2^32.
  package var periodStart: UInt32 = 0
  /// When the window was last seen to be validated, in microseconds; meaningful while `hasValidation`.
  package var validatedAt: UInt32 = 0
  package var hasPeriod = false
  package var hasValidation = false

  package init() {}

  /// The non-validated period: five minutes (§4.3).
  package static var limit: UInt32 { 300 }

  /// §4.2: takes an acknowledgment into pipeACK; returns it.
  @inline(__always)
  package mutating func measured(_ ack: CongestionAck) -> UInt32 {
    roundOctets = roundOctets &+ ack.octets
    peak = ack.startsRound ? ack.flightBefore : max(peak, ack.flightBefore)
    if ack.startsRound { endRound(srtt: ack.srtt, now: ack.now) }
    return max(max(pipeAck, previousPipeAck), roundOctets)
  }

  private mutating func endRound(srtt: UInt32, now: UInt32) {
    pipeAck = max(pipeAck, roundOctets)
    roundOctets = 0
    // §4.2: the sampling period is "max(3*RTT, 1 second)"; two halves of it slide.
    guard hasPeriod, now &- periodStart < max(3 &* min(srtt, 1 << 29), 1_000_000) else {
      if hasPeriod { previousPipeAck = pipeAck }
      hasPeriod = true
      periodStart = now
      pipeAck = 0
      return
    }
  }
}

extension Mode {
  /// When the window was last seen to be validated, in units of 134 s modulo 8: so much outlives an idle spell.
  package var validatedAt: UInt32 {
    get { rawValue >> 29 }
    set { rawValue = rawValue & 0x1fff_ffff | newValue << 29 }
  }

  /// - Parameter now: microseconds modulo 2^32.
  static func validationTime(_ now: UInt32) -> UInt32 { now >> 27 & 7 }

  /// For seven minutes at least, and nine at most where something is sent all five minutes.
  func isLongUnvalidated(at now: UInt32) -> Bool { (Mode.validationTime(now) &- validatedAt) & 7 >= 4 }
}

extension TCB {
  /// §4.2: "pipeACK >= (1/2)*cwnd". pipeACK is known only when a round trip is over, and slow start doubles
  /// the window within one; so what was in flight when this round trip began counts as well.
  @inline(__always)
  mutating func isWindowValidated(
    _ ack: CongestionAck, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> Bool {
    let pipeAck = cold.validation.measured(ack)
    let isValidated = max(pipeAck, cold.validation.peak) >= congestion.cwnd / 2
    if ack.startsRound { noteValidation(isValidated, &cold, &around, now) }
    return isValidated
  }

  /// §4.4.3, for an application that never pauses and never fills the window.
  private mutating func noteValidation(
    _ isValidated: Bool, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    let clock = now.microseconds
    let elapsed = clock &- cold.validation.validatedAt
    if isValidated { mode.validatedAt = Mode.validationTime(clock) }
    if isValidated || !cold.validation.hasValidation {
      cold.validation.hasValidation = true
      cold.validation.validatedAt = clock
    } else if elapsed >= WindowValidation.limit &* 1_000_000 {
      cold.validation.validatedAt = clock
      shrinkUnusedWindow(least: 10 &* UInt32(effectiveSendMSS), &around, now)
    }
  }

  private mutating func shrinkUnusedWindow(
    least: UInt32, _ around: inout Surroundings, _ now: Instant
  ) {
    // An algorithm with a model of its own knows better.
    guard congestion.cwnd > least, !congestion.ownsWindow else { return }
    congestion.window.ssthresh = max(congestion.ssthresh, congestion.cwnd / 4 &* 3)
    congestion.cwnd = max(congestion.cwnd / 2, least)
    around.recorder.note(.windowUnused, congestion.cwnd, congestion.ssthresh, at: now)
  }

  /// Text is sent after a pause. RFC 7661 §4.3 keeps the window for five minutes of the non-validated phase;
  /// §4.4.3 then halves it, once for each five minutes, down to the initial window.
  mutating func resumeAfterIdle(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    guard snd.una == snd.max, recovery.phase == .open else { return }
    let idle = Tick(now).milliseconds(since: timers.progress)
    var periods = idle / (WindowValidation.limit &* 1_000)
    let least = UInt32(max(around.configuration.initialWindowSegments, 2)) &* UInt32(effectiveSendMSS)
    // Short pauses one after the other, in each of which the connection forgot since when.
    if periods == 0, mode.isLongUnvalidated(at: now.microseconds) { periods = 1 }
    if periods > 0 { mode.validatedAt = Mode.validationTime(now.microseconds) }
    guard periods > 0 || idle > rtt.timeout(around.configuration.rto, synResent: mode.contains(.synResent))
    else { return }
    while periods > 0, congestion.cwnd > least, !congestion.ownsWindow {
      shrinkUnusedWindow(least: least, &around, now)
      periods &-= 1
    }
    // §4.4.2: no burst of a window that was not used: it is spread over the first round trip.
    if congestion.cwnd > least, rtt.isMeasured { spreadWindow(&cold) }
  }

  /// The send buffer holds two windows, so that a round trip's worth waits while one is in flight.
  @inline(__always)
  mutating func fitSendBuffer(_ around: inout Surroundings) {
    guard congestion.cwnd &* 2 > snd.buffer.octets, mode.contains(.fitsSendBuffer) else { return }
    growSendBuffer(&around)
  }

  private mutating func growSendBuffer(_ around: inout Surroundings) {
    // The budget is shared: nobody's buffer grows beyond a quarter of what is left of it, nor once half is used.
    let spare = around.budget.roomToGrow
    let wanted = min(min(congestion.cwnd &* 2, around.configuration.maximumSendBuffer), spare)
    if wanted > snd.buffer.octets { snd.buffer = BufferSize(wanted) }
  }
}
