import MartletWire

/// A half-open range of sequence space, `[start, end)`.
@frozen
public struct SequenceRange: BitwiseCopyable, Equatable, Sendable {
  public var start: SequenceNumber
  public var end: SequenceNumber

  @inlinable @inline(__always)
  public init(start: SequenceNumber, end: SequenceNumber) {
    self.start = start
    self.end = end
  }

  /// `count` octets from `start` on.
  @inlinable @inline(__always)
  public init(start: SequenceNumber, count: UInt32) {
    self.init(start: start, end: start.advanced(by: count))
  }

  /// Octets in the range.
  @inlinable @inline(__always)
  public var count: UInt32 { end.distance(from: start) }

  @inlinable @inline(__always)
  public var isEmpty: Bool { start == end }

  @inlinable @inline(__always)
  public func contains(_ s: SequenceNumber) -> Bool {
    s.isWithin(from: start, length: count)
  }
}
