import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("The half-open queue", .bothFamilies)
struct HalfOpenQueueTests {
  @Test(
    "S3.2 without cookies a full half-open queue drops SYNs, and counts them by Linux's names")
  func fullWithoutCookies() throws {
    let flood = try Flood(.off)
    for n in 0..<20 { try flood.syn(n) }
    let status = try flood.status
    #expect(status.halfOpen == 8 && status.halfOpenHighWater == 8 && status.halfOpenOverflows == 12)
    #expect(flood.counters.tcpReqQFullDrop == 12 && flood.counters.listenDrops == 12)
    #expect(flood.counters.syncookiesSent == 0 && flood.counters.tcpReqQFullDoCookies == 0)
    #expect((0..<8).allSatisfy { flood.hasRecord($0) }, "who came first is not pushed out")
  }

  @Test("S3.3 the number of SYN-ACKs and the time between them are configured, and the lifetime can be read")
  func intervals() throws {
    #expect(TCPConfiguration().halfOpenLifetime == .seconds(63))
    let flood = try Flood {
      $0.tcp.synAckInterval = .milliseconds(500)
      $0.tcp.synAckRetries = 3
      $0.tcp.maximumRTO = .seconds(1)
    }
    let lifetime = flood.host.stack.configuration.tcp.halfOpenLifetime
    #expect(lifetime == .milliseconds(3_500))
    try flood.syn(0)
    var sent: [Int64] = []
    for tenth in 1...60 {
      flood.host.advance(by: .milliseconds(100))
      if try !flood.host.pullSeen().isEmpty { sent.append(Int64(tenth) * 100) }
      let lives = TimeAmount.milliseconds(Int64(tenth) * 100) < lifetime
      #expect(flood.hasRecord(0) == lives)
    }
    #expect(sent == [500, 1_500, 2_500])
  }

  @Test("E12 as long as a queue is half full it repeats SYN-ACKs three times, under a flood not at all")
  func fewerUnderPressure() throws {
    func repetitions(_ syns: Int) throws -> Int {
      let flood = try Flood(backlog: 8)
      for n in 0..<syns { try flood.syn(n) }
      var count = 0
      for _ in 0..<70 {
        flood.host.advance(by: .seconds(1))
        count += try flood.host.pullSeen().filter { $0.source == flood.host.address }.count
      }
      #expect(flood.host.stack.held.halfOpen == 0)
      return count
    }
    #expect(try repetitions(1) == 5)
    #expect(try repetitions(3) == 15)
    // Four of eight are half of them. When the first goes, after three, the queue is no longer half full.
    #expect(try repetitions(4) == 3 + 3 * 5)
    #expect(try repetitions(8) == 5 * 3 + 3 * 5)
    #expect(try repetitions(9) == 0)
  }

  @Test("E12 without cookies too a full queue repeats its SYN-ACKs at most three times")
  func pressureWithoutCookies() throws {
    let flood = try Flood(.off)
    for n in 0..<100 { try flood.syn(n) }
    var count = 0
    for _ in 0..<70 {
      flood.host.advance(by: .seconds(1))
      count += try flood.host.pullSeen().count
    }
    #expect(count == 5 * 3 + 3 * 5)
  }

  @Test("S3.8 text on a SYN is not kept: the SYN alone is acknowledged, and nothing is held for it")
  func textOnSyn() throws {
    let flood = try Flood()
    let before = flood.host.stack.held.chunks
    let syn = tcp(
      from: flood.peer(0), to: flood.local, seq: 100, .syn, text: Packet(repeating: 7, count: 500))
    let answer = try #require(try flood.host.answers(to: syn).first)
    #expect(answer.flags == [.syn, .ack] && answer.ack == 101)
    #expect(flood.host.stack.held.chunks == before && flood.host.stack.held.coldBlocks == 0)
    flood.host.inject(
      tcp(from: flood.peer(0), to: flood.local, seq: 101, ack: answer.seq &+ 1, .ack))
    let connection = try flood.host.stack.accept(flood.listener)
    #expect(try flood.host.read(connection) == [])
  }

  @Test("S3.5 E1 a thousand half-open connections cost a thousand small records, and a flood costs no more")
  func memory() throws {
    let flood = try Flood(backlog: 1_024)
    flood.host.checksEveryStep = false
    for n in 0..<1_024 { try flood.syn(n) }
    let full = flood.host.stack.held.budget
    #expect(full < 1_024 * (isIPv4 ? 48 : 72) + 32_768, "\(full) octets")
    for n in 1_024..<3_000 { try flood.syn(n) }
    flood.host.checksEveryStep = true
    flood.host.check()
    #expect(flood.host.stack.held.budget <= full && flood.host.stack.held.halfOpen == 1_024)
    #expect(flood.host.stack.held.connections == 0 && flood.host.stack.held.coldBlocks == 0)
  }

