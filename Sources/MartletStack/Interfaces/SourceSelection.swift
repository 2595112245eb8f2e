import MartletWire

// RFC 6724 §5, among the addresses of the interface that a packet leaves through (rule 5).

extension Routing {
  func sourceAddress(for destination: IPv6Address, on interface: InterfaceID) -> IPAddress? {
    var best: (address: IPv6Address, index: Int)?
    for i in addresses.indices where addresses[i].interface == interface {
      guard case .v6(let own) = addresses[i].prefix.address else { continue }
      // A link-local address means nothing beyond its link, and another to a link-local one nothing that is sure.
      guard own.isLinkLocal ? destination.scope <= 2 : !destination.isLinkLocal else { continue }
      guard let known = best else {
        best = (own, i)
        continue
      }
      if isBetter(own, i, than: known.address, known.index, for: destination) { best = (own, i) }
    }
    return best.map { .v6($0.address) }
  }

  private func isBetter(
    _ a: IPv6Address, _ i: Int, than b: IPv6Address, _ j: Int, for destination: IPv6Address
  ) -> Bool {
    // Rule 1: the same address.
    if b == destination { return false }
    if a == destination { return true }
    // Rule 2: a scope that reaches there, and no wider.
    let scopes = (a.scope, b.scope)
    if scopes.0 < scopes.1 { return scopes.0 >= destination.scope }
    if scopes.1 < scopes.0 { return scopes.1 < destination.scope }
    // Rule 3: what is still preferred.
    if addresses[i].isDeprecated != addresses[j].isDeprecated { return addresses[j].isDeprecated }
    // Rule 6: the kind that the destination is of.
    let wanted = destination.label
    let isAlike = (a.label == wanted, b.label == wanted)
    if isAlike.0 != isAlike.1 { return isAlike.0 }
    // Rule 7: what tells less.
    if addresses[i].isTemporary != addresses[j].isTemporary { return addresses[i].isTemporary }
    // Rule 8: as long a prefix in common as possible; identifiers of hosts say nothing.
    let lengths = (addresses[i].prefix.length, addresses[j].prefix.length)
    return a.common(with: destination, atMost: lengths.0) > b.common(with: destination, atMost: lengths.1)
  }
}

extension IPv6Address {
  /// RFC 6724 §3.1: 2 on the link, 14 everywhere.
  fileprivate var scope: UInt8 {
    if isMulticast { return UInt8(truncatingIfNeeded: high >> 48) & 15 }
    if isLinkLocal || isLoopback { return 2 }
    return high >> 54 == 0x3fb ? 5 : 14
  }

  /// RFC 6724 §2.1.
  fileprivate var label: UInt8 {
    if isLoopback { return 0 }
    if isIPv4Mapped { return 4 }
    if high >> 48 == 0x2002 { return 2 }
    if high >> 32 == 0x2001_0000 { return 5 }
    if isUniqueLocal { return 13 }
    if high == 0, low >> 32 == 0 { return 3 }
    if high >> 54 == 0x3fb { return 11 }
    return high >> 48 == 0x3ffe ? 12 : 1
  }

  /// Leading bits in common, 64 at most.
  fileprivate func common(with other: IPv6Address, atMost length: UInt8) -> Int {
    min((high ^ other.high).leadingZeroBitCount, Int(length))
  }
}
