import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What is given up when memory is short, in its order: Documentation/Memory.md.
@Suite("Shedding")
struct SheddingTests {
  /// A host of 256 KiB with a listener, and peers that have connected to it and been accepted.
  private func crowd(
    _ count: Int, kilobytes: Int = 256, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Host, ListenerID, [RawPeer], [ConnectionID]) {
    let host = try Host(2) {
      $0.memoryBudget = kilobytes << 10
      configure(&$0)
    }
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    var peers: [RawPeer] = []
    var connections: [ConnectionID] = []
    for n in 0..<count {
      var peer = RawPeer(n, to: host.endpoint(80))
      try #require(try peer.connect(to: host))
      peers.append(peer)
      connections.append(try host.stack.accept(listener))
    }
    return (host, listener, peers, connections)
  }

  @Test("Pressure has levels, each is told once as it is reached")
  func levels() throws {
    var (host, _, peers, _) = try crowd(20)
    var told: [MemoryPressure] = []
    for n in 0..<20 {
      for _ in 0..<40 { try peers[n].send(Packet(repeating: 1, count: 500), to: host) }
      for case .memoryPressure(let level, let held, let limit) in host.drain() {
        told.append(level)
        #expect(limit == 256 << 10 && held <= limit)
      }
    }
    #expect(told.first == .growth)
    #expect(told.contains(.outOfOrder))
    #expect(host.stack.memoryPressure != .none)
    #expect(host.stack.memory.highWater <= 256 << 10)
  }

  @Test("E3 from three quarters on text behind a hole is refused before it is named in a SACK block")
  func outOfOrder() throws {
    var (host, _, peers, _) = try crowd(24)
    var n = 0
    while host.stack.memoryPressure.rawValue < MemoryPressure.outOfOrder.rawValue, n < 20 {
      for _ in 0..<12 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
      n += 1
    }
    #expect(host.stack.memoryPressure == .outOfOrder)
    let dropped = host.stack.counters.tcp.tcpOFODrop
    host.inject(peers[23].segment(.ack, Packet(repeating: 9, count: 100), at: 500))
    #expect(host.stack.counters.tcp.tcpOFODrop == dropped + 1)
    #expect(host.stack.counters.tcp.tcpOFOQueue == 0)
    // What is in order still is taken: it is what somebody waits for.
    let before = host.stack.counters.tcp.rcvQDrop
    try peers[23].send([1, 2, 3], to: host)
    #expect(host.stack.counters.tcp.rcvQDrop == before)
  }

  @Test("E9 TIME-WAIT records have a cap and the oldest goes first, also when memory is short")
  func timeWait() throws {
    let pair = try Pair { $0.timeWaitLimit = 10 }
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    var ports: [UInt16] = []
    for n in 0..<30 {
      let client = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
      try pair.pump()
      let server = try pair.b.stack.accept(listener)
      ports.append(try pair.a.stack.status(client, now: pair.a.now).local.port)
      try pair.a.stack.close(client, now: pair.a.now)
      try pair.pump()
      try pair.b.stack.close(server, now: pair.b.now)
      try pair.pump()
      #expect(pair.a.stack.held.timeWait == min(n + 1, 10))
    }
    #expect(pair.a.stack.counters.timeWaitsEvicted == 20)
    var left: [UInt16] = []
    pair.a.stack.forEachFlow(now: pair.a.now) { left.append($0.local.port) }
    #expect(left.sorted() == ports.suffix(10).sorted(), "the ten youngest are left")
    #expect(Footprint.timeWait4 <= 48 && Footprint.timeWait6 <= 72)
  }

