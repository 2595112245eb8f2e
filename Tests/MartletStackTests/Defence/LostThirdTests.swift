import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What cookies cannot do (Documentation/Defence.md): the third segment is lost, and there is no record that
/// would send the SYN-ACK again.
@Suite("A lost third segment", .bothFamilies)
struct LostThirdTests {
  /// A client that is connected as far as it knows, to a server that knows nothing.
  private func halfDone(_ policy: SynCookiePolicy) throws -> (Pair, ConnectionID, ListenerID) {
    let pair = try Pair()
    var options = ListenerOptions()
    options.synCookies = policy
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80), options)
    try pair.run(for: .seconds(14))
    var lost = 0
    pair.loses = { fromA, seen in
      guard fromA, seen.flags == .ack, lost == 0 else { return false }
      lost += 1
      return true
    }
    let client = try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now)
    try pair.pump()
    #expect(lost == 1 && pair.b.stack.held.connections == 0)
    #expect(try pair.a.state(client) == .established)
    return (pair, client, listener)
  }

  @Test(
    "S2.8 S3.6 a late copy of the third segment does not deliver its text again",
    arguments: [SynCookiePolicy.always, .off])
  func late(policy: SynCookiePolicy) throws {
    let host = try Host(2)
    var options = ListenerOptions()
    options.synCookies = policy
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    var peer = RawPeer(1, to: host.endpoint(80))
    #expect(try peer.connect(to: host))
    let third = peer.segment(.ack, [1, 2, 3])
    try peer.send([1, 2, 3], to: host)
    let server = try host.stack.accept(listener)
    #expect(try host.read(server) == [1, 2, 3])
    // The peer closes first.
    host.inject(peer.segment([.fin, .ack]))
    peer.next &+= 1
    try host.stack.close(server, now: host.now)
    try peer.look(host)
    host.inject(peer.segment(.ack))
    try peer.look(host)
    _ = host.drain()
    #expect(host.stack.held.connections == 0)
    host.inject(third)
    try peer.look(host)
    #expect(try host.stack.status(listener).acceptable == 0)
    #expect(host.stack.counters.syncookiesRecv == (policy == .always ? 1 : 0))
    // It costs a record for TIME-WAIT's time, and only where cookies are believed.
    #expect(host.stack.held.isQuiet == (policy == .off))
    host.advance(by: .seconds(61))
    _ = host.pull()
    #expect(host.stack.held.isQuiet)
  }

  @Test("S3.6 without cookies the SYN-ACK comes again, and with it the third segment")
  func repeated() throws {
    let (pair, _, listener) = try halfDone(.off)
    try pair.run(for: .seconds(2))
    #expect(try pair.b.stack.status(listener).acceptable == 1)
  }

  @Test("S3.6 with a cookie the client's text completes the connection, and that is counted")
  func clientSpeaks() throws {
    let (pair, client, listener) = try halfDone(.always)
    #expect(try pair.a.send(client, [1, 2, 3]) == 3)
    try pair.run(for: .seconds(1))
    let server = try pair.b.stack.accept(listener)
    #expect(try pair.b.read(server) == [1, 2, 3])
    #expect(pair.b.stack.counters.syncookiesWithText == 1)
  }

  @Test(
    "S3.6 with a cookie and a server that speaks first both wait, and a client that stirs too late is reset")
  func serverSpeaks() throws {
    let (pair, client, listener) = try halfDone(.always)
    try pair.run(for: .seconds(40))
    #expect(try pair.b.stack.status(listener).acceptable == 0, "nobody told the server")
    #expect(try pair.a.state(client) == .established)
    #expect(pair.b.stack.counters.syncookiesSent == 1 && pair.b.stack.counters.syncookiesRecv == 0)
    // The client gives up waiting: at last both know, and the server has counted it.
    #expect(try pair.a.send(client, [1]) == 1)
    try pair.run(for: .seconds(1))
    #expect(throws: ReceiveError.ended(.reset)) { try pair.a.read(client) }
    #expect(pair.b.stack.counters.syncookiesExpired == 1 && pair.b.stack.counters.syncookiesFailed == 1)
  }
}
