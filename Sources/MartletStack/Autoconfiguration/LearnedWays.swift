import MartletTCP
import MartletWire

// Whom routers lead to: everybody who is not on the link (RFC 4861 §6.3.4), and networks that one of them is nearer to
// than the others (RFC 4191 §2.3; a host of type C, §3). Of several for the same network one has the route:
// LearnedRoutes.swift.

extension NetworkStack {
  /// RFC 4191 §3.1. One to everybody says more than the head of its message does, and comes after it.
  mutating func learnWays(_ options: RawSpan, by router: IPAddress, on interface: InterfaceID) {
    var offset = 0
    var count = 0
    while count < Autoconfiguration.wayLimit, let told = RouteInformation.next(in: options, from: &offset) {
      count &+= 1
      guard isSensible(told.prefix) else { continue }
      if !learnWay(told, by: router, on: interface) { counts.drop(.routerLimited) }
    }
  }

  /// A network that can be somewhere, or everybody.
  func isSensible(_ prefix: IPPrefix) -> Bool {
    guard case .v6(let network) = prefix.address else { return false }
    return !network.isLinkLocal && !network.isMulticast && !network.isIPv4Mapped && !network.isLoopback
      && (prefix.length == 0 || !network.isUnspecified)
  }

  /// False: there is no room for it.
  mutating func learnWay(_ told: RouteInformation, by router: IPAddress, on interface: InterfaceID) -> Bool {
    let k = autoconfiguration.ways.firstIndex {
      $0.router == router && $0.interface == interface && $0.prefix == told.prefix
    }
    if told.lifetime == 0 {
      if let k { autoconfiguration.ways.remove(at: k) }
    } else {
      let way = LearnedWay(
        prefix: told.prefix, router: router, interface: interface, preference: told.preference,
        expires: clock.advanced(bySeconds: told.lifetime))
      if let k {
        autoconfiguration.ways[k] = way
      } else if makeRoom(for: told.prefix, on: interface) {
        autoconfiguration.ways.append(way)
      } else {
        return false
      }
      wakeNeighbours(at: way.expires)
    }
    chooseRoute(to: told.prefix)
    return true
  }

  /// Where all places are taken, one that does not answer gives up its own: whoever said once to be a router for hours
  /// keeps nobody out for longer than it takes to try him.
  private mutating func makeRoom(for prefix: IPPrefix, on interface: InterfaceID) -> Bool {
    if hasRoom(for: prefix) { return true }
    guard
      let k = autoconfiguration.ways.firstIndex(where: {
        $0.isSilent && ($0.prefix.length == 0) == (prefix.length == 0)
      })
    else {
      askRouters()
      return false
    }
    chooseRoute(to: autoconfiguration.ways.remove(at: k).prefix)
    return true
  }

  /// Somebody finds no room: those who have it show that they are there, or give it up. Whoever is no way of ours is
  /// not asked otherwise, and a forged one would stay for as long as it said.
  mutating func askRouters() {
    for k in autoconfiguration.ways.indices {
      let way = autoconfiguration.ways[k]
      guard !way.isSilent else { continue }
      if let n = neighbours.find(way.router, on: way.interface) {
        let isOld = neighbours[n].state == .reachable && neighbours[n].deadline <= clock
        if isOld || neighbours[n].state == .stale { doubt(n) }
      } else {
        _ = lookFor(way.router, on: way.interface, for: .answer)
      }
    }
  }

  private func hasRoom(for prefix: IPPrefix) -> Bool {
    let alike = autoconfiguration.ways.reduce(0) {
      ($1.prefix.length == 0) == (prefix.length == 0) ? $0 &+ 1 : $0
    }
    return alike < (prefix.length == 0 ? Autoconfiguration.routerLimit : Autoconfiguration.wayLimit)
  }

  /// Whether somebody is a router that has not failed to answer.
  func isRouter(_ address: IPAddress, on interface: InterfaceID) -> Bool {
    autoconfiguration.ways.contains { !$0.isSilent && $0.router == address && $0.interface == interface }
  }

  /// Nobody answers at an address: if it is a router's, another has its turn.
  mutating func routerIsSilent(_ address: IPAddress, on interface: InterfaceID) {
    leaseRouterIsSilent(address, on: interface)
    for _ in autoconfiguration.ways.indices {
      guard
        let k = autoconfiguration.ways.firstIndex(where: {
          $0.router == address && $0.interface == interface && !$0.isSilent
        })
      else { return }
      var way = autoconfiguration.ways.remove(at: k)
      way.isSilent = true
      autoconfiguration.ways.append(way)
      chooseRoute(to: way.prefix)
    }
  }

  /// Some run out.
  mutating func waysAreDue() {
    for _ in autoconfiguration.ways.indices {
      guard let k = autoconfiguration.ways.firstIndex(where: { $0.expires <= clock }) else { break }
      chooseRoute(to: autoconfiguration.ways.remove(at: k).prefix)
    }
    for way in autoconfiguration.ways { wakeNeighbours(at: way.expires) }
  }
}
