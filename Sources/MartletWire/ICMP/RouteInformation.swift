/// What a router says of a network that it leads to (RFC 4191 §2.3).
@frozen
public struct RouteInformation: Equatable, BitwiseCopyable, Sendable {
  /// The bits after its length are zero; a length of 0 is everybody.
  public var prefix: IPPrefix
  /// 1, 0 or -1: high, medium, low.
  public var preference: Int8
  /// Seconds; 0: it leads there no more; all ones: for ever.
  public var lifetime: UInt32

  @inlinable
  public init(prefix: IPPrefix, preference: Int8, lifetime: UInt32) {
    self.prefix = prefix.network
    self.preference = preference
    self.lifetime = lifetime
  }

  /// The next such option among those that a message ends with, from `offset` on, which is moved behind it. Nil: there
  /// is none. Passed over is one that is too short for its prefix, and one with the reserved preference.
  public static func next(in options: RawSpan, from offset: inout Int) -> RouteInformation? {
    while let option = NeighborOptions.next(24, in: options, from: &offset) {
      let (start, length) = (option.lowerBound, option.count)
      let bits = options.u8(start &+ 2)
      let least = bits == 0 ? 8 : bits <= 64 ? 16 : 24
      guard length <= 24, length >= least, bits <= 128 else { continue }
      let preference: Int8
      switch options.u8(start &+ 3) >> 3 & 3 {
      case 0: preference = 0
      case 1: preference = 1
      case 3: preference = -1
      default: continue
      }
      // What the option leaves out of the prefix is zero.
      let high = length >= 16 ? options.be64(start &+ 8) : 0
      let low = length >= 24 ? options.be64(start &+ 16) : 0
      return RouteInformation(
        prefix: IPPrefix(.v6(IPv6Address(high: high, low: low)), length: bits), preference: preference,
        lifetime: options.be32(start &+ 4))
    }
    return nil
  }
}
