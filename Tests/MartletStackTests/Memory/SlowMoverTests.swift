import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Peers that move next to nothing of what they hold: Documentation/Memory.md, "Who holds most for the least".
@Suite("Slow movers")
struct SlowMoverTests {
  @Test(
    "E5 peers that take one octet at a time do not keep honest ones out",
    arguments: [true, false], [1_024, 1_056])
  func oneOctet(isIPv4: Bool, kilobytes: Int) throws {
    var crowd = try Crowd(240, isIPv4: isIPv4, kilobytes: kilobytes)
    #expect(crowd.peers.count > 90, "they hold all there is")
    #expect(crowd.host.stack.memoryPressure == .connections)
    // Before they have been watched for a second nobody is evicted.
    #expect(try crowd.serveBesideTrickle(0..<50) == Array(1..<50))
    // What those leave who go is not shared out among those who stay.
    let evicted = crowd.host.stack.counters.tcpAbortOnMemory
    #expect((1...16).contains(evicted), "\(evicted)")
    #expect(crowd.host.stack.counters.idleConnectionsEnded == 0, "they are never idle")
    #expect(crowd.host.stack.memory.highWater <= kilobytes << 10)
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
    let served = try crowd.serveBesideTrickle(12..<32).count
    // What they moved is remembered for four seconds, and no longer.
    #expect(served >= 10, "\(served) of 20")
  }

  @Test("E5 a shut window goes before what has stalled for longer and holds more")
  func shutWindowsFirst() throws {
    var crowd = try Crowd(100, kilobytes: 256, window: 16_384)
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
    for newcomer in 0..<10 where ended.isEmpty {
      _ = try crowd.serve(newcomer)
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
    // The SYN-ACKs that come again have a quarter of a second, too.
    for milliseconds in [1_200, 300] as [Int64] {
      host.advance(by: .milliseconds(milliseconds))
      _ = host.pull()
    }
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
