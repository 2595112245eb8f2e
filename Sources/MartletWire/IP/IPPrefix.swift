/// An address with the length of its prefix: an interface's address, a subnet, a route.
/// The bits after the prefix are kept: 10.7.0.1/24 is an address in 10.7.0.0/24.
@frozen
public struct IPPrefix: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var address: IPAddress
  /// Bits, 0 to 32 or to 128.
  public let length: UInt8

  /// A length beyond the family's is taken as the family's.
  @inlinable
  public init(_ address: IPAddress, length: UInt8) {
    self.address = address
    self.length = min(length, address.isIPv4 ? 32 : 128)
  }

  /// A prefix of one address.
  @inlinable
  public init(host address: IPAddress) {
    self.init(address, length: 128)
  }

  /// Whether an address lies in this prefix; never one of the other family.
  @inlinable
  public func contains(_ other: IPAddress) -> Bool {
    switch (address, other) {
    case (.v4(let own), .v4(let other)):
      return (own.bits ^ other.bits) & Self.mask32(length) == 0
    case (.v6(let own), .v6(let other)):
      return (own.high ^ other.high) & Self.mask64(length) == 0
        && (own.low ^ other.low) & Self.mask64(length < 64 ? 0 : length &- 64) == 0
    default:
      return false
    }
  }

  @inlinable
  public func contains(_ other: IPv4Address) -> Bool {
    contains(.v4(other))
  }

  @inlinable
  public func contains(_ other: IPv6Address) -> Bool {
    contains(.v6(other))
  }

  /// This prefix with the bits after it cleared.
  @inlinable
  public var network: IPPrefix {
    switch address {
    case .v4(let own):
      return IPPrefix(.v4(IPv4Address(bits: own.bits & Self.mask32(length))), length: length)
    case .v6(let own):
      let high = own.high & Self.mask64(length)
      let low = own.low & Self.mask64(length < 64 ? 0 : length &- 64)
      return IPPrefix(.v6(IPv6Address(high: high, low: low)), length: length)
    }
  }

  /// The subnet's broadcast address (RFC 922). Nil for IPv6, and for /31 (RFC 3021) and /32,
  /// which have none.
  @inlinable
  public var broadcast: IPv4Address? {
    guard case .v4(let own) = address, length < 31 else { return nil }
    return IPv4Address(bits: own.bits | ~Self.mask32(length))
  }

  /// The leading `length` bits of 32. Shifts that go too far give zero.
  @inlinable
  static func mask32(_ length: UInt8) -> UInt32 {
    ~(UInt32.max >> UInt32(length))
  }

  /// The leading `length` bits of 64; all of them from 64 on.
  @inlinable
  static func mask64(_ length: UInt8) -> UInt64 {
    ~(UInt64.max >> UInt64(length))
  }
}

extension IPv4Address {
  /// How many bits of an address a mask of this value leaves to the network. Nil: it is no mask, as ones follow zeroes.
  @inlinable
  public var maskLength: UInt8? {
    let length = (~bits).leadingZeroBitCount
    return bits == IPPrefix.mask32(UInt8(truncatingIfNeeded: length))
      ? UInt8(truncatingIfNeeded: length) : nil
  }
}
