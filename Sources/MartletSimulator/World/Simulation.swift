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
  public private(set) var now = Instant(nanoseconds: 1_000_000_000_000)
  public private(set) var hosts: [Host] = []
  /// Things that have happened: arrivals and wake-ups.
  public private(set) var steps: UInt64 = 0
  /// Packets that hosts have sent.
  public private(set) var packets: UInt64 = 0
  /// Of all packets sent, their times and ends.
  public private(set) var packetHash: UInt64 = 0xcbf2_9ce4_8422_2325
  /// Corrupted packets that were delivered and that no checksum could catch. While there are none,
  /// every octet that an application reads must be right.
  public private(set) var undetectedCorruptions: UInt64 = 0
  /// The first invariant that did not hold, and where.
  public private(set) var violation: Violation?

  /// What happens to single packets; the first rule that matches decides.
  public var rules: [PacketRule] = []
  /// Told of every packet that a host sends.
  public var tap: ((Observation) -> Void)?
  /// Packets that reach a host at the same instant are handed over together, as a device does.
  public var deliversBatches = true
  /// False: invariants are not checked, for speed.
  public var checksInvariants = true

  private var links: [Link] = []
  private var flights = FlightQueue()
  private var order: UInt64 = 0
  private var random: SimulatorRandom
  private var buffer = [UInt8](repeating: 0, count: 65_536)

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
    let directions = (
      LinkDirection(forth, random: random.fork()), LinkDirection(back ?? forth, random: random.fork())
    )
    links.append(Link(ends: ends, directions: directions))
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
    let attachment = Attachment(host: host, interface: interface, link: link, side: side)
    hosts[host.index].attachments.append(attachment)
    hosts[host.index].addresses += [v4, v6]
    return attachment
  }

  /// Changes what a link does from now on.
  public func setConditions(_ link: LinkID, _ forth: LinkConditions, back: LinkConditions? = nil) {
    links[link.index].directions.0.conditions = forth
    links[link.index].directions.1.conditions = back ?? forth
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

// MARK: - Running

extension Simulation {
  /// The next thing happens. False: nothing is on its way and nobody waits.
  @discardableResult
  public func step() -> Bool {
    guard violation == nil, let time = nextTime else { return false }
    now = max(now, time)
    steps &+= 1
    if let flight = flights.first, flight.arrival <= now {
      deliverNext()
    } else {
      wakeNext()
    }
    return true
  }

  /// When the next thing happens; nil: never.
  public var nextTime: Instant? {
    var next = flights.first?.arrival
    for host in hosts where host.isRunning {
      guard let deadline = host.deadline else { continue }
      next = next.map { min($0, deadline) } ?? deadline
    }
    return next
  }

  /// Runs until nothing is left to happen. False: it did not come to that within so many steps, or an
  /// invariant was broken.
  @discardableResult
  public func runUntilIdle(steps limit: UInt64) -> Bool {
    let end = steps &+ limit
    while steps < end {
      if !step() { return violation == nil }
    }
    return false
  }

  /// Runs to a time, at which the clock then stands.
  public func run(until time: Instant) {
    while violation == nil, let next = nextTime, next <= time { step() }
    now = max(now, time)
  }

  /// Runs for so long.
  public func run(for amount: TimeAmount) {
    run(until: now.advanced(by: amount))
  }

  /// Packets on their way.
  public var packetsInFlight: Int { flights.count }

  /// Takes a host off the air: nothing reaches it and it does nothing, as if its power were cut.
  public func stop(_ host: HostID) {
    hosts[host.index].isRunning = false
  }

  /// Lets it go on from where it stopped.
  public func resume(_ host: HostID) {
    hosts[host.index].isRunning = true
    settle(host)
  }

  private func deliverNext() {
    guard let flight = flights.popFirst() else { return }
    let end = links[flight.link.index].end(flight.side)
    let host = hosts[end.host.index]
    deliver(flight, to: end, host)
    while deliversBatches, let next = flights.first, next.arrival <= now,
      next.link == flight.link, next.side == flight.side, let other = flights.popFirst()
    {
      deliver(other, to: end, host)
    }
    settle(end.host)
  }

  private func deliver(_ flight: Flight, to end: Attachment, _ host: Host) {
    guard host.isRunning else { return }
    host.stack.receive(flight.packet.octets.rawSpan, on: end.interface, now: now)
    checkInvariants(of: host)
  }

  private func wakeNext() {
    for host in hosts where host.isRunning {
      guard let deadline = host.deadline, deadline <= now else { continue }
      host.wake(now: now)
      settle(host.id)
      return
    }
  }

  /// Lets a host finish what it can do now: events to the applications, packets to the links. The
  /// simulation does it by itself; after calls on a host's stack it is yours to do.
  public func settle(_ id: HostID) {
    let host = hosts[id.index]
    guard host.isRunning else { return }
    var isBusy = true
    while isBusy {
      isBusy = host.drainEvents(now: now)
      for attachment in host.attachments {
        while pull(host, attachment) { isBusy = true }
      }
    }
    checkInvariants(of: host)
    host.reckonDeadline(now: now)
  }

  private func pull(_ host: Host, _ attachment: Attachment) -> Bool {
    let packet = buffer.writing { host.stack.nextPacket(on: attachment.interface, into: &$0, now: now) }
    guard let packet else { return false }
    transmit(Array(buffer[..<packet.count]), from: attachment)
    return true
  }

  private func checkInvariants(of host: Host) {
    guard checksInvariants, violation == nil, let broken = host.stack.checkInvariants() else { return }
    violation = Violation(time: now, host: host.id, step: steps, text: broken.description)
  }
}

// MARK: - Links at work

extension Simulation {
  private func transmit(_ octets: [UInt8], from attachment: Attachment) {
    let link = attachment.link.index
    let far = links[link].end(1 - attachment.side)
    var packet = TransitPacket(time: now, source: attachment.host, destination: far.host, octets: octets)
    packets &+= 1
    mixIntoHash(packet)
    let action = rule(for: packet)
    if case .edit(let edit) = action { edit(&packet.octets) }
    var observation = Observation(packet: packet, fate: .delivered)
    if case .drop = action {
      observation.fate = .droppedByRule
    } else if !links[link].isUp {
      observation.fate = .partitioned
    } else {
      carry(packet, action, to: 1 - attachment.side, of: attachment.link, &observation)
    }
    tap?(observation)
  }

  private func rule(for packet: TransitPacket) -> PacketRule.Action {
    for place in rules.indices where rules[place].matches(packet) {
      rules[place].matched += 1
      if rules[place].which.contains(rules[place].matched) { return rules[place].action }
    }
    return .pass
  }

  /// The link's own conditions: queue and rate, loss, corruption, delay, duplication.
  private func carry(
    _ packet: TransitPacket, _ action: PacketRule.Action, to side: Int, of link: LinkID,
    _ observation: inout Observation
  ) {
    var direction = side == 1 ? links[link.index].directions.0 : links[link.index].directions.1
    defer {
      if side == 1 {
        links[link.index].directions.0 = direction
      } else {
        links[link.index].directions.1 = direction
      }
    }
    guard let departure = direction.departure(packet.octets.count, now: now) else {
      observation.fate = .overflowed
      return
    }
    if direction.random.chance(perMillion: direction.conditions.loss) {
      observation.fate = .lost
      return
    }
    var packet = packet
    if direction.random.chance(perMillion: direction.conditions.corruption) {
      observation.fate = corrupt(&packet, &direction)
      if observation.fate == .lost { return }
    }
    var arrival = direction.arrival(departure)
    if case .delay(let amount) = action { arrival = arrival.advanced(by: amount) }
    launch(packet, arrival, to: side, of: link)
    observation.arrival = arrival
    observation.secondArrival = secondArrival(after: arrival, action, &direction)
    if let second = observation.secondArrival { launch(packet, second, to: side, of: link) }
  }

  private func corrupt(_ packet: inout TransitPacket, _ direction: inout LinkDirection) -> PacketFate {
    let conditions = direction.conditions
    let count = 1 + Int(direction.random.below(UInt64(max(conditions.corruptedBits, 1))))
    let original = packet.octets
    Corruption.flip(count, of: &packet.octets, &direction.random)
    guard Corruption.isUndetected(packet.octets, from: original) else { return .corrupted }
    if conditions.sparesUndetected { return .lost }
    undetectedCorruptions &+= 1
    return .corruptedUndetected
  }

  private func secondArrival(
    after first: Instant, _ action: PacketRule.Action, _ direction: inout LinkDirection
  ) -> Instant? {
    if case .duplicate(let amount) = action { return first.advanced(by: amount) }
    guard direction.random.chance(perMillion: direction.conditions.duplication) else { return nil }
    let later = direction.random.within(0...max(direction.conditions.delay.nanoseconds, 0))
    return first.advanced(by: TimeAmount(nanoseconds: later))
  }

  private func launch(_ packet: TransitPacket, _ arrival: Instant, to side: Int, of link: LinkID) {
    order &+= 1
    flights.insert(Flight(arrival: arrival, order: order, link: link, side: side, packet: packet))
  }

  /// Fowler, Noll and Vo's hash, eight octets at a time.
  private func mixIntoHash(_ packet: TransitPacket) {
    let bytes = packet.octets.rawSpan
    mix(packet.time.nanoseconds)
    mix(UInt64(packet.source.index) << 32 | UInt64(packet.destination.index))
    var offset = 0
    while offset &+ 8 <= bytes.byteCount {
      mix(bytes.be64(offset))
      offset &+= 8
    }
    while offset < bytes.byteCount {
      mix(UInt64(bytes.u8(offset)))
      offset &+= 1
    }
  }

  @inline(__always)
  private func mix(_ word: UInt64) {
    packetHash = (packetHash ^ word) &* 0x0000_0100_0000_01b3
    packetHash ^= packetHash >> 29
  }
}
