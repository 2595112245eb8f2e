import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Limits on what peers may hold by doing nothing")
struct LimitTests {
  private func host(
    _ options: ListenerOptions = ListenerOptions(), _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Host, ListenerID) {
    let host = try Host(2, configure)
    return (host, try host.stack.listen(on: LocalEndpoint(port: 80), options))
  }

  @Test(
    "S5.4 a listener has as many connections as it may, and one more when one of them has gone", .bothFamilies
  )
  func perListener() throws {
    var options = ListenerOptions()
    options.connectionLimit = 3
    let (host, listener) = try host(options)
    var peers = (0..<3).map { RawPeer($0, to: host.endpoint(80)) }
    for n in 0..<3 { #expect(try peers[n].connect(to: host)) }
    var fourth = RawPeer(3, to: host.endpoint(80))
    #expect(try fourth.connect(to: host) == false)
    #expect(fourth.wasReset && host.drops(.listenerLimit) == 1)
    let status = try host.stack.status(listener)
    #expect(status.connections == 3 && status.limitOverflows == 1)
    // Another listener has a limit of its own.
    _ = try host.stack.listen(on: LocalEndpoint(port: 81), options)
    var elsewhere = RawPeer(4, to: host.endpoint(81))
    #expect(try elsewhere.connect(to: host))
    // The peer goes; the handle that nobody has asked for counts no more.
    host.inject(peers[0].segment(.rst))
    var fifth = RawPeer(5, to: host.endpoint(80))
    #expect(try fifth.connect(to: host))
  }

  @Test(
    "S5.4 one source has as many connections as one may, whatever its ports, and others are not hurt",
    .bothFamilies)
  func perSource() throws {
    let (host, listener) = try host { $0.connectionsPerSource = 2 }
    var hogs = (0..<4).map { RawPeer($0, to: host.endpoint(80), sharing: true) }
    #expect(try hogs[0].connect(to: host) && hogs[1].connect(to: host))
    #expect(try !hogs[2].connect(to: host) && hogs[2].wasReset)
    #expect(host.drops(.sourceLimit) == 1)
    var other = RawPeer(9, to: host.endpoint(80))
    #expect(try other.connect(to: host))
    // Of two that are half-open, the second finds no room when it would be established.
    host.inject(hogs[0].segment(.rst))
    for n in 2..<4 {
      hogs[n].wasReset = false
      host.inject(hogs[n].segment(.syn))
      try hogs[n].look(host)
    }
    for n in 2..<4 {
      hogs[n].next += 1
      host.inject(hogs[n].segment(.ack))
      try hogs[n].look(host)
    }
    #expect(!hogs[2].wasReset && hogs[3].wasReset)
    // Who is gone is forgotten.
    try host.stack.close(listener, now: host.now)
    #expect(host.stack.memoryUse().sources > 0)
    #expect(host.stack.held.connections == 0)
  }

  @Test("S5.4 a network of 64 bits is one source, but neighbours on our own links are not")
  func networks() throws {
    let (host, _) = try host { $0.connectionsPerSource = 2 }
    let everybody = IPPrefix(.v6(IPv6Address(high: 0, low: 0)), length: 0)
    try host.stack.addRoute(Route(prefix: everybody, interface: host.interface))
    let server = Endpoint(address: host.address6, port: 80)
    /// Tries three times from as many addresses of the network, or from one address.
    func admitted(_ network: UInt64, _ addresses: [UInt64]) throws -> [Bool] {
      try addresses.enumerated().map { n, low in
        let address = IPAddress.v6(IPv6Address(high: network, low: low))
        var peer = RawPeer(Endpoint(address: address, port: 4_000 + UInt16(n)), to: server)
        return try peer.connect(to: host)
      }
    }
    #expect(try admitted(0x2001_0db8_0000_0001, [9, 10, 11]) == [true, true, false])
    #expect(try admitted(0x2001_0db8_0000_0002, [9, 9, 9]) == [true, true, false])
    #expect(try admitted(0xfd00_0007_0000_0000, [9, 10, 11, 12]) == [true, true, true, true])
    #expect(try admitted(0xfd00_0007_0000_0000, [20, 20, 20]) == [true, true, false])
    #expect(host.drops(.sourceLimit) == 3)
  }

  @Test("S5.4 who was counted before his network became our own is discounted after")
  func becomesNeighbour() throws {
    let (host, _) = try host { $0.connectionsPerSource = 2 }
    let everybody = IPPrefix(.v6(IPv6Address(high: 0, low: 0)), length: 0)
    try host.stack.addRoute(Route(prefix: everybody, interface: host.interface))
    func peer(_ low: UInt64, _ port: UInt16) -> RawPeer {
      let address = IPAddress.v6(IPv6Address(high: 0x2001_0db8_0000_0001, low: low))
      return RawPeer(
        Endpoint(address: address, port: port), to: Endpoint(address: host.address6, port: 80))
    }
    var early = [peer(9, 1), peer(10, 2)]
    for n in 0..<2 { #expect(try early[n].connect(to: host)) }
    let own = IPv6Address(high: 0x2001_0db8_0000_0001, low: 1)
    try host.stack.addAddress(IPPrefix(.v6(own), length: 64), to: host.interface)
    var late = [peer(9, 3), peer(9, 4)]
    for n in 0..<2 { #expect(try late[n].connect(to: host)) }
    for n in 0..<2 {
      host.inject(early[n].segment(.rst))
      host.inject(late[n].segment(.rst))
    }
    try host.stack.removeAddress(.v6(own), from: host.interface)
    var again = [peer(9, 5), peer(9, 6), peer(9, 7)]
    let admitted = try (0..<3).map { try again[$0].connect(to: host) }
    #expect(admitted == [true, true, false])
  }

  @Test(
    "S5.4 E7 where nothing moves for the listener's time, the connection is reset without the peer's help",
    .bothFamilies)
  func idle() throws {
    var options = ListenerOptions()
    options.idleTimeout = .seconds(60)
    let (host, listener) = try host(options)
    var peers = (0..<4).map { RawPeer($0, to: host.endpoint(80)) }
    for n in 0..<4 { #expect(try peers[n].connect(to: host)) }
    let idle = try host.stack.accept(listener)
    let reading = try host.stack.accept(listener)
    let writing = try host.stack.accept(listener)
    for second in stride(from: 10, through: 120, by: 10) {
      host.advance(by: .seconds(10))
      // Acknowledgments and keep-alives are no sign of life.
      host.inject(peers[0].segment(.ack))
      host.inject(peers[0].segment(.ack, at: .max))
      if second % 50 == 0 {
        try peers[1].send([1], to: host)
        _ = try host.read(reading)
        _ = try host.send(writing, [1])
        try peers[2].look(host)
        host.inject(peers[2].segment(.ack))
      }
      try peers[0].look(host)
      #expect(peers[0].wasReset == (second > 60), "\(second) s")
    }
    #expect(try host.stack.status(idle, now: host.now).tcp.endReason == .idle)
    #expect(try host.state(reading) == .established && host.state(writing) == .established)
    // The one that nobody has accepted went too.
    let unaccepted = try host.stack.accept(listener)
    #expect(try host.state(unaccepted) == .closed)
    #expect(host.stack.counters.idleConnectionsEnded == 2)
  }

  @Test(
    "S5.4 E7 whoever has left text unread hears that his time was over, and not of the end of a stream",
    .bothFamilies)
  func idleWithUnreadText() throws {
    var options = ListenerOptions()
    options.idleTimeout = .seconds(60)
    let (host, listener) = try host(options)
    var peer = RawPeer(0, to: host.endpoint(80))
    #expect(try peer.connect(to: host))
    let server = try host.stack.accept(listener)
    try peer.send([1, 2, 3], to: host)
    host.inject(peer.segment([.fin, .ack]))
    #expect(try host.state(server) == .closeWait)
    host.advance(by: .seconds(61))
    #expect(throws: ReceiveError.ended(.idle)) { _ = try host.read(server) }
  }

  @Test(
    "S5.4 E5 a peer that keeps its window shut moves nothing, however well it answers probes", .bothFamilies)
  func shutWindow() throws {
    var options = ListenerOptions()
    options.idleTimeout = .seconds(60)
    let (host, listener) = try host(options)
    var peer = RawPeer(0, to: host.endpoint(80))
    #expect(try peer.connect(to: host))
    let server = try host.stack.accept(listener)
    peer.window = 0
    host.inject(peer.segment(.ack))
    let una = peer.seen
    _ = try host.send(server, Packet(repeating: 1, count: 5_000))
    _ = host.pull()
    var probes = 0
    while !peer.wasReset, probes < 100 {
      guard let deadline = host.stack.nextDeadline(now: host.now) else { break }
      host.advance(by: max(.milliseconds(1), deadline.since(host.now)))
      try peer.look(host)
      peer.seen = una
      host.inject(peer.segment(.ack))
      probes += 1
    }
    #expect(peer.wasReset)
    #expect(host.now.since(Instant(nanoseconds: 1_000_000_000)) < .seconds(62))
    #expect(try host.stack.takeError(server) == .ended(.idle))
  }

  @Test(
    "S5.7 connections left in CLOSE-WAIT are seen, counted, and reset after the listener's time",
    .bothFamilies)
  func closeWait() throws {
    var options = ListenerOptions()
    options.closeWaitTimeout = .seconds(30)
    let (host, listener) = try host(options)
    var peers = (0..<5).map { RawPeer($0, to: host.endpoint(80)) }
    for n in 0..<5 {
      #expect(try peers[n].connect(to: host))
      _ = try host.stack.accept(listener)
    }
    for n in 0..<3 { host.inject(peers[n].segment([.fin, .ack])) }
    #expect(host.stack.count(of: .closeWait) == 3 && host.stack.count(of: .established) == 2)
    var shown = 0
    host.stack.forEachFlow(now: host.now) { if $0.state == .closeWait { shown += 1 } }
    #expect(shown == 3)
    host.advance(by: .seconds(29))
    #expect(host.stack.count(of: .closeWait) == 3)
    host.advance(by: .seconds(2))
    #expect(host.stack.count(of: .closeWait) == 0 && host.stack.count(of: .established) == 2)
    // Those that are open may be silent for ever (S6.2).
    host.advance(by: .hours(100))
    #expect(host.stack.count(of: .established) == 2)
  }

  @Test(
    "S5.5 an application that never accepts costs bounded memory, and its neighbour is served", .bothFamilies)
  func neverAccepts() throws {
    var options = ListenerOptions()
    options.acceptLimit = 200
    let (host, _) = try host(options) { $0.memoryBudget = 1 << 20 }
    let other = try host.stack.listen(on: LocalEndpoint(port: 81))
    for n in 0..<1_000 {
      var peer = RawPeer(n, to: host.endpoint(80))
      guard try peer.connect(to: host) else { continue }
      for _ in 0..<20 { try peer.send(Packet(repeating: 1, count: 1_400), to: host) }
      host.advance(by: .milliseconds(10))
    }
    #expect(host.stack.memory.highWater <= 1 << 20)
    var served = false
    for n in 0..<20 where !served {
      host.advance(by: .seconds(1))
      var honest = RawPeer(2_000 + n, to: host.endpoint(81))
      guard try honest.connect(to: host) else { continue }
      let connection = try host.stack.accept(other)
      try honest.send([1, 2, 3], to: host)
      served = try host.read(connection) == [1, 2, 3]
    }
    #expect(served)
  }

  @Test(
    "E5 probes of a shut window are sent ever more rarely, up to one a minute, and the user timeout ends it",
    .bothFamilies)
  func probes() throws {
    let (host, listener) = try host()
    var peer = RawPeer(0, to: host.endpoint(80))
    #expect(try peer.connect(to: host))
    let server = try host.stack.accept(listener)
    peer.window = 0
    host.inject(peer.segment(.ack))
    let una = peer.seen
    _ = try host.send(server, Packet(repeating: 1, count: 5_000))
    _ = host.pull()
    var gaps: [Int64] = []
    var last = host.now
    for _ in 0..<16 {
      let next = host.stack.nextDeadline(now: host.now)
      let deadline = try #require(next)
      host.advance(by: max(.milliseconds(1), deadline.since(host.now)))
      try peer.look(host)
      guard peer.seen != una else { continue }
      peer.seen = una
      host.inject(peer.segment(.ack))
      gaps.append(host.now.since(last).nanoseconds / 1_000_000)
      last = host.now
    }
    #expect(zip(gaps, gaps.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(gaps.last == 60_000, "\(gaps)")
    // RFC 6429: whoever does not want to wait for ever says so.
    var own = try host.stack.options(server)
    own.userTimeout = .seconds(90)
    try host.stack.setOptions(server, own, now: host.now)
    host.advance(by: .seconds(120))
    #expect(try host.stack.takeError(server) == .ended(.timedOut))
  }

  @Test(
    "E8 S4.9 orphans hold no buffer once only their FIN is unacknowledged, and all of them end", .bothFamilies
  )
  func orphans() throws {
    let (host, listener) = try host()
    var peers = (0..<3).map { RawPeer($0, to: host.endpoint(80)) }
    var servers: [ConnectionID] = []
    for n in 0..<3 {
      #expect(try peers[n].connect(to: host))
      servers.append(try host.stack.accept(listener))
    }
    // FIN-WAIT-1 with text, LAST-ACK, CLOSING; nobody acknowledges anything any more.
    _ = try host.send(servers[0], Packet(repeating: 1, count: 3_000))
    host.inject(peers[1].segment([.fin, .ack]))
    for n in 0..<3 { try host.stack.close(servers[n], now: host.now) }
    for n in 0..<3 { try peers[n].look(host) }
    let before = peers[2].seen
    peers[2].seen = before &- 1
    host.inject(peers[2].segment([.fin, .ack]))
    #expect(host.stack.count(of: .finWait1) == 1 && host.stack.count(of: .lastAck) == 1)
    #expect(host.stack.count(of: .closing) == 1)
    #expect(host.stack.held.coldBlocks == 1, "only the one with text")
    // The text is acknowledged, its FIN is not.
    peers[0].seen = peers[0].seen &- 1
    host.inject(peers[0].segment(.ack))
    #expect(host.stack.held.coldBlocks == 0 && host.stack.held.chunks == 0)
    host.advance(by: .zero)
    var steps = 0
    while host.stack.held.connections > 0, steps < 5_000,
      let deadline = host.stack.nextDeadline(now: host.now)
    {
      host.advance(by: max(.milliseconds(1), deadline.since(host.now)))
      _ = host.pull()
      _ = host.drain()
      steps += 1
    }
    #expect(host.stack.held.connections == 0)
    #expect(host.now.since(Instant(nanoseconds: 1_000_000_000)) < .minutes(6))
  }

  @Test(
    "S5.4 the stack's own limit of connections answers with a reset too: no waiting would help", .bothFamilies
  )
  func connectionLimit() throws {
    let host = try Host(2) { $0.connectionLimit = 4 }
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    for n in 0..<4 {
      var peer = RawPeer(n, to: host.endpoint(80))
      try #require(try peer.connect(to: host))
      _ = try host.stack.accept(listener)
    }
    var late = RawPeer(10, to: host.endpoint(80))
    #expect(try late.connect(to: host) == false)
    #expect(late.wasReset && host.drops(.connectionLimit) == 1)
  }
}
