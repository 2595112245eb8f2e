import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Peers that move next to nothing of what they hold: Documentation/Memory.md, "Who holds most for the least".
@Suite("Slow movers")
struct SlowMoverTests {
  /// A host of 1 MiB, and peers for whom it has more than they take.
  private struct Crowd {
    let host: Host
    let listener: ListenerID
    let server: Endpoint
    var peers: [RawPeer] = []
    var connections: [ConnectionID] = []
    /// Up to where each has acknowledged.
    var una: [UInt32] = []

    init(
      _ count: Int, isIPv4: Bool = true, kilobytes: Int = 1_024, window: UInt16 = 400, each: Int = 8_192
    ) throws {
      host = try Host(2) { $0.memoryBudget = kilobytes << 10 }
      var options = ListenerOptions()
      options.idleTimeout = .seconds(10)
      listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
      server = isIPv4 ? host.endpoint(80) : host.endpoint6(80)
      for n in 0..<count { guard try join(n, window, each) else { return } }
    }

    private mutating func join(_ n: Int, _ window: UInt16, _ count: Int) throws -> Bool {
      var peer = RawPeer(n, to: server)
      guard try peer.connect(to: host), let connection = try? host.stack.accept(listener) else {
        return false
      }
      peer.window = window
      deliver(peer.segment(.ack))
      peers.append(peer)
      una.append(peer.seen)
      connections.append(connection)
      write(count, to: n)
      _ = host.pull()
      return true
    }

    // What all do at one time is one step: invariants are checked after it.

    private func deliver(_ packet: Packet) {
      host.stack.receive(packet.span.bytes, PacketMetadata(), on: host.interface, now: host.now)
    }

    func write(_ count: Int, to n: Int) {
      _ = try? host.stack.send(connections[n], Packet(repeating: 7, count: count).span.bytes, now: host.now)
    }

    /// Octets that the peer has been sent and has not acknowledged.
    private func sent(to n: Int) -> UInt32 {
      guard let status = try? host.stack.status(connections[n], now: host.now).tcp,
        status.state == .established
      else { return 0 }
      return status.sndMax.distance(from: SequenceNumber(una[n]))
    }

    private mutating func acknowledge(_ count: UInt32, by n: Int) {
      una[n] &+= count
      peers[n].seen = una[n]
      deliver(peers[n].segment(.ack))
      write(4_096, to: n)
    }

    /// The peer acknowledges so many octets, or as many as it has been sent; then the application has more for it.
    mutating func take(_ count: UInt32, by n: Int) { acknowledge(min(count, sent(to: n)), by: n) }

    /// Each of them does.
    mutating func takeEach(_ count: UInt32, by some: [Int]) {
      for n in some where isThere(n) { take(count, by: n) }
      _ = host.pull()
    }

    /// Each of them reads so many octets as they come: its window opens for them, and is shut behind them.
    mutating func readEach(_ count: UInt32, by some: [Int]) {
      var left = [UInt32](repeating: count, count: peers.count)
      for round in 0..<6 {
        for n in some where isThere(n) {
          let taken = min(left[n], sent(to: n))
          left[n] -= taken
          peers[n].window = round == 5 ? 0 : UInt16(left[n])
          acknowledge(taken, by: n)
        }
        _ = host.pull()
      }
    }

    var everybody: [Int] { Array(peers.indices) }

    func third(_ k: Int) -> [Int] { peers.indices.filter { $0 % 3 == k } }

    func gone(of some: [Int]) -> [Int] { some.filter { !isThere($0) } }

    func isThere(_ n: Int) -> Bool { (try? host.state(connections[n])) == .established }

    /// Somebody connects, asks and is answered: at the first try, or not.
    func serve(_ n: Int) throws -> Bool {
      var honest = RawPeer(500 + n, to: server)
      guard try honest.connect(to: host), let connection = try? host.stack.accept(listener) else {
        return false
      }
      defer {
        try? host.stack.abort(connection, now: host.now)
        _ = host.pull()
      }
      try honest.send([1, 2, 3], to: host)
      guard try host.read(connection) == [1, 2, 3] else { return false }
      return (try? host.send(connection, Packet(repeating: 3, count: 100))) == 100
    }
  }

  @Test("E5 peers that take one octet at a time do not keep honest ones out", arguments: [true, false])
  func oneOctet(isIPv4: Bool) throws {
    var crowd = try Crowd(200, isIPv4: isIPv4)
    #expect(crowd.peers.count > 90, "they hold all there is")
    #expect(crowd.host.stack.memoryPressure == .connections)
    var served = 0
    for n in 0..<50 {
      crowd.host.advance(by: .milliseconds(900))
      crowd.takeEach(1, by: crowd.everybody)
      _ = crowd.host.drain()
      if try crowd.serve(n) { served += 1 }
    }
    // Before they have been watched for a second nobody is evicted.
    #expect(served >= 48, "\(served) of 50")
    #expect(crowd.host.stack.counters.tcpAbortOnMemory > 0)
    #expect(crowd.host.stack.counters.idleConnectionsEnded == 0, "they are never idle")
    #expect(crowd.host.stack.memory.highWater <= 1 << 20)
  }

