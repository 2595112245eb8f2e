import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("SYN cookies", .bothFamilies)
struct CookieTests {
  /// What a SYN offers, and what a cookie remembers of it.
  struct Case: CustomTestStringConvertible, Sendable {
    var mss: (offered: UInt16?, kept4: UInt16, kept6: UInt16)
    var shift: (offered: UInt8?, kept: UInt8?)
    var sack: Bool
    var ecn: Bool
    var timestamps: Bool
    var testDescription: String {
      "MSS \(mss.offered ?? 0), shift \(shift.offered ?? 99), SACK \(sack), ECN \(ecn), timestamps \(timestamps)"
    }

    var options: TCPOptions {
      var options = TCPOptions()
      if let mss = mss.offered {
        options.present.insert(.maximumSegmentSize)
        options.maximumSegmentSize = mss
      }
      if let shift = shift.offered {
        options.present.insert(.windowScale)
        options.windowScale = WindowScale(shift)
      }
      if sack { options.present.insert(.sackPermitted) }
      if timestamps {
        options.present.insert(.timestamps)
        options.tsval = 5
      }
      return options
    }

    static let sizes: [(UInt16?, UInt16, UInt16)] = [
      (nil, 536, 1_220), (1_220, 536, 1_220), (1_299, 536, 1_220), (1_300, 1_300, 1_220),
      (1_439, 1_300, 1_420), (1_440, 1_440, 1_440), (1_460, 1_460, 1_440), (65_495, 1_460, 1_440),
    ]
    static let shifts: [(UInt8?, UInt8?)] = [
      (nil, nil), (0, 0), (1, 0), (2, 2), (5, 4), (6, 6), (7, 7), (8, 8), (9, 8), (14, 10),
    ]
    static var all: [Case] {
      var all: [Case] = []
      for size in sizes {
        for shift in shifts {
          for bits in 0..<8 {
            all.append(
              Case(
                mss: size, shift: shift, sack: bits & 1 != 0, ecn: bits & 2 != 0, timestamps: bits & 4 != 0))
          }
        }
      }
      return all
    }
  }

