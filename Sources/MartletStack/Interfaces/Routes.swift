public import MartletWire

/// A way to a network that is not on the link of an interface.
@frozen
public struct Route: Equatable, BitwiseCopyable, Sendable {
  /// Whom it leads to: a length of 0 is everybody.
  public var prefix: IPPrefix
  public var interface: InterfaceID
  /// Who passes packets on; nil: the destination is on the link.
  public var gateway: IPAddress?
  /// A router told of it, and it goes as it came.
  @usableFromInline var isLearned = false
  /// Whom it leads to is on an Ethernet of ours. Of a route without a gateway through a tunnel nobody knows how far it
  /// leads.
  @usableFromInline var leadsToStations = false

  @inlinable
  public init(prefix: IPPrefix, interface: InterfaceID, gateway: IPAddress? = nil) {
    self.prefix = prefix
    self.interface = interface
    self.gateway = gateway
  }
}

/// Why a route was refused.
public enum RouteError: Error, Equatable, Sendable {
  case noSuchInterface
  /// The gateway is of the other family, or nobody's address.
  case invalidGateway
  /// The same prefix is routed already.
  case exists
  case noSuchRoute
}

extension NetworkStack {
  /// What leads where, the longest prefix first: routes that were added, and those that came from routers and DHCP
  /// servers. The networks of our own addresses are reached without one.
  public var routes: [Route] { routing.routes }

  /// Adds a route. The longest prefix wins; networks of our own addresses need none.
  public mutating func addRoute(_ route: Route) throws(RouteError) {
    guard isPresent(route.interface) else { throw .noSuchInterface }
    if let gateway = route.gateway {
      guard gateway.isUnicastDestination, gateway.isFamily(of: route.prefix.address)
      else { throw .invalidGateway }
    }
    for known in routing.routes where known.prefix == route.prefix && !known.isLearned { throw .exists }
    forgetRoute(to: route.prefix)
    insert(route)
  }

  /// Behind those with a longer prefix, or one as long.
  mutating func insert(_ route: Route) {
    var route = route
    route.leadsToStations = route.gateway == nil && interfaces[route.interface.index].link.isEthernet
    let place =
      routing.routes.firstIndex { $0.prefix.length < route.prefix.length } ?? routing.routes.endIndex
    routing.routes.insert(route, at: place)
    forgetLastHops()
  }

  /// Takes a route away that `addRoute` has added. Where a router or a DHCP server leads to the same prefix, that is the
  /// way again; what they say goes as it came.
  public mutating func removeRoute(to prefix: IPPrefix) throws(RouteError) {
    guard let place = routing.routes.firstIndex(where: { $0.prefix == prefix && !$0.isLearned }) else {
      throw .noSuchRoute
    }
    routing.routes.remove(at: place)
    chooseRoute(to: prefix)
    forgetLastHops()
  }
}
