import MartletWire

// What of routing is asked for each frame.

extension Routing {
  /// Who on the link of `interface` takes a packet for `destination`: itself, or a gateway. Nil: nobody.
  func nextHop(to destination: IPAddress, on interface: InterfaceID) -> IPAddress? {
    if case .v6(let address) = destination, address.isLinkLocal { return destination }
    var length = -1
    for i in addresses.indices where addresses[i].interface == interface {
      if addresses[i].prefix.contains(destination) { length = max(length, Int(addresses[i].prefix.length)) }
    }
    for i in routes.indices where routes[i].interface == interface && routes[i].prefix.contains(destination) {
      // Longest prefix first; a network that we are on wins over a route of the same length.
      if Int(routes[i].prefix.length) <= length { break }
      return routes[i].gateway ?? destination
    }
    return length < 0 ? nil : destination
  }

  /// Whether a host with this address would be on the link of `interface`.
  func isOnLink(_ address: IPAddress, _ interface: InterfaceID) -> Bool {
    nextHop(to: address, on: interface) == address
  }

  /// Whether this is our address on this very interface.
  func isOurs(_ address: IPAddress, on interface: InterfaceID) -> Bool {
    for i in addresses.indices where addresses[i].prefix.address == address {
      if addresses[i].interface == interface { return true }
    }
    return false
  }

  /// The hardware address that everybody who is meant listens to; nil: one host is meant.
  func group(_ destination: IPAddress, on interface: InterfaceID) -> MACAddress? {
    switch destination {
    case .v6(let address): return address.isMulticast ? MACAddress(multicast: address) : nil
    case .v4(let address):
      if address.isMulticast { return MACAddress(multicast: address) }
      if address.isBroadcast { return .broadcast }
      for i in addresses.indices where addresses[i].interface == interface {
        let prefix = addresses[i].prefix
        if prefix.broadcast == address || prefix.oldBroadcast == address { return .broadcast }
      }
      return nil
    }
  }
}
