import MartletTCP
import MartletWire

extension NetworkStack {
  /// What must hold of neighbours and of our addresses on Ethernets; nil: it does.
  func checkNeighbours() -> StaticString? {
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
    for router in autoconfiguration.routers where router.expires < neighbourDeadline ?? .distant {
      return "a router's word runs out"
    }
    for known in autoconfiguration.prefixes where known.expires < neighbourDeadline ?? .distant {
      return "a network on the link runs out"
    }
    if autoconfiguration.routers.count > Autoconfiguration.routerLimit
      || autoconfiguration.prefixes.count > Autoconfiguration.prefixLimit
    {
      return "what routers say has limits"
    }
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
}