  @Test("E5 the slowest for what it holds goes first; who moves what it holds in two seconds stays")
  func ranking() throws {
    var crowd = try Crowd(400, each: 4_096)
    let (fair, slow, middling) = (crowd.third(0), crowd.third(1), crowd.third(2))
    var slowestLeft = slow.count
    for n in 0..<40 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.readEach(3_752, by: fair)
      crowd.takeEach(1, by: slow)
      crowd.takeEach(200, by: middling)
      _ = crowd.host.drain()
      _ = try crowd.serve(n)
      slowestLeft = slow.filter { crowd.isThere($0) }.count
      if slowestLeft > 0 { #expect(middling.allSatisfy { crowd.isThere($0) }, "round \(n)") }
    }
    #expect(slowestLeft < slow.count)
    #expect(crowd.gone(of: fair) == [])
  }

  @Test("E5 where everybody moves what it holds, nobody is evicted for a newcomer: he is refused")
  func allFair() throws {
    var crowd = try Crowd(400, window: 0, each: 4_096)
    var refused = 0
    for n in 0..<20 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.readEach(3_752, by: crowd.everybody)
      _ = crowd.host.drain()
      if try !crowd.serve(n) { refused += 1 }
    }
    #expect(refused == 20)
    #expect(crowd.host.stack.counters.tcpAbortOnMemory == 0)
    #expect(crowd.gone(of: crowd.everybody) == [])
  }

  @Test("E5 what was moved long ago is no credit: who has stalled since goes", arguments: [true, false])
  func credit(isIPv4: Bool) throws {
    var crowd = try Crowd(400, isIPv4: isIPv4, window: 0, each: 4_096)
    for n in 0..<12 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.readEach(3_752, by: crowd.everybody)
      _ = try crowd.serve(n)
    }
    #expect(crowd.host.stack.counters.tcpAbortOnMemory == 0)
    // From now on one octet now and then.
    for n in crowd.everybody { crowd.peers[n].window = 400 }
    var served = 0
    for n in 12..<32 {
      crowd.host.advance(by: .milliseconds(900))
      crowd.takeEach(1, by: crowd.everybody)
      _ = crowd.host.drain()
      if try crowd.serve(n) { served += 1 }
    }
    // What they moved is remembered for four seconds, and no longer.
    #expect(served >= 10, "\(served) of 20")
  }

  @Test("E5 a shut window goes before what has stalled for longer and holds more")
  func shutWindowsFirst() throws {
    var crowd = try Crowd(40, kilobytes: 256, window: 16_384)
    let count = crowd.peers.count
    for n in 0..<count { crowd.write(8_192, to: n) }
    crowd.host.advance(by: .seconds(3))
    // One of them takes all it was sent and shuts its window before the rest.
    let shut = 5
    crowd.peers[shut].window = 0
    crowd.takeEach(.max, by: [shut])
    crowd.host.advance(by: .milliseconds(1_500))
    _ = crowd.host.pull()
    _ = crowd.host.drain()
    var ended: [ConnectionID] = []
    for _ in 0..<10 where ended.isEmpty {
      for n in 0..<count where n != shut { crowd.write(4_096, to: n) }
      for case .connection(let id, let news) in crowd.host.drain() where news.contains(.ended) {
        ended.append(id)
      }
    }
    // A few go at a time; but for its window it would be the last of all.
    #expect(ended.contains(crowd.connections[shut]) && ended.count < 8)
  }

  @Test("E5 however often memory is refused, connections are weighed rarely")
  func rationed() throws {
    let crowd = try Crowd(200)
    let host = crowd.host
    for _ in 0..<200 where !host.stack.memoryPressureIsHighest {
      crowd.write(4_096, to: crowd.peers.count - 1)
    }
    host.advance(by: .seconds(3))
    _ = host.pull()
    var before = host.stack.weighings
    // At one time: once to make room, and once in advance.
    for n in 0..<300 {
      var peer = RawPeer(1_000 + n, to: crowd.server)
      if try peer.connect(to: host), let connection = try? host.stack.accept(crowd.listener) {
        _ = try? host.send(connection, Packet(repeating: 1, count: 16_384))
      }
    }
    #expect(host.stack.memory.refusals > 100)
    #expect(host.stack.weighings - before <= 2)
    // And in the course of a hundredth of a second, by tens of microseconds, once a millisecond.
    before = host.stack.weighings
    for n in 0..<1_000 {
      host.advance(by: .microseconds(10))
      var peer = RawPeer(2_000 + n, to: crowd.server)
      _ = try peer.connect(to: host)
    }
    #expect(host.stack.weighings - before <= 11)
  }

  @Test(
    "Half-open records that have not answered for a second go from seven eighths on",
    arguments: [true, false])
  func halfOpen(isIPv4: Bool) throws {
    var crowd = try Crowd(20, isIPv4: isIPv4, kilobytes: 512)
    let host = crowd.host
    for n in 0..<10 { host.inject(RawPeer(3_000 + n, to: crowd.server).segment(.syn)) }
    _ = host.pull()
    #expect(host.stack.held.halfOpen == 10)
    host.advance(by: .milliseconds(1_200))
    _ = host.pull()
    #expect(host.stack.held.halfOpen == 10)
    for n in 0..<20 {
      for _ in 0..<40 where host.stack.held.halfOpen > 0 {
        try crowd.peers[n].send(Packet(repeating: 1, count: 1_000), to: host)
      }
    }
    #expect(host.stack.held.halfOpen == 0 && host.stack.counters.embryosEvicted == 10)
    #expect(host.stack.memory.held < 512 << 10)
  }
}

extension NetworkStack {
  fileprivate var memoryPressureIsHighest: Bool { memoryPressure == .connections }
}