  @Test(
    "S3.6 MSS, window scale, SACK and ECN survive a cookie, with and without timestamps")
  func roundTrip() throws {
    let flood = try Flood(.always)
    for (n, each) in Case.all.enumerated() {
      let flags: TCPFlags = each.ecn ? [.syn, .ece, .cwr] : .syn
      let synAck = try #require(try flood.syn(n, flags, each.options))
      #expect(!flood.hasRecord(n))
      let offered = try #require(synAck.header?.options.present)
      #expect(offered.contains(.windowScale) == (each.shift.offered != nil))
      #expect(offered.contains(.sackPermitted) == each.sack)
      #expect(offered.contains(.timestamps) == each.timestamps)
      #expect(synAck.flags == (each.ecn ? [.syn, .ack, .ece] : [.syn, .ack]))
      flood.host.advance(by: .milliseconds(20))
      flood.host.inject(flood.third(n, synAck))
      let connection = try flood.host.stack.accept(flood.listener)
      let tcp = try flood.host.stack.status(connection, now: flood.host.now).tcp
      #expect(tcp.state == .established)
      #expect(
        tcp.sndMss == (isIPv4 ? each.mss.kept4 : each.mss.kept6) - (each.timestamps ? 12 : 0), "\(each)")
      #expect(
        tcp.windowScaling == (each.shift.offered != nil) && tcp.sndWscale == each.shift.kept ?? 0, "\(each)")
      #expect(tcp.sack == each.sack && tcp.ecn == each.ecn && tcp.timestamps == each.timestamps, "\(each)")
      #expect(tcp.rcvWscale == (each.shift.offered == nil ? 0 : synAck.header?.options.windowScale.shift))
      try flood.host.stack.abort(connection, now: flood.host.now)
      _ = flood.host.pull()
    }
    #expect(flood.counters.syncookiesRecv == UInt64(Case.all.count))
  }

  @Test("RFC 1191 §3: a connection that a cookie opens knows what was learned of its path")
  func knownPath() throws {
    let flood = try Flood(.always)
    func open(_ n: Int) throws -> ConnectionID {
      let synAck = try #require(try flood.syn(n))
      flood.host.inject(flood.third(n, synAck))
      return try flood.host.stack.accept(flood.listener)
    }
    func sendMSS(_ id: ConnectionID) throws -> UInt16 {
      try flood.host.stack.status(id, now: flood.host.now).tcp.sndMss
    }
    let first = try open(0)
    let whole: UInt16 = (isIPv4 ? 1_460 : 1_440) - 12
    #expect(try sendMSS(first) == whole)
    #expect(try flood.host.send(first, Packet(repeating: 7, count: 4_000)) == 4_000)
    let text = try #require(flood.host.pull().first).packet
    flood.host.inject(
      icmp(
        from: near(254), to: flood.host.address, type: isIPv4 ? 3 : 2, code: isIPv4 ? 4 : 0, rest: 1_300,
        Packet(text.prefix(isIPv4 ? 28 : 48))))
    let narrow: UInt16 = (isIPv4 ? 1_260 : 1_240) - 12
    #expect(try sendMSS(first) == narrow)
    #expect(try sendMSS(try open(1)) == narrow)
    // Somebody else's path.
    #expect(try sendMSS(try open(60_001)) == whole)
  }

  @Test(
    "S3.6 a wrong initial number, port, address or acknowledgment is refused with a reset, and counted")
  func refused() throws {
    let flood = try Flood(.always)
    // Another port and another address of ours, which believe in cookies too.
    var options = ListenerOptions()
    options.synCookies = .always
    _ = try flood.host.stack.listen(on: LocalEndpoint(port: 81), options)
    let second = isIPv4 ? v4(10, 0, 0, 3) : v6(0x1_0000_0000_0002)
    try flood.host.stack.addAddress(IPPrefix(second, length: isIPv4 ? 24 : 64), to: flood.host.interface)
    try flood.host.addDefaultRoute()
    let n = 70_000
    let synAck = try #require(try flood.syn(n))
    let peer = flood.peer(n)
    let local = flood.local
    let seq = flood.irs(n) &+ 1
    var failures: UInt64 = 0
    func refuses(
      from: Endpoint? = nil, to: Endpoint? = nil, seq other: UInt32? = nil, ack: UInt32? = nil,
      sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
      let ack = ack ?? synAck.seq &+ 1
      let answers = try flood.host.answers(
        to: tcp(from: from ?? peer, to: to ?? local, seq: other ?? seq, ack: ack, .ack))
      failures += 1
      #expect(answers.map(\.flags) == [.rst] && answers.first?.seq == ack, sourceLocation: sourceLocation)
      #expect(flood.counters.syncookiesFailed == failures, sourceLocation: sourceLocation)
      #expect(flood.host.stack.held.connections == 0, sourceLocation: sourceLocation)
    }
    try refuses(seq: seq &+ 1)
    try refuses(ack: synAck.seq)
    try refuses(from: Endpoint(address: peer.address, port: peer.port + 1))
    // In the low half of the address, and in the high half of it.
    for other in isIPv4
      ? [v4(10, 0, 0, 77)] : [v6(77), .v6(IPv6Address(high: 0xfd00_0007 << 32 | 1, low: 4))]
    {
      try refuses(from: Endpoint(address: other, port: peer.port))
    }
    try refuses(to: Endpoint(address: local.address, port: 81))
    try refuses(to: Endpoint(address: second, port: 80))
    // Each of the eight bits is under the MAC.
    for bit in 0..<8 { try refuses(ack: (synAck.seq ^ 1 << UInt32(bit)) &+ 1) }
    flood.host.inject(flood.third(n, synAck))
    #expect(try flood.status.acceptable == 1)
  }

  @Test("S3.6 a cookie is good in its generation and the next, 15 to 30 seconds, and for no other")
  func generations() throws {
    for (wait, isGood) in [(0, true), (14, true), (29, true), (31, false), (61, false), (75, false)] {
      let flood = try Flood(.always)
      let synAck = try #require(try flood.syn(0))
      flood.host.advance(by: .seconds(Int64(wait)))
      flood.host.inject(flood.third(0, synAck))
      #expect(try flood.status.acceptable == (isGood ? 1 : 0), "after \(wait) s")
      #expect(flood.counters.syncookiesFailed == (isGood ? 0 : 1))
    }
  }

  @Test("S3.6 the same SYN has another cookie in the next generation, and from another stack")
  func secrets() throws {
    let flood = try Flood(.always)
    let first = try #require(try flood.syn(0))
    #expect(try flood.syn(0)?.seq == first.seq)
    flood.host.advance(by: .seconds(15))
    let second = try #require(try flood.syn(0))
    #expect(second.seq >> 8 != first.seq >> 8 && second.seq & 0x7f == first.seq & 0x7f)
    let host = try Host(2, seed: 8)
    var options = ListenerOptions()
    options.synCookies = .always
    _ = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    host.advance(by: .seconds(14))
    let syn = tcp(from: flood.peer(0), to: flood.local, seq: flood.irs(0), .syn, options: Flood.usual)
    #expect(try host.answers(to: syn).first?.seq != first.seq)
  }

  @Test(
    "S3.6 E1 under a flood the oldest makes room after a round trip, and who had to go completes all the same"
  )
  func evictedCompletes() throws {
    let flood = try Flood(backlog: 8)
    var synAcks: [Seen] = []
    for n in 0..<30 { synAcks.append(try #require(try flood.syn(n))) }
    #expect((0..<30).filter { flood.hasRecord($0) } == Array(0..<8))
    flood.host.advance(by: .milliseconds(249))
    synAcks.append(try #require(try flood.syn(30)))
    #expect(!flood.hasRecord(30), "the oldest has not had its time")
    flood.host.advance(by: .milliseconds(1))
    for n in 31..<40 { synAcks.append(try #require(try flood.syn(n))) }
    #expect(try flood.status.halfOpen == 8)
    // The first four came when nothing was wrong, and keep their records; the next ones have had their time.
    #expect((0..<40).filter { flood.hasRecord($0) } == [0, 1, 2, 3, 31, 32, 33, 34])
    #expect(flood.counters.embryosEvicted == 4)
    #expect(flood.counters.tcpReqQFullDoCookies == 32 && flood.counters.syncookiesSent == 36)
    for n in 0..<40 { flood.host.inject(flood.third(n, synAcks[n])) }
    #expect(flood.acceptAll().count == 40)
    #expect(flood.counters.syncookiesRecv == 32 && flood.counters.syncookiesFailed == 0)
    #expect(flood.host.stack.held.halfOpen == 0)
  }

  @Test("S3.6 records from before the flood end after their second, and later SYNs find their place")
  func beforeTheFlood() throws {
    let flood = try Flood(backlog: 8)
    for n in 0..<10 { try flood.syn(n) }
    flood.host.advance(by: .milliseconds(1_001))
    #expect(try flood.status.halfOpen == 0)
    #expect(try flood.host.pullSeen().isEmpty)
  }

  @Test("S3.6 cookies are believed for a minute after the last overflow, and no longer")
  func onlyNearOverflow() throws {
    for (wait, isBelieved) in [(59, true), (61, false)] {
      let flood = try Flood(backlog: 2)
      for n in 0..<3 { try flood.syn(n) }
      flood.host.advance(by: .seconds(Int64(wait) - 1))
      _ = flood.host.pull()
      // A cookie of now, from a twin that is under a flood.
      let twin = try Flood(.always)
      twin.host.advance(by: flood.host.now.since(twin.host.now))
      let synAck = try #require(try twin.syn(50))
      flood.host.advance(by: .seconds(1))
      let answers = try flood.host.answers(to: flood.third(50, synAck))
      #expect(try flood.status.acceptable == (isBelieved ? 1 : 0))
      #expect(answers.map(\.flags) == (isBelieved ? [] : [.rst]))
      #expect(flood.counters.syncookiesFailed == 0, "nobody looks at what cannot be a cookie")
    }
  }

  @Test("S3.6 while an overflow is recent every ISS is a cookie, whether there is room or not")
  func everyISS() throws {
    let flood = try Flood(backlog: 4)
    for n in 0..<6 { try flood.syn(n) }
    flood.host.advance(by: .seconds(40))
    _ = flood.host.pull()
    #expect(try flood.status.halfOpen == 0)
    let synAck = try #require(try flood.syn(9))
    #expect(flood.hasRecord(9))
    flood.host.advance(by: .milliseconds(300))
    for n in 10..<16 { try flood.syn(n) }
    #expect(!flood.hasRecord(9), "the cookie stands for it")
    flood.host.inject(flood.third(9, synAck))
    #expect(try flood.status.acceptable == 1)
  }

  /// Peer 0 has connected and closed after the host did: only a TIME-WAIT record is left. The host's FIN.
  private func leaveTimeWait(_ flood: Flood) throws -> Seen {
    flood.host.inject(flood.third(0, try #require(try flood.syn(0))))
    let connection = try flood.host.stack.accept(flood.listener)
    try flood.host.stack.close(connection, now: flood.host.now)
    let fin = try #require(try flood.host.pullSeen().first { $0.flags.contains(.fin) })
    var options = TCPOptions()
    options.present = .timestamps
    options.tsval = 1_002
    options.tsecr = fin.header?.options.tsval ?? 0
    let seq = flood.irs(0) &+ 1
    flood.host.inject(
      tcp(
        from: flood.peer(0), to: flood.local, seq: seq, ack: fin.seq &+ 1, [.fin, .ack], options: options))
    _ = flood.host.pull()
    #expect(flood.host.stack.held.timeWait == 1)
    return fin
  }

  @Test("S3.6 a SYN that reopens a TIME-WAIT gets no cookie: its ISS must follow the old numbers")
  func timeWait() throws {
    let flood = try Flood(.always)
    let fin = try leaveTimeWait(flood)
    let seq = flood.irs(0) &+ 1
    let sent = flood.counters.syncookiesSent
    var again = Flood.usual
    again.tsval = 2_000
    let syn = tcp(from: flood.peer(0), to: flood.local, seq: seq &+ 100_000, .syn, options: again)
    let synAck = try #require(try flood.host.answers(to: syn).first)
    #expect(synAck.flags == [.syn, .ack] && flood.counters.syncookiesSent == sent)
    #expect(SequenceNumber(synAck.seq).follows(SequenceNumber(fin.seq &+ 1)))
    #expect(flood.hasRecord(0))
  }

  @Test(
    "S3.6 S4.8 SYNs with an MSS below every cookie's do not keep out who begins anew from TIME-WAIT, alone or in a crowd",
    arguments: [true, false])
  func timeWaitBesideSmallMSS(isAlone: Bool) throws {
    let flood = try Flood(backlog: 16)
    let fins = try (0..<8).map { try leaveTimeWait($0, flood) }
    #expect(flood.host.stack.held.timeWait == 8)
    var small = Flood.usual
    small.maximumSegmentSize = 500
    var answered = 0
    // For four seconds, and whoever comes back is answered at once.
    for n in 100..<900 {
      if try flood.syn(n, .syn, small) != nil { answered += 1 }
      if !isAlone { for k in 0..<4 { _ = try flood.syn(1_000 + 4 * n + k) } }
      flood.host.advance(by: .milliseconds(5))
      guard n % 100 == 30 else { continue }
      let back = n / 100 - 1
      var again = Flood.usual
      again.tsval = 9_000
      let syn = tcp(
        from: flood.peer(back), to: flood.local, seq: fins[back] &+ 100_000, .syn, options: again)
      let synAck = try #require(
        try flood.host.answers(to: syn).first { $0.header?.destinationPort == flood.peer(back).port })
      #expect(synAck.flags == [.syn, .ack] && flood.hasRecord(back), "after \(n)")
    }
    // Half of the places before there is pressure; then a quarter, a second each.
    #expect(answered <= 8 + 4 * 5, "\(answered)")
  }

  /// A connection that we close first, to its end. Returns the number of its peer's FIN.
  private func leaveTimeWait(_ n: Int, _ flood: Flood) throws -> UInt32 {
    flood.host.inject(flood.third(n, try #require(try flood.syn(n))))
    try flood.host.stack.close(try flood.host.stack.accept(flood.listener), now: flood.host.now)
    let fin = try #require(try flood.host.pullSeen().first { $0.flags.contains(.fin) })
    var options = TCPOptions()
    options.present = .timestamps
    options.tsval = 1_002
    options.tsecr = fin.header?.options.tsval ?? 0
    let seq = flood.irs(n) &+ 1
    flood.host.inject(
      tcp(from: flood.peer(n), to: flood.local, seq: seq, ack: fin.seq &+ 1, [.fin, .ack], options: options))
    _ = flood.host.pull()
    return seq
  }

  @Test("S3.6 timestamps are on exactly when the acknowledgment echoes one we can have sent")
  func timestamps() throws {
    for (offset, isOn): (UInt32, Bool) in [(0, true), (20_000, true), (40_000, false), (UInt32.max, false)] {
      let flood = try Flood(.always)
      var synAck = try #require(try flood.syn(0))
      flood.host.advance(by: .milliseconds(50))
      let sent = try #require(synAck.header?.options.tsval)
      synAck.header?.options.tsval = sent &- (offset == .max ? UInt32(bitPattern: -1_000) : offset)
      flood.host.inject(flood.third(0, synAck))
      let connection = try flood.host.stack.accept(flood.listener)
      #expect(try flood.host.stack.status(connection, now: flood.host.now).tcp.timestamps == isOn)
    }
    let flood = try Flood(.always)
    let synAck = try #require(try flood.syn(0))
    flood.host.inject(flood.third(0, synAck, timestamps: false))
    let connection = try flood.host.stack.accept(flood.listener)
    #expect(try !flood.host.stack.status(connection, now: flood.host.now).tcp.timestamps)
  }

  @Test("S3.6 a peer whose MSS is below every cookie's has a record, or waits")
  func smallMSS() throws {
    let flood = try Flood(backlog: 4)
    var small = Flood.usual
    small.maximumSegmentSize = 500
    // Half of the places, and then a quarter.
    for n in 0..<2 { #expect(try flood.syn(n, .syn, small) != nil) }
    #expect(flood.counters.syncookiesSent == 0)
    #expect(try flood.syn(4, .syn, small) == nil)
    #expect(flood.counters.tcpReqQFullDrop == 1)
    #expect(try flood.syn(5) != nil, "others are answered without one")
  }

  @Test("S3.6 a listener that asks the application first makes no cookies and believes none")
  func deferring() throws {
    // A cookie that another listener made on the same port, just before.
    let flood = try Flood(.always)
    let host = flood.host
    let synAcks = try [90, 91].map { try #require(try flood.syn($0)) }
    try host.stack.close(flood.listener, now: host.now)
    var options = ListenerOptions()
    options.defersAccept = true
    options.halfOpenLimit = 2
    options.synCookies = .always
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    let sent = flood.counters.syncookiesSent
    for n in 1...4 { #expect(try flood.syn(n) == nil) }
    #expect(try host.stack.status(listener).halfOpen == 2)
    #expect(flood.counters.syncookiesSent == sent && flood.counters.tcpReqQFullDrop == 2)
    #expect(host.drain().count { if case .attempt = $0 { true } else { false } } == 2)
    let answers = try host.answers(to: flood.third(90, synAcks[0]))
    #expect(answers.map(\.flags) == [.rst] && host.stack.held.connections == 0)
    #expect(flood.counters.syncookiesRecv == 0 && flood.counters.syncookiesFailed == 0)
    // It is a good one: a listener that asks nobody takes it.
    try host.stack.close(listener, now: host.now)
    options.defersAccept = false
    let willing = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    host.inject(flood.third(91, synAcks[1]))
    #expect(try host.stack.status(willing).acceptable == 1)
  }

  @Test(
    "S3.6 a good cookie that finds the accept queue full counts each time that it comes, and opens nothing")
  func returnsToFullQueue() throws {
    let flood = try Flood(.always, acceptLimit: 1)
    let synAcks = try [0, 1].map { try #require(try flood.syn($0)) }
    flood.host.inject(flood.third(0, synAcks[0]))
    for _ in 0..<10 { #expect(try flood.host.answers(to: flood.third(1, synAcks[1])).isEmpty) }
    #expect(flood.counters.syncookiesRecv == 11 && flood.counters.listenOverflows == 10)
    #expect(flood.counters.listenDrops == 10 && flood.host.stack.held.connections == 1)
    // Once there is a place it is as good as before.
    #expect(flood.acceptAll().count == 1)
    flood.host.inject(flood.third(1, synAcks[1]))
    #expect(flood.acceptAll().count == 1)
  }

  @Test("S2.5 S3.6 text and a FIN that bring the cookie are delivered")
  func textBringsIt() throws {
    let flood = try Flood(.always)
    let synAck = try #require(try flood.syn(0))
    flood.host.inject(flood.third(0, synAck, text: [1, 2, 3], extra: [.psh, .fin]))
    let connection = try flood.host.stack.accept(flood.listener)
    #expect(try flood.host.read(connection) == [1, 2, 3])
    #expect(try flood.host.state(connection) == .closeWait)
    #expect(flood.counters.syncookiesWithText == 1)
  }

  @Test("S3.6 of 10,000,000 random acknowledgments at most five are believed")
  func guesses() throws {
    #if DEBUG
      let count = 100_000
    #else
      let count = 10_000_000
    #endif
    let flood = try Flood(.always) { $0.resetsPerSecond = 0 }
    var packet = tcp(from: flood.peer(0), to: flood.local, seq: 0, .ack)
    var random = StorageRandom(seed: 6)
    print("seed 6")
    let numbers = isIPv4 ? 24 : 44
    for _ in 0..<count {
      let draw = random.next()
      for i in 0..<8 { packet[numbers + i] = UInt8(truncatingIfNeeded: draw >> UInt64(8 * i)) }
      flood.host.stack.receive(
        packet.span.bytes, PacketMetadata(checksum: .verified), on: flood.host.interface, now: flood.host.now)
      if flood.host.stack.held.connections > 0 {
        for id in flood.acceptAll() { try flood.host.stack.abort(id, now: flood.host.now) }
        _ = flood.host.pull()
      }
    }
    let counters = flood.counters
    #expect(counters.syncookiesRecv <= 5)
    #expect(counters.syncookiesRecv + counters.syncookiesFailed == UInt64(count))
  }

  @Test("E1 a connection that somebody forged costs no more than an idle one")
  func forgedIsIdle() throws {
    let flood = try Flood(.always, acceptLimit: 1_000)
    flood.host.checksEveryStep = false
    var before = 0
    for n in 0..<1_000 {
      let synAck = try #require(try flood.syn(n))
      flood.host.inject(flood.third(n, synAck))
      if n == 0 { before = flood.host.stack.held.budget }
    }
    flood.host.checksEveryStep = true
    let each = (flood.host.stack.held.budget - before) / 999
    #expect(each <= (isIPv4 ? Footprint.connection4 : Footprint.connection6) + 24, "\(each) octets")
    #expect(flood.host.stack.held.coldBlocks == 0 && flood.host.stack.held.chunks == 0)
    #expect(flood.host.pull().isEmpty)
    #expect(try flood.syn(1_000) == nil, "and the accept queue bounds them")
  }
}
