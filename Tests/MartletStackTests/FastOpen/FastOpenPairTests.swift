import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 7413 between two stacks.

@Suite("RFC 7413: two stacks")
struct FastOpenPairTests {
  /// A server with Fast Open, and what it has accepted.
  private func pair(
    limit: UInt32 = 16, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Pair, ListenerID) {
    let pair = try Pair(configure)
    var options = ListenerOptions()
    options.fastOpenLimit = limit
    return (pair, try pair.b.stack.listen(on: LocalEndpoint(port: 80), options))
  }

  private func connect(_ pair: Pair, _ text: Packet) throws -> ConnectionID {
    var options = ConnectionOptions()
    options.fastOpen = true
    let c = try pair.a.stack.connect(to: pair.b.endpoint(80), options, now: pair.a.now)
    if !text.isEmpty { #expect(try pair.a.send(c, text) == text.count) }
    return c
  }

  /// Connects, sends, reads at the server, and ends it. Returns the first segment.
  @discardableResult
  private func exchange(_ pair: Pair, _ l: ListenerID, _ text: Packet) throws -> Seen? {
    let start = pair.log.count
    let c = try connect(pair, text)
    try pair.pump()
    try pair.run(for: .seconds(4))
    let d = try pair.b.stack.accept(l)
    #expect(try pair.b.read(d) ?? [] == text)
    try pair.a.stack.close(c, now: pair.a.now)
    try pair.pump()
    try pair.b.stack.close(d, now: pair.b.now)
    try pair.pump()
    return pair.log.dropFirst(start).first?.seen
  }

  private func hasOption(_ seen: Seen?) -> Bool {
    seen?.header?.options.present.contains(.fastOpen) ?? false
  }

  private func cookieCount(_ seen: Seen?) -> Int { Int(seen?.header?.options.fastOpenCookieCount ?? 255) }

  @Test("RFC 7413 §4.1.3: a ticket that an earlier run kept is as good as the cookie itself")
  func ticket() throws {
    let (pair, l) = try pair()
    try exchange(pair, l, [1, 2, 3])
    let remote = pair.b.endpoint(80)
    let ticket = pair.a.stack.fastOpenTicket(for: remote, now: pair.a.now)
    let kept = try #require(ticket)
    #expect(kept.count == 8 && kept[-1] == 0 && kept[8] == 0)
    let octets = (0..<kept.count).map { kept[$0] }
    // The program starts anew, at the same address.
    let later = try Host(1)
    let nothing = later.stack.fastOpenTicket(for: remote, now: later.now)
    #expect(nothing == nil)
    let read = FastOpenTicket(octets.span.bytes, mss: kept.mss)
    let taken = try #require(read)
    let isTaken = later.stack.remember(taken, for: remote, now: later.now)
    #expect(isTaken)
    var options = ConnectionOptions()
    options.fastOpen = true
    let c = try later.stack.connect(to: remote, options, now: later.now)
    _ = try later.send(c, [4, 5])
    let syn = try #require(try later.pullSeen().first)
    #expect(syn.flags == .syn && syn.text == [4, 5] && cookieCount(syn) == 8)
    // Nowhere to be used, and nothing that is one.
    let isTakenForNowhere = later.stack.remember(
      taken, for: Endpoint(address: v4(192, 0, 2, 1), port: 80), now: later.now)
    #expect(!isTakenForNowhere)
    for count in [0, 2, 5, 18] {
      let octets = Packet(repeating: 1, count: count)
      let ticket = FastOpenTicket(octets.span.bytes)
      #expect(ticket == nil)
    }
  }

  @Test("RFC 7413 §4.2: the first connection asks for a cookie, the next one's SYN brings it and text")
  func twice() throws {
    let (pair, l) = try pair()
    let text = Packet((0..<500).map { UInt8(truncatingIfNeeded: $0) })
    let first = try exchange(pair, l, text)
    #expect(hasOption(first) && cookieCount(first) == 0 && first?.text == [])
    let start = pair.log.count
    let c = try connect(pair, text)
    let syn = try #require(pair.a.pull().first)
    let seen = try #require(Seen(syn.packet))
    #expect(seen.flags == .syn && seen.text == text && cookieCount(seen) == 8)
    // The server answers before it has heard of the third segment.
    pair.b.inject(syn.packet)
    let d = try pair.b.stack.accept(l)
    #expect(try pair.b.read(d) == text)
    #expect(try pair.b.send(d, [1, 2, 3]) == 3)
    let answers = pair.b.pull()
    #expect(answers.count == 2)
    for answer in answers { pair.a.inject(answer.packet) }
    #expect(try pair.a.read(c) == [1, 2, 3])
    try pair.pump()
    #expect(try pair.a.state(c) == .established && pair.b.state(d) == .established)
    #expect(pair.log.dropFirst(start).allSatisfy { $0.seen.text.isEmpty })
    #expect(pair.a.stack.counters.tcp.tcpFastOpenActive == 1)
    #expect(pair.b.stack.counters.tcp.tcpFastOpenPassive == 1)
  }

  @Test(
    "RFC 7413 §4.1.3: a SYN carries what fits one segment, the rest follows",
    arguments: [1, 1_400, 1_461, 50_000])
  func sizes(count: Int) throws {
    let (pair, l) = try pair()
    try exchange(pair, l, [1])
    let text = Packet((0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) })
    let syn = try exchange(pair, l, text)
    #expect(syn?.text.count == min(count, 1_420))
    #expect(pair.a.stack.counters.tcp.tcpFastOpenActive == 1)
  }

