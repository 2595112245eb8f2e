import MartletSimulator
import MartletStack
import MartletTCP
import MartletTrace
import Testing

/// Whose the records of a flight recorder are, though records of three kinds hold a flow during its life.
@Suite struct RecordedFlowTests {
  private static let count = 4

  /// Several connections at once, from their opening to the end of TIME-WAIT: what both recorders say.
  private func records(overIPv6: Bool, cookies: SynCookiePolicy) throws -> [[FlightRecorder.Record]] {
    let world = Simulation(seed: 7)
    var configuration = StackConfiguration()
    configuration.recorderCapacity = 10_000
    let hosts = [world.addHost(configuration), world.addHost(configuration)]
    try world.join(hosts[0], hosts[1], LinkConditions())
    let client = try #require(world.address(of: hosts[0], from: hosts[1], overIPv6: overIPv6))
    let server = try #require(world.address(of: hosts[1], from: hosts[0], overIPv6: overIPv6))
    var listening = ListenerOptions()
    listening.synCookies = cookies
    for n in 0..<UInt16(Self.count) {
      let ends = (Endpoint(address: client, port: 40_000 + n), Endpoint(address: server, port: 80 + n))
      world[hosts[1]].programs.append(
        HostProgram(
          [.listen, .accept, .receive(100), .receiveEnd, .close], port: ends.1.port, peer: ends.0,
          listening: listening))
      world[hosts[0]].programs.append(
        HostProgram(
          [.connect, .awaitConnected, .send(100), .close], port: ends.0.port, peer: ends.1,
          listening: listening))
    }
    for host in hosts.reversed() { world.settle(host) }
    world.run(until: world.now.advanced(by: .seconds(200)))
    return hosts.map { host in
      (0..<world[host].stack.recordsWritten).compactMap { world[host].stack.record($0) }
    }
  }

  @Test(
    "S7.3 each record of a connection is known to be its own, from the SYN to the end of TIME-WAIT",
    arguments: [false, true], [SynCookiePolicy.off, .always])
  func wholeLives(overIPv6: Bool, cookies: SynCookiePolicy) throws {
    for (side, records) in try records(overIPv6: overIPv6, cookies: cookies).enumerated() {
      var names = FlowNames()
      var states: [UInt16: TCPState] = [:]
      for record in records {
        let flow = names.take(record)
        if record.rule.isName { continue }
        let port = try #require(flow, "\(record)").local.port
        #expect(flow?.remote.port == (side == 0 ? port - 39_920 : port + 39_920))
        guard let change = KnownTransition(record, of: .left) else { continue }
        let before = states[port] ?? (side == 0 ? .closed : .listen)
        #expect(change.old == before, "side \(side), \(port): \(change)")
        states[port] = change.new
      }
      #expect(states.count == Self.count)
      #expect(states.values.allSatisfy { $0 == .closed }, "\(states)")
    }
  }

  @Test("A name that was overwritten before anybody read it is unknown, and never another's")
  func overwritten() throws {
    let all = try records(overIPv6: true, cookies: .off)[1]
    for first in all.indices {
      var (whole, late) = (FlowNames(), FlowNames())
      for (index, record) in all.enumerated() {
        let flow = whole.take(record)
        guard index >= first, let heard = late.take(record), !record.rule.isName else { continue }
        #expect(heard == flow)
      }
    }
  }
}
