import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What anybody can provoke is limited, and what is left of a limit tells nobody what others have had.

@Suite("Limits on answers")
struct AnswerLimitTests {
  /// How many of `count` SYNs to a closed port are answered.
  private func resets(_ host: Host, _ count: Int, from source: IPAddress) throws -> Int {
    let local = Endpoint(address: source.isFour ? host.address4 : host.address6, port: 9)
    for seq in 0..<count {
      host.inject(tcp(from: Endpoint(address: source, port: 4_000), to: local, seq: UInt32(seq), .syn))
    }
    return try host.pullSeen().filter { $0.destination == source && $0.flags.contains(.rst) }.count
  }

  /// How many of `count` datagrams to a closed port are answered.
  private func errors(_ host: Host, _ count: Int, from source: IPAddress) throws -> Int {
    let local = Endpoint(address: source.isFour ? host.address4 : host.address6, port: 53)
    for _ in 0..<count { host.inject(udp(from: Endpoint(address: source, port: 4_000), to: local, [1])) }
    return try host.pullSeen().filter { $0.destination == source && !$0.isTCP }.count
  }

  @Test("O8 S5.1 each destination has a share of the limit, and it fills with time", arguments: [4, 6])
  func shares(version: Int) throws {
    let host = try Host(2)
    let first = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    #expect(try resets(host, 100, from: first) == 31)
    #expect(host.drops(.resetLimited) == 69)
    host.advance(by: .milliseconds(80))
    #expect(try resets(host, 100, from: first) == 10)
    #expect(try errors(host, 100, from: first) == 6)
    host.advance(by: .milliseconds(500))
    #expect(try errors(host, 100, from: first) == 6)
    host.advance(by: .seconds(10))
    #expect(try resets(host, 100, from: first) == 31)
    #expect(try errors(host, 100, from: first) == 6)
  }

  @Test("O8 what one destination has used up is not missing for another")
  func apart() throws {
    let host = try Host(2)
    #expect(try resets(host, 1_000, from: v4(10, 0, 0, 9)) == 31)
    #expect(try resets(host, 1_000, from: v4(10, 0, 0, 10)) == 31)
    #expect(try errors(host, 1_000, from: v4(10, 0, 0, 9)) == 6)
    #expect(try errors(host, 1_000, from: v4(10, 0, 0, 10)) == 6)
  }

  @Test("O8 a network of 64 bits is one destination, but neighbours on our own links are not")
  func networks() throws {
    let host = try Host(2)
    let everybody = IPPrefix(.v6(IPv6Address(high: 0, low: 0)), length: 0)
    try host.stack.addRoute(Route(prefix: everybody, interface: host.interface))
    func far(_ network: UInt64, _ n: UInt64) -> IPAddress {
      .v6(IPv6Address(high: 0x2001_0db8_0000_0000 + network, low: n))
    }
    // Who has a network has all the addresses in it.
    #expect(try resets(host, 20, from: far(1, 9)) + resets(host, 20, from: far(1, 10)) == 31)
    #expect(try errors(host, 4, from: far(1, 9)) + errors(host, 4, from: far(1, 10)) == 6)
    #expect(try resets(host, 20, from: far(2, 9)) == 20)
    // Those of fd00:7::/64 share it with others.
    host.advance(by: .seconds(1))
    #expect(try resets(host, 20, from: v6(9)) + resets(host, 20, from: v6(10)) == 40)
    #expect(try errors(host, 4, from: v6(9)) + errors(host, 4, from: v6(10)) == 8)
  }

