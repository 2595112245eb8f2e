/// A TCP sequence number: a point on a circle of 2^32 (RFC 9293 §3.4).
///
/// It is deliberately not `Comparable`: "less" has no meaning on a circle, only
/// "comes before within half a turn". The words below say so at each use, and
/// every operation wraps; none can trap.
@frozen
public struct SequenceNumber: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt32

  @inlinable @inline(__always)
  public init(_ rawValue: UInt32) {
    self.rawValue = rawValue
  }

  /// This point moved forward by `count` octets, modulo 2^32.
  @inlinable @inline(__always)
  public func advanced(by count: UInt32) -> SequenceNumber {
    SequenceNumber(rawValue &+ count)
  }

  /// This point moved back by `count` octets, modulo 2^32.
  @inlinable @inline(__always)
  public func retreated(by count: UInt32) -> SequenceNumber {
    SequenceNumber(rawValue &- count)
  }

  /// How many octets forward of `earlier` this point lies, modulo 2^32.
  @inlinable @inline(__always)
  public func distance(from earlier: SequenceNumber) -> UInt32 {
    rawValue &- earlier.rawValue
  }

  /// `self < other` in the sense of RFC 9293 §3.4: within half a turn before it.
  @inlinable @inline(__always)
  public func precedes(_ other: SequenceNumber) -> Bool {
    Int32(bitPattern: rawValue &- other.rawValue) < 0
  }

  /// `self <= other` in the sense of RFC 9293 §3.4.
  @inlinable @inline(__always)
  public func precedesOrEquals(_ other: SequenceNumber) -> Bool {
    Int32(bitPattern: rawValue &- other.rawValue) <= 0
  }

  /// `self > other` in the sense of RFC 9293 §3.4.
  @inlinable @inline(__always)
  public func follows(_ other: SequenceNumber) -> Bool {
    Int32(bitPattern: rawValue &- other.rawValue) > 0
  }

  /// `self >= other` in the sense of RFC 9293 §3.4.
  @inlinable @inline(__always)
  public func followsOrEquals(_ other: SequenceNumber) -> Bool {
    Int32(bitPattern: rawValue &- other.rawValue) >= 0
  }

  /// `start <= self < start + length`, for any length up to a full turn.
  @inlinable @inline(__always)
  public func isWithin(from start: SequenceNumber, length: UInt32) -> Bool {
    rawValue &- start.rawValue < length
  }

  /// The one of two points that comes first.
  @inlinable @inline(__always)
  public static func earliest(_ a: SequenceNumber, _ b: SequenceNumber) -> SequenceNumber {
    a.precedes(b) ? a : b
  }

  /// The one of two points that comes last.
  @inlinable @inline(__always)
  public static func latest(_ a: SequenceNumber, _ b: SequenceNumber) -> SequenceNumber {
    a.follows(b) ? a : b
  }
}
