public import MartletStack
public import MartletTCP
import MartletWire

/// Hosts, links, and one virtual clock.
///
///     let world = Simulation(seed: 7)
///     let client = world.addHost(), server = world.addHost()
///     world.join(client, server, conditions)
///     try world[server].serve(port: 80, plan)
///     try world.connect(client, to: server, port: 80, plan)
///     world.runUntilIdle(steps: 1_000_000)
///
/// The same seed and the same steps give the same packets, octet by octet, on
/// every platform: `packetHash` says so in one number. Everything random is drawn
/// from the seed, each link's direction and each stack from a source of its own.
///
/// After everything that happens each stack concerned is asked `checkInvariants`;
/// the first answer stays in `violation` and ends the run.
public final class Simulation {
  public let seed: UInt64
  public internal(set) var now = Instant(nanoseconds: 1_000_000_000_000)
  public private(set) var hosts: [Host] = []
  /// Things that have happened: arrivals and wake-ups.
  public internal(set) var steps: UInt64 = 0
  /// Packets that hosts have sent.
  public internal(set) var packets: UInt64 = 0
  /// Of all packets sent, their times and ends.
  public internal(set) var packetHash: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Corrupted packets that were delivered and that no checksum could catch. While there are none,
  /// every octet that an application reads must be right.
  public internal(set) var undetectedCorruptions: UInt64 = 0
  /// The first invariant that did not hold, and where.
  public internal(set) var violation: Violation?

  /// What happens to single packets; the first rule that matches decides.
  public var rules: [PacketRule] = []
  /// Told of every packet that a host sends.
  public var tap: ((Observation) -> Void)?
  /// Packets that reach a host at the same instant are handed over together, as a device does.
  public var deliversBatches = true
  /// False: invariants are not checked, for speed.
  public var checksInvariants = true
  /// False: `packetHash` stays as it is, for speed.
  public var hashesPackets = true

  var links: [Link] = []
  /// Two for each link, by `WayID`.
  var directions: [LinkDirection] = []
  var pool = PacketPool()
  var flights = FlightQueue()
  var order: UInt64 = 0
  /// Who wants to be woken first, and when.
  var alarm: (time: Instant, host: HostID)?
  private var random: SimulatorRandom

  public init(seed: UInt64) {
    self.seed = seed
    random = SimulatorRandom(seed: seed)
  }

  // MARK: Building

  /// A host without links, its stack seeded from the simulation's seed.
  public func addHost(_ configuration: StackConfiguration = StackConfiguration()) -> HostID {
    let id = HostID(index: hosts.count)
    hosts.append(
      Host(id: id, stack: NetworkStack(configuration: configuration, seed: StackSeed(random.next()))))
    return id
  }

  public subscript(host: HostID) -> Host { hosts[host.index] }

  /// Joins two hosts by a link of its own: the n-th link is 10.0.n.0/24 and fd00:7:0:n::/64, where
  /// `first` is 1 and `second` is 2.
  @discardableResult
  public func join(
    _ first: HostID, _ second: HostID, _ forth: LinkConditions = LinkConditions(),
    back: LinkConditions? = nil, mtu: UInt16 = 1_500
  ) throws(InterfaceError) -> LinkID {
    let id = LinkID(index: links.count)
    let ends = (
      try plug(first, side: 0, into: id, mtu), try plug(second, side: 1, into: id, mtu)
    )
    links.append(Link(ends: ends))
    directions.append(LinkDirection(forth, random: random.fork()))
    directions.append(LinkDirection(back ?? forth, random: random.fork()))
    return id
  }

  private func plug(
    _ host: HostID, side: Int, into link: LinkID, _ mtu: UInt16
  ) throws(InterfaceError) -> Attachment {
    let v4 = IPAddress.v4(IPv4Address(10, 0, UInt8(link.index & 255), UInt8(side + 1)))
    let v6 = IPAddress.v6(
      IPv6Address(high: 0xfd00_0007_0000_0000 | UInt64(link.index), low: UInt64(side + 1)))
    let interface = try hosts[host.index].stack.addInterface(
      InterfaceConfiguration(mtu: mtu, addresses: [IPPrefix(v4, length: 24), IPPrefix(v6, length: 64)]))
    let attachment = Attachment(
      host: host, interface: interface, link: link, side: side, mtu: Int(mtu))
    hosts[host.index].attachments.append(attachment)
    hosts[host.index].addresses += [v4, v6]
    return attachment
  }

  /// Changes what a link does from now on.
  public func setConditions(_ link: LinkID, _ forth: LinkConditions, back: LinkConditions? = nil) {
    directions[WayID(to: 1, of: link).index].conditions = forth
    directions[WayID(to: 0, of: link).index].conditions = back ?? forth
  }

  /// What a link has done on its way forth, and back.
  public func counts(_ link: LinkID) -> (forth: LinkCounts, back: LinkCounts) {
    (directions[WayID(to: 1, of: link).index].counts, directions[WayID(to: 0, of: link).index].counts)
  }

  /// Cuts a link, or mends it. What is on its way arrives.
  public func setUp(_ link: LinkID, _ isUp: Bool) {
    links[link.index].isUp = isUp
  }

  /// Opens a connection between two joined hosts, by the address of their first common link.
  @discardableResult
  public func connect(
    _ client: HostID, to server: HostID, port: UInt16, overIPv6: Bool = false, _ plan: ApplicationPlan,
    _ options: ConnectionOptions? = nil
  ) throws(ConnectError) -> Int {
    guard let address = address(of: server, from: client, overIPv6) else { throw .noRoute }
    let place = try hosts[client.index].connect(
      to: Endpoint(address: address, port: port), plan, options, now: now)
    settle(client)
    return place
  }

  private func address(of server: HostID, from client: HostID, _ overIPv6: Bool) -> IPAddress? {
    for (place, attachment) in hosts[server.index].attachments.enumerated() {
      let link = links[attachment.link.index]
      guard link.end(1 - attachment.side).host == client else { continue }
      return hosts[server.index].addresses[2 * place + (overIPv6 ? 1 : 0)]
    }
    return nil
  }
}

/// An invariant that did not hold.
public struct Violation: Equatable, Sendable {
  public var time: Instant
  public var host: HostID
  public var step: UInt64
  /// Which, in words.
  public var text: String
}
