/// HyStart++ (RFC 9406): the first slow start ends when the round trip grows, before
/// the queue at the bottleneck overflows.
///
/// A growing round trip may be noise, so slow start goes on at a quarter of its pace
/// for five round trips (conservative slow start, CSS) before it gives up. Not where
/// even the shortest of a round is twice the shortest ever seen: then the queue holds
/// a whole window more than the path needs, and 5/4 to the fifth is three times that.
@frozen
package struct HyStart: BitwiseCopyable, Sendable {
  // RFC 9406 §4.3; microseconds.
  package static var minimumThreshold: UInt32 { 4_000 }
  package static var maximumThreshold: UInt32 { 16_000 }
  package static var minimumRTTDivisor: UInt32 { 8 }
  package static var samplesPerRound: UInt8 { 8 }
  package static var growthDivisor: UInt32 { 4 }
  package static var rounds: UInt8 { 5 }

  /// Microseconds; `UInt32.max` stands for infinity.
  package var lastRoundMinRTT = UInt32.max
  package var currentRoundMinRTT = UInt32.max
  package var cssBaselineMinRTT = UInt32.max
  /// The shortest round trip of this slow start.
  package var leastRTT = UInt32.max
  package var rttSampleCount: UInt8 = 0
  /// Rounds of CSS begun, the one it was entered in included; 0: standard slow start.
  package var cssRounds: UInt8 = 0
  /// CSS was taken back once: on this path round trips grow and shrink by themselves.
  package var hasResumed = false

  package init(leastRTT: UInt32 = .max) {
    self.leastRTT = leastRTT
  }

  @inline(__always)
  package var isConservative: Bool { cssRounds != 0 }

  /// How much the window may grow for so many octets acknowledged.
  @inline(__always)
  package func growth(_ octets: UInt32) -> UInt32 {
    isConservative ? octets / HyStart.growthDivisor : octets
  }

  /// RFC 9406 §4.2: takes in the round trip of an acknowledgment.
  ///
  /// - Returns: true when slow start is over.
  @inline(__always)
  package mutating func acknowledged(_ ack: CongestionAck) -> Bool {
    if ack.startsRound, startRound() { return true }
    guard ack.roundTrip > 0 else { return false }
    currentRoundMinRTT = min(currentRoundMinRTT, ack.roundTrip)
    leastRTT = min(leastRTT, ack.roundTrip)
    if rttSampleCount < HyStart.samplesPerRound { rttSampleCount &+= 1 }
    guard rttSampleCount == HyStart.samplesPerRound else { return false }
    if isConservative {
      if currentRoundMinRTT / 2 >= max(leastRTT, HyStart.minimumThreshold) { return true }
      // "… indicating that slow start exit was spurious": back to standard slow start.
      if currentRoundMinRTT < cssBaselineMinRTT {
        cssBaselineMinRTT = .max
        cssRounds = 0
        hasResumed = true
      }
    } else if hasGrown {
      cssBaselineMinRTT = currentRoundMinRTT
      cssRounds = 1
    }
    return false
  }

  /// - Returns: true when CSS has lasted its rounds: "that partial round counts towards the limit".
  private mutating func startRound() -> Bool {
    lastRoundMinRTT = currentRoundMinRTT
    currentRoundMinRTT = .max
    rttSampleCount = 0
    guard isConservative else { return false }
    cssRounds &+= 1
    return cssRounds > HyStart.rounds
  }

  /// "currentRoundMinRTT >= (lastRoundMinRTT + RttThresh)"; and, until that was noise once, against the shortest of
  /// all rounds: a queue that grows by less than the threshold in each overflows without being seen.
  private var hasGrown: Bool {
    guard lastRoundMinRTT != .max else { return false }
    let reference = hasResumed ? lastRoundMinRTT : leastRTT
    let threshold = max(
      HyStart.minimumThreshold, min(reference / HyStart.minimumRTTDivisor, HyStart.maximumThreshold))
    return currentRoundMinRTT >= reference && currentRoundMinRTT &- reference >= threshold
  }
}
