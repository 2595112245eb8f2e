import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Writers who were refused memory, and are told when to try again.
@Suite("Writers that wait for memory")
struct WaitingWriterTests {
  /// A host whose application writes to each connection as often as it is told that it may.
  private struct Writing {
    let host: Host
    var events = 0
    private let text = Packet(repeating: 7, count: 8_192)

    init(_ host: Host) { self.host = host }

    mutating func write(to connection: ConnectionID) {
      for _ in 0..<64 {
        guard (try? host.send(connection, text)) != nil else { return }
      }
    }

    /// False: a hundred thousand events, and no end of them.
    mutating func dispatchEvents() -> Bool {
      while let event = host.stack.nextEvent() {
        events += 1
        guard events < 10_000 else { return false }
        guard case .connection(let id, let news) = event else { continue }
        if news.contains(.ended) {
          try? host.stack.close(id, now: host.now)
        } else if news.contains(.writable) {
          write(to: id)
        }
      }
      return true
    }
  }

  @Test("E5 an application that writes whenever it may comes to an end, whatever the last page is taken for")
  func comesToRest() throws {
    // Blocks and chunks come by pages and arenas: at some budget there is one more page of blocks, and no chunk.
    for kilobytes in stride(from: 400, through: 440, by: 2) {
      let host = try Host(2) { $0.memoryBudget = kilobytes << 10 }
      let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
      var connections: [ConnectionID] = []
      for n in 0..<66 {
        var peer = RawPeer(n, to: host.endpoint(80))
        guard try peer.connect(to: host) else { break }
        connections.append(try host.stack.accept(listener))
      }
      _ = host.drain()
      var application = Writing(host)
      for (n, connection) in connections.enumerated() {
        _ = try? host.send(connection, Packet(repeating: 7, count: n < 2 ? 8_000 : 1))
        let isAtRest = application.dispatchEvents()
        try #require(isAtRest, "\(kilobytes) KiB: it goes on and on")
      }
      for connection in connections {
        application.write(to: connection)
        let isAtRest = application.dispatchEvents()
        try #require(isAtRest, "\(kilobytes) KiB: it goes on and on")
      }
      #expect(host.stack.checkInvariants() == nil)
    }
  }

  /// A host whose memory the last of its peers have filled with text that nobody reads. The others take 400 octets.
  private func full(
    kilobytes: Int, _ count: Int, besides writers: Int, isToRead: Bool = false
  ) throws -> (Host, [RawPeer], [ConnectionID]) {
    let host = try Host(2) { $0.memoryBudget = kilobytes << 10 }
    var options = ListenerOptions()
    options.connection.sendBuffer = 4_096
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    var peers: [RawPeer] = []
    var connections: [ConnectionID] = []
    for n in 0..<count {
      var peer = RawPeer(n, to: host.endpoint(80))
      peer.window = 400
      try #require(try peer.connect(to: host))
      peers.append(peer)
      connections.append(try host.stack.accept(listener))
    }
    // Before there is no memory for it.
    if isToRead { try peers[0].send([1, 2, 3], to: host) }
    for _ in 0..<60 {
      for n in writers..<count { try peers[n].send(Packet(repeating: 1, count: 1_000), to: host) }
    }
    _ = host.drain()
    return (host, peers, connections)
  }

  @Test("A writer who was refused memory while he has text to read is told when there is some")
  func hasTextToRead() throws {
    var (host, peers, connections) = try full(kilobytes: 256, 60, besides: 1, isToRead: true)
    try #require(try host.stack.status(connections[0], now: host.now).tcp.unread == 3)
    while (try? host.send(connections[0], Packet(repeating: 2, count: 4_096))) != nil {
      // Some of it finds room, and is acknowledged.
      peers[0].window = 65_535
      host.inject(peers[0].segment(.ack))
      try peers[0].look(host)
      host.inject(peers[0].segment(.ack))
    }
    _ = host.drain()
    try #require(try host.stack.status(connections[0], now: host.now).memory.sendQueue == 0)
    for connection in connections[1...] { try? host.stack.abort(connection, now: host.now) }
    var isTold = false
    for case .connection(let id, let news) in host.drain() where id == connections[0] {
      isTold = isTold || news.contains(.writable)
    }
    #expect(isTold)
  }

  @Test(
    "More who were refused than are remembered, and then fill their queues: each is told, and once",
    arguments: [32, 34, 60])
  func overflown(writers: Int) throws {
    let (host, _, connections) = try full(kilobytes: 1_024, 240, besides: writers)
    var application = Writing(host)
    for connection in connections.prefix(writers) { application.write(to: connection) }
    for connection in connections.dropFirst(writers) { try? host.stack.abort(connection, now: host.now) }
    let isAtRest = application.dispatchEvents()
    try #require(isAtRest, "it goes on and on")
    #expect(application.events > 0 && application.events <= writers)
    for connection in connections.prefix(writers) {
      #expect(
        try host.stack.status(connection, now: host.now).tcp.notsentBytes > 0, "everybody has been told")
    }
    #expect(host.stack.checkInvariants() == nil)
  }
}
