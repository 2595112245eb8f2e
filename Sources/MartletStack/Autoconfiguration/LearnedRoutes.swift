import MartletWire

// Routes that nobody configured follow from what routers and DHCP servers say at the moment, on all interfaces together.
// They are chosen anew whenever any of that changes, and when what somebody configured goes.

extension NetworkStack {
  /// Whoever is on a link needs no router; of several links to the same network the one that was heard of first has it.
  mutating func chooseRoute(to prefix: IPPrefix) {
    if prefix.address.isIPv4 { return chooseLeaseRouter() }
    if let known = autoconfiguration.prefixes.first(where: { $0.prefix == prefix }) {
      learnRoute(Route(prefix: prefix, interface: known.interface))
    } else if let way = autoconfiguration.bestWay(to: prefix) {
      learnRoute(Route(prefix: prefix, interface: way.interface, gateway: way.router))
    } else {
      forgetRoute(to: prefix)
    }
  }

  /// An interface has gone, with routes that were configured or learned.
  mutating func chooseRoutes() {
    for k in autoconfiguration.prefixes.indices { chooseRoute(to: autoconfiguration.prefixes[k].prefix) }
    for k in autoconfiguration.ways.indices { chooseRoute(to: autoconfiguration.ways[k].prefix) }
    chooseLeaseRouter()
  }

  /// What somebody configured stays.
  mutating func learnRoute(_ route: Route) {
    var route = route
    route.isLearned = true
    if let k = routing.routes.firstIndex(where: { $0.prefix == route.prefix }) {
      let known = routing.routes[k]
      guard known.isLearned, known.interface != route.interface || known.gateway != route.gateway else {
        return
      }
      routing.routes.remove(at: k)
    }
    insert(route)
  }

  mutating func forgetRoute(to prefix: IPPrefix) {
    guard let k = routing.routes.firstIndex(where: { $0.isLearned && $0.prefix == prefix }) else { return }
    routing.routes.remove(at: k)
    forgetLastHops()
  }
}

extension Autoconfiguration {
  /// RFC 4861 §6.3.6, RFC 4191 §3.2: one that answers before one that does not, then by preference, then the first.
  fileprivate func bestWay(to prefix: IPPrefix) -> LearnedWay? {
    var best: LearnedWay?
    for way in ways where way.prefix == prefix {
      guard let known = best else {
        best = way
        continue
      }
      if way.isSilent != known.isSilent {
        if known.isSilent { best = way }
      } else if way.preference > known.preference {
        best = way
      }
    }
    return best
  }
}
