import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Hosts that lose power, and clocks that are wrong.
@Suite struct CrashTests {
  private func pair(_ plan: ApplicationPlan, keepAlive: Bool = false) throws -> (Simulation, HostID, HostID) {
    let world = Simulation(seed: 8)
    var configuration = StackConfiguration()
    configuration.tcp.connection.keepAlive = keepAlive
    configuration.tcp.connection.keepAliveIdle = 10
    configuration.tcp.connection.keepAliveInterval = 5
    configuration.tcp.connection.keepAliveCount = 3
    let client = world.addHost(configuration)
    let server = world.addHost(configuration)
    try world.join(client, server, LinkConditions(delay: .milliseconds(5)))
    try world[server].serve(port: 80, plan)
    try world.connect(client, to: server, port: 80, plan)
    return (world, client, server)
  }

  /// It waits for text that never comes.
  private var patient: ApplicationPlan {
    var plan = ApplicationPlan()
    plan.end = .closeAfterPeer
    return plan
  }

  @Test("RFC 9293 §3.5.1 a restarted host knows nothing, and resets what its peer still believes in")
  func halfOpen() throws {
    var plan = ApplicationPlan()
    plan.sends = 1_000_000
    plan.receives = 1_000_000
    plan.pause = .milliseconds(100)
    let (world, client, server) = try pair(plan)
    world.run(for: .milliseconds(500))
    world.crash(server)
    #expect(world[server].applications[0].outcome == .crashed)
    #expect(world[server].lives == 2)
    #expect(world[server].stack.held.isQuiet)
    world.schedule(.restart(server), after: .seconds(3))
    #expect(world.runUntilIdle(steps: 10_000))
    #expect(world[client].applications[0].outcome == .ended(.reset))
    #expect(world[server].applications.count == 1)
    #expect(world[client].stack.held.isQuiet)
    // It serves as before.
    try world.connect(client, to: server, port: 80, plan)
    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world[server].applications[1].outcome == .completed)
    #expect(world[client].applications[1].received == 1_000_000)
  }

  @Test("A silent half-open connection is found by keep-alive, and without it never")
  func silence() throws {
    for keepAlive in [true, false] {
      let (world, client, server) = try pair(patient, keepAlive: keepAlive)
      world.run(for: .seconds(1))
      world.crash(server)
      world.restart(server)
      world.run(for: .seconds(60))
      #expect(world[client].applications[0].outcome == (keepAlive ? .ended(.reset) : .running))
    }
  }

  @Test("A host that stays dead is found by keep-alive after its probes")
  func dead() throws {
    let (world, client, server) = try pair(patient, keepAlive: true)
    world.run(for: .seconds(1))
    world.crash(server)
    world.run(for: .seconds(23))
    #expect(world[client].applications[0].outcome == .running)
    world.run(for: .seconds(4))
    #expect(world[client].applications[0].outcome == .ended(.keepAliveTimedOut))
  }

  @Test("Another life has other secrets, and the n-th life of a seed always the same")
  func secrets() throws {
    func numbers(_ crashes: Int) throws -> UInt32? {
      let world = Simulation(seed: 8)
      let client = world.addHost()
      let server = world.addHost()
      try world.join(client, server)
      for _ in 0..<crashes {
        world.crash(client)
        world.restart(client)
      }
      final class Log { var first: UInt32? }
      let log = Log()
      world.tap = { if log.first == nil { log.first = $0.packet.header?.seq.rawValue } }
      try world.connect(client, to: server, port: 80, ApplicationPlan())
      return log.first
    }
    #expect(try numbers(1) == numbers(1))
    #expect(try Set([numbers(0), numbers(1), numbers(2)]).count == 3)
  }

  // MARK: Clocks

  @Test("A clock that is slow makes every timer late, one that is fast early")
  func drift() throws {
    // The SYN to nobody comes again after 1, 3 and 7 s of the client's own clock.
    for (perMillion, milliseconds) in [(Int32(0), 1_000), (250_000, 800), (-500_000, 2_000), (100, 1_000)] {
      let world = Simulation(seed: 1)
      let client = world.addHost()
      let server = world.addHost()
      let link = try world.join(client, server)
      world.setUp(link, false)
      world.setDrift(client, perMillion: perMillion)
      final class Log { var times: [UInt64] = [] }
      let log = Log()
      world.tap = { log.times.append($0.packet.time.milliseconds - 1_000_000) }
      try world.connect(client, to: server, port: 80, ApplicationPlan())
      world.run(for: .seconds(20))
      let expected = [0, 1, 3, 7].map { UInt64($0 * milliseconds) }
      for (seen, wanted) in zip(log.times, expected) {
        #expect(seen >= wanted - min(wanted / 1_000 + 1, wanted) && seen <= wanted + 2, "\(log.times)")
      }
    }
  }

  @Test("T4 a clock that jumps fires each timer once, and the stream goes on")
  func jump() throws {
    var plan = ApplicationPlan()
    plan.sends = 500_000
    plan.receives = 500_000
    let (world, client, server) = try pair(plan)
    world.schedule(.jump(client, .seconds(30)), after: .milliseconds(20))
    world.schedule(.jump(server, .minutes(5)), after: .milliseconds(25))
    #expect(world.runUntilIdle(steps: 100_000))
    #expect(world[client].applications[0].received == 500_000)
    #expect(world[server].applications[0].received == 500_000)
    #expect(world[client].stack.counters.tcp.tcpTimeouts <= 2)
    #expect(world.violation == nil)
  }

  @Test("Two clocks that differ by a tenth leave a connection whole")
  func skewedTransfer() throws {
    var plan = ApplicationPlan()
    plan.sends = 500_000
    plan.receives = 500_000
    let (world, client, server) = try pair(plan)
    world.setDrift(client, perMillion: 100_000)
    world.setDrift(server, perMillion: -100_000)
    #expect(world.runUntilIdle(steps: 100_000))
    #expect(world[client].applications[0].outcome == .completed)
    #expect(world[client].stack.counters.tcp.retransSegs == 0)
    #expect(world[client].stack.held.isQuiet)
  }
}
