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
}
