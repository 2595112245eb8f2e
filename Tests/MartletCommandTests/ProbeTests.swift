import Martlet
import MartletCommand
import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A probing application on a stack of its own, and routers and hosts at the other end of its wire.
private final class Scene<App: ProbingApplication & ~Copyable> {
  var stack: NetworkStack
  var far: NetworkStack
  var app: App
  let near: InterfaceID
  let wire: InterfaceID
  var now = Instant(nanoseconds: 1_000_000_000)
  var text = ""
  /// The far side answers no packet with this hop limit or less: routers that say nothing.
  var swallows: UInt8 = 0
  var isDeaf = false

  init(_ app: consuming App) throws {
    var stack = NetworkStack(seed: StackSeed(1))
    var far = NetworkStack(seed: StackSeed(2))
    var app = app
    near = try stack.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix("10.7.0.1/24")!, IPPrefix("fd00:7::1/64")!]))
    wire = try far.addInterface(
      InterfaceConfiguration(addresses: [IPPrefix("10.7.0.2/24")!, IPPrefix("fd00:7::2/64")!]))
    try stack.addRoute(Route(prefix: IPPrefix("0.0.0.0/0")!, interface: near, gateway: nil))
    app.start(stack: &stack, now: now)
    self.app = app
    self.stack = stack
    self.far = far
  }

  /// Lets time pass until it is over, or so much has; the wire takes a millisecond each way.
  func run(atMost limit: TimeAmount = .seconds(200)) {
    let end = now.advanced(by: limit)
    var rounds = 0
    while !app.isOver, now < end, rounds < 10_000 {
      rounds += 1
      text += app.takeText()
      now = now.advanced(by: .milliseconds(1))
      let out = Self.pull(from: &stack, on: near, now)
      if !isDeaf { for packet in out where hops(packet) > swallows { receive(packet) } }
      now = now.advanced(by: .milliseconds(1))
      for packet in Self.pull(from: &far, on: wire, now) {
        stack.receive(packet.span.bytes, on: near, now: now)
      }
      while let event = stack.nextEvent() { app.event(event, stack: &stack, now: now) }
      if let deadline = app.nextDeadline, deadline <= now { app.deadlineReached(stack: &stack, now: now) }
      if out.isEmpty, let deadline = app.nextDeadline, deadline > now, !stack.hasOutput(on: near) {
        now = min(deadline, end)
        app.deadlineReached(stack: &stack, now: now)
      }
    }
    text += app.takeText() + app.farewell(now: now)
  }

  private func receive(_ packet: [UInt8]) {
    far.receive(packet.span.bytes, on: wire, now: now)
  }

  private func hops(_ packet: [UInt8]) -> UInt8 { packet[0] >> 4 == 4 ? packet[8] : packet[7] }

  private static func pull(
    from: inout NetworkStack, on interface: InterfaceID, _ now: Instant
  ) -> [[UInt8]] {
    var all: [[UInt8]] = []
    var buffer = [UInt8](repeating: 0, count: 2_000)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = from.nextPacket(on: interface, into: &raw, now: now) else { return all }
      all.append(Array(buffer.prefix(out.count)))
    }
  }
}

