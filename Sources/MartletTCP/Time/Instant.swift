/// A point on a monotonic clock whose origin is the shell's business: 0 is as
/// good as boot time. The core never reads a clock; every call is told the time.
@frozen
public struct Instant: Equatable, Hashable, Comparable, BitwiseCopyable, Sendable {
  /// Nanoseconds since the origin: 584 years.
  public var nanoseconds: UInt64

  @inlinable @inline(__always)
  public init(nanoseconds: UInt64) {
    self.nanoseconds = nanoseconds
  }

  /// The origin of the clock.
  @inlinable
  public static var origin: Instant { Instant(nanoseconds: 0) }

  /// Whole milliseconds since the origin, rounded down: the unit of every timer.
  @inlinable @inline(__always)
  public var milliseconds: UInt64 { nanoseconds / 1_000_000 }

  /// Whole microseconds since the origin, modulo 2^32: what send records keep. Right for anything within
  /// 35 minutes, compared by signed distance.
  @inlinable @inline(__always)
  package var microseconds: UInt32 { UInt32(truncatingIfNeeded: nanoseconds / 1_000) }

  @inlinable @inline(__always)
  public static func < (a: Instant, b: Instant) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Later by `amount`, held at the ends of the clock instead of wrapping.
  @inlinable
  public func advanced(by amount: TimeAmount) -> Instant {
    if amount.nanoseconds >= 0 {
      let (sum, overflow) = nanoseconds.addingReportingOverflow(UInt64(amount.nanoseconds))
      return Instant(nanoseconds: overflow ? .max : sum)
    }
    let back = amount.nanoseconds.magnitude
    return Instant(nanoseconds: back > nanoseconds ? 0 : nanoseconds &- back)
  }

  /// How long after `earlier` this is; zero when it is before.
  @inlinable
  public func since(_ earlier: Instant) -> TimeAmount {
    guard nanoseconds > earlier.nanoseconds else { return .zero }
    return TimeAmount(nanoseconds: Int64(clamping: nanoseconds &- earlier.nanoseconds))
  }
}

/// A length of time in nanoseconds. Our own, because `Duration` needs 128-bit
/// arithmetic that small targets lack.
@frozen
public struct TimeAmount: Equatable, Hashable, Comparable, BitwiseCopyable, Sendable {
  public var nanoseconds: Int64

  @inlinable @inline(__always)
  public init(nanoseconds: Int64) {
    self.nanoseconds = nanoseconds
  }

  @inlinable public static var zero: TimeAmount { TimeAmount(nanoseconds: 0) }

  @inlinable
  public static func nanoseconds(_ n: Int64) -> TimeAmount { TimeAmount(nanoseconds: n) }

  /// Held at the largest amount (292 years) instead of overflowing; likewise below.
  @inlinable
  public static func microseconds(_ n: Int64) -> TimeAmount { multiple(n, of: 1_000) }

  @inlinable
  public static func milliseconds(_ n: Int64) -> TimeAmount { multiple(n, of: 1_000_000) }

  @inlinable
  public static func seconds(_ n: Int64) -> TimeAmount { multiple(n, of: 1_000_000_000) }

  @inlinable
  public static func minutes(_ n: Int64) -> TimeAmount { multiple(n, of: 60_000_000_000) }

  @inlinable
  public static func hours(_ n: Int64) -> TimeAmount { multiple(n, of: 3_600_000_000_000) }

  @inlinable @inline(__always)
  static func multiple(_ n: Int64, of unit: Int64) -> TimeAmount {
    let (product, overflow) = n.multipliedReportingOverflow(by: unit)
    return TimeAmount(nanoseconds: overflow ? (n < 0 ? .min : .max) : product)
  }

  @inlinable @inline(__always)
  public static func < (a: TimeAmount, b: TimeAmount) -> Bool { a.nanoseconds < b.nanoseconds }

  /// Whole milliseconds, rounded up, clamped to 0 … 2^31 - 1: what a timer of a TCB can hold (24.8 days).
  @inlinable
  public var timerMilliseconds: UInt32 {
    guard nanoseconds > 0 else { return 0 }
    let whole = UInt64(nanoseconds) / 1_000_000 &+ (nanoseconds % 1_000_000 == 0 ? 0 : 1)
    return UInt32(min(whole, UInt64(Int32.max)))
  }
}
