public import MartletWire

/// A way to a network that is not on the link of an interface.
@frozen
public struct Route: Equatable, BitwiseCopyable, Sendable {
  /// Whom it leads to: a length of 0 is everybody.
  public var prefix: IPPrefix
  public var interface: InterfaceID
  /// Who passes packets on; nil: the destination is on the link.
  public var gateway: IPAddress?

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
  /// Adds a route. The longest prefix wins; networks of our own addresses need none.
  public mutating func addRoute(_ route: Route) throws(RouteError) {
    guard isPresent(route.interface) else { throw .noSuchInterface }
    if let gateway = route.gateway {
      guard gateway.isUnicastDestination, gateway.isFamily(of: route.prefix.address)
      else { throw .invalidGateway }
    }
    for known in routes where known.prefix == route.prefix { throw .exists }
    let place = routes.firstIndex { $0.prefix.length < route.prefix.length } ?? routes.endIndex
    routes.insert(route, at: place)
  }

  /// Takes a route away.
  public mutating func removeRoute(to prefix: IPPrefix) throws(RouteError) {
    guard let place = routes.firstIndex(where: { $0.prefix == prefix }) else { throw .noSuchRoute }
    routes.remove(at: place)
  }

  /// The interface that leads to `destination`, by longest prefix; a network we are on wins over
  /// a route of the same length.
  func route(to destination: IPAddress, zone: UInt16 = 0) -> InterfaceID? {
    if zone > 0 { return InterfaceID(rawValue: zone &- 1) }
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
