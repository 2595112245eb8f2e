public import MartletSimulator
public import MartletStack
public import MartletTCP
import MartletWire
public import Testing

/// Which end of a `Pair`.
public enum PairEnd: Int, Sendable, CaseIterable {
  case client
  case server

  public var other: PairEnd { self == .client ? .server : .client }
}

/// Two real stacks on one link, for tests that need both ends to be ours.
///
///     let pair = Pair()
///     pair.connect()
///     pair.drop(2, from: .client) { $0.textCount > 0 }
///     pair.send(.client, 10_000)
///     pair.run(for: .seconds(5))
///     #expect(pair.receive(.server).octets == scriptText(0..<10_000))
///
/// The link is clean and takes 5 ms each way unless conditions say otherwise. A
/// failure shows every packet, and what became of it.
public final class Pair {
  /// The world they live in; its rules and conditions may be changed at any time.
  public let world: Simulation
  public let link: LinkID
  /// The connection of each end, by `PairEnd.rawValue`.
  public private(set) var connections: [ConnectionID?] = [nil, nil]
  private var sent = [0, 0]
  private let log: PairLog
  private let overIPv6: Bool

  public init(
    _ conditions: LinkConditions = LinkConditions(delay: .milliseconds(5)), back: LinkConditions? = nil,
    client: StackConfiguration = StackConfiguration(), server: StackConfiguration = StackConfiguration(),
    mtu: UInt16 = ScenarioFamily.standardMTU, overIPv6: Bool = ScenarioFamily.standard == .ipv6,
    seed: UInt64 = 1
  ) {
    world = Simulation(seed: seed)
    self.overIPv6 = overIPv6
    let first = world.addHost(client)
    let second = world.addHost(server)
    link = (try? world.join(first, second, conditions, back: back, mtu: mtu)) ?? LinkID(index: 0)
    let log = PairLog(start: world.now)
    self.log = log
    world.tap = { log.note($0) }
  }

  /// One end's host, with its stack.
  public subscript(end: PairEnd) -> Host { world.hosts[end.rawValue] }

  public var client: Host { self[.client] }
  public var server: Host { self[.server] }
  /// The world's time; an end's own clock may be another (`world.time(of:)`).
  public var now: Instant { world.now }

  // MARK: Calls

  /// The server listens, the client connects, and both are established.
  public func connect(
    port: UInt16 = 80, _ options: ConnectionOptions? = nil, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let listener = attempt("listen", sourceLocation) { () throws(ListenError) in
      try server.stack.listen(on: LocalEndpoint(port: port))
    }
    guard let listener else { return }
    attempt("connect", sourceLocation) { () throws(ConnectError) in
      connections[0] = try client.stack.connect(
        to: Endpoint(address: server.addresses[overIPv6 ? 1 : 0], port: port), options, now: time(of: .client)
      )
      settle()
      for _ in 0..<100_000 where connections[1] == nil && world.step() {
        connections[1] = try? server.stack.accept(listener)
      }
      settle()
    }
    if connections[1] == nil { fail("nobody could be accepted", sourceLocation) }
  }

  /// Hands text to one end's connection; all of it must be taken.
  public func send(_ end: PairEnd, _ text: ScriptText, sourceLocation: SourceLocation = #_sourceLocation) {
    let octets = text.octets(from: sent[end.rawValue])
    guard let id = connection(end, "send", sourceLocation) else { return }
    attempt("send", sourceLocation) { () throws(SendError) in
      let count = try self[end].stack.send(id, octets.span.bytes, now: time(of: end))
      sent[end.rawValue] += count
      if count < octets.count { fail("only \(count) of \(octets.count) octets were taken", sourceLocation) }
    }
  }

  /// Everything that has come to one end.
  public func receive(_ end: PairEnd, sourceLocation: SourceLocation = #_sourceLocation) -> ScenarioReceived {
    var received = ScenarioReceived(octets: [], error: nil, isEndOfStream: false)
    guard let id = connection(end, "receive", sourceLocation) else { return received }
    var piece = [UInt8](repeating: 0, count: 65_536)
    while received.error == nil, !received.isEndOfStream {
      do throws(ReceiveError) {
        var elements = piece.mutableSpan
        var out = elements.mutableBytes
        let count = try self[end].stack.receive(id, into: &out, now: time(of: end))
        received.isEndOfStream = count == 0
        received.octets += piece.prefix(count)
      } catch {
        received.error = error
      }
    }
    settle(sourceLocation: sourceLocation)
    return received
  }

  public func shutdown(
    _ end: PairEnd, _ half: Half = .send, sourceLocation: SourceLocation = #_sourceLocation
  ) {
    guard let id = connection(end, "shutdown", sourceLocation) else { return }
    attempt("shutdown", sourceLocation) { () throws(ShutdownError) in
      try self[end].stack.shutdown(id, half, now: time(of: end))
    }
  }

  public func close(_ end: PairEnd, sourceLocation: SourceLocation = #_sourceLocation) {
    guard let id = connection(end, "close", sourceLocation) else { return }
    attempt("close", sourceLocation) { () throws(HandleError) in
      try self[end].stack.close(id, now: time(of: end))
    }
    connections[end.rawValue] = nil
  }

