import MartletTCP

/// So many a second and no more, with a burst of a quarter second's worth (at least 8).
struct TokenBucket: BitwiseCopyable {
  private let perSecond: UInt32
  private let burst: UInt64
  /// In billionths of a token, so that nothing is lost to rounding.
  private var level: UInt64
  private var filled = Instant.origin

  init(perSecond: UInt32) {
    self.perSecond = perSecond
    burst = UInt64(max(perSecond / 4, min(perSecond, 8))) &* 1_000_000_000
    level = burst
  }

  mutating func take(at now: Instant) -> Bool {
    let elapsed = UInt64(max(0, now.since(filled).nanoseconds))
    filled = now
    let gained = elapsed.multipliedReportingOverflow(by: UInt64(perSecond))
    let sum = level.addingReportingOverflow(gained.partialValue)
    level = gained.overflow || sum.overflow ? burst : min(sum.partialValue, burst)
    guard level >= 1_000_000_000 else { return false }
    level &-= 1_000_000_000
    return true
  }
}
