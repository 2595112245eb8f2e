import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite struct SwitchTests {
  /// Hosts on one switch.
  private func network(
    _ count: Int, _ conditions: LinkConditions = LinkConditions(delay: .microseconds(50))
  ) throws -> (Simulation, [HostID], SwitchID) {
    let world = Simulation(seed: 3)
    let middle = world.addSwitch()
    let hosts = (0..<count).map { _ in world.addHost() }
    for host in hosts { try world.join(host, middle, conditions) }
    return (world, hosts, middle)
  }

  @Test(
    "Everybody on a switch talks to everybody, and nobody hears what is for others", arguments: [false, true])
  func everybody(_ overIPv6: Bool) throws {
    let (world, hosts, middle) = try network(6)
    var plan = ApplicationPlan()
    plan.sends = 5_000
    plan.receives = 5_000
    for host in hosts { try world[host].serve(port: 80, plan) }
    for host in hosts {
      for other in hosts where other != host {
        try world.connect(host, to: other, port: 80, overIPv6: overIPv6, plan)
      }
    }
    #expect(world.runUntilIdle(steps: 1_000_000))
    for host in hosts {
      #expect(world[host].applications.count == 10)
      #expect(world[host].applications.allSatisfy { $0.outcome == .completed && $0.received == 5_000 })
      #expect(world[host].stack.counters.drops(.notOurs) == 0)
      #expect(world[host].stack.held.isQuiet)
    }
    #expect(world.counts(middle).forwarded == world.packets)
    #expect(world.counts(middle).discarded == 0)
  }

  @Test("Two networks meet at a router; each switch finds it")
  func networks() throws {
    let world = Simulation(seed: 4)
    let router = world.addRouter()
    var hosts: [HostID] = []
    for _ in 0..<2 {
      let middle = world.addSwitch()
      let first = world.addHost()
      let second = world.addHost()
      // One host is there before the router is, one comes after it.
      try world.join(first, middle)
      try world.join(router, middle)
      try world.join(second, middle)
      hosts += [first, second]
    }
    var plan = ApplicationPlan()
    plan.sends = 20_000
    plan.receives = 20_000
    for host in hosts { try world[host].serve(port: 80, plan) }
    for client in hosts.prefix(2) {
      for server in hosts.suffix(2) { try world.connect(client, to: server, port: 80, plan) }
    }
    #expect(world.runUntilIdle(steps: 100_000))
    for host in hosts {
      #expect(world[host].applications.map(\.outcome) == [.completed, .completed])
      #expect(world[host].stack.counters.drops == 0)
    }
    #expect(world.counts(router).forwarded == world.packets)
  }

  @Test("Switches that are joined are one network")
  func joined() throws {
    let world = Simulation(seed: 4)
    let left = world.addSwitch()
    let right = world.addSwitch()
    try world.join(left, right)
    let client = world.addHost()
    let server = world.addHost()
    try world.join(client, left)
    try world.join(server, right)
    #expect(world[client].addresses != world[server].addresses)
    var plan = ApplicationPlan()
    plan.sends = 1_000
    try world[server].serve(port: 80, plan)
    try world.connect(client, to: server, port: 80, plan)
    #expect(world.runUntilIdle(steps: 1_000))
    #expect(world[server].applications.first?.outcome == .completed)
  }

  @Test("What is for everybody reaches everybody but its sender")
  func broadcast() throws {
    let (world, hosts, _) = try network(4)
    let socket = try world[hosts[0]].stack.openDatagram()
    let everybody = Endpoint(address: .v4(IPv4Address(255, 255, 255, 255)), port: 9)
    let text: [UInt8] = [1]
    try? world[hosts[0]].stack.send(socket, text.span.bytes, to: everybody, now: world.now)
    world.settle(hosts[0])
    world.run(for: .seconds(1))
    let forged = ForgedPacket(
      to: hosts[1], TCPHeader(sourcePort: 1, destinationPort: 2, flags: .syn),
      from: world[hosts[0]].addresses[0],
      to: world[hosts[1]].addresses[0])
    world.inject(forged)
    world.run(for: .seconds(1))
    #expect(world[hosts[1]].stack.counters.outPackets >= 1)
  }

  @Test("A partition cuts a group off from the others, not from itself, until it heals")
  func partition() throws {
    let (world, hosts, middle) = try network(3)
    let aside = world.addHost()
    try world.join(hosts[0], aside)
    world.isolate([hosts[0].node, aside.node])
    var plan = ApplicationPlan()
    plan.sends = 1_000
    plan.receives = 1_000
    for host in hosts + [aside] { try world[host].serve(port: 80, plan) }
    try world.connect(hosts[0], to: aside, port: 80, plan)
    try world.connect(hosts[0], to: hosts[1], port: 80, plan)
    try world.connect(hosts[1], to: hosts[2], port: 80, plan)
    world.schedule(.heal, after: .seconds(10))
    world.run(for: .seconds(9))
    #expect(world[hosts[0]].applications.map(\.outcome) == [.completed, .running])
    #expect(world[hosts[1]].applications.map(\.outcome) == [.completed])
    #expect(world.counts(middle).forwarded > 0)
    #expect(world.runUntilIdle(steps: 10_000))
    #expect(world[hosts[0]].applications.map(\.outcome) == [.completed, .completed])
  }
}
