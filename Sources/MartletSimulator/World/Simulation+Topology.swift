public import MartletStack
import MartletTCP
public import MartletWire

// Who is joined to whom, and what they are called.

extension Simulation {
  /// A router: it forwards by the shortest way there is, answers with ICMP errors as routers do, and is the
  /// gateway of the hosts that are joined to it or to a switch that it is joined to.
  public func addRouter(_ conditions: RouterConditions = RouterConditions()) -> RouterID {
    var relay = Relay(isRouter: true)
    relay.conditions = conditions
    return RouterID(index: add(relay))
  }

  /// A switch: what is joined to it is one network, 10.128.0.0/16 and fd00:7:1:0::/64 for the first. Join
  /// switches to each other before hosts to them: the second is part of the first's network from then on.
  public func addSwitch() -> SwitchID {
    var relay = Relay(isRouter: false)
    relay.network = populations.count
    populations.append(0)
    return SwitchID(index: add(relay))
  }

  private func add(_ relay: Relay) -> Int {
    relays.append(relay)
    needsRoutes = true
    return relays.count - 1
  }

  /// Joins two nodes by a link of its own: the n-th link is 10.0.n.0/24 and fd00:7:0:n::/64, where `first` is 1
  /// and `second` is 2, unless one of them is a switch.
  @discardableResult
  public func join(
    _ first: some SimulatedNode, _ second: some SimulatedNode, _ forth: LinkConditions = LinkConditions(),
    back: LinkConditions? = nil, mtu: UInt16 = 1_500
  ) throws(InterfaceError) -> LinkID {
    let id = LinkID(index: links.count)
    let network = commonNetwork(first.node, second.node)
    let ends = (
      try plug(first.node, side: 0, into: id, network, mtu),
      try plug(second.node, side: 1, into: id, network, mtu)
    )
    links.append(Link(ends: ends))
    directions.append(LinkDirection(forth, random: random.fork()))
    directions.append(LinkDirection(back ?? forth, random: random.fork()))
    needsRoutes = true
    if !relays.isEmpty { findGateways() }
    return id
  }

  /// The network of a switch among the two; nil: there is none.
  private func commonNetwork(_ first: NodeID, _ second: NodeID) -> Int? {
    switch (first, second) {
    case (.broadcastDomain(let a), .broadcastDomain(let b)):
      relays[b.index].network = relays[a.index].network
      return relays[a.index].network
    case (.broadcastDomain(let id), _), (_, .broadcastDomain(let id)): return relays[id.index].network
    default: return nil
    }
  }

  private func plug(
    _ node: NodeID, side: Int, into link: LinkID, _ network: Int?, _ mtu: UInt16
  ) throws(InterfaceError) -> Attachment {
    var attachment = Attachment(
      node: node, interface: InterfaceID(rawValue: 0), link: link, side: side, mtu: Int(mtu))
    if case .broadcastDomain(let id) = node {
      attachment.interface = InterfaceID(rawValue: UInt16(truncatingIfNeeded: relays[id.index].ports.count))
      relays[id.index].ports.append(attachment)
      return attachment
    }
    let pair = newAddresses(side: side, link, network)
    if case .host(let id) = node {
      attachment.interface = try hosts[id.index].addInterface(
        InterfaceConfiguration(mtu: mtu, addresses: pair.prefixes))
      hosts[id.index].attachments.append(attachment)
      hosts[id.index].addresses += [.v4(pair.v4), .v6(pair.v6)]
    } else {
      attachment.interface = InterfaceID(rawValue: UInt16(truncatingIfNeeded: relays[node.index].ports.count))
      relays[node.index].ports.append(attachment)
      relays[node.index].addresses.append(pair)
    }
    addressBook.append((.v4(pair.v4), place(of: node)))
    addressBook.append((.v6(pair.v6), place(of: node)))
    return attachment
  }

  private func newAddresses(side: Int, _ link: LinkID, _ network: Int?) -> AddressPair {
    guard let network else { return .link(link.index, host: side + 1) }
    populations[network] += 1
    return .broadcastDomain(network, host: populations[network])
  }

  /// A number for each node: hosts have even ones, routers and switches odd ones.
  func place(of node: NodeID) -> Int {
    node.index &* 2 &+ (node.isHost ? 0 : 1)
  }

  /// The address of a host's interface on the first link or switch that it shares with another, or its first.
  public func address(of host: HostID, from other: HostID, overIPv6: Bool = false) -> IPAddress? {
    let family = overIPv6 ? 1 : 0
    for (place, attachment) in hosts[host.index].attachments.enumerated() {
      let far = links[attachment.link.index].end(1 - attachment.side).node
      if far == other || isSwitch(far, joining: other) {
        return hosts[host.index].addresses[2 * place + family]
      }
    }
    return relays.isEmpty ? nil : hosts[host.index].addresses.dropFirst(family).first
  }

  private func isSwitch(_ node: NodeID, joining host: HostID) -> Bool {
    guard case .broadcastDomain(let id) = node else { return false }
    return relays[id.index].ports.contains {
      links[$0.link.index].end(1 - $0.side).node == host
    }
  }

  // MARK: Ways

  /// Hosts that know no router yet look for one.
  private func findGateways() {
    for host in hosts where !host.hasGateway {
      for attachment in host.attachments {
        guard let (router, port) = firstRouter(beyond: attachment) else { continue }
        host.addGateway(relays[router].addresses[port], on: attachment.interface)
        break
      }
    }
  }

  /// The first router at the other end of a link, or of the switches there, and its port.
  private func firstRouter(beyond attachment: Attachment) -> (router: Int, port: Int)? {
    var open = [attachment]
    var seen: [Int] = []
    while let next = open.popLast() {
      let far = links[next.link.index].end(1 - next.side)
      switch far.node {
      case .host: continue
      case .router(let id): return (id.index, Int(far.interface.rawValue))
      case .broadcastDomain(let id):
        guard !seen.contains(id.index) else { continue }
        seen.append(id.index)
        open = relays[id.index].ports.reversed() + open
      }
    }
    return nil
  }

  /// From every node outwards: the first link that reaches a relay is its way back to that node.
  func findRoutes() {
    needsRoutes = false
    let count = 2 * max(hosts.count, relays.count)
    for relay in relays.indices { relays[relay].nextPorts = [Int](repeating: -1, count: count) }
    for host in hosts { findRoutes(to: .host(host.id), host.attachments) }
    for relay in relays.indices where relays[relay].isRouter {
      findRoutes(to: .router(RouterID(index: relay)), relays[relay].ports)
    }
  }

  private func findRoutes(to node: NodeID, _ attachments: [Attachment]) {
    let place = place(of: node)
    var open = attachments
    var next = 0
    while next < open.count {
      let far = links[open[next].link.index].end(1 - open[next].side)
      next += 1
      guard !far.node.isHost, far.node != node, relays[far.node.index].nextPorts[place] < 0 else { continue }
      relays[far.node.index].nextPorts[place] = Int(far.interface.rawValue)
      open += relays[far.node.index].ports
    }
  }
}
