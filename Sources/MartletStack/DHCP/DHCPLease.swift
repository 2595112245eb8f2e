public import MartletTCP
public import MartletWire

/// What an interface asks a DHCP server with.
public struct DHCPConfiguration: Equatable, BitwiseCopyable, Sendable {
  /// What the host is called, for a server that puts it into the DNS.
  public var hostName: DHCPHostName?
  /// What it had before, and would like to have again: a server that agrees is asked once instead of twice
  /// (RFC 2131 §3.2).
  public var previousAddress: IPv4Address?

  public init(hostName: DHCPHostName? = nil, previousAddress: IPv4Address? = nil) {
    self.hostName = hostName
    self.previousAddress = previousAddress
  }
}

/// An address that a DHCP server lends, and what it says of the network (RFC 2131 §2.2).
public struct DHCPLease: Equatable, BitwiseCopyable, Sendable {
  /// With the length of the network that it is on.
  public var address: IPPrefix
  public var server: IPv4Address
  /// Those on the link, the preferred one first; everything that is not on the link goes to one of them.
  public var routers = DHCPAddressList()
  public var domainNameServers = DHCPAddressList()
  /// Nil: the server did not tell.
  public var mtu: UInt16?
  /// When it was last asked for: all times count from then.
  public var requested: Instant
  /// T1: the server is asked for more time.
  public var renewal: Instant
  /// T2: every server is.
  public var rebinding: Instant
  /// Nil: never.
  public var expiration: Instant?
}

/// What became of an address that a DHCP server lends.
public enum LeaseNews: UInt8, BitwiseCopyable, Sendable {
  /// It is ours: nobody else was found to have it.
  case obtained
  /// It is ours for longer, and other terms may have changed.
  case renewed
  /// No server gave it more time.
  case expired
  /// A server says that it must not be used here.
  case refused
  /// Another station has it. Another one is asked for in ten seconds.
  case declined
  /// It was given back.
  case released
}