  public func abort(_ end: PairEnd, sourceLocation: SourceLocation = #_sourceLocation) {
    guard let id = connection(end, "abort", sourceLocation) else { return }
    attempt("abort", sourceLocation) { () throws(HandleError) in
      try self[end].stack.abort(id, now: time(of: end))
    }
    connections[end.rawValue] = nil
  }

  /// The state of one end's connection; CLOSED when it has none.
  public func state(_ end: PairEnd) -> TCPState {
    status(end)?.state ?? .closed
  }

  public func status(_ end: PairEnd) -> ConnectionStatus? {
    guard let id = connections[end.rawValue] else { return nil }
    return try? self[end].stack.status(id, now: time(of: end)).tcp
  }

  // MARK: Packets

  /// Drops the n-th packet from one end that matches.
  public func drop(
    _ n: Int, from end: PairEnd, where matches: @escaping (TransitPacket) -> Bool = { _ in true }
  ) {
    rule(.drop, n, from: end, where: matches)
  }

  /// Does something else with it: `.delay`, `.duplicate`, `.edit`.
  public func rule(
    _ action: PacketRule.Action, _ n: Int, from end: PairEnd,
    where matches: @escaping (TransitPacket) -> Bool = { _ in true }
  ) {
    let source = HostID(index: end.rawValue)
    world.rules.append(PacketRule(action, which: n...n) { $0.source == source && matches($0) })
  }

  /// The same with a rule that is a value:
  ///
  ///     pair.add(PacketHook(.drop, 3, of: PacketPattern(from: pair.client.id.node, with: .fin)))
  public func add(_ hook: PacketHook) { world.add(hook) }

  /// Cuts the link, or mends it. What is on its way arrives.
  public func setLinkUp(_ isUp: Bool) { world.setUp(link, isUp) }

  /// Cuts one end's power: its stack is gone, with its listener, and the other end is not told.
  public func crash(_ end: PairEnd) {
    world.crash(HostID(index: end.rawValue))
    connections[end.rawValue] = nil
  }

  /// Starts it again. It knows of no connection, and nobody listens.
  public func restart(_ end: PairEnd, sourceLocation: SourceLocation = #_sourceLocation) {
    world.restart(HostID(index: end.rawValue))
    settle(sourceLocation: sourceLocation)
  }

  /// Every packet so far and what became of it, a line each.
  public var transcript: String { log.text }

  /// Every packet so far.
  public var observations: [Observation] { log.observations }

  // MARK: Time

  /// Lets both ends do what they can now; needed after calls on their stacks.
  public func settle(sourceLocation: SourceLocation = #_sourceLocation) {
    world.settle(HostID(index: 0))
    world.settle(HostID(index: 1))
    checkViolation(sourceLocation)
  }

  public func run(for amount: TimeAmount, sourceLocation: SourceLocation = #_sourceLocation) {
    world.run(for: amount)
    checkViolation(sourceLocation)
  }

  /// Runs until nothing is left to happen.
  public func runUntilIdle(sourceLocation: SourceLocation = #_sourceLocation) {
    if !world.runUntilIdle(steps: 1_000_000), world.violation == nil { fail("it never ends", sourceLocation) }
    checkViolation(sourceLocation)
  }

  /// Nothing is left on either end but the listener.
  public func expectQuiet(sourceLocation: SourceLocation = #_sourceLocation) {
    for end in PairEnd.allCases where !self[end].stack.held.isQuiet {
      fail("the \(end) holds \(self[end].stack.held)", sourceLocation)
    }
  }

  private func time(of end: PairEnd) -> Instant { world.time(of: HostID(index: end.rawValue)) }

  // MARK: Failing

  private func connection(_ end: PairEnd, _ name: String, _ sourceLocation: SourceLocation) -> ConnectionID? {
    if connections[end.rawValue] == nil { fail("\(name) failed: there is no connection", sourceLocation) }
    return connections[end.rawValue]
  }

  @discardableResult
  private func attempt<Value, Failure>(
    _ name: String, _ sourceLocation: SourceLocation, _ body: () throws(Failure) -> Value
  ) -> Value? {
    defer { settle(sourceLocation: sourceLocation) }
    do throws(Failure) {
      return try body()
    } catch {
      fail("\(name) failed: \(error)", sourceLocation)
      return nil
    }
  }

  private func checkViolation(_ sourceLocation: SourceLocation) {
    guard let violation = world.violation else { return }
    fail(
      "an invariant is broken at the \(violation.host.index == 0 ? "client" : "server"): \(violation.text)",
      sourceLocation)
  }

  private func fail(_ message: String, _ sourceLocation: SourceLocation) {
    Issue.record("\(message)\npackets:\(log.text)", sourceLocation: sourceLocation)
  }
}

/// What the tap was told.
final class PairLog {
  private(set) var observations: [Observation] = []
  private let start: Instant

  init(start: Instant) {
    self.start = start
  }

  func note(_ observation: Observation) {
    observations.append(observation)
  }

  var text: String {
    observations.suffix(200).map { line($0) }.joined()
  }

  private func line(_ observation: Observation) -> String {
    let packet = observation.packet
    let direction = packet.source.index == 0 ? "client >" : "server >"
    let fate = observation.fate == .delivered ? "" : " [\(observation.fate)]"
    let time = packet.time.since(start).seconds
    return "\n    \(time) \(direction) \(packetText(packet.octets.span.bytes))\(fate)"
  }
}
