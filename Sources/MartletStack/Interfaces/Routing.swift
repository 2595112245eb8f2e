import MartletWire

/// What the addresses of an IPv4 packet are to us.
struct PacketStanding: BitwiseCopyable {
  var sourceIsOurs = false
  var destinationIsOurs = false
  /// Of a network that we are on, in either form.
  var sourceIsBroadcast = false
  var destinationIsBroadcast = false
}

/// Our addresses and the ways to everybody else's. A value of its own, so that asking it
/// costs no more than it holds.
struct Routing {
  var addresses: [InterfaceAddress] = []
  /// Longest prefix first.
  var routes: [Route] = []

  /// Whether the address is one of ours, on whatever interface: the weak end-system model of
  /// RFC 1122 §3.3.4.2.
  func isOurs(_ address: IPAddress) -> Bool {
    for i in addresses.indices where addresses[i].prefix.address == address { return true }
    return false
  }

  /// What the addresses of a packet are to us: all that input asks, in one walk.
  @inline(__always)
  func standing(of source: IPv4Address, _ destination: IPv4Address) -> PacketStanding {
    var standing = PacketStanding()
    for i in addresses.indices {
      guard case .v4(let own) = addresses[i].prefix.address else { continue }
      if own == source { standing.sourceIsOurs = true }
      if own == destination { standing.destinationIsOurs = true }
      // Networks of two addresses or one have no broadcast (RFC 3021).
      let length = addresses[i].prefix.length
      guard length < 31 else { continue }
      let host = UInt32.max >> UInt32(length)
      let ends = (own.bits & ~host, own.bits | host)
      if source.bits == ends.0 || source.bits == ends.1 { standing.sourceIsBroadcast = true }
      if destination.bits == ends.0 || destination.bits == ends.1 { standing.destinationIsBroadcast = true }
    }
    return standing
  }

  /// Whether the address is a broadcast of a network that we are on, in either form.
  func isSubnetBroadcast(_ address: IPv4Address) -> Bool {
    for i in addresses.indices {
      let prefix = addresses[i].prefix
      if prefix.broadcast == address || prefix.oldBroadcast == address { return true }
    }
    return false
  }

  /// The interface that leads to `destination`, by longest prefix; a network we are on wins over
  /// a route of the same length.
  func interface(to destination: IPAddress, zone: UInt16 = 0) -> InterfaceID? {
    if zone > 0 { return InterfaceID(rawValue: zone &- 1) }
    return interface { $0.contains(destination) }
  }

  /// Likewise of IPv4, where no address has a zone but those that are link-local.
  @inline(__always)
  func interface(to destination: IPv4Address) -> InterfaceID? {
    interface { $0.contains(destination) }
  }

  @inline(__always)
  private func interface(byPrefix leadsThere: (IPPrefix) -> Bool) -> InterfaceID? {
    var best: InterfaceID?
    var length = -1
    for i in addresses.indices where leadsThere(addresses[i].prefix) {
      if Int(addresses[i].prefix.length) > length {
        length = Int(addresses[i].prefix.length)
        best = addresses[i].interface
      }
    }
    for i in routes.indices where leadsThere(routes[i].prefix) {
      return Int(routes[i].prefix.length) > length ? routes[i].interface : best
    }
    return best
  }

  /// Which link a flow to `remote` is on, for it may mean another host on each (RFC 4007 §6): that of our own
  /// address. 0: the address is not link-local, or `local` does not tell.
  func zone(of remote: IPAddress, from local: IPAddress?) -> UInt16 {
    guard let local, remote.hasZone else { return 0 }
    for i in addresses.indices where addresses[i].prefix.address == local {
      return addresses[i].interface.zone
    }
    return 0
  }

  /// Which of our addresses a flow to `destination` starts from (RFC 9293 MUST-44; RFC 6724 in
  /// small): one whose network has the destination or the gateway, else the interface's first.
  /// Link-local speaks to link-local only.
  func sourceAddress(for destination: IPAddress, on interface: InterfaceID) -> IPAddress? {
    var gateway: IPAddress?
    for i in routes.indices where routes[i].prefix.contains(destination) {
      gateway = routes[i].gateway
      break
    }
    var first: IPAddress?
    var byGateway: IPAddress?
    var byNetwork: IPAddress?
    for i in addresses.indices where addresses[i].interface == interface {
      let prefix = addresses[i].prefix
      guard prefix.address.isFamily(of: destination),
        prefix.address.isLinkLocal == destination.isLinkLocal
      else { continue }
      if first == nil { first = prefix.address }
      if byNetwork == nil, prefix.contains(destination) { byNetwork = prefix.address }
      if let gateway, byGateway == nil, prefix.contains(gateway) { byGateway = prefix.address }
    }
    return byNetwork ?? byGateway ?? first
  }
}
