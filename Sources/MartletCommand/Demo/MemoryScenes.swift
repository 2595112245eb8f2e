import MartletStack
import MartletTCP
import MartletTrace

/// What the demo plays with two stacks in memory. Each is the real stack, and what is drawn are
/// the segments that it sent; only the wire and the time are made up.
package enum MemoryScenes {
  /// A scene came to no end: a fault of the stack or of the scene.
  package struct Incomplete: Error {}

  private static let port: UInt16 = 80
  /// Long enough for TIME-WAIT to end.
  private static let epilogue = TimeAmount.minutes(2)

  /// A page is fetched; the client closes first.
  package static func fetch(page: String, isIPv4: Bool = true) throws -> Ladder {
    var pair = try MemoryPair(seed: 1, isIPv4: isIPv4)
    var application = ServerApplication(journal: Journal(detail: .warning))
    application.closingDelay = .milliseconds(20)
    try application.offer(Service(port: port, page: page), on: &pair.server)
    let connection = try pair.client.connect(
      to: Endpoint(address: pair.serverAddress, port: port), now: pair.now)
    let end = pair.now.advanced(by: .seconds(10))
    var isAsked = false
    var answer: [UInt8] = []
    var isClosed = false
    // Until the server's side is over: what comes after is TIME-WAIT at the client.
    while !isClosed || pair.server.held.connections > 0 {
      _ = pair.step(until: application.nextDue ?? end)
      let now = pair.now
      guard now < end else { throw Incomplete() }
      application.tick(&pair.server, now)
      while let event = pair.server.nextEvent() { application.event(event, stack: &pair.server, now: now) }
      while pair.client.nextEvent() != nil {}
      if !isAsked, try pair.client.readiness(connection).contains(.connected) {
        pair.transmit()  // the third segment, before anything rides on it
        let request = Array("GET / HTTP/1.1\r\nHost: 10.7.0.1\r\n\r\n".utf8)
        _ = try pair.client.send(connection, request.span.bytes, now: now)
        isAsked = true
      }
      answer += read(connection, &pair.client, now)
      if !isClosed, answer.suffix(8).elementsEqual("</html>\n".utf8) {
        try pair.client.shutdown(connection, .send, now: now)
        isClosed = true
      }
    }
    pair.pass(epilogue)
    return try ladder(of: pair)
  }

  /// Both ends close at the same moment.
  package static func simultaneousClose(isIPv4: Bool = true) throws -> Ladder {
    var talk = try Talk(seed: 3, port: port, isIPv4: isIPv4)
    _ = try talk.pair.client.send(talk.client, Array("Goodbye!".utf8).span.bytes, now: talk.pair.now)
    talk.pair.pass(.milliseconds(100))
    try talk.pair.client.shutdown(talk.client, .send, now: talk.pair.now)
    try talk.pair.server.shutdown(talk.server, .send, now: talk.pair.now)
    talk.pair.pass(epilogue)
    return try ladder(of: talk.pair)
  }

  /// The client closes its half; the server still sends what it has to say, and then closes.
  package static func halfClose(isIPv4: Bool = true) throws -> Ladder {
    var talk = try Talk(seed: 5, port: port, isIPv4: isIPv4)
    _ = try talk.pair.client.send(talk.client, Array("How does it end?".utf8).span.bytes, now: talk.pair.now)
    talk.pair.pass(.milliseconds(100))
    try talk.pair.client.shutdown(talk.client, .send, now: talk.pair.now)
    talk.pair.pass(.milliseconds(60))
    for _ in 0..<3 {
      let line = [UInt8](repeating: UInt8(ascii: "."), count: 1000)
      _ = try talk.pair.server.send(talk.server, line.span.bytes, now: talk.pair.now)
      talk.pair.pass(.milliseconds(60))
      let now = talk.pair.now
      _ = read(talk.client, &talk.pair.client, now)
    }
    try talk.pair.server.shutdown(talk.server, .send, now: talk.pair.now)
    talk.pair.pass(epilogue)
    return try ladder(of: talk.pair)
  }

  /// Everything that is there.
  private static func read(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) -> [UInt8] {
    var all: [UInt8] = []
    var scratch = [UInt8](repeating: 0, count: 4096)
    while true {
      let count = scratch.lend(scratch.count) { room in try? stack.receive(id, into: &room, now: now) } ?? 0
      guard count > 0 else { return all }
      all += scratch[..<count]
    }
  }

  private static func ladder(of pair: borrowing MemoryPair) throws -> Ladder {
    guard let ladder = pair.ladder else { throw Incomplete() }
    return ladder
  }
}

/// Two stacks with one connection between them, and its names at both ends.
private struct Talk: ~Copyable {
  var pair: MemoryPair
  let client: ConnectionID
  let server: ConnectionID

  init(seed: UInt64, port: UInt16, isIPv4: Bool) throws {
    var pair = try MemoryPair(seed: seed, isIPv4: isIPv4)
    let listener = try pair.server.listen(on: LocalEndpoint(port: port))
    let client = try pair.client.connect(
      to: Endpoint(address: pair.serverAddress, port: port), now: pair.now)
    pair.pass(.milliseconds(100))
    let server = try pair.server.accept(listener)
    self.client = client
    self.server = server
    self.pair = pair
  }
}
