import MartletCommand
import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("What is due, and when")
struct AgendaTests {
  private let connections: [ConnectionID]

  init() throws {
    var stack = NetworkStack(seed: StackSeed(1))
    _ = try stack.addInterface(
      InterfaceConfiguration(mtu: 1_500, addresses: [IPPrefix(.v4(IPv4Address(10, 0, 0, 2)), length: 24)]))
    var all: [ConnectionID] = []
    for _ in 0..<200 {
      let peer = Endpoint(address: .v4(IPv4Address(10, 0, 0, 9)), port: 7)
      all.append(try stack.connect(to: peer, now: Instant(nanoseconds: 1_000_000_000)))
    }
    connections = all
  }

  private func second(_ n: Int) -> Instant { Instant(nanoseconds: UInt64(n) * 1_000_000_000) }

  @Test("In the order of their times, whatever the order in which they were put down, changed and taken back")
  func order() {
    var agenda = Agenda()
    var expected: [ConnectionID: Int] = [:]
    var state: UInt64 = 9
    for round in 0..<20_000 {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      let connection = connections[Int(state >> 33) % connections.count]
      let time = Int(state >> 40) % 1_000 + round / 100
      if state >> 60 < 3 {
        agenda.remove(connection)
        expected[connection] = nil
      } else {
        agenda.set(.aborts, at: second(time), for: connection)
        expected[connection] = time
      }
      #expect(agenda.next == expected.values.min().map(second))
      guard round % 7 == 0, let earliest = expected.values.min() else { continue }
      #expect(agenda.pop(at: second(earliest - 1)) == nil)
      let popped = agenda.pop(at: second(earliest))
      #expect(popped.flatMap { expected.removeValue(forKey: $0.connection) } == earliest)
      #expect(agenda.count == expected.count)
    }
  }

  @Test("What is put down last for a connection is what holds")
  func latest() {
    var agenda = Agenda()
    agenda.set(.aborts, at: second(5), for: connections[0])
    agenda.set(.closes, at: second(9), for: connections[0])
    #expect(agenda[connections[0]] == .closes && agenda.next == second(9))
    #expect(agenda.pop(at: second(8)) == nil)
    #expect(agenda.pop(at: second(9))?.item == .closes)
    #expect(agenda.next == nil && agenda.pop(at: second(99)) == nil)
  }
}
