import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// The examples of Documentation/WritingTests.md.
@Suite struct DocumentedExamples {
  @Test("S2.1 a SYN is sent again after 1 s, then after 2", .bothFamilies)
  func repeatedSYN() {
    let s = Scenario(.synSent)
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.expectNext(after: .seconds(2), .syn(seq: 0))
    s.expectNext(after: .seconds(4), .syn(seq: 0))
  }

  @Test("a reset tells the reader why")
  func reset() {
    let s = Scenario(.established())
    s.inject(.rst(seq: 1))
    #expect(s.state == .closed)
    #expect(s.receive().error == .ended(.reset))
    #expect(s.news.contains(.ended))
    s.close()
    s.expectQuiet()
  }

  @Test("P2 an option with length 0 ends the list and does no harm")
  func badOption() {
    let s = Scenario()
    s.inject(.syn().rawOptions([2, 4, 5, 0xb4, 8, 0]))
    s.expect(.synAck(seq: 0, ack: 1).lacking(.timestamps))
  }
}

extension DocumentedExamples {
  @Test("256 KiB arrive whole over a bad link")
  func badLink() throws {
    var conditions = LinkConditions(delay: .milliseconds(20))
    conditions.loss = 50_000  // of 1,000,000
    conditions.reordering = 100_000
    conditions.corruption = 10_000

    let world = Simulation(seed: 7)
    let client = world.addHost()
    let server = world.addHost()
    try world.join(client, server, conditions)

    var plan = ApplicationPlan()
    plan.sends = 262_144
    plan.receives = 262_144
    try world[server].serve(port: 80, plan)
    try world.connect(client, to: server, port: 80, plan)

    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world.violation == nil)
    for host in [client, server] {
      let application = world[host].applications[0]
      #expect(application.outcome == .completed)
      #expect(application.received == 262_144)
      #expect(application.mismatch == nil)
      #expect(world[host].stack.held.isQuiet)
    }
  }
}

extension DocumentedExamples {
  @Test("A server behind a router crashes, and its client learns it when it is back")
  func crash() throws {
    let world = Simulation(seed: 7)
    let client = world.addHost()
    let server = world.addHost()
    let router = world.addRouter()
    try world.join(client, router)
    let last = try world.join(router, server, mtu: 1_280)

    var plan = ApplicationPlan()
    plan.sends = 1_000_000
    plan.receives = 1_000_000
    try world[server].serve(port: 80, plan)
    try world.connect(client, to: server, port: 80, plan)

    world.schedule(.setUp(last, forth: false, back: false), after: .milliseconds(100))
    world.schedule(.heal, after: .seconds(2))
    world.schedule(.crash(server), after: .milliseconds(2_500))
    world.schedule(.restart(server), after: .seconds(4))
    #expect(world.runUntilIdle(steps: 100_000))

    #expect(world[client].applications[0].outcome == .ended(.reset))
    #expect(world[server].applications[0].outcome == .crashed)
    #expect(world.counts(router).forwarded > 40)
  }

  @Test("The third segment with text is lost, and a stranger's resets are not believed")
  func hooks() throws {
    let world = Simulation(seed: 7)
    let client = world.addHost()
    let server = world.addHost()
    try world.join(client, server)
    let text = PacketPattern(from: client.node, text: .some)
    world.add(PacketHook(.drop, 3, of: text))
    world.add(PacketHook(.edit(.window(0)), 1, of: PacketPattern(from: server.node, without: .syn)))

    var plan = ApplicationPlan()
    plan.sends = 100_000
    plan.receives = 100_000
    try world[server].serve(port: 80, plan)
    try world.connect(client, to: server, port: 80, plan)

    var stranger = OffPathAttacker(seed: 1)
    let here = Endpoint(address: world[server].addresses[0], port: 80)
    for port in UInt16(32_768)...32_800 {
      let there = Endpoint(address: world[client].addresses[0], port: port)
      world.schedule(
        .inject(stranger.segment(.rst, from: there, to: here, of: server)), after: .milliseconds(30))
    }
    #expect(world.runUntilIdle(steps: 100_000))
    #expect(world[client].applications[0].outcome == .completed)
    #expect(world[client].stack.counters.tcp.retransSegs > 0)
  }
}
