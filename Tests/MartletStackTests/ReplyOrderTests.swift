import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What leaves first when there are answers and text: `Interface.nextReply`.
@Suite("The order of answers and text", .bothFamilies)
struct ReplyOrderTests {
  private let host: Host
  private var peer: RawPeer
  private let connection: ConnectionID

  init() throws {
    host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    peer = RawPeer(0, to: host.endpoint(80))
    let isOpen = try peer.connect(to: host)
    try #require(isOpen)
    connection = try host.stack.accept(listener)
  }

  /// Strangers whose acknowledgments fit no connection.
  private func ask(_ count: Int) {
    for n in 1...count { host.inject(RawPeer(n, to: peer.server).segment(.ack)) }
  }

  /// As much as fills three segments for a peer that has named no MSS (RFC 9293 §3.7.1, MUST-15).
  private func sendThreeSegments() throws {
    let count = 3 * (isIPv4 ? 536 : 1_220)
    #expect(try host.send(connection, Packet(repeating: 1, count: count)) == count)
  }

  /// A letter for each packet that leaves: R for a reset, T for text, A for an acknowledgment without text, D for a datagram.
  private func order() throws -> String {
    try host.pullSeen().reduce(into: "") { letters, seen in
      letters += !seen.isTCP ? "D" : seen.flags.contains(.rst) ? "R" : seen.text.count > 0 ? "T" : "A"
    }
  }

  @Test("Answers to whoever asks take turns with text")
  func turns() throws {
    ask(8)
    try sendThreeSegments()
    #expect(try order() == "RTRTRTRRRRR")
  }

  @Test("Datagrams take turns with text, too, behind the answers that came before them")
  func datagrams() throws {
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 7))
    ask(2)
    let text: Packet = [1, 2, 3]
    for _ in 0..<2 { try host.stack.send(socket, text.span.bytes, to: peer.own, now: host.now) }
    try sendThreeSegments()
    #expect(try order() == "RTRTDTD")
  }

  @Test("A connection that has no more to say leaves its turn to the answers")
  func nothingToSay() throws {
    ask(4)
    #expect(try host.send(connection, [1, 2, 3]) == 3)
    #expect(try order() == "RTRRR")
    let hasMore = host.stack.hasOutput(on: host.interface)
    #expect(!hasMore)
  }

  @Test("What a connection says without text is overtaken by nothing, not by its own text either")
  func own() throws {
    ask(3)
    // Behind a hole: each is acknowledged for itself, and what follows may not stand for it.
    for offset in [10, 20] as [UInt32] { host.inject(peer.segment(.ack, [9], at: offset)) }
    try sendThreeSegments()
    let order = try order()
    #expect(order == "ARTRTRT")
  }
}
