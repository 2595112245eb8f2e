/// SRTT and RTTVAR of RFC 6298, as the scaled integers that its Jacobson form
/// suggests: eighths and quarters of a microsecond.
@frozen
package struct RoundTripTime: BitwiseCopyable, Sendable {
  /// 8 × SRTT in microseconds; 0: nothing measured yet.
  package var srtt8: UInt32 = 0
  /// 4 × RTTVAR in microseconds.
  package var rttvar4: UInt32 = 0

  package init() {}

  package var isMeasured: Bool { srtt8 != 0 }
  /// Microseconds.
  package var srtt: UInt32 { srtt8 >> 3 }
  /// Microseconds.
  package var rttvar: UInt32 { rttvar4 >> 2 }

  /// RFC 6298 (2.2): the first sample, of a minute at most.
  @inline(__always)
  package mutating func begin(microseconds sample: UInt32) {
    srtt8 = sample << 3
    rttvar4 = sample << 1
  }

  /// RFC 6298 (2.2), (2.3). A sample beyond a minute counts as a minute, so nothing here overflows.
  package mutating func measured(microseconds sample: UInt32) {
    let r = max(1, min(sample, 60_000_000))
    guard isMeasured else { return begin(microseconds: r) }
    // RTTVAR <- 3/4 RTTVAR + 1/4 |SRTT - R'|, then SRTT <- 7/8 SRTT + 1/8 R'.
    let difference = srtt > r ? srtt &- r : r &- srtt
    rttvar4 = rttvar4 &- (rttvar4 >> 2) &+ difference
    srtt8 = max(1, srtt8 &- (srtt8 >> 3) &+ r)
  }

  /// The retransmission time-out in milliseconds, without back-off: SRTT + max(G, 4·RTTVAR) of
  /// RFC 6298 (2.3) and §4, where the configured minimum stands in for G, so that a path whose round trip is
  /// steady and longer than the minimum still has room for a delayed acknowledgment.
  package func timeout(_ limits: RTOLimits, synResent: Bool) -> UInt32 {
    guard isMeasured else {
      // (2.1); and (5.7): 3 s when the SYN itself was lost.
      return synResent ? max(limits.initial, 3_000) : limits.initial
    }
    let margin = max(limits.minimum, (rttvar4 &+ 999) / 1_000)
    return min(srtt / 1_000 &+ margin, limits.maximum)
  }
}

/// The configured bounds of the retransmission time-out in milliseconds: all of the configuration that an
/// acknowledgment needs, by value.
@frozen
package struct RTOLimits: BitwiseCopyable, Sendable {
  package var minimum: UInt32
  package var initial: UInt32
  package var maximum: UInt32
}

extension TCPConfiguration {
  @inline(__always)
  package var rto: RTOLimits {
    RTOLimits(
      minimum: minimumRTO.timerMilliseconds, initial: initialRTO.timerMilliseconds,
      maximum: maximumRTO.timerMilliseconds)
  }
}
