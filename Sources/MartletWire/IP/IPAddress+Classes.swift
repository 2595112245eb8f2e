// What an address may be used for, by its value alone. A stack drops by these on input,
// before any lookup (rule O9).

extension IPv4Address {
  /// 0.0.0.0
  @inlinable public static var any: IPv4Address { IPv4Address(bits: 0) }
  /// 127.0.0.1
  @inlinable public static var loopback: IPv4Address { IPv4Address(bits: 0x7f00_0001) }
  /// 255.255.255.255, the broadcast on the attached link (RFC 1122 §3.2.1.3 (c)).
  @inlinable public static var broadcast: IPv4Address { IPv4Address(bits: 0xffff_ffff) }

  @inlinable public var isUnspecified: Bool { bits == 0 }
  /// 0.0.0.0/8: "this network", a source while a host learns its address, never a destination.
  @inlinable public var isThisNetwork: Bool { bits >> 24 == 0 }
  /// 127.0.0.0/8: never outside a host (RFC 1122 §3.2.1.3 (g)).
  @inlinable public var isLoopback: Bool { bits >> 24 == 127 }
  /// 169.254.0.0/16 (RFC 3927).
  @inlinable public var isLinkLocal: Bool { bits >> 16 == 0xa9fe }
  /// 224.0.0.0/4.
  @inlinable public var isMulticast: Bool { bits >> 28 == 14 }
  /// 255.255.255.255. A subnet's broadcast is known by its prefix: `IPPrefix.broadcast`.
  @inlinable public var isBroadcast: Bool { bits == 0xffff_ffff }
  /// 240.0.0.0/4 but for broadcast: reserved, to be dropped.
  @inlinable public var isReserved: Bool { bits >> 28 == 15 && !isBroadcast }
  /// 10/8, 172.16/12, 192.168/16 (RFC 1918).
  @inlinable public var isPrivate: Bool { bits >> 24 == 10 || bits >> 20 == 0xac1 || bits >> 16 == 0xc0a8 }
  /// Whether one host can have this address: the first check on both ends of a TCP segment
  /// (RFC 9293 MUST-57, MUST-63).
  @inlinable public var isUnicast: Bool { !isThisNetwork && bits >> 28 < 14 }
}

extension IPv6Address {
  /// ::
  @inlinable public static var any: IPv6Address { IPv6Address(high: 0, low: 0) }
  /// ::1
  @inlinable public static var loopback: IPv6Address { IPv6Address(high: 0, low: 1) }
  /// ff02::1
  @inlinable public static var allNodes: IPv6Address { IPv6Address(high: 0xff02_0000_0000_0000, low: 1) }
  /// ff02::2
  @inlinable public static var allRouters: IPv6Address { IPv6Address(high: 0xff02_0000_0000_0000, low: 2) }

  /// Where the neighbor solicitations for this address go (RFC 4291 §2.7.1).
  @inlinable public var solicitedNode: IPv6Address {
    IPv6Address(high: 0xff02_0000_0000_0000, low: 0x1_ff00_0000 | (low & 0xff_ffff))
  }

  @inlinable public var isUnspecified: Bool { high == 0 && low == 0 }
  @inlinable public var isLoopback: Bool { high == 0 && low == 1 }
  /// fe80::/10.
  @inlinable public var isLinkLocal: Bool { high >> 54 == 0x3fa }
  /// fc00::/7 (RFC 4193).
  @inlinable public var isUniqueLocal: Bool { high >> 57 == 0x7e }
  /// ff00::/8.
  @inlinable public var isMulticast: Bool { high >> 56 == 0xff }
  /// ::ffff:0:0/96: an IPv4 address in IPv6 clothes, which must not appear on a wire.
  @inlinable public var isIPv4Mapped: Bool { high == 0 && low >> 32 == 0xffff }
  /// Whether one host can have this address.
  @inlinable public var isUnicast: Bool { !isMulticast && !isUnspecified }
}

extension IPAddress {
  @inlinable public var isUnspecified: Bool {
    switch self {
    case .v4(let address): return address.isUnspecified
    case .v6(let address): return address.isUnspecified
    }
  }

  @inlinable public var isLoopback: Bool {
    switch self {
    case .v4(let address): return address.isLoopback
    case .v6(let address): return address.isLoopback
    }
  }

  @inlinable public var isLinkLocal: Bool {
    switch self {
    case .v4(let address): return address.isLinkLocal
    case .v6(let address): return address.isLinkLocal
    }
  }

  @inlinable public var isMulticast: Bool {
    switch self {
    case .v4(let address): return address.isMulticast
    case .v6(let address): return address.isMulticast
    }
  }

  /// 255.255.255.255; IPv6 has none.
  @inlinable public var isBroadcast: Bool {
    switch self {
    case .v4(let address): return address.isBroadcast
    case .v6: return false
    }
  }

  @inlinable public var isUnicast: Bool {
    switch self {
    case .v4(let address): return address.isUnicast
    case .v6(let address): return address.isUnicast
    }
  }

  @inlinable public var isIPv4: Bool {
    switch self {
    case .v4: return true
    case .v6: return false
    }
  }
}
