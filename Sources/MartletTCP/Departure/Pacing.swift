import MartletWire

// Segments spread over the round trip instead of leaving as fast as the window lets
// them: for algorithms that are made for it, for applications that ask for it, and
// for a window that was not used for a while. The clock's grain is the millisecond:
// a pause ends with what two segments or a millisecond of the rate come to.

extension TCB {
  /// Whether segments are paced now.
  @inline(__always)
  func isPaced(_ isSpread: Bool) -> Bool {
    mode.contains(.paced) || isSpread || congestion.isPaced
  }

  /// Octets that pacing lets leave now; 0: the pacing timer says when to ask again.
  mutating func pacedOctets(_ cold: inout ColdBlock, _ now: Instant) -> UInt32 {
    if cold.spreadsWindow, snd.una.follows(cold.spreadEnd) || snd.nxt.followsOrEquals(cold.spreadEnd) {
      cold.spreadsWindow = false
      if !isPaced(cold.spreadsWindow) { return .max }
    }
    let rate = pacingRate(cold)
    guard rate > 0 else { return .max }
    guard cold.nextDeparture <= now else {
      armPacing(cold.nextDeparture)
      return 0
    }
    let burst = min(rate / 1_000, 1 << 20)
    return max(UInt32(truncatingIfNeeded: burst), 2 &* UInt32(effectiveSendMSS))
  }

  /// Octets a second; 0: not paced.
  func pacingRate(_ cold: ColdBlock) -> UInt64 {
    congestion.pacingRate(
      paced: mode.contains(.paced) || cold.spreadsWindow, srtt: rtt.srtt, mss: effectiveSendMSS,
      cold.congestion)
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

  private mutating func armPacing(_ at: Instant) {
    timers.armed.insert(.pacing)
    timers.pacing = UInt16(truncatingIfNeeded: Tick(roundingUp: at).rawValue)
  }
}
