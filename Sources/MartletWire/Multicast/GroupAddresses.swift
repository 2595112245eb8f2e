// Groups that hosts and routers talk to each other by.

extension IPv4Address {
  /// 224.0.0.1: everybody on the link is in it, and says so to nobody.
  @inlinable public static var allHosts: IPv4Address { IPv4Address(bits: 0xe000_0001) }
  /// 224.0.0.2
  @inlinable public static var allRouters: IPv4Address { IPv4Address(bits: 0xe000_0002) }
  /// 224.0.0.22: who wants to hear reports of IGMPv3.
  @inlinable public static var allReportRouters: IPv4Address { IPv4Address(bits: 0xe000_0016) }
}

extension IPv6Address {
  /// ff02::16: who wants to hear reports of MLDv2.
  @inlinable public static var allReportRouters: IPv6Address {
    IPv6Address(high: 0xff02_0000_0000_0000, low: 0x16)
  }
}
