/// A time in milliseconds, modulo 2^32: what records keep, since eight octets a
/// timer would cost more than the timer is worth. Compared by signed distance,
/// so it is right for anything within 24.8 days of now.
@frozen
public struct Tick: Equatable, BitwiseCopyable, Sendable {
  public var rawValue: UInt32

  @inlinable @inline(__always)
  public init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// The tick that `instant` lies in.
  @inlinable @inline(__always)
  public init(_ instant: Instant) {
    rawValue = UInt32(truncatingIfNeeded: instant.milliseconds)
  }

  /// The first tick that is not before `instant`: timers may fire late by less than one, never early.
  @inlinable @inline(__always)
  public init(roundingUp instant: Instant) {
    rawValue = UInt32(truncatingIfNeeded: (instant.nanoseconds &+ 999_999) / 1_000_000)
  }

  @inlinable @inline(__always)
  public func advanced(by milliseconds: UInt32) -> Tick { Tick(rawValue: rawValue &+ milliseconds) }

  /// Whether this tick is not after `now`.
  @inlinable @inline(__always)
  public func isDue(at now: Tick) -> Bool { Int32(bitPattern: rawValue &- now.rawValue) <= 0 }

  @inlinable @inline(__always)
  public func precedes(_ other: Tick) -> Bool { Int32(bitPattern: rawValue &- other.rawValue) < 0 }

  /// Milliseconds from `earlier` to this tick; 0 when it is before.
  @inlinable @inline(__always)
  public func milliseconds(since earlier: Tick) -> UInt32 {
    let distance = Int32(bitPattern: rawValue &- earlier.rawValue)
    return distance > 0 ? UInt32(bitPattern: distance) : 0
  }

  /// The same tick on the full clock, near `now`.
  @inlinable @inline(__always)
  public func milliseconds(near now: Instant) -> UInt64 {
    let base = now.milliseconds
    let distance = Int32(bitPattern: rawValue &- UInt32(truncatingIfNeeded: base))
    return base &+ UInt64(bitPattern: Int64(distance))
  }
}
