import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 7413, the side that listens, played to segment by segment.

@Suite("RFC 7413: listening", .bothFamilies)
struct FastOpenServerTests {
  static var peer: Endpoint { Endpoint(address: near(9), port: 4_000) }
  static let text: Packet = [1, 2, 3, 4, 5]

  func listening(
    limit: UInt32 = 4, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Host, ListenerID) {
    let host = try Host(2, configure)
    var options = ListenerOptions()
    options.fastOpenLimit = limit
    return (host, try host.stack.listen(on: LocalEndpoint(port: 80), options))
  }

  func options(_ cookie: Packet?) -> TCPOptions {
    var options = TCPOptions()
    options.present = .maximumSegmentSize
    options.maximumSegmentSize = 1_440
    guard let cookie else { return options }
    options.present.insert(.fastOpen)
    for (i, octet) in cookie.enumerated() { options.fastOpenCookie[i] = octet }
    options.fastOpenCookieCount = UInt8(cookie.count)
    return options
  }

  func cookie(_ seen: Seen?) -> Packet? {
    guard let given = seen?.header?.options, given.present.contains(.fastOpen) else { return nil }
    return (0..<Int(given.fastOpenCookieCount)).map { given.fastOpenCookie[$0] }
  }

  func syn(
    _ host: Host, _ cookie: Packet?, from peer: Endpoint = FastOpenServerTests.peer, seq: UInt32 = 1_000,
    window: UInt16 = 65_535, text: Packet = []
  ) -> Packet {
    tcp(
      from: peer, to: host.endpoint(80), seq: seq, .syn, window: window, options: options(cookie), text: text)
  }

  /// A cookie for a client, asked for from another port and forgotten by the client.
  func ask(_ host: Host, _ peer: Endpoint = FastOpenServerTests.peer) throws -> Packet {
    let asking = Endpoint(address: peer.address, port: 3_999)
    let answer = try host.answers(to: syn(host, [], from: asking)).first
    host.inject(tcp(from: asking, to: host.endpoint(80), seq: 1_001, .rst))
    return try #require(cookie(answer))
  }

  func accept(_ host: Host, _ l: ListenerID) -> ConnectionID? { try? host.stack.accept(l) }

  @Test("RFC 7413 §4.2.1: who asks is given a cookie of eight octets, once")
  func grant() throws {
    let (host, _) = try listening()
    let answer = try host.answers(to: syn(host, [])).first
    let given = try #require(cookie(answer))
    #expect(given.count == 8)
    #expect(answer?.flags == [.syn, .ack] && answer?.ack == 1_001)
    // "retransmit SYN-ACK packets without the cookie options".
    host.advance(by: .milliseconds(1_001))
    let again = try host.pullSeen()
    #expect(again.map(\.flags) == [[.syn, .ack]])
    #expect(cookie(again.first) == nil)
    #expect(host.stack.counters.tcp.tcpFastOpenCookieReqd == 1)
    // The same for the same address, another for any other, another under another secret.
    let other = Endpoint(address: near(10), port: 4_000)
    let same = Endpoint(address: Self.peer.address, port: 5_000)
    #expect(try cookie(host.answers(to: syn(host, [], from: same)).first) == given)
    #expect(try cookie(host.answers(to: syn(host, [], from: other)).first) != given)
  }

