/// What a router says of a network on its link (RFC 4861 §4.6.2).
@frozen
public struct PrefixInformation: Equatable, BitwiseCopyable, Sendable {
  /// The bits after its length are zero.
  public var prefix: IPPrefix
  /// Hosts with an address in it are neighbours.
  public var isOnLink: Bool
  /// Hosts may make addresses of it by themselves.
  public var isAutonomous: Bool
  /// Seconds; all ones: for ever.
  public var validLifetime: UInt32
  public var preferredLifetime: UInt32

  @inlinable
  public init(
    prefix: IPPrefix, isOnLink: Bool, isAutonomous: Bool, validLifetime: UInt32, preferredLifetime: UInt32
  ) {
    self.prefix = prefix.network
    self.isOnLink = isOnLink
    self.isAutonomous = isAutonomous
    self.validLifetime = validLifetime
    self.preferredLifetime = preferredLifetime
  }

  /// Octets of the option.
  @inlinable public static var encodedCount: Int { 32 }

  /// The next such option among those that a message ends with, from `offset` on, which is moved behind it. Nil: there
  /// is none. A prefix longer than an address is passed over.
  public static func next(in options: RawSpan, from offset: inout Int) -> PrefixInformation? {
    while let option = NeighborOptions.next(3, in: options, from: &offset) {
      let start = option.lowerBound
      guard option.count == encodedCount, options.u8(start &+ 2) <= 128 else { continue }
      let flags = options.u8(start &+ 3)
      return PrefixInformation(
        prefix: IPPrefix(.v6(options.ipv6Address(start &+ 16)), length: options.u8(start &+ 2)),
        isOnLink: flags & 0x80 != 0, isAutonomous: flags & 0x40 != 0,
        validLifetime: options.be32(start &+ 4), preferredLifetime: options.be32(start &+ 8))
    }
    return nil
  }
}

/// The fixed part of a router advertisement that a host asks for (RFC 4861 §4.2, RFC 4191 §2.2).
@frozen
public struct RouterAdvertisement: Equatable, BitwiseCopyable, Sendable {
  /// Seconds for which the sender is a default router; 0: it is none.
  public var lifetime: UInt16
  /// 1, 0 or -1: high, medium, low.
  public var preference: Int8

  /// From octets 4 to 7 of the message.
  @inlinable
  public init(_ word: UInt32) {
    lifetime = UInt16(truncatingIfNeeded: word)
    switch word >> 19 & 3 {
    case 1: preference = 1
    case 3: preference = -1
    // 2 is reserved, and to be taken for medium.
    default: preference = 0
    }
  }
}