  @Test(
    "E1 half-open records of all listeners together are bounded too: the oldest that can be spared goes")
  func stackLimit() throws {
    let host = try Host(2) { $0.halfOpenLimit = 8 }
    for port in 80...83 { _ = try host.stack.listen(on: LocalEndpoint(port: UInt16(port))) }
    func send(_ n: UInt16) throws -> [Seen] {
      let from = Endpoint(address: near(9), port: n)
      return try host.answers(to: tcp(from: from, to: host.endpoint(80 + n % 4), seq: 100, .syn))
    }
    for n: UInt16 in 1...20 {
      if n == 9 { host.advance(by: .milliseconds(300)) }
      #expect(try send(n).count == 1, "every SYN is answered")
    }
    #expect(host.stack.held.halfOpen == 8 && host.stack.counters.embryosEvicted == 4)
    var ports: [UInt16] = []
    host.stack.forEachFlow(now: host.now) { ports.append($0.remote.port) }
    #expect(ports.sorted() == [1, 2, 3, 4, 9, 10, 11, 12], "the first half was sealed by no cookie")
  }

  @Test("E1 of the half-open records of both families the oldest goes")
  func oldestOfBoth() throws {
    let host = try Host(2) { $0.halfOpenLimit = 8 }
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    // No cookie stands for the first four. Two more of their family come, and then those of the other.
    for n: UInt16 in 1...6 { try send(n, isIPv4: isIPv4, to: host) }
    for n: UInt16 in 7...8 { try send(n, isIPv4: !isIPv4, to: host) }
    host.advance(by: .milliseconds(250))
    for n: UInt16 in 9...10 { try send(n, isIPv4: !isIPv4, to: host) }
    #expect(ports(of: host) == [1, 2, 3, 4, 7, 8, 9, 10])
  }

  @Test("E1 of those of both families that have not answered for a second the oldest goes")
  func longestSilent() throws {
    let host = try Host(2) { $0.halfOpenLimit = 8 }
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    for n: UInt16 in 1...2 { try send(n, isIPv4: isIPv4, to: host) }
    for n: UInt16 in 3...8 { try send(n, isIPv4: !isIPv4, to: host) }
    for _ in 0..<130 { host.advance(by: .milliseconds(10)) }
    _ = host.pull()
    try send(9, isIPv4: !isIPv4, to: host)
    try send(10, isIPv4: isIPv4, to: host)
    #expect(ports(of: host) == [3, 4, 5, 6, 7, 8, 9, 10])
  }

  private func send(_ n: UInt16, isIPv4: Bool, to host: Host) throws {
    let from = Endpoint(address: isIPv4 ? v4(10, 0, 0, 9) : v6(9), port: n)
    let to = isIPv4 ? Endpoint(address: host.address4, port: 80) : host.endpoint6(80)
    #expect(try host.answers(to: tcp(from: from, to: to, seq: 100, .syn)).count == 1)
    host.advance(by: .milliseconds(10))
  }

  private func ports(of host: Host) -> [UInt16] {
    var ports: [UInt16] = []
    host.stack.forEachFlow(now: host.now) { ports.append($0.remote.port) }
    return ports.sorted()
  }

  @Test(
    "S3.6 E1 a record that another listener's flood pushes out completes by its cookie all the same")
  func pushedOutByAnother() throws {
    let host = try Host(2) { $0.halfOpenLimit = 64 }
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    let quiet = try host.stack.listen(on: LocalEndpoint(port: 81))
    func from(_ n: Int) -> Endpoint { Endpoint(address: near(9), port: UInt16(1_000 + n)) }
    func syn(_ n: Int, _ port: UInt16) throws -> Seen {
      let packet = tcp(from: from(n), to: host.endpoint(port), seq: 100, .syn)
      return try #require(try host.answers(to: packet).first)
    }
    for n in 0..<63 { _ = try syn(n, 80) }
    let honest = try syn(5_000, 81)
    host.advance(by: .milliseconds(300))
    for n in 63..<200 { _ = try syn(n, 80) }
    var isKept = false
    host.stack.forEachFlow(now: host.now) { if $0.remote == from(5_000) { isKept = true } }
    #expect(!isKept)
    host.inject(tcp(from: from(5_000), to: host.endpoint(81), seq: 101, ack: honest.seq &+ 1, .ack))
    #expect(try host.stack.status(quiet).acceptable == 1)
    // Nobody else is believed that late.
    host.advance(by: .seconds(61))
    #expect(host.stack.counters.syncookiesFailed == 0)
    host.inject(tcp(from: from(7), to: host.endpoint(81), seq: 101, ack: 77, .ack))
    #expect(host.stack.counters.syncookiesFailed == 0)
  }

