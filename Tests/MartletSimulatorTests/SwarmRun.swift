import MartletSimulator
import MartletStack
import MartletTCP

/// One seed, run to its end and judged.
struct SwarmRun {
  let parameters: SwarmParameters
  /// What went wrong, in words; empty: nothing.
  private(set) var problems: [String] = []
  private(set) var client: Application?
  private(set) var server: Application?
  private(set) var packetHash: UInt64 = 0
  private(set) var packets: UInt64 = 0
  private(set) var undetected: UInt64 = 0

  /// Both sides got every octet and closed in order.
  var isComplete: Bool {
    [client, server].allSatisfy {
      $0?.outcome == .completed && $0?.received == SwarmParameters.octets && $0?.mismatch == nil
    }
  }

  init(seed: UInt64, tap: ((Observation) -> Void)? = nil) {
    parameters = SwarmParameters(seed: seed)
    let world = Simulation(seed: seed)
    world.tap = tap
    world.deliversBatches = parameters.deliversBatches
    do {
      try play(world)
    } catch {
      problems.append("could not be set up: \(error)")
    }
  }

  private mutating func play(_ world: Simulation) throws {
    let clientHost = world.addHost(parameters.client)
    let serverHost = world.addHost(parameters.server)
    try world.join(clientHost, serverHost, parameters.forth, back: parameters.back, mtu: parameters.mtu)
    if parameters.opensAtOnce {
      try openAtOnce(world, clientHost, serverHost)
    } else {
      try world[serverHost].serve(port: 80, parameters.plan(isClient: false))
      try world.connect(
        clientHost, to: serverHost, port: 80, overIPv6: parameters.overIPv6, parameters.plan(isClient: true))
    }
    let isIdle = world.runUntilIdle(steps: 2_000_000)

    client = world[clientHost].applications.first
    server = world[serverHost].applications.first
    packetHash = world.packetHash
    packets = world.packets
    undetected = world.undetectedCorruptions
    if let violation = world.violation {
      problems.append(
        "invariant broken at step \(violation.step), host \(violation.host.index): \(violation.text)")
      return
    }
    if !isIdle { problems.append("not idle after \(world.steps) steps at \(world.now.nanoseconds) ns") }
    judge()
    for host in [clientHost, serverHost] { conserve(world, host) }
  }

  /// RFC 9293 §3.5, Figure 7.
  private func openAtOnce(_ world: Simulation, _ client: HostID, _ server: HostID) throws {
    let family = parameters.overIPv6 ? 1 : 0
    let ends = [client, server].map { Endpoint(address: world[$0].addresses[family], port: 5_000) }
    try world[client].connect(
      to: ends[1], from: LocalEndpoint(port: 5_000), parameters.plan(isClient: true), now: world.now)
    try world[server].connect(
      to: ends[0], from: LocalEndpoint(port: 5_000), parameters.plan(isClient: false), now: world.now)
    world.settle(client)
    world.settle(server)
  }

  /// The oracle: what the applications may have seen.
  private mutating func judge() {
    for (name, application) in [("client", client), ("server", server)] {
      guard let application else { continue }
      if let offset = application.mismatch, undetected == 0 {
        problems.append("\(name): octet \(offset) is wrong")
      }
      if application.outcome == .running { problems.append("\(name): still running") }
      if application.received > SwarmParameters.octets, undetected == 0 {
        problems.append("\(name): \(application.received) octets received")
      }
    }
    guard parameters.mustSucceed, undetected == 0, !isComplete else { return }
    problems.append("did not complete: client \(show(client)), server \(show(server))")
  }

  private func show(_ application: Application?) -> String {
    guard let application else { return "none" }
    return "\(application.outcome) sent \(application.sent) received \(application.received)"
  }

  /// Nothing is left: no record, buffer, timer, or octet of the budget that idleness does not explain.
  private mutating func conserve(_ world: Simulation, _ host: HostID) {
    world[host].stopServing(now: world.now)
    world.settle(host)
    let held = world[host].stack.held
    if !held.isQuiet || held.listeners != 0 { problems.append("host \(host.index) holds \(held)") }
    if let deadline = world[host].stack.nextDeadline(now: world.now) {
      problems.append("host \(host.index) has a timer in \(deadline.since(world.now).nanoseconds) ns")
    }
  }

  /// All of it, for a failure.
  var report: String {
    "\(parameters)\n  " + problems.joined(separator: "\n  ")
      + "\n  packets \(packets), client \(show(client)), server \(show(server))"
      + "\n  replay: MARTLET_SEED=\(parameters.seed) swift test -c release --filter MartletSimulatorTests"
  }
}