  @Test("RFC 7413 §4.2.2: text that the server did not take is sent again with the first acknowledgment")
  func notTaken() throws {
    let (pair, l) = try pair(limit: 1)
    try exchange(pair, l, [1])
    // Somebody else holds the only place.
    let holder = try connect(pair, [8])
    let syn = pair.a.pull()[0].packet
    pair.b.inject(syn)
    _ = pair.b.pull()
    let start = pair.log.count
    let c = try connect(pair, [1, 2, 3])
    try pair.pump()
    let mine = pair.log.dropFirst(start).filter { $0.fromA && $0.seen.payload.count > 20 }
    #expect(mine.first?.seen.text == [1, 2, 3] && mine.first?.seen.flags == .syn)
    #expect(
      mine.dropFirst().first?.seen.text == [1, 2, 3]
        && mine.dropFirst().first?.seen.flags.contains(.ack) == true)
    _ = try pair.b.stack.accept(l)
    let d = try pair.b.stack.accept(l)
    #expect(try pair.b.read(d) == [1, 2, 3])
    #expect(pair.a.stack.counters.tcp.tcpFastOpenActiveFail == 1)
    _ = (holder, c)
  }

  @Test("RFC 7413 §4.2.2: a SYN with text that has no answer is sent again without text and option")
  func lostSyn() throws {
    let (pair, l) = try pair()
    try exchange(pair, l, [1])
    pair.loses = { _, seen in seen.flags == .syn && !seen.text.isEmpty }
    let start = pair.log.count
    try exchange(pair, l, [1, 2, 3])
    let syns = pair.log.dropFirst(start).filter { $0.seen.flags == .syn }.map(\.seen)
    #expect(syns.count == 2)
    #expect(syns.first?.text == [1, 2, 3] && syns.last?.text == [] && !hasOption(syns.last))
    #expect(pair.a.stack.counters.tcp.tcpFastOpenActiveFail == 1)
  }

  @Test("RFC 7413 §4.2.2: when only the SYN-ACK is lost, the text has arrived, and counts once")
  func lostSynAck() throws {
    let (pair, l) = try pair()
    try exchange(pair, l, [1])
    var count = 0
    pair.loses = { fromA, seen in
      guard !fromA, seen.flags.contains(.syn) else { return false }
      count += 1
      return count == 1
    }
    try exchange(pair, l, [1, 2, 3])
    #expect(pair.b.stack.counters.tcp.tcpFastOpenPassive == 1)
    #expect(pair.a.stack.counters.tcp.tcpFastOpenActive == 1)
  }

  @Test("RFC 7413 §4.1.3.1: after two failures in a row Fast Open rests for an hour, then two")
  func rests() throws {
    let (pair, l) = try pair()
    try exchange(pair, l, [1])
    pair.loses = { _, seen in self.hasOption(seen) }
    for _ in 0..<2 { #expect(hasOption(try exchange(pair, l, [1, 2, 3]))) }
    #expect(!hasOption(try exchange(pair, l, [1, 2, 3])))
    try pair.run(for: .minutes(59))
    #expect(!hasOption(try exchange(pair, l, [1, 2, 3])))
    try pair.run(for: .minutes(2))
    // It asks for a cookie again; that is lost too.
    #expect(hasOption(try exchange(pair, l, [1, 2, 3])))
    try pair.run(for: .minutes(61))
    #expect(!hasOption(try exchange(pair, l, [1, 2, 3])))
    pair.loses = { _, _ in false }
    try pair.run(for: .minutes(61))
    #expect(cookieCount(try exchange(pair, l, [1, 2, 3])) == 0)
    #expect(cookieCount(try exchange(pair, l, [1, 2, 3])) == 8)
  }

  @Test("RFC 7413 §4.2.1: a server that gives no cookie is not asked again for an hour")
  func noCookie() throws {
    let (pair, l) = try pair(limit: 0)
    #expect(hasOption(try exchange(pair, l, [1])))
    #expect(!hasOption(try exchange(pair, l, [1])))
    try pair.run(for: .minutes(61))
    #expect(hasOption(try exchange(pair, l, [1])))
  }

  @Test("RFC 7413 §4.1.3: a cookie that has become too old brings a new one, and no rest")
  func renewed() throws {
    let (pair, l) = try pair { $0.fastOpenCookieLifetime = .minutes(1) }
    try exchange(pair, l, [1])
    for _ in 0..<3 {
      try pair.run(for: .minutes(5))
      let active = pair.a.stack.counters.tcp.tcpFastOpenActive
      #expect(try exchange(pair, l, [1, 2])?.text == [1, 2])
      #expect(try exchange(pair, l, [1, 2])?.text == [1, 2])
      #expect(pair.a.stack.counters.tcp.tcpFastOpenActive == active + 1)
    }
  }

  @Test("RFC 7413: the cache is bounded, and the budget may refuse it")
  func cache() throws {
    let (pair, l) = try pair { $0.fastOpenCacheLimit = 4 }
    try exchange(pair, l, [1])
    // Four other ports, each a path of its own, of which one takes the place of the first.
    for port in UInt16(1_000)..<1_004 {
      var options = ConnectionOptions()
      options.fastOpen = true
      let c = try pair.a.stack.connect(to: pair.b.endpoint(port), options, now: pair.a.now)
      try pair.pump()
      try pair.a.stack.close(c, now: pair.a.now)
      try pair.run(for: .seconds(1))
    }
    #expect(cookieCount(try exchange(pair, l, [1])) == 0)
    let (none, m) = try self.pair { $0.fastOpenCacheLimit = 0 }
    #expect(!hasOption(try exchange(none, m, [1])))
  }

  @Test(
    "RFC 7413 S6.1: whatever is lost, text on SYNs arrives once and whole", .bothFamilies,
    arguments: UInt64(1)...60)
  func losses(seed: UInt64) throws {
    let (pair, l) = try pair(limit: 3)
    var draws = Draws(seed)
    try exchange(pair, l, [1])
    pair.loses = { _, _ in draws.next(4) == 0 }
    let up = Packet((0..<Int(draws.next(5_000) + 1)).map { UInt8(truncatingIfNeeded: $0 &* 3 &+ $0 >> 8) })
    let down = Packet((0..<Int(draws.next(20_000) + 1)).map { UInt8(truncatingIfNeeded: $0 &* 5 &+ $0 >> 8) })
    let c = try connect(pair, up)
    var server: ConnectionID?
    var received: Packet = []
    var answer: Packet = []
    var sent = 0
    for _ in 0..<4_000 where received.count < up.count || answer.count < down.count {
      try pair.run(for: .milliseconds(50))
      if server == nil { server = try? pair.b.stack.accept(l) }
      guard let d = server else { continue }
      received += try pair.b.read(d) ?? []
      if sent < down.count { sent += (try? pair.b.send(d, Packet(down[sent...]))) ?? 0 }
      answer += try pair.a.read(c) ?? []
    }
    #expect(received == up, "seed \(seed)")
    #expect(answer == down, "seed \(seed)")
    pair.loses = { _, _ in false }
    try pair.a.stack.close(c, now: pair.a.now)
    if let server { try pair.b.stack.close(server, now: pair.b.now) }
    try pair.run(for: .minutes(5))
    _ = (pair.a.drain(), pair.b.drain())
    #expect(pair.a.stack.held.isQuiet && pair.b.stack.held.isQuiet, "seed \(seed)")
  }
}