@Suite("ping and traceroute")
struct ProbeTests {
  private func ping(_ address: String, _ count: UInt64, _ change: (inout PingPlan) -> Void = { _ in }) throws
    -> PingApplication
  {
    var plan = PingPlan(to: try #require(IPAddress(address)))
    plan.count = count
    change(&plan)
    return PingApplication(plan)
  }

  @Test("Each answer has its line, and the end its sums")
  func answers() throws {
    let scene = try Scene(ping("10.7.0.2", 3))
    scene.run()
    let lines = scene.text.split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0] == "PING 10.7.0.2 (10.7.0.2) 56(84) bytes of data.")
    #expect(lines[1] == "64 bytes from 10.7.0.2: icmp_seq=1 ttl=64 time=2.00 ms")
    #expect(lines[3] == "64 bytes from 10.7.0.2: icmp_seq=3 ttl=64 time=2.00 ms")
    #expect(lines[5] == "--- 10.7.0.2 ping statistics ---")
    #expect(lines[6] == "3 packets transmitted, 3 received, 0% packet loss, time 2002ms")
    #expect(lines[7] == "rtt min/avg/max/mdev = 2.000/2.000/2.000/0.000 ms")
    let outcome = scene.app.outcome
    #expect(outcome == .reached)
  }

  @Test("Large echoes come back in fragments, octet for octet")
  func large() throws {
    let scene = try Scene(ping("fd00:7::2", 2) { $0.size = 60_000 })
    scene.run()
    #expect(scene.text.contains("60008 bytes from fd00:7::2: icmp_seq=2 ttl=64"))
    let tally = scene.app.tally
    #expect(tally.received == 2 && tally.corrupted == 0)
  }

  @Test("Nobody answers: the last one is waited for, and the outcome says so")
  func silence() throws {
    let scene = try Scene(ping("10.7.0.2", 2) { $0.timeout = .seconds(3) })
    scene.isDeaf = true
    let start = scene.now
    scene.run()
    #expect(scene.text.hasSuffix("2 packets transmitted, 0 received, 100% packet loss, time 4000ms\n"))
    let (outcome, waited) = (scene.app.outcome, scene.now.since(start))
    #expect(outcome == .silent && waited == .seconds(4))
  }

  @Test("An address of another family cannot be pinged")
  func noRoute() throws {
    var plan = PingPlan(to: try #require(IPAddress("2001:db8::1")))
    plan.count = 1
    let scene = try Scene(PingApplication(plan))
    let (isOver, outcome) = (scene.app.isOver, scene.app.outcome)
    #expect(isOver && outcome == .failed(noWay(to: plan.destination)))
  }

  @Test("Sums: loss, duplicates, errors, deviation")
  func tally() {
    var tally = PingTally()
    tally.sent = 3
    tally.add(.milliseconds(1))
    tally.add(.milliseconds(3))
    tally.duplicates = 1
    tally.errors = 1
    #expect(
      tally.text(to: "h", after: .seconds(2)) == """

        --- h ping statistics ---
        3 packets transmitted, 2 received, +1 duplicates, +1 errors, 33.3% packet loss, time 2000ms
        rtt min/avg/max/mdev = 1.000/2.000/3.000/1.000 ms

        """)
    #expect(TimeAmount.nanoseconds(45_678).shortMillisecondsText == "0.046")
    #expect(TimeAmount.nanoseconds(12_345_678).shortMillisecondsText == "12.3")
    #expect(TimeAmount.nanoseconds(123_456_789).shortMillisecondsText == "123")
  }

  @Test("A traceroute ends at the host that has no such port; who is silent has stars")
  func traceroute() throws {
    var plan = TraceroutePlan(to: try #require(IPAddress("10.7.0.2")))
    plan.timeout = .seconds(1)
    let scene = try Scene(TracerouteApplication(plan))
    scene.swallows = 2
    scene.run()
    #expect(
      scene.text == """
        traceroute to 10.7.0.2 (10.7.0.2), 30 hops max, 60 byte packets
         1  * * *
         2  * * *
         3  10.7.0.2 (10.7.0.2)  2.000 ms  2.000 ms  2.000 ms

        """)
    let outcome = scene.app.outcome
    #expect(outcome == .reached)
  }

  @Test("A traceroute goes no further than it may")
  func maxHops() throws {
    var plan = TraceroutePlan(to: try #require(IPAddress("10.7.0.2")))
    (plan.firstHop, plan.maxHops, plan.queries, plan.timeout) = (2, 3, 1, .seconds(1))
    let scene = try Scene(TracerouteApplication(plan))
    scene.isDeaf = true
    scene.run()
    #expect(scene.text.hasSuffix(" 2  *\n 3  *\n"))
    let outcome = scene.app.outcome
    #expect(outcome == .silent)
    #expect(plan.lastPort == 33_435)
  }

  @Test("A hop's line: marks, stars, and each address once")
  func hopLine() throws {
    let (a, b) = (try #require(IPAddress("10.0.0.1")), try #require(IPAddress("10.0.0.2")))
    let replies: [HopReply?] = [
      HopReply(from: a, time: .microseconds(123), error: .timeExceeded), nil,
      HopReply(from: a, time: .milliseconds(2), error: .hostUnreachable),
      HopReply(from: b, time: .milliseconds(3), error: .administrativelyProhibited),
    ]
    #expect(
      HopReply.line(12, replies, to: b)
        == "12  10.0.0.1 (10.0.0.1)  0.123 ms *  2.000 ms !H 10.0.0.2 (10.0.0.2)  3.000 ms !X\n")
  }

  @Test("Times as they are typed: seconds where nothing else is said")
  func times() throws {
    #expect(try TimeAmount(seconds: "0.2") == .milliseconds(200))
    #expect(try TimeAmount(seconds: "50ms") == .milliseconds(50))
    #expect(throws: SpecificationError.self) { try TimeAmount(seconds: "") }
    #expect(throws: SpecificationError.self) { try TimeAmount(seconds: "-1") }
  }
}
