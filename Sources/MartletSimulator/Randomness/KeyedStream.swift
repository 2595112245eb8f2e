/// A stream of octets that nobody needs to store: the octet at any offset is a
/// function of the key and the offset, so that a receiver can check any piece of
/// it alone, and an octet that is moved, lost or taken from another stream shows.
public struct KeyedStream: Equatable, BitwiseCopyable, Sendable {
  public var key: UInt64

  @inlinable
  public init(key: UInt64) {
    self.key = key
  }

  /// The octet at `offset`.
  @inlinable
  public func octet(at offset: UInt64) -> UInt8 {
    UInt8(truncatingIfNeeded: word(offset >> 3) >> (8 &* (offset & 7)))
  }

  /// Replaces `octets` by the stream from `offset` on.
  public func fill(_ octets: inout [UInt8], from offset: UInt64) {
    fill(&octets, first: octets.count, from: offset)
  }

  /// Replaces the first `count` of `octets`.
  public func fill(_ octets: inout [UInt8], first count: Int, from offset: UInt64) {
    var at = offset
    var current = word(offset >> 3) >> (8 &* (offset & 7))
    for index in 0..<min(count, octets.count) {
      octets[index] = UInt8(truncatingIfNeeded: current)
      at &+= 1
      current = at & 7 == 0 ? word(at >> 3) : current >> 8
    }
  }

  /// `count` octets from `offset` on.
  public func octets(from offset: UInt64, count: Int) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: max(count, 0))
    fill(&octets, from: offset)
    return octets
  }

  /// Where the first `count` of `octets` stop being the stream from `offset` on; nil: they are it.
  public func firstDifference(in octets: [UInt8], count: Int, from offset: UInt64) -> UInt64? {
    var at = offset
    var current = word(offset >> 3) >> (8 &* (offset & 7))
    for index in 0..<min(count, octets.count) {
      guard octets[index] == UInt8(truncatingIfNeeded: current) else { return at }
      at &+= 1
      current = at & 7 == 0 ? word(at >> 3) : current >> 8
    }
    return nil
  }

  /// Eight octets of the stream, the first in the low bits.
  @inlinable
  func word(_ index: UInt64) -> UInt64 {
    SplitMix64.scramble(key &+ (index &+ 1) &* 0x9e37_79b9_7f4a_7c15)
  }
}