  @Test("E9 from seven eighths on the oldest TIME-WAIT records make room")
  func timeWaitUnderPressure() throws {
    var (host, _, peers, connections) = try crowd(40, kilobytes: 512)
    for n in 0..<8 {
      // The server closes first: TIME-WAIT is here.
      try host.stack.close(connections[n], now: host.now)
      try peers[n].look(host)
      host.inject(peers[n].segment([.ack, .fin]))
      try peers[n].look(host)
    }
    #expect(host.stack.held.timeWait == 8)
    for n in 8..<40 where host.stack.held.timeWait > 0 {
      for _ in 0..<40 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    #expect(host.stack.held.timeWait == 0 && host.stack.counters.timeWaitsEvicted == 8)
    #expect(host.stack.memory.highWater <= 512 << 10)
  }

  @Test(
    "E5 when memory is refused, the connection whose peer has kept its window shut for longest goes first")
  func longestStalled() throws {
    var (host, _, peers, connections) = try crowd(60)
    // One after the other shuts its window while text waits for it.
    for n in 0..<20 {
      peers[n].window = 0
      host.inject(peers[n].segment(.ack))
      if (try? host.send(connections[n], Packet(repeating: 7, count: 8_192))) == nil { break }
      _ = host.pull()
      host.advance(by: .milliseconds(100))
    }
    host.advance(by: .seconds(2))
    _ = host.pull()
    _ = host.drain()
    // Somebody else wants memory until there is none.
    var ended: [ConnectionID] = []
    for _ in 0..<10 where ended.isEmpty {
      for n in 20..<60 { _ = try? host.send(connections[n], Packet(repeating: 7, count: 4_096)) }
      for case .connection(let id, let news) in host.drain() where news.contains(.ended) { ended.append(id) }
    }
    #expect(ended.first == connections[0], "the first that stalled is the first to go")
    #expect(try host.stack.takeError(connections[0]) == .ended(.evicted))
    #expect(host.stack.counters.tcpAbortOnMemory >= 1)
    #expect(host.stack.memory.highWater <= 256 << 10)
    // It is told, and its handle waits to be closed.
    try peers[0].look(host)
    #expect(peers[0].wasReset)
  }

  /// 60 peers whose text nobody reads, until no connection may be added.
  private func crowdWithoutRoom() throws -> (Host, ListenerID) {
    var (host, listener, peers, _) = try crowd(60)
    for n in 0..<60 where host.stack.memoryPressure != .connections {
      for _ in 0..<8 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    try #require(host.stack.memoryPressure == .connections)
    return (host, listener)
  }

  @Test(
    "Who finds no memory, and nobody yet who could make room, is not answered, and served when he asks again")
  func asksAgain() throws {
    let (host, listener) = try crowdWithoutRoom()
    var newcomer = RawPeer(100, to: host.endpoint(80))
    #expect(try newcomer.connect(to: host) == false)
    #expect(!newcomer.wasReset && newcomer.seen == 0, "as if the SYN had been lost")
    #expect(host.stack.counters.connectionsRefused == 1 && host.stack.counters.drops(.noMemory) == 1)
    // Nobody reads what the others have sent: after a while they are the ones to go.
    host.advance(by: .seconds(2))
    #expect(try newcomer.connect(to: host), "room is made for the one who asks, not for the next")
    #expect(host.stack.counters.tcpAbortOnMemory > 0 && host.stack.counters.connectionsRefused == 1)
    let served = try host.stack.accept(listener)
    try newcomer.send([1, 2, 3], to: host)
    #expect(try host.read(served) == [1, 2, 3])
  }

  @Test("Who finds no memory at his third segment keeps his half-open record, and is served by the next one")
  func thirdSegmentComesAgain() throws {
    var (host, listener, peers, _) = try crowd(60)
    var newcomer = RawPeer(100, to: host.endpoint(80))
    for n in 0..<60 where host.stack.memoryPressure != .connections {
      // When it is nearly over with the room, somebody else begins.
      if newcomer.seen == 0, host.stack.memoryPressure.rawValue >= MemoryPressure.outOfOrder.rawValue {
        host.advance(by: .milliseconds(600))
        host.inject(newcomer.segment(.syn))
        try newcomer.look(host)
        newcomer.next += 1
      }
      for _ in 0..<8 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    try #require(newcomer.seen != 0 && host.stack.memoryPressure == .connections)
    try newcomer.send([1, 2, 3], to: host)
    #expect(!newcomer.wasReset && host.stack.counters.connectionsRefused == 1)
    #expect(host.stack.held.halfOpen == 1)
    // Those who came first can be judged now, and the record is not yet one that may go.
    host.advance(by: .milliseconds(600))
    newcomer.next -= 3
    try newcomer.send([1, 2, 3], to: host)
    #expect(!newcomer.wasReset && host.stack.held.halfOpen == 0)
    #expect(try host.read(try host.stack.accept(listener)) == [1, 2, 3])
  }

  @Test(
    "S3.2 what a listener drops for want of memory is in listenDrops, be it a SYN or a third segment",
    .bothFamilies)
  func dropsAreCounted() throws {
    var (host, _, peers, _) = try crowd(60)
    var late = RawPeer(100, to: host.endpoint(80))
    host.inject(late.segment(.syn))
    try late.look(host)
    late.next += 1
    // Everybody is younger than a second: nobody goes for a newcomer.
    for n in 0..<60 where host.stack.memoryPressure != .connections {
      for _ in 0..<4 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    try #require(host.stack.memoryPressure == .connections)
    let before = host.stack.counters
    host.inject(RawPeer(101, to: host.endpoint(80)).segment(.syn))
    #expect(host.stack.counters.listenDrops == before.listenDrops + 1)
    host.inject(late.segment(.ack))
    #expect(host.stack.counters.listenDrops == before.listenDrops + 2)
    #expect(host.stack.counters.connectionsRefused == before.connectionsRefused + 2)
    #expect(host.drops(.noMemory) >= 2)
  }

  @Test("A half-open record whose SYN-ACK has just been sent again is not the one to go")
  func synAckSentAgain() throws {
    var (host, listener, peers, _) = try crowd(60)
    for n in 0..<60 where host.stack.memoryPressure.rawValue < MemoryPressure.records.rawValue {
      for _ in 0..<4 { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    try #require(host.stack.memoryPressure == .records)
    var newcomer = RawPeer(100, to: host.endpoint(80))
    host.inject(newcomer.segment(.syn))
    try newcomer.look(host)
    newcomer.next += 1
    // Its third segment was lost, and the next one answers this.
    host.advance(by: .seconds(1))
    #expect(try host.pullSeen().filter { $0.flags == [.syn, .ack] }.count == 1)
    host.advance(by: .milliseconds(200))
    host.inject(newcomer.segment(.ack))
    try newcomer.look(host)
    #expect(!newcomer.wasReset)
    _ = try host.stack.accept(listener)
    // Who does not answer that one either makes room.
    var silent = RawPeer(101, to: host.endpoint(80))
    host.inject(silent.segment(.syn))
    try silent.look(host)
    host.advance(by: .seconds(1))
    #expect(host.stack.held.halfOpen == 1)
    host.advance(by: .milliseconds(300))
    try peers[0].send([1], to: host)
    #expect(host.stack.held.halfOpen == 0 && host.stack.counters.embryosEvicted == 1)
  }
}
