import MartletLinks
import MartletStack
import MartletWire
import SystemPackage

/// The links of one stack, each with the addresses that the stack has on it.
public struct LinkSet<L: Link & ~Copyable>: ~Copyable {
  /// How many links a set can hold.
  public static var capacity: Int { 16 }

  var ports: [16 of LinkPort<L>?]
  public private(set) var count = 0

  public init() {
    ports = InlineArray<16, LinkPort<L>?> { (_: Int) -> LinkPort<L>? in nil }
  }

  /// A set of one link.
  public init(
    _ link: consuming L, addresses: [IPPrefix], routes: [IPPrefix] = [], gateways: [IPAddress] = []
  ) {
    self.init()
    ports[0] = LinkPort(link: link, addresses: addresses, routes: routes, gateways: gateways)
    count = 1
  }

  /// Adds a link. `routes` are prefixes that are reached through it besides those of its
  /// addresses; 0.0.0.0/0 and ::/0 for everything else. `gateways`, one of each family, are the stations on an
  /// Ethernet that pass everything else on.
  public mutating func add(
    _ link: consuming L, addresses: [IPPrefix], routes: [IPPrefix] = [], gateways: [IPAddress] = []
  ) throws(LinkError) {
    guard count < Self.capacity else {
      throw LinkError(.unsupported, "A stack drives at most \(Self.capacity) links. Use a second stack.")
    }
    ports[count] = LinkPort(link: link, addresses: addresses, routes: routes, gateways: gateways)
    count += 1
  }
}

extension LinkSet: Sendable where L: Sendable & ~Copyable {}

/// A link with its place in a stack and what the loop knows of it.
struct LinkPort<L: Link & ~Copyable>: ~Copyable {
  var link: L
  let addresses: [IPPrefix]
  let routes: [IPPrefix]
  let gateways: [IPAddress]
  /// Given out by the stack that the link is attached to.
  var interface = InterfaceID(rawValue: .max)
  /// The last batch was as large as it may be: there may be more to receive.
  var hasArrivals = false
  /// The link was full: a packet may wait in it.
  var isFull = false
  /// Of `LinkCounters`, as the stack knows it.
  var returns: UInt64 = 0
  /// The poller watches for room.
  var awaitsRoom = false
  /// What the poller watches; nil: the link is looked at.
  private(set) var watched: FileDescriptor?

  init(link: consuming L, addresses: [IPPrefix], routes: [IPPrefix], gateways: [IPAddress]) {
    self.link = link
    self.addresses = addresses
    self.routes = routes
    self.gateways = gateways
  }

  /// Makes the stack's side of the link.
  mutating func attach(to stack: inout NetworkStack) throws(LinkError) {
    let mtu = UInt16(clamping: link.mtu)
    do throws(InterfaceError) {
      interface = try stack.addInterface(
        InterfaceConfiguration(mtu: mtu, addresses: addresses, offload: link.offload, medium: link.medium))
    } catch {
      throw Self.refusal(error, addresses)
    }
    for prefix in routes {
      do throws(RouteError) {
        try stack.addRoute(Route(prefix: prefix, interface: interface, gateway: nil))
      } catch {
        throw LinkError(.badAddress, "The stack cannot take the route \(prefix): \(error). Check the prefix.")
      }
    }
    for gateway in gateways {
      let all = IPPrefix(gateway.isIPv4 ? .v4(.any) : .v6(.any), length: 0)
      do throws(RouteError) {
        try stack.addRoute(Route(prefix: all, interface: interface, gateway: gateway))
      } catch {
        throw LinkError(
          .badAddress, "The stack cannot take the gateway \(gateway): \(error). Give one of each family.")
      }
    }
  }

  /// What visitors are told of it.
  var report: LinkReport {
    let isEthernet = if case .ethernet = link.medium { true } else { false }
    return LinkReport(
      name: link.name, interface: interface, mtu: link.mtu, isEthernet: isEthernet, counters: link.counters)
  }

  /// The link has another descriptor than the poller knows.
  var isWatchedElsewhere: Bool { link.readiness != watched }

  mutating func watch(by poller: inout Poller, tag: Int) throws(LinkError) {
    if let watched { poller.remove(watched, tag: tag) }
    watched = link.readiness
    if let watched { try poller.add(watched, tag: tag) }
    isFull = false
    awaitsRoom = false
  }

  private static func refusal(_ error: InterfaceError, _ addresses: [IPPrefix]) -> LinkError {
    let list = addresses.map(\.description).joined(separator: ", ")
    switch error {
    case .invalidAddress:
      return LinkError(
        .badAddress, "No host can have one of these addresses: \(list). Choose unicast addresses.")
    case .addressInUse:
      return LinkError(.addressInUse, "The stack has one of these addresses already: \(list). Choose others.")
    case .invalidHardwareAddress:
      return LinkError(
        .badAddress, "No station can have this hardware address. Choose one like 02:00:00:00:00:01.")
    case .invalidVLAN:
      return LinkError(.badAddress, "There is no such virtual network. Choose a number from 1 to 4094.")
    case .invalidLifetime:
      return LinkError(
        .badAddress,
        "Temporary addresses cannot last like this. Prefer them for a minute or more, and for less time than they are valid."
      )
    case .mtuTooSmall:
      return LinkError(.badMTU, "The link's MTU is too small for IP. Choose one of 576 octets or more.")
    default:
      return LinkError(.failed, "The stack takes no interface: \(error).")
    }
  }
}

extension LinkPort: Sendable where L: Sendable & ~Copyable {}
