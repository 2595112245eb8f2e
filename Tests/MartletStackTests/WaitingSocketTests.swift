import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Sockets for whose datagrams there was no room, and who are told when there is.
@Suite("Sockets that wait for room")
struct WaitingSocketTests {
  private let peer = Endpoint(address: v4(10, 0, 0, 9), port: 9)
  private let text = Packet(repeating: 1, count: 900)

  /// How many datagrams the queue takes before it refuses one.
  private func fill(_ host: Host, _ socket: UDPSocketID) -> Int {
    var count = 0
    while count < 1_000, (try? host.stack.send(socket, text.span.bytes, to: peer, now: host.now)) != nil {
      count += 1
    }
    host.check()
    return count
  }

  private func pullOne(_ host: Host) {
    var buffer = Packet(repeating: 0, count: 1_500)
    var span = buffer.mutableSpan
    var raw = span.mutableBytes
    #expect(host.stack.nextPacket(on: host.interface, into: &raw, now: host.now) != nil)
    host.check()
  }

  @Test("After a refusal a socket is not writable, and an event tells when half of the queue is free")
  func room() throws {
    let host = try Host(2) { $0.datagramQueueLimit = 10_000 }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    let idle = try host.stack.openDatagram(on: LocalEndpoint(port: 54))
    let echo = try host.stack.openEcho(to: peer.address)
    func level() throws -> Readiness { try host.stack.readiness(socket) }
    #expect(try level() == .writable)
    #expect(fill(host, socket) == 10)
    #expect(try level() == [])
    #expect(throws: DatagramError.wouldBlock) {
      try host.stack.sendEcho(echo, sequence: 1, text.span.bytes, now: host.now)
    }
    host.check()
    let (others, echoes) = (try host.stack.readiness(idle), try host.stack.readiness(echo))
    #expect(others == .writable && echoes == [])
    for _ in 0..<4 {
      pullOne(host)
      #expect(host.drain().isEmpty)
      #expect(try level() == [])
    }
    pullOne(host)
    #expect(host.drain() == [.datagram(socket, .writable), .echo(echo, .writable)])
    #expect(try level() == .writable)
    #expect(host.pull().count == 5 && host.drain().isEmpty)
  }

  @Test("Whoever tries again before he is told, and finds room, waits no more")
  func again() throws {
    let host = try Host(2) { $0.datagramQueueLimit = 10_000 }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    _ = fill(host, socket)
    pullOne(host)
    try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
    host.check()
    let level = try host.stack.readiness(socket)
    #expect(level == .writable)
    _ = host.pull()
    #expect(host.drain().isEmpty)
  }

  @Test("A train that found room for some of it waits for the rest; one that is closed waits no more")
  func train() throws {
    let host = try Host(2) { $0.datagramQueueLimit = 10_000 }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    let closed = try host.stack.openDatagram(on: LocalEndpoint(port: 54))
    let many = Packet(repeating: 2, count: 20_000)
    #expect(
      try host.stack.sendTrain(socket, many.span.bytes, of: 900, to: peer, now: host.now) == 9_000)
    #expect(fill(host, closed) == 0)
    try host.stack.close(closed)
    host.check()
    _ = host.pull()
    #expect(host.drain() == [.datagram(socket, .writable)])
    // What a `size` of 0 means.
    #expect(
      try host.stack.sendTrain(
        socket, Packet(repeating: 2, count: 3_000).span.bytes, of: 0, to: peer, now: host.now)
        == 3_000)
    #expect(host.pull().count == 3 && host.stack.counters.ipFragOKs == 1)
  }

  @Test("Whoever waits for an interface that is taken away is told, too")
  func interfaceGoes() throws {
    let host = try Host(2) { $0.datagramQueueLimit = 10_000 }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    _ = fill(host, socket)
    try host.stack.removeInterface(host.interface)
    host.check()
    #expect(host.drain() == [.datagram(socket, .writable)])
    #expect(throws: DatagramError.noRoute) {
      try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
    }
  }

  @Test("Where only memory was missing an event tells when there is some, and no sooner")
  func memory() throws {
    let host = try Host(2) { $0.memoryBudget = 400 << 10 }
    // One queue takes a sixteenth of the budget at most.
    let readers = try (0..<20).map { try host.stack.openDatagram(on: LocalEndpoint(port: 100 + $0)) }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    // Nobody reads what comes. A refusal has spare memory given back, so that there is some room yet, a few times over.
    var sent = 1
    for _ in 0..<20 where sent > 0 {
      for (n, count) in (0..<20).flatMap({ [($0, 1_400), ($0, 1)] }) {
        let drops = host.drops(.receiveQueueFull)
        for _ in 0..<2_000 where host.drops(.receiveQueueFull) == drops {
          let to = host.endpoint(100 + UInt16(n))
          host.inject(udp(from: peer, to: to, Packet(repeating: 3, count: count)))
        }
      }
      sent = fill(host, socket)
      _ = host.pull()
    }
    #expect(sent == 0)
    let level = try host.stack.readiness(socket)
    #expect(level == [])
    #expect(!host.drain().contains(.datagram(socket, .writable)))
    while (try? host.receive(readers[0])) != nil {}
    #expect(host.drain().contains(.datagram(socket, .writable)))
    try host.stack.send(socket, text.span.bytes, to: peer, now: host.now)
    #expect(host.pull().count == 1)
  }
}
