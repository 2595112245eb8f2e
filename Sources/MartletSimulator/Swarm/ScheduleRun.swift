import MartletStack
import MartletTCP
import MartletWire

/// One schedule, played to its end and judged.
public struct ScheduleRun {
  public let schedule: Schedule
  /// What went wrong; empty: nothing.
  public private(set) var problems: [ScheduleProblem] = []
  /// Things that happened, and packets that the two hosts sent.
  public private(set) var steps: UInt64 = 0
  public private(set) var packets: UInt64 = 0
  /// Of all packets, where it was asked for.
  public private(set) var packetHash: UInt64 = 0
  /// Conversations that came to their end in order at both sides.
  public private(set) var completed = 0
  /// What luck did, where it was asked for.
  private(set) var luck: [WayLuck] = []
  private var world: Simulation
  private var mainLink = LinkID(index: 0)
  private var routers: [RouterID] = []
  /// Places of the client's applications, by conversation; nil: it could not begin.
  private var places: [Int?] = []
  /// Conversations whose hosts were up when they were to begin.
  private var attempts: [Bool] = []
  private let recorder: UInt32

  /// - Parameters:
  ///   - tap: is told of every packet.
  ///   - hashes: whether `packetHash` is wanted.
  ///   - recorder: records that the flight recorder of each host keeps (`forEachRecord`). They take memory, which
  ///     changes what hosts do that are short of it.
  public init(
    _ schedule: Schedule, hashes: Bool = false, recorder: UInt32 = 0, tap: ((Observation) -> Void)? = nil
  ) {
    self.init(schedule, hashes: hashes, keepsDiary: false, recorder: recorder, tap: tap)
  }

  init(
    _ schedule: Schedule, hashes: Bool = false, keepsDiary: Bool, recorder: UInt32 = 0,
    tap: ((Observation) -> Void)? = nil
  ) {
    self.schedule = schedule
    self.recorder = recorder
    world = Simulation(seed: schedule.seed)
    world.deliversBatches = schedule.deliversBatches
    world.hashesPackets = hashes
    world.tap = tap
    guard setUp() else { return }
    if keepsDiary { world.keepDiaries() }
    let isIdle = play()
    conclude(isIdle)
    if keepsDiary { luck = world.luck() }
  }

  /// Calls `body` with what the recorder of a host still has of its present life, the oldest first.
  public func forEachRecord(of side: Fault.Side, _ body: (FlightRecorder.Record) -> Void) {
    let host = world[side.host]
    for number in 0..<host.stack.recordsWritten {
      if let record = host.stack.record(number) { body(record) }
    }
  }

  // MARK: Before

  /// False: it could not be set up.
  private mutating func setUp() -> Bool {
    for var configuration in [schedule.client.configuration, schedule.server.configuration] {
      configuration.recorderCapacity = recorder
      _ = world.addHost(configuration)
    }
    do throws(InterfaceError) {
      try wire()
    } catch {
      problems.append(.setup("links"))
      return false
    }
    if let luck = schedule.luck { world.follow(luck, until: world.now.advanced(by: Schedule.healsAfter)) }
    plant()
    for hook in schedule.hooks { add(hook) }
    do throws(ListenError) {
      if !schedule.opensAtOnce { try listen() }
    } catch {
      // A small budget may have no room for a listener.
      if schedule.server.memoryBudget == 0 { problems.append(.setup("listeners")) }
      return schedule.server.memoryBudget > 0
    }
    scheduleFaults()
    return true
  }

  private mutating func wire() throws(InterfaceError) {
    let client = Fault.Side.client.host
    let server = Fault.Side.server.host
    let edge = LinkConditions(delay: .microseconds(100))
    let wide: UInt16 = max(schedule.mtu, 1_500)
    switch schedule.wiring {
    case .direct:
      mainLink = try world.join(client, server, schedule.forth, back: schedule.back, mtu: schedule.mtu)
    case .oneRouter:
      routers = [world.addRouter()]
      try world.join(client, routers[0], edge, mtu: wide)
      mainLink = try world.join(routers[0], server, schedule.forth, back: schedule.back, mtu: schedule.mtu)
    case .twoRouters:
      routers = [world.addRouter(), world.addRouter()]
      try world.join(client, routers[0], edge, mtu: wide)
      mainLink = try world.join(
        routers[0], routers[1], schedule.forth, back: schedule.back, mtu: schedule.mtu)
      try world.join(routers[1], server, edge, mtu: wide)
    case .broadcastDomain:
      let middle = world.addSwitch()
      try world.join(client, middle, edge, mtu: schedule.mtu)
      mainLink = try world.join(middle, server, schedule.forth, back: schedule.back, mtu: schedule.mtu)
    }
  }

