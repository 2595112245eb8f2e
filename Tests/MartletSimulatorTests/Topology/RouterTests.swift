import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A chain: client, two routers, server.
struct Chain {
  let world: Simulation
  let client: HostID
  let server: HostID
  let near: RouterID
  let far: RouterID
  let middle: LinkID
  let log = Log()

  final class Log { var all: [Observation] = [] }

  init(
    seed: UInt64 = 1, middle conditions: LinkConditions = LinkConditions(delay: .milliseconds(5)),
    mtu: UInt16 = 1_500, client configuration: StackConfiguration = StackConfiguration()
  ) throws {
    world = Simulation(seed: seed)
    client = world.addHost(configuration)
    server = world.addHost()
    near = world.addRouter()
    far = world.addRouter()
    let edge = LinkConditions(delay: .milliseconds(1))
    try world.join(client, near, edge)
    middle = try world.join(near, far, conditions, mtu: mtu)
    try world.join(far, server, edge)
    let log = log
    world.tap = { log.all.append($0) }
  }

  /// 256 KiB from client to server.
  func transfer(overIPv6: Bool = false) throws {
    var plan = ApplicationPlan()
    plan.receives = 262_144
    plan.receiveKey = 5
    plan.end = .closeAfterPeer
    try world[server].serve(port: 80, plan)
    plan = ApplicationPlan()
    plan.sends = 262_144
    plan.sendKey = 5
    try world.connect(client, to: server, port: 80, overIPv6: overIPv6, plan)
    #expect(world.runUntilIdle(steps: 1_000_000))
    #expect(world.violation == nil)
    let application = world[server].applications.first
    #expect(application?.received == 262_144)
    #expect(application?.mismatch == nil)
    for host in [client, server] { #expect(world[host].stack.held.isQuiet) }
  }

  /// Types of the ICMP errors that reached the client.
  var errors: [UInt8] {
    log.all.filter { $0.packet.destination == client && $0.packet.header == nil }.map {
      let octets = $0.packet.octets
      return octets[octets[0] >> 4 == 6 ? 40 : 20]
    }
  }
}

@Suite struct RouterTests {
  @Test(
    "Two routers carry a connection, each hop once, and the time to live shrinks by two",
    arguments: [false, true])
  func chain(_ overIPv6: Bool) throws {
    let chain = try Chain()
    try chain.transfer(overIPv6: overIPv6)
    let place = overIPv6 ? 7 : 8
    let last = chain.log.all.filter { $0.packet.destination == chain.server }
    #expect(last.allSatisfy { $0.packet.octets[place] == 62 })
    #expect(chain.log.all.count % 3 == 0)
    let forwarded = chain.world.counts(chain.near).forwarded
    #expect(forwarded == chain.world.packets)
    #expect(forwarded == chain.world.counts(chain.far).forwarded)
    #expect(chain.world[chain.server].stack.counters.drops == 0)
  }

  @Test("RFC 1812 §5.3.1 what has gone too far is answered with time exceeded", arguments: [false, true])
  func timeExceeded(_ overIPv6: Bool) throws {
    var configuration = StackConfiguration()
    configuration.hopLimit = 2
    configuration.tcp.synRetries = 1
    let chain = try Chain(client: configuration)
    var plan = ApplicationPlan()
    plan.patience = .seconds(5)
    try chain.world.connect(chain.client, to: chain.server, port: 80, overIPv6: overIPv6, plan)
    #expect(chain.world.runUntilIdle(steps: 1_000))
    #expect(chain.world.counts(chain.far).expired == 2)
    #expect(chain.errors == (overIPv6 ? [3, 3] : [11, 11]))
    #expect(chain.world[chain.client].stack.counters.drops(.badICMPChecksum) == 0)
    #expect(chain.world[chain.client].applications[0].outcome != .completed)
  }

  @Test("RFC 1812 §5.2.7.1 what nobody has is answered with unreachable: the network, or the host")
  func unreachable() throws {
    for (octet, code) in [(UInt8(99), UInt8(0)), (2, 1)] {
      let chain = try Chain()
      let nobody = IPAddress.v4(IPv4Address(10, 0, octet, 77))
      try chain.world[chain.client].connect(
        to: Endpoint(address: nobody, port: 80), ApplicationPlan(), now: chain.world.now)
      chain.world.settle(chain.client)
      #expect(chain.world.runUntilIdle(steps: 1_000))
      // RFC 1122 §4.2.3.9: a soft error, so that the SYN comes again.
      #expect(chain.world.counts(chain.near).unreachable == 8)
      #expect(chain.errors == [UInt8](repeating: 3, count: 8))
      #expect(chain.log.all.last?.packet.octets[21] == code)
      #expect(chain.world[chain.client].applications[0].outcome == .ended(.timedOut))
    }
  }

  @Test("RFC 1191 §3 a smaller link between routers is found", arguments: [false, true])
  func pathMTU(_ overIPv6: Bool) throws {
    let chain = try Chain(mtu: 1_280)
    try chain.transfer(overIPv6: overIPv6)
    #expect(Set(chain.errors) == (overIPv6 ? [2] : [3]))
    #expect(chain.world.counts(chain.middle).forth.tooBig > 0)
    #expect(chain.world.counts(chain.middle).forth.tooBig <= 12)
  }

  @Test("A router that is off loses everything, and what it forgets harms nothing")
  func powerCut() throws {
    let chain = try Chain()
    chain.world.schedule(.setRunning(chain.near, false), after: .milliseconds(30))
    chain.world.schedule(.setRunning(chain.near, true), after: .seconds(8))
    try chain.transfer()
    #expect(chain.world.now.nanoseconds - 1_000_000_000_000 > 8_000_000_000)
  }

  @Test("A router may tell of a cut, and a connection takes no harm (RFC 9293 MUST-56)")
  func tellsOfCut() throws {
    let chain = try Chain()
    var conditions = RouterConditions()
    conditions.tellsOfCuts = true
    chain.world.setConditions(chain.near, conditions)
    chain.world.schedule(.setUp(chain.middle, forth: false, back: false), after: .milliseconds(30))
    chain.world.schedule(.heal, after: .seconds(5))
    try chain.transfer()
    #expect(!chain.errors.isEmpty)
    #expect(Set(chain.errors) == [3])
  }

  @Test("RFC 1812 §4.3.2.8 a router may say less often what it says")
  func errorInterval() throws {
    let chain = try Chain()
    var conditions = RouterConditions()
    conditions.errorInterval = .seconds(1_000)
    chain.world.setConditions(chain.near, conditions)
    let nobody = Endpoint(address: .v4(IPv4Address(10, 0, 99, 1)), port: 80)
    for _ in 0..<5 {
      try chain.world[chain.client].connect(to: nobody, ApplicationPlan(), now: chain.world.now)
    }
    chain.world.settle(chain.client)
    #expect(chain.world.runUntilIdle(steps: 1_000))
    #expect(chain.world.counts(chain.near).errors == 1)
    #expect(chain.world.counts(chain.near).unreachable > 5)
  }
}
