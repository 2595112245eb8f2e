import MartletStack
import MartletTCP

/// The oracle: what may have happened to a schedule, and what may be left of it.
struct ScheduleJudge {
  private let schedule: Schedule
  private let world: Simulation
  private let places: [Int?]
  private let attempts: [Bool]
  private var found: [ScheduleProblem] = []
  private(set) var completed = 0

  /// - Parameters:
  ///   - places: of the client's applications, by conversation; nil: none could begin.
  ///   - attempts: whether the hosts were up when it was to begin.
  init(_ schedule: Schedule, _ world: Simulation, _ places: [Int?], attempts: [Bool]) {
    self.schedule = schedule
    self.world = world
    self.places = places
    self.attempts = attempts
  }

  mutating func problems(isIdle: Bool) -> [ScheduleProblem] {
    if let violation = world.violation {
      return [.invariant((violation.host.index == 0 ? "client: " : "server: ") + violation.text)]
    }
    guard isIdle else { return [.neverEnds] }
    for side in Fault.Side.allCases {
      for application in world[side.host].applications { judge(application, side) }
    }
    for number in schedule.conversations.indices { judgeProgress(number) }
    for side in Fault.Side.allCases { judgeRest(side) }
    if world.pool.inUse != 0 { found.append(.packets(world.pool.inUse)) }
    return found
  }

  // MARK: Applications

  /// What one application saw is a prefix of what was sent to it.
  private mutating func judge(_ application: Application, _ side: Fault.Side) {
    let number = schedule.conversation(of: application.plan)
    if application.outcome == .running { found.append(.stillRunning(side, conversation: number)) }
    guard world.undetectedCorruptions == 0 else { return }
    if let offset = application.mismatch {
      found.append(.wrongOctet(side, conversation: number, offset: offset))
    }
    if application.received > application.plan.receives {
      found.append(.tooMuch(side, conversation: number, octets: application.received))
    }
  }

  /// Whatever stood in its way is gone since `Schedule.healsAfter`.
  private mutating func judgeProgress(_ number: Int) {
    let client = places[number].map { world[Fault.Side.client.host].applications[$0] }
    let servers = world[Fault.Side.server.host].applications.filter {
      schedule.conversation(of: $0.plan) == number
    }
    let server = servers.first { $0.isComplete } ?? servers.last
    if client?.isComplete == true, server?.isComplete == true { completed += 1 }
    guard attempts[number], schedule.mustComplete(number), world.undetectedCorruptions == 0 else { return }
    if client?.isComplete != true {
      found.append(.noProgress(.client, conversation: number, Self.text(client)))
    } else if server?.isComplete != true {
      found.append(.noProgress(.server, conversation: number, Self.text(server)))
    }
  }

  private static func text(_ application: Application?) -> String {
    guard let application else { return "there is no connection" }
    return application.outcome.text + " after " + String(application.sent) + " octets sent, "
      + String(application.received) + " read"
  }

  // MARK: What is left

  private mutating func judgeRest(_ side: Fault.Side) {
    let host = world[side.host]
    host.stopServing(now: world.time(of: side.host))
    world.settle(side.host)
    let held = host.stack.held
    if held.halfOpen != 0 { found.append(.leak(side, "half-open records: " + String(held.halfOpen))) }
    if held.connections != 0 { found.append(.leak(side, "connections: " + String(held.connections))) }
    if held.coldBlocks != 0 { found.append(.leak(side, "cold blocks: " + String(held.coldBlocks))) }
    if held.timeWait != 0 { found.append(.leak(side, "TIME-WAIT records: " + String(held.timeWait))) }
    if held.replies != 0 { found.append(.leak(side, "answers: " + String(held.replies))) }
    if held.chunks != 0 { found.append(.leak(side, "chunks: " + String(held.chunks))) }
    if held.listeners != 0 { found.append(.leak(side, "listeners: " + String(held.listeners))) }
    if host.stack.nextDeadline(now: world.time(of: side.host)) != nil { found.append(.timer(side)) }
    if let broken = host.stack.checkInvariants() {
      found.append(.invariant(side.text + ": " + broken.description))
    }
    judgeCounters(side, host)
  }

  private mutating func judgeCounters(_ side: Fault.Side, _ host: Host) {
    let counters = host.stack.counters
    let tcp = counters.tcp
    func agree(_ a: UInt64, _ b: UInt64, _ text: String) {
      if a != b { found.append(.counters(side, text + ": " + String(a) + " and " + String(b))) }
    }
    func within(_ a: UInt64, _ b: UInt64, _ text: String) {
      if a > b { found.append(.counters(side, text + ": " + String(a) + " of " + String(b))) }
    }
    agree(counters.inPackets, host.traffic.packetsIn, "packets in")
    agree(counters.inOctets, host.traffic.octetsIn, "octets in")
    agree(counters.outPackets, host.traffic.packetsOut, "packets out")
    agree(counters.outOctets, host.traffic.octetsOut, "octets out")
    within(tcp.inSegs, counters.inPackets, "segments among packets in")
    within(tcp.outSegs, counters.outPackets, "segments among packets out")
    within(tcp.retransSegs, tcp.outSegs, "segments sent again among those sent")
    within(tcp.tcpDSACKUndo, tcp.tcpDSACKRecv, "undone for duplicates among duplicates told")
    within(counters.tcpReqQFullDoCookies, counters.syncookiesSent, "cookies for a full queue among all")
    if side == .client, host.lives == 1 {
      agree(tcp.activeOpens, UInt64(places.count { $0 != nil }), "active opens")
    }
  }
}

extension Application {
  /// It closed in order and got all that it expected.
  var isComplete: Bool { outcome == .completed && received == plan.receives && mismatch == nil }
}

extension ApplicationOutcome {
  var text: String {
    switch self {
    case .running: "running"
    case .completed: "completed"
    case .ended(let reason): "ended (" + reason.text + ")"
    case .aborted: "aborted"
    case .gaveUp: "gave up"
    case .crashed: "crashed"
    }
  }
}

extension EndReason {
  fileprivate var text: String {
    switch self {
    case .none: "no reason"
    case .closed: "closed"
    case .reset: "reset"
    case .refused: "refused"
    case .timedOut: "timed out"
    case .keepAliveTimedOut: "keep-alive timed out"
    case .unreachable: "unreachable"
    case .aborted: "aborted"
    case .evicted: "evicted"
    case .idle: "idle"
    }
  }
}