  private mutating func listen() throws(ListenError) {
    for number in schedule.conversations.indices {
      try world[Fault.Side.server.host].serve(
        port: Schedule.serverPort(number), schedule.plan(number, .server), schedule.listener.options)
    }
  }

  private mutating func plant() {
    switch schedule.mistake {
    case .none: return
    case .spoilsRetransmissions: world.rules.append(.spoilingRetransmissions())
    case .swallowsRepeatedFins: world.rules.append(.swallowingRepeatedFins())
    }
  }

  /// In the end hooks let everything pass, as links do.
  private func add(_ hook: PacketHook) {
    let end = world.now.advanced(by: Schedule.healsAfter)
    var rule = PacketRule(hook)
    rule.matches = { $0.time < end && hook.pattern.matches($0) }
    world.rules.append(rule)
  }

  private mutating func scheduleFaults() {
    for fault in schedule.faults { world.schedule(fault, on: mainLink, routers) }
    for (number, forgery) in schedule.forgeries.enumerated() {
      guard let packet = forged(forgery, number) else { continue }
      world.schedule(.inject(packet), after: forgery.at)
    }
    let end = Schedule.healsAfter
    world.schedule(.heal, after: end)
    world.schedule(
      .setConditions(mainLink, forth: schedule.forth.withoutChance, back: schedule.back.withoutChance),
      after: end)
  }

  // MARK: While it runs

  private static var mostSteps: UInt64 { 300_000 }

  /// False: it does not come to rest.
  private mutating func play() -> Bool {
    let begin = world.now
    places = schedule.conversations.map { _ in nil }
    attempts = schedule.conversations.map { _ in false }
    let order = schedule.conversations.indices.sorted {
      (schedule.conversations[$0].starts, $0) < (schedule.conversations[$1].starts, $1)
    }
    for number in order {
      let start = begin.advanced(by: schedule.conversations[number].starts)
      while world.steps < Self.mostSteps, let next = world.nextTime, next <= start, world.step() {}
      world.skip(to: start)
      open(number)
    }
    return world.runUntilIdle(steps: Self.mostSteps &- min(world.steps, Self.mostSteps))
  }

  private mutating func open(_ number: Int) {
    // Of two that connect to each other both must.
    attempts[number] =
      world[Fault.Side.client.host].isRunning
      && (!schedule.opensAtOnce || world[Fault.Side.server.host].isRunning)
    places[number] = connect(.client, number)
    if schedule.opensAtOnce { _ = connect(.server, number) }
    world.settle(Fault.Side.client.host)
    world.settle(Fault.Side.server.host)
  }

  private func connect(_ side: Fault.Side, _ number: Int) -> Int? {
    let host = world[side.host]
    guard host.isRunning else { return nil }
    return try? host.connect(
      to: endpoint(side.other, number), from: LocalEndpoint(port: endpoint(side, number).port),
      schedule.plan(number, side), now: world.time(of: side.host))
  }

  /// One end of a conversation.
  func endpoint(_ side: Fault.Side, _ number: Int) -> Endpoint {
    let port = side == .client ? Schedule.clientPort(number) : Schedule.serverPort(number)
    return Endpoint(address: world[side.host].addresses[schedule.overIPv6 ? 1 : 0], port: port)
  }

  private func forged(_ forgery: PlannedForgery, _ number: Int) -> ForgedPacket? {
    let conversation = Int(forgery.conversation)
    guard conversation < schedule.conversations.count else { return nil }
    var attacker = OffPathAttacker(seed: forgery.seed)
    return forgery.packet(
      by: &attacker, from: endpoint(forgery.target.other, conversation),
      to: endpoint(forgery.target, conversation))
  }

  // MARK: After

  private mutating func conclude(_ isIdle: Bool) {
    steps = world.steps
    packets = world.packets
    packetHash = world.packetHash
    var judge = ScheduleJudge(schedule, world, places, attempts: attempts)
    problems += judge.problems(isIdle: isIdle)
    completed = judge.completed
  }
}
