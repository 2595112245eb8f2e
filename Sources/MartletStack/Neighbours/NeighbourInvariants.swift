import MartletTCP
import MartletWire

extension NetworkStack {
  /// What must hold of neighbours and of our addresses on Ethernets; nil: it does.
  func checkNeighbours() -> StaticString? {
    if neighbourDeadline == .distant { return "nobody waits for what never comes" }
    var news = 0
    for own in ownAddresses {
      if own.news != .none { news &+= 1 }
      if own.isTimed, own.deadline < neighbourDeadline ?? .init(nanoseconds: .max) {
        return "an address with a deadline is waited for"
      }
      let isUsed = own.state == .announcing || own.state == .settled
      // One that has gone may be there again before the application knows.
      if own.state != .expired, isUsed != routing.isOurs(own.prefix.address, on: own.interface) {
        return "an address is used when nobody else has it"
      }
    }
    if let wrong = checkAutoconfiguration() ?? checkClients() ?? checkGroups() { return wrong }
    if news != addressNews { return "what happened to addresses is counted" }
    var violated: StaticString?
    neighbours.records.forEachLive { n in
      let neighbour = neighbours.records[n]
      if neighbour.isTimed, neighbour.deadline < neighbourDeadline ?? .init(nanoseconds: .max) {
        violated = "a neighbour with a deadline is waited for"
      }
      if !isPresent(neighbour.interface) { violated = "a neighbour is on an interface" }
    }
    return violated
      ?? neighbours.check(
        limit: Int(configuration.neighbourLimit), incompleteLimit: Int(configuration.incompleteNeighbourLimit)
      )
  }

  /// What was learned is within the limits, and whoever learned it is charged.
  private func checkAutoconfiguration() -> StaticString? {
    for way in autoconfiguration.ways {
      if way.expires < neighbourDeadline ?? .distant { return "a router's word runs out" }
      if !isLearning(way.interface) { return "whoever learns of routers is charged" }
    }
    for known in autoconfiguration.prefixes {
      if known.expires < neighbourDeadline ?? .distant { return "a network on the link runs out" }
      if !isLearning(known.interface) { return "whoever learns of networks is charged" }
    }
    var made = 0
    for own in ownAddresses where own.router != nil {
      made &+= 1
      if !isLearning(own.interface) { return "whoever makes addresses is charged" }
    }
    let learning = interfaces.reduce(0) { $1.isPresent && $1.isLearning ? $0 &+ 1 : $0 }
    if learning != autoconfiguration.charged { return "every interface that learns is charged once" }
    let learned = routing.routes.reduce(0) { $1.isLearned && !$1.prefix.address.isIPv4 ? $0 &+ 1 : $0 }
    let toEverybody = autoconfiguration.ways.reduce(0) { $1.prefix.length == 0 ? $0 &+ 1 : $0 }
    if toEverybody > Autoconfiguration.routerLimit
      || autoconfiguration.ways.count &- toEverybody > Autoconfiguration.wayLimit
      || autoconfiguration.prefixes.count > Autoconfiguration.prefixLimit
      || learned > Autoconfiguration.prefixLimit &+ Autoconfiguration.wayLimit &+ 1
      || made > learning &* (Autoconfiguration.addressLimit &+ Autoconfiguration.unheardLimit)
    {
      return "what routers say has limits"
    }
    // What is there, counted anew.
    let octets =
      autoconfiguration.ways.count &* MemoryLayout<LearnedWay>.stride
      &+ autoconfiguration.prefixes.count &* MemoryLayout<OnLinkPrefix>.stride
      &+ learned &* MemoryLayout<Route>.stride
      &+ made &* (MemoryLayout<OwnAddress>.stride &+ MemoryLayout<InterfaceAddress>.stride)
    return octets <= autoconfiguration.heldBytes ? checkLearnedRoutes() : "what was learned is charged"
  }

  /// Routes follow from what is known.
  private func checkLearnedRoutes() -> StaticString? {
    func isRouted(_ prefix: IPPrefix) -> Bool { routing.routes.contains { $0.prefix == prefix } }
    for known in autoconfiguration.prefixes where !isRouted(known.prefix) {
      return "a network on the link has a route"
    }
    for way in autoconfiguration.ways where !isRouted(way.prefix) { return "a router's network has a route" }
    for route in routing.routes where route.isLearned && !route.prefix.address.isIPv4 {
      let isOnLink = autoconfiguration.prefixes.contains {
        $0.prefix == route.prefix && (route.gateway != nil || $0.interface == route.interface)
      }
      let isWay = autoconfiguration.ways.contains {
        $0.prefix == route.prefix && $0.interface == route.interface && $0.router == route.gateway
      }
      if isOnLink == (route.gateway != nil) || !isOnLink && !isWay {
        return "a learned route is what somebody says"
      }
    }
    return nil
  }

  private func isLearning(_ interface: InterfaceID) -> Bool {
    isPresent(interface) && interfaces[interface.index].isLearning
  }
}