  @Test("S3.8 RFC 7413 §4.2.2: text on a SYN whose cookie holds can be read before the third segment")
  func opens() throws {
    let (host, l) = try listening()
    let answers = try host.answers(to: syn(host, ask(host), text: Self.text))
    #expect(answers.map(\.flags) == [[.syn, .ack]])
    #expect(answers.first?.ack == 1_006)
    let c = try #require(accept(host, l))
    #expect(try host.state(c) == .synReceived)
    #expect(try host.read(c) == Self.text)
    #expect(try host.stack.status(l).fastOpenPending == 1)
    let iss = answers[0].seq
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1_006, ack: iss &+ 1, .ack))
    #expect(try host.state(c) == .established)
    #expect(try host.stack.status(l).fastOpenPending == 0)
    #expect(host.stack.held.coldBlocks == 0)
    // And on it goes.
    host.inject(
      tcp(from: Self.peer, to: host.endpoint(80), seq: 1_006, ack: iss &+ 1, [.psh, .ack], text: [6]))
    #expect(try host.read(c) == [6])
    #expect(host.stack.counters.tcp.tcpFastOpenPassive == 1)
  }

  @Test(
    "S3.8 text on a SYN is not kept where the cookie is wrong, somebody else's, of another length, or not there"
  )
  func refuses() throws {
    let (host, l) = try listening()
    let given = try ask(host)
    let others = try ask(host, Endpoint(address: near(77), port: 1))
    var flipped = given
    flipped[7] ^= 1
    let wrong: [Packet?] = [nil, [], flipped, others, Packet(given.prefix(4)), given + given]
    for (n, cookie) in wrong.enumerated() {
      let from = Endpoint(address: Self.peer.address, port: UInt16(5_000 + n))
      let answer = try host.answers(to: syn(host, cookie, from: from, text: Self.text)).first
      #expect(answer?.flags == [.syn, .ack] && answer?.ack == 1_001)
      // Whoever brought a wrong one gets the right one.
      #expect(self.cookie(answer) == (cookie == nil ? nil : given))
    }
    #expect(accept(host, l) == nil)
    #expect(host.stack.held.connections == 0 && host.stack.held.chunks == 0)
  }

  @Test("S3.8 RFC 7413 §4.2: a listener without Fast Open ignores the option, and it is off by default")
  func off() throws {
    #expect(ListenerOptions().fastOpenLimit == 0 && !ConnectionOptions().fastOpen)
    let (on, _) = try listening()
    let given = try ask(on)
    let host = try Host(2)
    let l = try host.stack.listen(on: LocalEndpoint(port: 80))
    for cookie in [[], given] {
      let answer = try host.answers(to: syn(host, cookie, text: Self.text)).first
      #expect(answer?.ack == 1_001)
      #expect(self.cookie(answer) == nil)
      host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1_001, .rst))
    }
    #expect(accept(host, l) == nil && host.stack.held.isQuiet)
  }

  @Test("RFC 7413 §4.2.2: what the server has to say leaves before the third segment, in an initial window")
  func answersEarly() throws {
    let (host, l) = try listening()
    let synAck = try host.answers(to: syn(host, ask(host), text: Self.text)).first
    let iss = try #require(synAck).seq
    let c = try #require(accept(host, l))
    _ = try host.send(c, Packet(repeating: 7, count: 30_000))
    let early = try host.pullSeen()
    #expect(early.count == 10)
    #expect(early.first?.seq == iss &+ 1 && early.allSatisfy { $0.ack == 1_006 && $0.flags.contains(.ack) })
    #expect(early.reduce(0) { $0 + $1.text.count } == 14_400)
    // The first acknowledgment is the third segment, whatever it covers.
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1_006, ack: iss &+ 2_881, .ack))
    #expect(try host.state(c) == .established)
    let status = try host.stack.status(c, now: host.now).tcp
    #expect(status.sndUna.rawValue == iss &+ 2_881)
    #expect(try !host.pullSeen().isEmpty)
  }

  @Test(
    "RFC 7413 §4.2.2: a SYN-ACK without answer is repeated bare; a SYN again is answered again; text counts once"
  )
  func repeats() throws {
    let (host, l) = try listening()
    let given = try ask(host)
    let first = try host.answers(to: syn(host, given, text: Self.text)).first
    let c = try #require(accept(host, l))
    _ = try host.send(c, [9, 9])
    _ = host.pull()
    host.advance(by: .seconds(1))
    let repeated = try host.pullSeen()
    #expect(repeated.contains { $0.flags == [.syn, .ack] && $0.ack == 1_006 && $0.seq == first?.seq })
    for cookie in [nil, given] {
      let again = try host.answers(to: syn(host, cookie, text: cookie == nil ? [] : Self.text))
      #expect(again.map(\.flags) == [[.syn, .ack]])
      #expect(again.first?.ack == 1_006 && again.first?.seq == first?.seq)
      #expect(self.cookie(again.first) == nil)
    }
    let iss = try #require(first).seq
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1_006, ack: iss &+ 1, .ack))
    #expect(try host.read(c) == Self.text)
    // What was lost of the early answer is sent again.
    host.advance(by: .seconds(3))
    #expect(try host.pullSeen().contains { $0.text == [9, 9] && $0.seq == iss &+ 1 })
  }

  @Test("RFC 7413 §4.2: without a third segment the connection is given up like any that is half open")
  func expires() throws {
    let (host, l) = try listening()
    _ = try host.answers(to: syn(host, ask(host), text: Self.text))
    let c = try #require(accept(host, l))
    for _ in 0..<70 { host.advance(by: .seconds(1)) }
    #expect(try host.state(c) == .closed)
    #expect(try host.stack.status(c, now: host.now).tcp.endReason == .timedOut)
    #expect(try host.stack.status(l).fastOpenPending == 0)
    try host.stack.close(c, now: host.now)
    _ = host.pull()
    _ = host.drain()
    #expect(host.stack.held.isQuiet)
  }

  @Test(
    "RFC 7413 §4.2, §5.1: beyond the limit a SYN is like any other; those that were reset count for a while")
  func limit() throws {
    let (host, l) = try listening(limit: 2)
    let given = try ask(host)
    func open(_ port: UInt16) throws -> Seen? {
      let from = Endpoint(address: Self.peer.address, port: port)
      return try host.answers(to: syn(host, given, from: from, text: Self.text)).first
    }
    let first = try #require(try open(5_000))
    #expect(first.ack == 1_006)
    #expect(try open(5_001)?.ack == 1_006)
    #expect(try open(5_002)?.ack == 1_001)
    #expect(host.stack.counters.tcp.tcpFastOpenListenOverflow == 1)
    // The third segment frees a place.
    let peer = Endpoint(address: Self.peer.address, port: 5_000)
    host.inject(tcp(from: peer, to: host.endpoint(80), seq: 1_006, ack: first.seq &+ 1, .ack))
    let third = try #require(try open(5_003))
    #expect(third.ack == 1_006)
    // A reset does not, at once.
    let other = Endpoint(address: Self.peer.address, port: 5_003)
    host.inject(tcp(from: other, to: host.endpoint(80), seq: 1_006, .rst))
    #expect(try open(5_004)?.ack == 1_001)
    host.advance(by: .seconds(121))
    _ = host.pull()
    #expect(try open(5_005)?.ack == 1_006)
    #expect(try host.stack.status(l).fastOpenPending <= 2)
  }

  @Test("S3.8 RFC 7413: while an overflow of the half-open queue is recent there is no Fast Open")
  func flooded() throws {
    let host = try Host(2)
    var listening = ListenerOptions()
    listening.fastOpenLimit = 16
    listening.halfOpenLimit = 8
    let l = try host.stack.listen(on: LocalEndpoint(port: 80), listening)
    let given = try ask(host)
    for n in 0..<20 {
      host.inject(syn(host, nil, from: Endpoint(address: near(UInt8(100 + n)), port: 1)))
    }
    _ = host.pull()
    let from = { (port: UInt16) in Endpoint(address: Self.peer.address, port: port) }
    for brought in [given, []] {
      let answer = try host.answers(to: syn(host, brought, from: from(5_000), text: Self.text)).first
      #expect(answer?.flags == [.syn, .ack] && answer?.ack == 1_001)
      #expect(cookie(answer) == nil)
    }
    #expect(accept(host, l) == nil)
    for _ in 0..<130 { host.advance(by: .seconds(1)) }
    _ = host.pull()
    #expect(try host.answers(to: syn(host, given, from: from(5_001), text: Self.text)).first?.ack == 1_006)
  }

  @Test("RFC 7413 §4.1.2: keys change; a cookie holds for an hour or two")
  func rotation() throws {
    let (host, _) = try listening(limit: 100)
    // Just before and just after a change.
    host.advance(by: .seconds(3_590))
    let given = try ask(host)
    host.advance(by: .seconds(3_600))
    let from = { (port: UInt16) in Endpoint(address: Self.peer.address, port: port) }
    #expect(try host.answers(to: syn(host, given, from: from(5_000), text: Self.text)).first?.ack == 1_006)
    let renewed = try ask(host)
    #expect(renewed != given)
    host.advance(by: .seconds(3_600))
    _ = host.pull()
    #expect(try host.answers(to: syn(host, given, from: from(5_001), text: Self.text)).first?.ack == 1_001)
    #expect(try host.answers(to: syn(host, renewed, from: from(5_002), text: Self.text)).first?.ack == 1_006)
  }

  @Test(
    "RFC 7413: a FIN on such a SYN comes again, one that answers early ends in order, a reset ends at once")
  func ends() throws {
    let (host, l) = try listening()
    let given = try ask(host)
    let to = host.endpoint(80)
    var packet = syn(host, given, text: Self.text)
    // SYN and FIN; the sum is mended by hand.
    let start = isIPv4 ? 20 : 40
    packet[start + 13] |= 1
    packet[start + 16] = 0
    packet[start + 17] = 0
    store(
      checksum(Packet(packet.dropFirst(start)), .tcp, Self.peer.address, host.address), in: &packet,
      at: start + 16)
    let synAck = try #require(try host.answers(to: packet).first)
    #expect(synAck.ack == 1_006)
    let c = try #require(accept(host, l))
    #expect(try host.read(c) == Self.text)
    _ = try host.send(c, [1])
    try host.stack.close(c, now: host.now)
    _ = host.pull()
    host.inject(tcp(from: Self.peer, to: to, seq: 1_006, ack: synAck.seq &+ 1, [.fin, .ack]))
    let sent = try host.pullSeen()
    let end = sent.last?.ack ?? 0
    #expect(end == 1_007)
    host.advance(by: .seconds(2))
    let again = try host.pullSeen()
    #expect((sent + again).contains { $0.flags.contains(.fin) })
    host.inject(tcp(from: Self.peer, to: to, seq: 1_007, ack: synAck.seq &+ 3, .ack))
    _ = host.drain()
    #expect(host.stack.held.connections == 0)

    let other = Endpoint(address: Self.peer.address, port: 5_000)
    _ = try host.answers(to: syn(host, given, from: other, text: Self.text))
    let d = try #require(accept(host, l))
    host.inject(tcp(from: other, to: to, seq: 1_006, .rst))
    #expect(try host.stack.status(d, now: host.now).tcp.endReason == .reset)
    try host.stack.close(d, now: host.now)
  }

  @Test("RFC 7413: a listener may be closed while connections wait for their third segment")
  func closedListener() throws {
    let (host, l) = try listening()
    let given = try ask(host)
    let synAck = try #require(try host.answers(to: syn(host, given, text: Self.text)).first)
    let c = try #require(accept(host, l))
    let other = Endpoint(address: Self.peer.address, port: 5_000)
    _ = try host.answers(to: syn(host, given, from: other, text: Self.text))
    try host.stack.close(l, now: host.now)
    host.check()
    // The one that nobody accepted is reset, the other lives.
    #expect(try host.pullSeen().contains { $0.flags.contains(.rst) })
    let next = try host.stack.listen(on: LocalEndpoint(port: 80))
    host.inject(tcp(from: Self.peer, to: host.endpoint(80), seq: 1_006, ack: synAck.seq &+ 1, .ack))
    #expect(try host.state(c) == .established)
    #expect(try host.stack.status(next).fastOpenPending == 0)
    #expect(try host.read(c) == Self.text)
  }
}
