import ArgumentParser
import MartletStack
import MartletTCP
import MartletWire

/// Connect, one octet each way, close from the client: the whole life of a short connection.
struct Connections: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "conn", abstract: "Connect, one byte each way, close; over and over.")

  @Argument(help: "Connections in all.") var count: Int
  @Argument(help: "How many at once.") var concurrency: Int

  /// Enough for more ports than the cap of TIME-WAIT records: the oldest makes room for the newest.
  static let addresses = 8

  func validate() throws {
    guard count > 0, (1...100_000).contains(concurrency) else {
      throw ValidationError("N and CONCURRENCY must be positive, CONCURRENCY at most 100000")
    }
  }

  func run() throws {
    var configuration = StackConfiguration()
    var options = ListenerOptions()
    if concurrency > 1_000 {
      options.acceptLimit = UInt32(concurrency)
      options.halfOpenLimit = UInt32(concurrency)
      configuration.replyLimit = UInt32(concurrency)
    }
    var wire = try Wire.joined(
      mtu: 1_500, clientAddresses: Connections.addresses, configuration: configuration)
    let listener = try wire.server.listen(on: LocalEndpoint(port: 80), options)
    var exchange = ShortConnections(wire: wire, listener: listener)
    let watch = Stopwatch()
    try exchange.run(count, concurrency)
    let elapsed = watch.stop()
    var line = ResultLine()
    line.add("wall_cps", Double(count) / elapsed.wall, 0)
    line.add("cpu_cps", Double(count) / elapsed.cpu, 0)
    line.add("us_per_conn", elapsed.cpu * 1e6 / Double(count), 3)
    line.add("connections", count)
    line.add("concurrency", concurrency)
    line.add("client_addresses", Connections.addresses)
    line.print()
  }
}

/// Clients that write an octet, read its answer and close; a server that answers, reads the end and closes.
private struct ShortConnections: ~Copyable {
  var wire: Wire
  let listener: ListenerID
  private var started = 0
  private var finished = 0

  init(wire: consuming Wire, listener: ListenerID) {
    self.wire = wire
    self.listener = listener
  }

  mutating func run(_ count: Int, _ concurrency: Int) throws {
    var idle = 0
    while finished < count {
      let before = finished
      while started < count, started - finished < concurrency { try start() }
      try wire.clientSends()
      try serve()
      try wire.serverSends()
      try answer()
      try wire.exchange()
      idle = finished == before ? idle + 1 : 0
      if idle > 1_000_000 { throw BenchError("no progress at connection \(finished)") }
    }
  }

  private mutating func start() throws {
    let now = wire.now
    _ = try wire.client.connect(
      to: Endpoint(address: Wire.serverAddress, port: 80),
      from: LocalEndpoint(address: Wire.clientAddress(started % Connections.addresses)), now: now)
    started += 1
  }

  /// The client's part: connected, write; readable, read and close.
  private mutating func answer() throws {
    let text: [UInt8] = [0x55]
    let now = wire.now
    while let event = wire.client.nextEvent() {
      guard case .connection(let id, let news) = event else { continue }
      if news.contains(.connected) {
        _ = try wire.client.send(id, text.span.bytes, now: now)
      }
      if news.contains(.ended) {
        throw BenchError("a connection ended early: \(String(describing: try? wire.client.takeError(id)))")
      }
      if news.contains(.readable) {
        guard try receiveOctet(&wire.client, id, now) == 1 else {
          throw BenchError("the server closed first")
        }
        try wire.client.close(id, now: now)
        finished += 1
      }
    }
  }

  /// The server's part: accept; readable, answer; at the end of the stream, close.
  private mutating func serve() throws {
    while let event = wire.server.nextEvent() {
      switch event {
      case .listener:
        while let id = try? wire.server.accept(listener) { try serve(id) }
      case .connection(let id, _):
        try serve(id)
      case .attempt, .datagram, .echo, .memoryPressure, .synFlood, .addressReady, .addressConflict,
        .addressRemoved, .lease:
        continue
      }
    }
  }

  private mutating func serve(_ id: ConnectionID) throws {
    let text: [UInt8] = [0x55]
    let now = wire.now
    while let count = try? receiveOctet(&wire.server, id, now) {
      if count == 0 {
        try wire.server.close(id, now: now)
        return
      }
      _ = try wire.server.send(id, text.span.bytes, now: now)
    }
  }
}

/// Octets read: one, or 0 at the end; throws `wouldBlock` when there are none.
private func receiveOctet(_ stack: inout NetworkStack, _ id: ConnectionID, _ now: Instant) throws -> Int {
  var bytes: [UInt8] = [0, 0]
  var elements = bytes.mutableSpan
  var out = elements.mutableBytes
  let count = try stack.receive(id, into: &out, now: now)
  guard count == 0 || (count == 1 && bytes[0] == 0x55) else { throw BenchError("a wrong octet came") }
  return count
}
