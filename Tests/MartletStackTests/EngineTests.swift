import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("The engine")
struct EngineTests {
  static var peer: Endpoint { Endpoint(address: near(9), port: 1_000) }

  /// A connection that the test's own segments opened, with the peer's next sequence number 101.
  private func established(_ host: Host) throws -> (ConnectionID, ack: UInt32) {
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let synAck = try #require(
      try host.answers(to: tcp(from: Self.peer, to: host.endpoint(80), seq: 100, .syn)).first)
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 101, ack: synAck.seq &+ 1, .ack))
    return (try host.stack.accept(listener), synAck.seq &+ 1)
  }

  @Test("An interface tells its MTU, and one that is not there is an error")
  func mtu() throws {
    let host = try Host(2)
    #expect(try host.stack.mtu(of: host.interface) == 1_500)
    try host.stack.removeInterface(host.interface)
    #expect(throws: InterfaceError.noSuchInterface) { try host.stack.mtu(of: host.interface) }
  }

  @Test("Duplicate acknowledgments do not merge, even when they are pulled at the end of a batch")
  func duplicateAcks() throws {
    let host = try Host(2)
    let (_, ack) = try established(host)
    _ = host.pull()
    for hole in 1...4 {
      host.inject(
        tcp(from: Self.peer, to: host.endpoint(80), seq: 101 + UInt32(hole) * 100, ack: ack, .ack, text: [1]))
    }
    let answers = try host.pullSeen()
    #expect(answers.count == 4 && answers.allSatisfy { $0.flags == .ack && $0.ack == 101 })
  }

  @Test(
    "S5.1: an answer to a segment without a connection is the RFC's, and never answers a reset", .bothFamilies
  )
  func resets() throws {
    let host = try Host(2)
    let to = host.endpoint(9)
    let withoutAck = try host.answers(
      to: tcp(from: Self.peer, to: to, seq: 1_000, [.syn, .fin], text: [1, 2]))
    #expect(withoutAck.map(\.flags) == [[.rst, .ack]])
    #expect(withoutAck[0].seq == 0 && withoutAck[0].ack == 1_004)
    let withAck = try host.answers(
      to: tcp(from: Self.peer, to: to, seq: 1_000, ack: 77, [.ack, .psh], text: [1]))
    #expect(withAck.map(\.flags) == [.rst] && withAck[0].seq == 77)
    #expect(try host.answers(to: tcp(from: Self.peer, to: to, seq: 1_000, .rst)).isEmpty)
    #expect(try host.answers(to: tcp(from: Self.peer, to: to, seq: 1_000, ack: 1, [.rst, .ack])).isEmpty)
    #expect(host.drops(.noConnection) == 4)
  }

  @Test("S5.1: resets have a limit, and so have replies that nobody pulls", .bothFamilies)
  func limits() throws {
    let host = try Host(2) { $0.resetsPerSecond = 8 }
    for seq in 0..<20 { host.inject(tcp(from: Self.peer, to: host.endpoint(9), seq: UInt32(seq), .syn)) }
    // Six at once are the share of one peer.
    #expect(host.pull().count == 6)
    #expect(host.drops(.resetLimited) == 14)
    let other = try Host(2) { $0.replyLimit = 5 }
    for seq in 0..<20 { other.inject(tcp(from: Self.peer, to: other.endpoint(9), seq: UInt32(seq), .syn)) }
    #expect(other.pull().count == 5)
    #expect(other.drops(.outputQueueFull) == 15)
  }

  @Test("Loss, here of every seventh segment, delays but changes nothing")
  func loss() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    var count = 0
    pair.loses = { _, _ in
      count += 1
      return count % 7 == 0
    }
    let text = Packet((0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) })
    #expect(try pair.transfer(text, from: pair.a, client, to: pair.b, server) == text)
  }

  @Test(
    "A device that cuts segments gets large ones, with what it needs to know; a joined one is taken whole")
  func largeSegments() throws {
    let pair = try Pair(offload: [.checksum, .segmentation])
    let (client, server, _) = try pair.connect()
    let text = Packet((0..<100_000).map { UInt8(truncatingIfNeeded: $0) })
    _ = try pair.a.send(client, text)
    let first = pair.a.pull()
    let large = try #require(first.max { $0.packet.count < $1.packet.count })
    #expect(large.packet.count > 10_000)
    #expect(large.metadata.segmentSize > 1_000 && large.metadata.segmentSize <= 1_460)
    #expect(large.metadata.checksum == .partial(start: 20, offset: 16))
    let tcp = Packet(large.packet.dropFirst(20))
    #expect(Int(large.metadata.headerCount) == 20 + Int(tcp[12] >> 4) * 4)
    // The field holds the pseudo-header's sum: completed, the segment verifies.
    var completed = large.packet
    var sum = InternetChecksum()
    sum.add(tcp.span.bytes)
    store(sum.field, in: &completed, at: 36)
    #expect(Seen(completed) != nil)
    for (packet, metadata) in first { pair.b.inject(packet, metadata) }
    var got = try pair.b.read(server) ?? []
    for _ in 0..<50 where got.count < text.count {
      try pair.run(for: .milliseconds(50))
      got += try pair.b.read(server) ?? []
    }
    #expect(got == text)
  }

  @Test("A snapshot and its original go the same way, and never touch each other")
  func copies() throws {
    let pair = try Pair { $0.recorderCapacity = 64 }
    let (client, server, _) = try pair.connect()
    _ = try pair.a.send(client, Packet(repeating: 9, count: 5_000))
    _ = try pair.b.send(server, [1, 2, 3])
    var copy = pair.a.stack.copy()
    #expect(copy.checkInvariants() == nil)
    var fromCopy: [Packet] = []
    var buffer = Packet(repeating: 0, count: 1_500)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = copy.nextPacket(on: pair.a.interface, into: &raw, now: pair.a.now) else { break }
      fromCopy.append(Packet(buffer.prefix(out.count)))
    }
    #expect(fromCopy.count >= 3)
    #expect(pair.a.pull().map(\.packet) == fromCopy)
    try copy.abort(client, now: pair.a.now)
    #expect(try pair.a.state(client) == .established)
    #expect(copy.checkInvariants() == nil)
    #expect(pair.a.stack.recordsWritten > 0 && pair.a.stack.record(pair.a.stack.recordsWritten - 1) != nil)
  }

  @Test("Same seed, same inputs: the same packets, byte for byte")
  func deterministic() throws {
    func run() throws -> [UInt32] {
      let pair = try Pair(seed: 42)
      let (client, server, _) = try pair.connect()
      _ = try pair.transfer(Packet(repeating: 1, count: 10_000), from: pair.a, client, to: pair.b, server)
      return pair.log.flatMap { [$0.seen.seq, $0.seen.ack, UInt32($0.seen.text.count)] }
    }
    #expect(try run() == run())
  }

  @Test(
    "A small budget is never exceeded: sends wait, arrivals are refused and come again, and all comes back")
  func budget() throws {
    let pair = try Pair {
      $0.memoryBudget = 96 << 10
      $0.chunksPerArena = 1
    }
    let (client, server, listener) = try pair.connect()
    let text = Packet((0..<300_000).map { UInt8(truncatingIfNeeded: $0 >> 3) })
    #expect(try pair.transfer(text, from: pair.a, client, to: pair.b, server) == text)
    for host in [pair.a, pair.b] { #expect(host.stack.memory.highWater <= 96 << 10) }
    try pair.a.stack.abort(client, now: pair.a.now)
    try pair.b.stack.abort(server, now: pair.b.now)
    try pair.b.stack.close(listener, now: pair.b.now)
    try pair.pump()
    _ = (pair.a.drain(), pair.b.drain())
    #expect(pair.a.stack.held.isQuiet && pair.b.stack.held.isQuiet)
  }

  @Test("A budget with room for nothing refuses everything and stops nothing")
  func noBudget() throws {
    let host = try Host(2) { $0.memoryBudget = 100 }
    #expect(throws: ListenError.budget) { try host.stack.listen(on: LocalEndpoint(port: 80)) }
    #expect(throws: ConnectError.budget) {
      try host.stack.connect(to: Endpoint(address: v4(10, 0, 0, 9), port: 80), now: host.now)
    }
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1, .syn))
    host.inject(icmp(from: Self.peer.address, to: host.address, type: 8, [1]))
    #expect(host.pull().isEmpty)
    #expect(host.drain().contains { if case .memoryPressure = $0 { true } else { false } })
  }

  @Test("T4: a clock that jumps fires each timer once")
  func clockJump() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    _ = try pair.a.send(client, [1])
    _ = pair.a.pull()
    pair.a.advance(by: .hours(1))
    #expect(pair.a.pull().count == 1)
    // The tail-loss probe; the time-out follows it.
    #expect(pair.a.stack.counters.tcp.tcpLossProbes == 1)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.retransmits == 0)
    pair.a.advance(by: .hours(1))
    #expect(pair.a.pull().count == 1)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.retransmits == 1)
    // And one that goes back is not believed.
    pair.a.now = Instant(nanoseconds: 5)
    pair.a.advance(by: .zero)
    #expect(pair.a.pull().isEmpty)
  }

  @Test("RFC 9293 §3.10.6: STATUS tells everything that it lists")
  func status() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    _ = try pair.a.send(client, Packet(repeating: 1, count: 3_000))
    _ = pair.a.pull()
    _ = try pair.b.send(server, [1, 2])
    for (packet, _) in pair.b.pull() { pair.a.inject(packet) }
    let report = try pair.a.stack.status(client, now: pair.a.now)
    #expect(report.local.address == pair.a.address && report.remote == pair.b.endpoint(80))
    #expect(report.interface == pair.a.interface && report.hopLimit == 64)
    #expect(report.tcp.state == .established)
    #expect(report.tcp.rcvWnd > 0 && report.tcp.sndWnd > 0)
    // Nagle holds the last piece back.
    #expect(report.tcp.unacked == 2_896 && report.tcp.notsentBytes == 104)
    #expect(report.tcp.unread == 2)
    #expect(report.tcp.timer == .tailProbe && report.tcp.timerIn > 0)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.urgentPending == 0)
    var block = Packet(repeating: 0, count: 10)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    #expect(try pair.a.stack.peek(client, into: &raw) == 2)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.unread == 2)
  }

  @Test("Readiness is a level, and events tell each change once")
  func readiness() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    _ = (pair.a.drain(), pair.b.drain())
    #expect(try pair.b.stack.readiness(server) == [.connected, .writable])
    _ = try pair.a.send(client, [1])
    try pair.pump()
    _ = try pair.a.send(client, [2])
    try pair.pump()
    #expect(pair.b.drain() == [.connection(server, .readable)], "two arrivals, one event")
    #expect(try pair.b.stack.readiness(server) == [.connected, .writable, .readable])
    #expect(pair.b.drain().isEmpty)
    _ = try pair.b.read(server)
    #expect(try pair.b.stack.readiness(server) == [.connected, .writable])
    // A writer that was refused is told when there is room again.
    while true {
      do throws(SendError) {
        _ = try pair.a.send(client, Packet(repeating: 0, count: 100_000))
      } catch {
        #expect(error == .wouldBlock)
        break
      }
    }
    #expect(!(try pair.a.stack.readiness(client).contains(.writable)))
    try pair.pump()
    _ = try pair.b.read(server)
    try pair.run(for: .seconds(1))
    #expect(pair.a.drain().contains(.connection(client, .writable)))
    try pair.b.stack.shutdown(server, .send, now: pair.b.now)
    try pair.pump()
    #expect(
      pair.a.drain().contains {
        if case .connection(client, let r) = $0 { r.contains(.hangUp) } else { false }
      })
  }
}
