import MartletWire

// One retransmission clock (RFC 6298 §5), one for delayed acknowledgments, one for the life of
// the connection. Deadlines live in the TCB; the wheel only has to look in time.

extension TCB {
  /// Something is pending.
  ///
  /// Mutating, so that the TCB is not copied to be asked.
  package var hasTimers: Bool {
    mutating get { timers.armed.rawValue != 0 }
  }

  /// The earliest deadline; nil: nothing is pending. The engine looks again after every event and pull.
  public func nextDeadline(near now: Instant) -> Tick? {
    var earliest: Tick?
    func consider(_ tick: Tick) {
      if let other = earliest, other.precedes(tick) { return }
      earliest = tick
    }
    if !timers.armed.isDisjoint(with: ConnectionTimers.Armed.lossTimers.union(.persist)) {
      consider(timers.retransmission)
    }
    if timers.armed.contains(.delayedAck) { consider(delayedAckTick(near: Tick(now))) }
    if timers.armed.contains(.pacing) { consider(tick(ofLowHalf: timers.pacing, near: Tick(now))) }
    if !timers.armed.isDisjoint(with: [.keepAlive, .ending]) { consider(timers.life) }
    return earliest
  }

  /// The whole tick of which `half` is the low half: the nearest to now.
  func tick(ofLowHalf half: UInt16, near now: Tick) -> Tick {
    let distance = Int16(bitPattern: half &- UInt16(truncatingIfNeeded: now.rawValue))
    return Tick(rawValue: now.rawValue &+ UInt32(bitPattern: Int32(distance)))
  }

  /// The retransmission time-out with its back-off, in milliseconds (RFC 6298 (5.5)).
  func backedOffTimeout(_ limits: RTOLimits) -> UInt32 {
    // (5.7): only "when data transmission begins"; the SYN itself goes on from its own time-out.
    let base = rtt.timeout(limits, synResent: mode.contains(.synResent) && state.isSynchronized)
    let doubled = UInt64(base) << UInt64(min(timers.backoff, 16))
    return UInt32(truncatingIfNeeded: min(doubled, UInt64(limits.maximum)))
  }

  /// (Re)starts the retransmission timer (RFC 6298 (5.1), (5.3), (5.6)).
  mutating func armRetransmission(_ limits: RTOLimits, _ now: Instant) {
    timers.armed.subtract(ConnectionTimers.Armed.lossTimers.union(.persist))
    timers.armed.insert(.retransmission)
    let wait = boundedByUserTimeout(backedOffTimeout(limits), now)
    timers.retransmission = Tick(roundingUp: now).advanced(by: wait)
  }

  /// Something is in flight, and an acknowledgment or new text moved its clock: a tail-loss probe where there
  /// may be one, else the retransmission time-out (RFC 8985 §7.2, RFC 6298 (5.1), (5.3)).
  ///
  /// - Parameter isBusy: `ColdBlock.wantsNoProbe`.
  @inline(__always)
  mutating func armLossTimer(_ isBusy: Bool, _ limits: RTOLimits, _ now: Instant) {
    guard !isBusy, wantsTailProbe else { return armRetransmission(limits, now) }
    armTailProbe(limits, now)
  }

  /// New text left. RFC 6298 (5.1): "if the timer is not running, start it": one that runs is for what left
  /// before, and is not put off, or text without end would hide for ever that something was lost. Only a
  /// probe's wait becomes shorter when it is no longer for a single segment (RFC 8985 §7.2).
  @inline(__always)
  mutating func startLossTimer(
    crossesSegment: Bool, _ cold: ColdBlock, _ limits: RTOLimits, _ now: Instant
  ) {
    if timers.armed.isDisjoint(with: .lossTimers) {
      armLossTimer(cold.wantsNoProbe, limits, now)
    } else if crossesSegment, timers.armed.contains(.tailProbe), !cold.wantsNoProbe, wantsTailProbe {
      let sooner = timers.retransmission
      armTailProbe(limits, now)
      if sooner.precedes(timers.retransmission) { timers.retransmission = sooner }
    }
  }

  private mutating func armTailProbe(_ limits: RTOLimits, _ now: Instant) {
    let margin = limits.minimum
    var wait = tailProbeTimeout(minimumRTO: margin)
    // "If Now() + PTO > TCP_RTO_expiration(): PTO = TCP_RTO_expiration() - Now()"; that is never less than
    // SRTT and the margin.
    if wait > rtt.srtt / 1_000 &+ margin { wait = min(wait, backedOffTimeout(limits)) }
    timers.armed.subtract(ConnectionTimers.Armed.lossTimers.union(.persist))
    timers.armed.insert(.tailProbe)
    timers.retransmission = Tick(roundingUp: now).advanced(by: boundedByUserTimeout(wait, now))
  }

  /// RFC 8985 §6.2: in so many microseconds what RACK waits for will be lost.
  mutating func armReordering(
    _ wait: UInt32, _ configuration: TCPConfiguration, _ now: Instant, _ reaction: inout Reaction
  ) {
    timers.armed.subtract(ConnectionTimers.Armed.lossTimers.union(.persist))
    timers.armed.insert(.reordering)
    timers.retransmission = Tick(roundingUp: now).advanced(by: wait / 1_000 &+ 1)
    reaction.insert(.rearmTimer)
  }

  /// A user timeout that is over sooner ends the wait (MUST-21).
  func boundedByUserTimeout(_ wait: UInt32, _ now: Instant) -> UInt32 {
    guard limits.userTimeout > 0 else { return wait }
    let passed = Tick(now).milliseconds(since: timers.progress)
    return min(wait, limits.userTimeout > passed ? limits.userTimeout &- passed : 0)
  }

  /// Text has stayed unacknowledged for as long as the application would wait.
  func userTimeoutIsOver(_ now: Instant) -> Bool {
    limits.userTimeout > 0 && Tick(now).milliseconds(since: timers.progress) >= limits.userTimeout
  }

  /// MUST-26: measured from the last segment that came.
  mutating func armKeepAlive(_ now: Instant) {
    guard !timers.armed.contains(.ending) else { return }
    timers.armed.insert(.keepAlive)
    timers.life = Tick(roundingUp: now).advanced(by: UInt32(limits.keepAliveIdle) &* 1_000)
  }

  /// A state without an owner has a deadline (robustness rule E8).
  mutating func armEnding(_ wait: TimeAmount, _ now: Instant) {
    timers.armed.remove(.keepAlive)
    timers.armed.insert(.ending)
    timers.life = Tick(roundingUp: now).advanced(by: wait.timerMilliseconds)
  }
}
