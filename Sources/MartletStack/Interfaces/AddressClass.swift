import MartletWire

/// What this stack adds to the classes of addresses that the wire format knows.
extension IPv4Address {
  /// Whether a packet on a wire may come from here (RFC 9293 MUST-63; robustness rule O9).
  var isValidSource: Bool { isUnicast && !isLoopback }
}

extension IPv6Address {
  var isValidSource: Bool { isUnicast && !isLoopback && !isIPv4Mapped && !isStrangeLinkLocal }

  /// Link-local, with something in the 54 bits that are zero (RFC 4291 §2.5.6). Nobody has such an address, and
  /// `IPv6FlowKey` keeps the zone there.
  var isStrangeLinkLocal: Bool { isLinkLocal && high != 0xfe80_0000_0000_0000 }
}

extension IPAddress {
  /// Whether one other host can be reached by it.
  var isUnicastDestination: Bool {
    switch self {
    case .v4(let a): a.isUnicast
    case .v6(let a): a.isUnicast && !a.isIPv4Mapped && !a.isStrangeLinkLocal
    }
  }

  /// Whether it is another host's on each link.
  var hasZone: Bool { !isIPv4 && isLinkLocal }

  func isFamily(of other: IPAddress) -> Bool { isIPv4 == other.isIPv4 }
}

extension IPPrefix {
  /// The address of all zeroes in the host part, the old form of broadcast (RFC 1122 §3.3.6).
  var oldBroadcast: IPv4Address? {
    guard broadcast != nil, case .v4(let a) = network.address else { return nil }
    return a
  }
}
