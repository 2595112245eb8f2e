import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// One run of a pair: the host that is attacked, its victim, and the attacker.
struct AttackedWorld: ~Copyable {
  private let pair: InterferencePair
  private let isSecond: Bool
  private let world: Simulation
  let log = AttackLog()
  private let host: HostID
  private let victim: HostID
  private let attacker: HostID
  private let begin: Instant
  private(set) var steps: [AttackStep] = []

  static var port: UInt16 { 80 }
  static var victimPort: UInt16 { 40_000 }
  static var otherPort: UInt16 { 40_777 }

  init(_ pair: InterferencePair, isSecond: Bool) {
    self.pair = pair
    self.isSecond = isSecond
    world = Simulation(seed: pair.seed)
    world.hashesPackets = false
    // Whoever is asked costs time, and nothing else.
    world.checksInvariants = pair.seed % 16 == 0
    begin = world.now
    host = world.addHost(pair.host.configuration)
    attacker = world.addHost(pair.attacker.configuration)
    let differs = isSecond && pair.secret == .numbers
    victim = world.addHost(pair.victim.configuration, stackSeed: pair.seed &+ (differs ? 0x5ec7e7 : 0))
    do throws(InterfaceError) {
      if pair.sharesSwitch {
        let middle = world.addSwitch()
        try world.join(host, middle, LinkConditions(delay: .microseconds(10)))
        try world.join(victim, middle, pair.victimLink)
        try world.join(attacker, middle, pair.attackerLink)
      } else {
        try world.join(host, victim, pair.victimLink)
        try world.join(host, attacker, pair.attackerLink)
      }
    } catch {
      return
    }
    serve()
    watch()
  }

  private func serve() {
    var plan = ApplicationPlan()
    plan.echoes = true
    plan.isKeyed = false
    _ = try? world[host].serve(port: Self.port, plan, pair.listener.options)
    let leak = pair.leak.rules(from: host, toAttacker: address(of: attacker, from: host))
    world.rules += leak
  }

  private func watch() {
    let log = log
    let host = host.node
    let attackers = world[attacker].addresses
    let victims = world[victim].addresses
    // On the last link, where its time is the attacker's.
    let last = pair.sharesSwitch ? attacker.node : nil
    world.tap = { seen in
      guard !seen.isForged else { return }
      let octets = seen.packet.octets
      guard let (source, destination) = PacketLayout.addresses(of: octets) else { return }
      if attackers.contains(destination) {
        guard last.map({ seen.packet.destination == $0 }) ?? true else { return }
        log.seen.append(SeenPacket(sent: seen.packet.time, arrival: seen.arrival, octets: octets))
      } else if seen.packet.source == host, victims.contains(destination), !victims.contains(source) {
        log.toVictim += 1
        if let header = seen.packet.header, !header.flags.contains(.rst) { log.latest = header }
      }
    }
  }

  // MARK: Playing

  /// The first run: what the attacker does is drawn, some of it with luck that he has only here.
  mutating func play(_ plan: consuming Attack) {
    var attack = plan
    let stage = stage
    while let step = attack.next(stage, log.latest) {
      run(step)
      // What the host has sent since is what the next guess goes by.
      steps.append(step)
    }
    finish()
  }

  /// The second run: the same again.
  mutating func repeatSteps(of first: borrowing AttackedWorld) {
    for step in first.steps { run(step) }
    finish()
  }

  private var stage: AttackStage {
    AttackStage(
      host: host, victim: Endpoint(address: address(of: victim, from: host), port: Self.victimPort),
      own: address(of: attacker, from: host), hostForVictim: address(of: host, from: victim),
      hostForAttacker: address(of: host, from: attacker))
  }

  private func address(of one: HostID, from other: HostID) -> IPAddress {
    world.address(of: one, from: other, overIPv6: pair.overIPv6) ?? .v4(IPv4Address(bits: 0))
  }

  private func run(_ step: AttackStep) {
    world.run(until: begin.advanced(by: step.at))
    switch step.kind {
    case .victimConnects: connectVictim()
    case .connect(let plan):
      connect(attacker, to: address(of: host, from: attacker), from: nil, plan)
    case .inject(let packets):
      for packet in packets { world.inject(packet) }
    }
  }

  private func connectVictim() {
    var plan = pair.conversation
    var port = Self.victimPort
    if isSecond {
      switch pair.secret {
      case .numbers: break
      case .port: port = Self.otherPort
      case .octets:
        plan.sendKey = ~plan.sendKey
        plan.receiveKey = plan.sendKey
      case .amount:
        plan.sends = plan.sends / 2 &+ 1_000
        plan.receives = plan.sends
        plan.sendSize = 700
      case .presence: return
      }
    }
    connect(victim, to: address(of: host, from: victim), from: LocalEndpoint(port: port), plan)
  }

  private func connect(
    _ one: HostID, to address: IPAddress, from local: LocalEndpoint?, _ plan: ApplicationPlan
  ) {
    _ = try? world[one].connect(
      to: Endpoint(address: address, port: Self.port), from: local, plan, now: world.time(of: one))
    world.settle(one)
  }

  /// Until nothing comes any more, or for a while.
  private func finish() {
    world.run(for: .seconds(30))
    world.tap = nil
    world.rules = []
  }
}

/// What the watcher of a run writes down.
final class AttackLog {
  var seen: [SeenPacket] = []
  var toVictim = 0
  /// Of what the host sent to the victim last.
  var latest: TCPHeader?
}

extension PacketLayout {
  /// Source and destination.
  static func addresses(of packet: [UInt8]) -> (IPAddress, IPAddress)? {
    let bytes = packet.rawSpan
    if let ip = IPv4HeaderView(validating: bytes) { return (.v4(ip.source), .v4(ip.destination)) }
    if let ip = IPv6HeaderView(validating: bytes) { return (.v6(ip.source), .v6(ip.destination)) }
    return nil
  }
}