  @Test(
    "E1 a listener without cookies takes no record of another that nothing stands for",
    arguments: [false, true])
  func fullStackWithoutCookies(defers: Bool) throws {
    let host = try Host(2) { $0.halfOpenLimit = 64 }
    var options = ListenerOptions()
    options.synCookies = defers ? .auto : .off
    options.defersAccept = defers
    let greedy = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    let quiet = try host.stack.listen(on: LocalEndpoint(port: 81))
    let (first, second) = (host.endpoint(80), host.endpoint(81))
    let honest = Endpoint(address: near(99), port: 5_000)
    let answer = try #require(try host.answers(to: tcp(from: honest, to: second, seq: 100, .syn)).first)
    for n in 0..<100 {
      let from = Endpoint(address: near(3), port: UInt16(1_000 + n))
      host.inject(tcp(from: from, to: first, seq: 100, .syn))
    }
    _ = host.pull()
    #expect(try host.stack.status(greedy).halfOpen == 63)
    host.inject(tcp(from: honest, to: second, seq: 101, ack: answer.seq &+ 1, .ack))
    #expect(try host.stack.status(quiet).acceptable == 1)
  }

  @Test(
    "S3.4 E12 a listener that defers repeats its SYN-ACKs after an overflow too: no cookie stands for them")
  func deferredAfterOverflow() throws {
    let host = try Host(2)
    var options = ListenerOptions()
    options.defersAccept = true
    options.halfOpenLimit = 2
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    for port: UInt16 in 1...3 {
      let from = Endpoint(address: near(9), port: port)
      host.inject(tcp(from: from, to: host.endpoint(80), seq: 100, .syn))
    }
    for case .attempt(let id) in host.drain() { try host.stack.answer(id, .accept, now: host.now) }
    #expect(try host.pullSeen().count == 2)
    host.advance(by: .milliseconds(1_500))
    #expect(try host.pullSeen().count == 2)
    #expect(try host.stack.status(listener).halfOpen == 2)
  }

  @Test("E1 a record that has just been sent its SYN-ACK again is no reason for a younger one's to go")
  func youngerBesideRepeated() throws {
    let flood = try Flood(backlog: 4)
    // One without a cookie, from before the flood, whose SYN-ACK is repeated after a second.
    try flood.syn(0)
    flood.host.advance(by: .milliseconds(1_050))
    #expect(try flood.host.pullSeen().count == 1)
    for n in 1..<4 { try flood.syn(n) }
    try #require(try flood.status.halfOpen == 4)
    // The queue is full. The first has not had the time of a round trip since its second SYN-ACK, nor have the others.
    flood.host.advance(by: .milliseconds(50))
    try flood.syn(10)
    #expect(flood.counters.embryosEvicted == 0 && !flood.hasRecord(10))
    #expect((0..<4).allSatisfy { flood.hasRecord($0) })
    flood.host.advance(by: .milliseconds(250))
    try flood.syn(11)
    #expect(flood.counters.embryosEvicted == 1 && flood.hasRecord(11) && !flood.hasRecord(0))
  }

  @Test("E12 a burst now and then does not keep honest clients from a second SYN-ACK")
  func burstNowAndThen() throws {
    let flood = try Flood(backlog: 16)
    for n in 0..<18 { try flood.syn(n) }
    flood.host.advance(by: .seconds(20))
    _ = flood.host.pull()
    _ = try flood.syn(100)
    flood.host.advance(by: .milliseconds(1_100))
    #expect(try flood.host.pullSeen().count == 1)
  }

  @Test("S3.2 what does not leave for want of room is not counted as sent, but as dropped")
  func countersWithoutRoom() throws {
    let flood = try Flood(.always) { $0.replyLimit = 4 }
    let sent = flood.counters.tcp.outSegs
    for n in 0..<20 {
      flood.host.inject(
        tcp(from: flood.peer(n), to: flood.local, seq: flood.irs(n), .syn, options: Flood.usual))
    }
    #expect(flood.host.pull().count == 4)
    #expect(flood.counters.tcp.outSegs - sent == 4 && flood.counters.syncookiesSent == 4)
    #expect(flood.counters.listenDrops == 16)
  }

  @Test("S3.2 the accept queue is bounded; a cookie is not sent for a place that is not there")
  func acceptQueue() throws {
    let flood = try Flood(.always, acceptLimit: 2)
    for n in 0..<2 { flood.host.inject(flood.third(n, try #require(try flood.syn(n)))) }
    #expect(try flood.status.acceptable == 2)
    #expect(try flood.syn(2) == nil)
    #expect(try flood.status.acceptOverflows == 1)
    #expect(flood.counters.listenOverflows == 1 && flood.counters.listenDrops == 1)
    _ = try flood.host.stack.accept(flood.listener)
    #expect(try flood.syn(2) != nil)
  }
}
