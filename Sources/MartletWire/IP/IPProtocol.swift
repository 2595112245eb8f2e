/// The number of a transport protocol, or of an IPv6 extension header: IPv4's
/// protocol field and IPv6's next header field share one registry.
@frozen
public struct IPProtocol: RawRepresentable, Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt8

  @inlinable @inline(__always)
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  @inlinable @inline(__always)
  public init(_ rawValue: UInt8) {
    self.rawValue = rawValue
  }

  @inlinable public static var hopByHop: IPProtocol { IPProtocol(0) }
  @inlinable public static var icmp: IPProtocol { IPProtocol(1) }
  @inlinable public static var igmp: IPProtocol { IPProtocol(2) }
  @inlinable public static var tcp: IPProtocol { IPProtocol(6) }
  @inlinable public static var udp: IPProtocol { IPProtocol(17) }
  @inlinable public static var routing: IPProtocol { IPProtocol(43) }
  @inlinable public static var fragment: IPProtocol { IPProtocol(44) }
  @inlinable public static var encapsulatingSecurity: IPProtocol { IPProtocol(50) }
  @inlinable public static var authentication: IPProtocol { IPProtocol(51) }
  @inlinable public static var icmpv6: IPProtocol { IPProtocol(58) }
  @inlinable public static var noNextHeader: IPProtocol { IPProtocol(59) }
  @inlinable public static var destinationOptions: IPProtocol { IPProtocol(60) }
}