  @Test("O8 whoever fills the table with used-up shares locks nobody out of it", arguments: [4, 6])
  func fullTable(version: Int) throws {
    // One set of four, and a whole that lasts.
    let host = try Host(2) {
      $0.destinationLimit = 4
      $0.resetsPerSecond = 8_000
      $0.replyLimit = 4_096
    }
    func source(_ n: UInt8) -> IPAddress { version == 4 ? v4(10, 0, 0, n) : v6(UInt64(n)) }
    for n: UInt8 in 10..<14 { #expect(try resets(host, 300, from: source(n)) == 250) }
    host.advance(by: .milliseconds(30))
    for n: UInt8 in 20..<28 { #expect(try resets(host, 40, from: source(n)) == 40) }
  }

  @Test(
    "O8 what the peer of a connection repeats counts for nothing, what anybody can have made up counts",
    arguments: [true, false])
  func repetitions(isNear: Bool) throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let peer = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
    let local = host.endpoint(80)
    let synAck = try #require(try host.answers(to: tcp(from: peer, to: local, seq: 100, .syn)).first)
    let text = tcp(from: peer, to: local, seq: 101, ack: synAck.seq &+ 1, [.psh, .ack], text: [1, 2, 3])
    host.inject(text)
    _ = try host.stack.accept(listener)
    // Text that came before, and keep-alives.
    let keepAlive = tcp(from: peer, to: local, seq: 103, ack: synAck.seq &+ 1, .ack)
    let farAway = tcp(from: peer, to: local, seq: 0x7000_0000, ack: synAck.seq &+ 1, .ack)
    for _ in 0..<50 {
      host.inject(isNear ? text : farAway)
      host.inject(isNear ? keepAlive : farAway)
    }
    #expect(try !host.pullSeen().contains { $0.flags.contains(.rst) })
    #expect(try resets(host, 100, from: peer.address) == (isNear ? 31 : 0))
  }

  @Test("O8 the whole has a limit too, which nobody can predict", arguments: [true, false])
  func whole(ofResets: Bool) throws {
    var counts: [Int] = []
    for seed in UInt64(1)...24 {
      let host = try Host(2, seed: seed)
      var count = 0
      for n in 10..<240 {
        let source = v4(10, 0, 0, UInt8(n))
        count += try ofResets ? resets(host, 31, from: source) : errors(host, 6, from: source)
      }
      counts.append(count)
    }
    let burst = ofResets ? 250 : 25
    #expect(counts.allSatisfy { burst / 3 < $0 && $0 < burst * 3 / 2 }, "\(counts)")
    // More than the share of one destination lies between them: whether somebody else was answered is lost
    // in it.
    let spread = (counts.max() ?? 0) - (counts.min() ?? 0)
    #expect(spread > (ofResets ? 31 : 6), "\(counts)")
    #expect(Set(counts).count > 6, "\(counts)")
  }

  @Test("S5.1 in the long run the whole gives what the configuration says", .bothFamilies)
  func rate() throws {
    let host = try Host(2)
    _ = try resets(host, 1, from: near(9))
    var count = 0
    for _ in 0..<2_000 {
      host.advance(by: .milliseconds(5))
      for n in 10..<20 { count += try resets(host, 1, from: near(UInt8(n))) }
    }
    // 10 s, 1,000 a second; ten destinations ask for 2,000 and may have 125 each.
    #expect((9_300...10_700).contains(count), "\(count)")
  }

  @Test(
    "S5.1 a wrong acknowledgment of a handshake earns a reset, but not at any rate", .bothFamilies,
    arguments: [true, false])
  func handshakes(isPassive: Bool) throws {
    let host = try Host(2)
    let peer = Endpoint(address: near(9), port: 4_000)
    var local = host.endpoint(80)
    if isPassive {
      _ = try host.stack.listen(on: LocalEndpoint(port: 80))
      host.inject(tcp(from: peer, to: local, seq: 100, .syn))
    } else {
      let c = try host.stack.connect(to: peer, now: host.now)
      local = try host.stack.status(c, now: host.now).local
    }
    _ = host.pull()
    for n in 0..<500 {
      host.inject(tcp(from: peer, to: local, seq: 101, ack: UInt32(n) &* 8_000_000 &+ 3, .ack))
    }
    #expect(try host.pullSeen().filter { $0.flags.contains(.rst) }.count == 31)
    #expect(host.drops(.resetLimited) == 469)
  }

  @Test("O8 where the budget has no room for shares, the whole is limited all the same")
  func noRoom() throws {
    let host = try Host(2) {
      $0.memoryBudget = Footprint.stack + 3_000
      $0.chunksPerArena = 1
      $0.replyLimit = 16
    }
    var count = 0
    for _ in 0..<100 { count += try resets(host, 10, from: v4(10, 0, 0, 9)) }
    #expect((1...400).contains(count))
    #expect(host.drops(.resetLimited) > 500)
  }

  /// Resets that are left to a source after text was forged in its name, and how often there was no memory to judge
  /// it. Somebody else has filled the memory, and the source has a connection or not.
  private func leftUnderShortage(kilobytes: Int, hasConnection: Bool) throws -> (
    resets: Int, unjudged: UInt64
  ) {
    let host = try Host(2) { $0.memoryBudget = kilobytes << 10 }
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    _ = try resets(host, 1, from: v4(10, 0, 0, 250))
    let own = Endpoint(address: v4(10, 0, 0, hasConnection ? 9 : 8), port: 4_000)
    var victim = RawPeer(own, to: host.endpoint(80))
    try #require(try victim.connect(to: host))
    _ = try host.stack.accept(listener)
    // All blocks of the page are taken, and there is no memory for another page.
    var peers = (0..<62).map { RawPeer($0, to: host.endpoint(80)) }
    for n in peers.indices {
      guard try peers[n].connect(to: host), (try? host.stack.accept(listener)) != nil else { break }
      try peers[n].send([1], to: host)
    }
    for _ in 0..<20 {
      for n in peers.indices where peers[n].seen != 0 {
        try peers[n].send(Packet(repeating: 1, count: 1_000), to: host)
      }
    }
    let unjudged = host.drops(.noMemory)
    let forged = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
    for n in 0..<31 {
      host.inject(
        tcp(
          from: forged, to: host.endpoint(80), seq: UInt32(n) &* 100_000_000, ack: UInt32(n) &* 90_000_001,
          [.psh, .ack], text: [1]))
    }
    _ = host.pull()
    return (try resets(host, 60, from: v4(10, 0, 0, 9)), host.drops(.noMemory) - unjudged)
  }

  @Test("O8 nor is it seen by what is left that a segment found no memory to be judged with")
  func shortage() throws {
    var unjudged: UInt64 = 0
    for kilobytes in stride(from: 300, through: 420, by: 12) {
      let with = try leftUnderShortage(kilobytes: kilobytes, hasConnection: true)
      let without = try leftUnderShortage(kilobytes: kilobytes, hasConnection: false)
      #expect(with.resets == without.resets, "\(kilobytes) KiB")
      unjudged += with.unjudged
    }
    #expect(unjudged >= 31)
  }
}
