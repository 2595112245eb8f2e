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
  var addresses: [InterfaceAddress] = [] {
    didSet { arrange() }
  }
  /// Longest prefix first.
  var routes: [Route] = [] {
    didSet { arrange() }
  }

  /// Where packets for ourselves leave; nil: nowhere.
  var loopback: InterfaceID? {
    didSet { arrange() }
  }

  // The same of IPv4, as each packet asks for it.
  private var own: [OwnAddress] = []
  /// Longest prefix first, and of equal ones a network that we are on before a route.
  private var ways: [Way] = []

  private struct OwnAddress: BitwiseCopyable {
    var bits: UInt32
    /// Both forms of broadcast on its network; zero, which nobody has: there is none.
    var first: UInt32 = 0
    var last: UInt32 = 0
  }

  private struct Way: BitwiseCopyable {
    var network: UInt32
    var mask: UInt32
    var length: UInt8
    var interface: InterfaceID
  }

  private mutating func arrange() {
    own = []
    ways = []
    for address in addresses {
      addWay(address.prefix, address.interface)
      if let loopback { addWay(IPPrefix(address.prefix.address, length: 32), loopback) }
      guard case .v4(let a) = address.prefix.address else { continue }
      var mine = OwnAddress(bits: a.bits)
      if let old = address.prefix.oldBroadcast, let new = address.prefix.broadcast {
        mine.first = old.bits
        mine.last = new.bits
      }
      own.append(mine)
    }
    for route in routes { addWay(route.prefix, route.interface) }
  }

  private mutating func addWay(_ prefix: IPPrefix, _ interface: InterfaceID) {
    guard case .v4(let network) = prefix.network.address else { return }
    // A shift by as many bits as there are gives zero.
    let mask = ~(UInt32.max >> UInt32(prefix.length))
    let way = Way(network: network.bits, mask: mask, length: prefix.length, interface: interface)
    ways.insert(way, at: ways.firstIndex { $0.length < prefix.length } ?? ways.endIndex)
  }

  /// Whether the address is one of ours, on whatever interface: the weak end-system model of
  /// RFC 1122 §3.3.4.2.
  func isOurs(_ address: IPAddress) -> Bool {
    // With a loopback interface all of 127.0.0.0/8 is.
    hasAddress(address) || loopback != nil && address.isLoopback
  }

  @inline(__always)
  private func hasAddress(_ address: IPAddress) -> Bool {
    for i in addresses.indices where addresses[i].prefix.address == address { return true }
    return false
  }

  /// The same of what came in: a link-local address is ours on its own link only (RFC 4007 §6).
  @inline(__always)
  func isOurs(_ destination: IPv6Address, from interface: InterfaceID) -> Bool {
    destination.isLinkLocal ? isOurs(.v6(destination), on: interface) : isOurs(.v6(destination))
  }

  /// What nearly every packet is: for one of our addresses, from none of them and from no broadcast address.
  @inline(__always)
  func isPlain(from source: IPv4Address, to destination: IPv4Address) -> Bool {
    var isOurs = false
    for i in own.indices {
      if source.bits == own[i].bits || source.bits == own[i].first || source.bits == own[i].last {
        return false
      }
      if destination.bits == own[i].bits { isOurs = true }
    }
    return isOurs
  }

  /// What the addresses of a packet are to us: all that input asks, in one walk.
  @inline(never)
  func standing(of source: IPv4Address, _ destination: IPv4Address) -> PacketStanding {
    var standing = PacketStanding()
    let (source, destination) = (source.bits, destination.bits)
    for i in own.indices {
      let (bits, first, last) = (own[i].bits, own[i].first, own[i].last)
      if source == bits { standing.sourceIsOurs = true }
      if destination == bits { standing.destinationIsOurs = true }
      if source == first || source == last { standing.sourceIsBroadcast = true }
      if destination == first || destination == last { standing.destinationIsBroadcast = true }
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

  /// Whether packets for `destination` may leave at all: it is none that nobody can have (RFC 1122 §3.2.1.3), none that
  /// ends where it begins (RFC 4291 §2.7), and not our own where there is no loopback.
  func mayLeave(to destination: IPAddress) -> Bool {
    switch destination {
    case .v4(let a): guard a.isUnicast || a.isMulticast || a.isBroadcast else { return false }
    case .v6(let a):
      guard a.isMulticast ? (a.high >> 48) & 15 > 1 : destination.isUnicastDestination else { return false }
    }
    if destination.isLoopback || isOurs(destination) { return loopback != nil && !destination.hasZone }
    return true
  }

  /// The interface that leads to `destination`, by longest prefix; a network we are on wins over
  /// a route of the same length.
  func interface(to destination: IPAddress, zone: UInt16 = 0) -> InterfaceID? {
    if zone > 0 { return InterfaceID(rawValue: zone &- 1) }
    if case .v4(let destination) = destination { return interface(to: destination) }
    if let loopback, isOurs(destination) { return loopback }
    var best: InterfaceID?
    var length = -1
    for i in addresses.indices where addresses[i].prefix.contains(destination) {
      if Int(addresses[i].prefix.length) > length {
        length = Int(addresses[i].prefix.length)
        best = addresses[i].interface
      }
    }
    for i in routes.indices where routes[i].prefix.contains(destination) {
      return Int(routes[i].prefix.length) > length ? routes[i].interface : best
    }
    return best
  }

  /// Likewise of IPv4.
  @inline(__always)
  func interface(to destination: IPv4Address) -> InterfaceID? {
    for i in ways.indices where (destination.bits ^ ways[i].network) & ways[i].mask == 0 {
      return ways[i].interface
    }
    return nil
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

  /// Which of our addresses a flow to `destination` starts from (RFC 9293 MUST-44): of IPv4 one whose network has
  /// the destination or the gateway, else the interface's first; of IPv6 by RFC 6724. Link-local speaks to link-local
  /// only.
  func sourceAddress(for destination: IPAddress, on interface: InterfaceID) -> IPAddress? {
    // RFC 6724 §5 rule 1: the same address.
    if interface == loopback, hasAddress(destination) { return destination }
    if case .v6(let destination) = destination { return sourceAddress(for: destination, on: interface) }
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
