import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("TIME-WAIT of both families")
struct TimeWaitFamilyTests {
  private let host: Host
  private let listener: ListenerID

  init() throws {
    host = try Host(2) { $0.timeWaitLimit = 4 }
    listener = try host.stack.listen(on: LocalEndpoint(port: 80))
  }

  /// A connection that we close first.
  private func pass(_ n: Int, isIPv4: Bool) throws -> RawPeer {
    var peer = RawPeer(n, to: isIPv4 ? host.endpoint(80) : host.endpoint6(80))
    #expect(try peer.connect(to: host))
    let connection = try host.stack.accept(listener)
    try host.stack.close(connection, now: host.now)
    try peer.look(host)
    host.inject(peer.segment([.fin, .ack]))
    _ = host.pull()
    return peer
  }

  private var waiting: Set<UInt16> {
    var ports: Set<UInt16> = []
    host.stack.forEachFlow(now: host.now) { if $0.state == .timeWait { ports.insert($0.remote.port) } }
    return ports
  }

  @Test("E9 at the cap the oldest goes, whichever family it is of", arguments: [true, false])
  func oldest(startsWithIPv4: Bool) throws {
    var ports: [UInt16] = []
    // Four of one family, three of the other, then in turns.
    for n in 0..<14 {
      let isIPv4 = n < 4 ? startsWithIPv4 : n < 7 ? !startsWithIPv4 : n % 2 == 0
      ports.append(try pass(n, isIPv4: isIPv4).own.port)
      #expect(waiting == Set(ports.suffix(4)), "after \(n)")
      host.advance(by: .seconds(1))
    }
    #expect(host.stack.counters.timeWaitsEvicted == 10)
  }

  @Test("E9 S4.7 a record that begins anew is the youngest again", arguments: [true, false])
  func restarted(isIPv4: Bool) throws {
    var peers: [RawPeer] = []
    for n in 0..<4 {
      peers.append(try pass(n, isIPv4: isIPv4))
      host.advance(by: .seconds(1))
    }
    // The first repeats its FIN.
    host.inject(peers[0].segment([.fin, .ack]))
    _ = host.pull()
    host.advance(by: .seconds(1))
    peers.append(try pass(4, isIPv4: isIPv4))
    let left = Set([0, 2, 3, 4].map { peers[$0].own.port })
    #expect(waiting == left)
  }
}
