public import MartletStack
public import MartletTCP
import MartletWire

/// Hosts, routers, switches, links, and one virtual clock.
///
///     let world = Simulation(seed: 7)
///     let client = world.addHost(), server = world.addHost()
///     try world.join(client, server, conditions)
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
  /// Things that have happened: arrivals, wake-ups and events of the agenda.
  public internal(set) var steps: UInt64 = 0
  /// Packets that hosts have sent.
  public internal(set) var packets: UInt64 = 0
  /// Of all packets on links, their times and ends.
  public internal(set) var packetHash: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Corrupted packets that were delivered and that no checksum could catch. While there are none,
  /// every octet that an application reads must be right.
  public internal(set) var undetectedCorruptions: UInt64 = 0
  /// The first invariant that did not hold, and where.
  public internal(set) var violation: Violation?

  /// What happens to single packets; the first rule that matches decides.
  public var rules: [PacketRule] = []
  /// Told of every packet on a link.
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
  /// Routers and switches.
  var relays: [Relay] = []
  /// Whose each address is, by `place(of:)`.
  var addressBook: [(address: IPAddress, place: Int)] = []
  /// Links or nodes have been added since relays looked for their ways.
  var needsRoutes = false
  /// Hosts on each switch's network so far.
  var populations: [Int] = []
  var pool = PacketPool()
  var flights = FlightQueue()
  var order: UInt64 = 0
  /// Who wants to be woken first, and when.
  var alarm: (time: Instant, host: HostID)?
  /// What is to happen, the first at the end.
  var agenda: [(time: Instant, event: WorldEvent)] = []
  var random: SimulatorRandom

  public init(seed: UInt64) {
    self.seed = seed
    random = SimulatorRandom(seed: seed)
  }

  /// A host without links, its stack seeded from the simulation's seed.
  public func addHost(_ configuration: StackConfiguration = StackConfiguration()) -> HostID {
    addHost(configuration, stackSeed: random.next())
  }

  func addHost(_ configuration: StackConfiguration, stackSeed: UInt64) -> HostID {
    let id = HostID(index: hosts.count)
    hosts.append(Host(id: id, configuration, seed: stackSeed))
    needsRoutes = true
    return id
  }

  public subscript(host: HostID) -> Host { hosts[host.index] }

  /// Opens a connection between two hosts, by the server's address on their first common link or switch, and if
  /// they have none by its first.
  @discardableResult
  public func connect(
    _ client: HostID, to server: HostID, port: UInt16, overIPv6: Bool = false, _ plan: ApplicationPlan,
    _ options: ConnectionOptions? = nil
  ) throws(ConnectError) -> Int {
    guard let address = address(of: server, from: client, overIPv6: overIPv6) else { throw .noRoute }
    let place = try hosts[client.index].connect(
      to: Endpoint(address: address, port: port), plan, options, now: time(of: client))
    settle(client)
    return place
  }

  /// What a host's own clock shows: what calls on its stack are told.
  public func time(of host: HostID) -> Instant { hosts[host.index].clock.reading(at: now) }
}

/// An invariant that did not hold.
public struct Violation: Equatable, Sendable {
  public var time: Instant
  public var host: HostID
  public var step: UInt64
  /// Which, in words.
  public var text: String
}
