import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// A connection that RFC 7413 opens counts for every limit, like any other.

@Suite("RFC 7413: limits", .bothFamilies)
struct FastOpenLimitTests {
  private let rig = FastOpenServerTests()

  /// A host whose listener has a limit, and a cookie for peers at one address.
  private func listening(
    _ limit: (inout ListenerOptions) -> Void, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Host, ListenerID, Packet) {
    let host = try Host(2, configure)
    var options = ListenerOptions()
    options.fastOpenLimit = 10
    limit(&options)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    return (host, listener, try rig.ask(host))
  }

  private func peer(_ n: Int) -> Endpoint {
    Endpoint(address: FastOpenServerTests.peer.address, port: UInt16(5_000 + n))
  }

  /// Opens with text; true: it is acknowledged, false: there was a reset.
  private func open(_ n: Int, _ cookie: Packet, at host: Host) throws -> Bool {
    let answers = try host.answers(to: rig.syn(host, cookie, from: peer(n), text: FastOpenServerTests.text))
    let answer = try #require(answers.first)
    guard answer.flags == [.syn, .ack], answer.ack == 1_006 else {
      #expect(answer.flags.contains(.rst))
      return false
    }
    host.inject(
      tcp(from: peer(n), to: host.endpoint(80), seq: 1_006, ack: answer.seq &+ 1, .ack))
    return true
  }

  @Test("S3.8 S5.4 for the connections of its listener")
  func listener() throws {
    let (host, listener, cookie) = try listening { $0.connectionLimit = 2 }
    #expect(try open(0, cookie, at: host) && open(1, cookie, at: host))
    #expect(try host.stack.status(listener).connections == 2)
    #expect(try open(2, cookie, at: host) == false)
    #expect(host.drops(.listenerLimit) == 1)
  }

  @Test("S3.8 S5.4 for the connections of its source")
  func source() throws {
    let (host, _, cookie) = try listening { _ in
    } _: {
      $0.connectionsPerSource = 2
    }
    #expect(try open(0, cookie, at: host) && open(1, cookie, at: host))
    #expect(try open(2, cookie, at: host) == false)
    #expect(host.drops(.sourceLimit) == 1)
    // And no more when it has gone.
    host.inject(tcp(from: peer(0), to: host.endpoint(80), seq: 1_006, .rst))
    #expect(try open(3, cookie, at: host))
  }

  @Test(
    "RFC 7413 §5.1: one that was reset counts for one to two minutes, and not for ever if another follows")
  func resets() throws {
    var (host, _, cookie) = try listening { $0.fastOpenLimit = 4 }
    func openAndReset(_ n: Int) throws -> UInt32 {
      let answer = try #require(
        try host.answers(to: rig.syn(host, cookie, from: peer(n), text: FastOpenServerTests.text)).first)
      host.inject(tcp(from: peer(n), to: host.endpoint(80), seq: answer.ack, .rst))
      return answer.ack
    }
    for n in 0..<8 {
      #expect(try openAndReset(n) == 1_006, "\(n)")
      host.advance(by: .seconds(50))
    }
    // Within a minute they are too many.
    host.advance(by: .minutes(3))
    cookie = try rig.ask(host)
    for n in 10..<14 { #expect(try openAndReset(n) == 1_006, "\(n)") }
    host.advance(by: .seconds(59))
    #expect(try openAndReset(14) == 1_001)
    // Nor are they forgotten when their minute is over.
    host.advance(by: .seconds(3))
    #expect(try openAndReset(15) == 1_001)
    host.advance(by: .seconds(60))
    #expect(try openAndReset(16) == 1_006)
  }

  @Test("RFC 7413 §5.1: so does one that the application aborted before its third segment came")
  func aborts() throws {
    let (host, listener, cookie) = try listening { $0.fastOpenLimit = 4 }
    for n in 0..<5 {
      let answers = try host.answers(to: rig.syn(host, cookie, from: peer(n), text: FastOpenServerTests.text))
      #expect(answers.first?.ack == (n < 4 ? 1_006 : 1_001), "\(n)")
      guard n < 4 else { break }
      let connection = try #require(rig.accept(host, listener))
      try host.stack.abort(connection, now: host.now)
      _ = host.pull()
    }
  }

  @Test("S3.8 E7 for the idle limit of its listener")
  func idle() throws {
    let (host, listener, cookie) = try listening { $0.idleTimeout = .seconds(10) }
    #expect(try open(0, cookie, at: host))
    let connection = try #require(rig.accept(host, listener))
    #expect(try host.read(connection) == FastOpenServerTests.text)
    host.advance(by: .seconds(9))
    #expect(try host.state(connection) == .established)
    host.advance(by: .seconds(2))
    #expect(try host.stack.takeError(connection) == .ended(.idle))
    #expect(host.stack.counters.idleConnectionsEnded == 1)
  }
}
