import MartletWire

// Segments spread over the round trip instead of leaving as fast as the window lets
// them: for algorithms that are made for it, for applications that ask for it, for a
// window that was not used for a while, and in slow start. The clock's grain is the
// millisecond: a pause ends with what two segments or a millisecond of the rate come to.

extension TCB {
  /// Whether segments are paced now.
  ///
  /// - Parameter burst: segments that may leave at once: the initial window, which any queue is trusted with
  ///   (RFC 6928).
  @inline(__always)
  func isPaced(_ isSpread: Bool, burst: UInt8) -> Bool {
    mode.contains(.paced) || isSpread || congestion.isPaced || spreadsSlowStart(burst)
  }

  /// Slow start answers each segment that arrives with two, and so puts half a window into a queue that may
  /// be short, long before the path is full. So what exceeds an initial window is spread, where the round
  /// trip is long enough for the clock.
  @inline(__always)
  private func spreadsSlowStart(_ burst: UInt8) -> Bool {
    congestion.window.inSlowStart && rtt.srtt8 >= Self.leastPacedRoundTrip
      && min(snd.flight, congestion.cwnd) > UInt32(burst) &* UInt32(snd.mss)
  }

  /// Four milliseconds, as `srtt8` counts them: below that the clock is too coarse to spread anything.
  @inline(__always)
  private static var leastPacedRoundTrip: UInt32 { 8 &* 4_000 }

  /// The window is open farther than `inNetwork` has filled it: no burst of new text follows.
  mutating func spreadWindow(over inNetwork: UInt32, burst: UInt8, _ cold: inout ColdBlock) {
    guard hasUnsent(cold) else { return }
    spread(congestion.cwnd > inNetwork ? congestion.cwnd &- inNetwork : 0, burst: burst, &cold)
  }

  /// All that was in flight leaves again: no burst of it either.
  mutating func spreadRepair(burst: UInt8, _ cold: inout ColdBlock) {
    spread(min(congestion.cwnd, snd.flight), burst: burst, &cold)
  }

  /// So many octets may leave: paced, if that is more than a path is trusted with at once.
  private mutating func spread(_ room: UInt32, burst: UInt8, _ cold: inout ColdBlock) {
    guard rtt.srtt8 >= Self.leastPacedRoundTrip, room > UInt32(burst) &* UInt32(snd.mss) else { return }
    spreadWindow(&cold)
  }

  /// What is sent from here on, up to one window of it, is paced.
  mutating func spreadWindow(_ cold: inout ColdBlock) {
    cold.spreadsWindow = true
    cold.spreadEnd = snd.nxt.advanced(by: congestion.cwnd)
  }

  /// Octets that pacing lets leave now; 0: the pacing timer says when to ask again.
  mutating func pacedOctets(_ cold: inout ColdBlock, burst: UInt8, _ now: Instant) -> UInt32 {
    if cold.spreadsWindow, snd.una.follows(cold.spreadEnd) || snd.nxt.followsOrEquals(cold.spreadEnd) {
      cold.spreadsWindow = false
      if !isPaced(false, burst: burst) { return .max }
    }
    let rate = pacingRate(cold)
    guard rate > 0 else { return .max }
    guard cold.nextDeparture <= now else {
      armPacing(min(cold.nextDeparture, now.advanced(by: Self.longestPacingTimer)))
      return 0
    }
    return congestion.sendQuantum(rate: rate, mss: effectiveSendMSS)
  }

  /// Octets a second, of a connection that is paced; 0: nothing is known yet to go by.
  func pacingRate(_ cold: ColdBlock) -> UInt64 {
    congestion.pacingRate(
      srtt: rtt.srtt, isRecovering: recovery.phase == .fastRecovery, cold.congestion)
  }

  /// So many octets left: the next may when their time has passed.
  mutating func notePacedDeparture(_ octets: UInt32, _ cold: inout ColdBlock, _ now: Instant) {
    let rate = pacingRate(cold)
    guard rate > 0 else { return }
    // What a late timer missed is made up for, but no more than a millisecond's worth.
    let earliest = Instant(nanoseconds: now.nanoseconds &- min(now.nanoseconds, 1_000_000))
    let start = max(cold.nextDeparture, earliest)
    let time = UInt64(octets) &* 1_000_000_000 / rate
    cold.nextDeparture = Instant(nanoseconds: start.nanoseconds &+ min(time, 1_000_000_000))
  }

  /// The timer keeps half a tick, so that what is more than 32 s ahead would be over. What repairs send unasked adds up.
  private static var longestPacingTimer: TimeAmount { .seconds(30) }

  private mutating func armPacing(_ at: Instant) {
    timers.armed.insert(.pacing)
    timers.pacing = UInt16(truncatingIfNeeded: Tick(roundingUp: at).rawValue)
  }
}
