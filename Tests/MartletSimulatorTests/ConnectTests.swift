import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import Testing

@Suite struct ConnectTests {
  @Test("S2.1 a connect that exhausts its tries reports that it timed out", .bothFamilies)
  func exhausted() throws {
    var conditions = LinkConditions()
    conditions.loss = 1_000_000
    let world = Simulation(seed: 1)
    let client = world.addHost()
    let server = world.addHost()
    try world.join(client, server, conditions)
    var plan = ApplicationPlan()
    plan.patience = .zero
    let begin = world.now
    try world.connect(client, to: server, port: 80, overIPv6: ScenarioFamily.standard == .ipv6, plan)
    #expect(world.runUntilIdle(steps: 10_000))
    #expect(world[client].applications[0].outcome == .ended(.timedOut))
    // A SYN and its seven repetitions: 1, 3, 7, 15, 31, 63, 123 s, and given up at 183 s.
    #expect(world.packets == 8)
    #expect(world.now.since(begin) == .seconds(183))
    #expect(world[client].stack.held.isQuiet)
  }

  @Test("S2.1 no connect times out below ten per cent of loss")
  func belowTenPerCent() throws {
    var connected = 0
    for seed in 0..<2_000 as Range<UInt64> {
      var conditions = LinkConditions()
      conditions.loss = 99_000
      let world = Simulation(seed: seed)
      let client = world.addHost()
      let server = world.addHost()
      try world.join(client, server, conditions)
      var plan = ApplicationPlan()
      plan.sends = 1
      plan.receives = 1
      try world[server].serve(port: 80, plan)
      try world.connect(client, to: server, port: 80, overIPv6: seed % 2 == 0, plan)
      #expect(world.runUntilIdle(steps: 10_000), "seed \(seed)")
      let application = world[client].applications[0]
      #expect(application.outcome == .completed, "seed \(seed)")
      if application.isConnected { connected += 1 }
      #expect(world[client].stack.held.isQuiet && world[server].stack.held.isQuiet, "seed \(seed)")
    }
    #expect(connected == 2_000)
  }

  @Test("Nobody listens: refused")
  func refused() throws {
    let world = Simulation(seed: 1)
    let client = world.addHost()
    let server = world.addHost()
    try world.join(client, server)
    try world.connect(client, to: server, port: 81, ApplicationPlan())
    #expect(world.runUntilIdle(steps: 100))
    #expect(world[client].applications[0].outcome == .ended(.refused))
  }

  @Test("Three hosts, each joined with the two others, all talk at once")
  func threeHosts() throws {
    let world = Simulation(seed: 11)
    let hosts = [world.addHost(), world.addHost(), world.addHost()]
    var conditions = LinkConditions(delay: .milliseconds(20))
    conditions.loss = 20_000
    conditions.reordering = 50_000
    var plan = ApplicationPlan()
    plan.sends = 50_000
    plan.receives = 50_000
    for host in hosts { try world[host].serve(port: 80, plan) }
    for first in 0..<3 {
      for second in first + 1..<3 { try world.join(hosts[first], hosts[second], conditions) }
    }
    for first in 0..<3 {
      for second in 0..<3 where second != first {
        try world.connect(hosts[first], to: hosts[second], port: 80, overIPv6: first > second, plan)
      }
    }
    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world.violation == nil)
    for host in hosts {
      #expect(world[host].applications.count == 4)
      for application in world[host].applications {
        #expect(application.outcome == .completed)
        #expect(application.received == 50_000)
        #expect(application.mismatch == nil)
      }
      #expect(world[host].stack.held.isQuiet)
    }
  }

  @Test("A host that loses its power leaves a peer that gives up in time")
  func vanished() throws {
    let world = Simulation(seed: 5)
    let client = world.addHost()
    let server = world.addHost()
    var conditions = LinkConditions(delay: .milliseconds(10))
    conditions.rate = 100_000
    try world.join(client, server, conditions)
    var plan = ApplicationPlan()
    plan.sends = 262_144
    plan.patience = .zero
    var listener = ApplicationPlan()
    listener.end = .closeAfterPeer
    try world[server].serve(port: 80, listener)
    try world.connect(client, to: server, port: 80, plan)
    world.run(for: .seconds(1))
    world.stop(server)
    #expect(world.runUntilIdle(steps: 100_000))
    #expect(world[client].applications[0].outcome == .ended(.timedOut))
    #expect(world[client].stack.held.isQuiet)
  }
}
