import MartletTCP

/// A host's own clock: as monotonic as any, but it may go too fast or too slow, and jump ahead, as that of a
/// virtual machine does which was held.
struct HostClock: BitwiseCopyable {
  /// It went with the world's from `world` on, when it showed `own`, faster by so many of a million.
  private var world = Instant.origin
  private var own = Instant.origin
  private(set) var drift: Int32 = 0
  /// It shows the world's time.
  private var isTrue = true

  private var rate: UInt64 { UInt64(1_000_000 &+ Int64(drift)) }

  /// What it shows at a time of the world.
  func reading(at time: Instant) -> Instant {
    if isTrue { return time }
    let elapsed = scaled(UInt64(time.since(world).nanoseconds), by: rate, over: 1_000_000)
    return own.advanced(by: TimeAmount(nanoseconds: Int64(clamping: elapsed)))
  }

  /// The first time of the world at which it shows `reading` or more.
  func time(of reading: Instant) -> Instant {
    if isTrue { return reading }
    let elapsed = UInt64(reading.since(own).nanoseconds)
    // Rounded up. No reading is later than the clock's own end of time.
    let wait = scaled(elapsed, by: 1_000_000, over: rate)
    return world.advanced(by: TimeAmount(nanoseconds: Int64(clamping: wait &+ (wait < .max ? 1 : 0))))
  }

  /// From now on it gains so many of a million; held between half and double speed.
  mutating func setDrift(_ perMillion: Int32, at time: Instant) {
    rebase(at: time)
    drift = min(max(perMillion, -500_000), 1_000_000)
  }

  /// Ahead at once; an amount below zero is none, for a monotonic clock never goes back.
  mutating func jump(_ amount: TimeAmount, at time: Instant) {
    rebase(at: time)
    own = own.advanced(by: max(amount, .zero))
  }

  private mutating func rebase(at time: Instant) {
    own = reading(at: time)
    world = time
    isTrue = false
  }
}
