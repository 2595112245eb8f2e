import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// Memory there is, but a listener has as many connections as it may: Documentation/Memory.md, "Slow readers".
@Suite("Places of a listener", .bothFamilies)
struct PlacesTests {
  @Test(
    "S5.4 E5 slow readers do not fill a listener for ever: some of them go for who comes")
  func slowReaders() throws {
    var crowd = try Crowd(64, kilobytes: 4_096, places: 64)
    #expect(crowd.peers.count == 64 && crowd.host.stack.memoryPressure == .none)
    crowd.refill = nil
    let served = try crowd.serveBesideTrickle(0..<40)
    // They are watched for sixteen seconds, and then four of them go.
    let first = try #require(served.first)
    #expect(first == 17, "\(served)")
    #expect(served == Array(first..<40))
    #expect(crowd.host.stack.counters.slowConnectionsEnded == 4 && crowd.gone(of: crowd.everybody).count == 4)
    #expect(crowd.host.stack.counters.tcpAbortOnMemory == 0 && crowd.host.stack.memoryPressure == .none)
    let gone = try #require(crowd.gone(of: crowd.everybody).first)
    #expect(try crowd.host.stack.takeError(crowd.connections[gone]) == .ended(.evicted))
    try crowd.peers[gone].look(crowd.host)
    // They come back, and are what the others were.
    let limited = crowd.host.drops(.listenerLimit)
    for n in 100..<104 { #expect(try crowd.serve(n)) }
    #expect(crowd.host.drops(.listenerLimit) == limited)
  }

  @Test("S5.4 E5 where buffers do not grow, who takes little of little goes for who comes")
  func sharedMemory() throws {
    var crowd = try Crowd(64, kilobytes: 1_024, window: 600, places: 64)
    #expect(crowd.peers.count == 64)
    // Not so short that memory would judge anybody; but nobody holds what would take him half a minute.
    let pressure = crowd.host.stack.memoryPressure
    #expect(pressure == .growth || pressure == .outOfOrder, "\(pressure)")
    var served = 0
    for n in 0..<20 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.takeEach(600, by: crowd.everybody)
      _ = crowd.host.drain()
      if try crowd.serve(n) { served += 1 }
    }
    #expect(served >= 10, "\(served)")
    #expect((1...16).contains(crowd.host.stack.counters.slowConnectionsEnded))
    #expect(crowd.host.stack.counters.tcpAbortOnMemory == 0)
  }

  @Test(
    "S5.4 E8 those that wait for a FIN for nobody go first, in silence", arguments: [true, false])
  func abandoned(isStack: Bool) throws {
    let host = try Host(2) { if isStack { $0.connectionLimit = 8 } }
    var options = ListenerOptions()
    options.connectionLimit = isStack ? 0 : 8
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    let server = host.endpoint(80)
    // Seven whom the application has closed, who never close; one whom it has not.
    var peers = (0..<8).map { RawPeer($0, to: server) }
    for n in 0..<8 {
      #expect(try peers[n].connect(to: host))
      let connection = try host.stack.accept(listener)
      guard n > 0 else { continue }
      try host.stack.close(connection, now: host.now)
      try peers[n].look(host)
      host.inject(peers[n].segment(.ack))
      host.advance(by: .milliseconds(100))
      _ = host.drain()
    }
    #expect(host.stack.held.connections == 8)
    for n in 10..<16 {
      var newcomer = RawPeer(n, to: server)
      #expect(try newcomer.connect(to: host), "\(n)")
      _ = try host.stack.accept(listener)
      host.advance(by: .milliseconds(100))
      _ = host.drain()
    }
    for n in 0..<8 {
      try peers[n].look(host)
      #expect(!peers[n].wasReset)
    }
    // The oldest went; nobody whom an application has does.
    try peers[0].send([1], to: host)
    #expect(!peers[0].wasReset)
    #expect(host.stack.counters.tcp.finWait2Timeouts >= 6 && host.stack.counters.slowConnectionsEnded == 0)
    var last = RawPeer(20, to: server)
    _ = try last.connect(to: host)
    var tooMany = RawPeer(21, to: server)
    #expect(try tooMany.connect(to: host) == false)
  }

  @Test("S5.4 E5 nobody goes who has nothing waiting, who reads, who fails for some seconds, or is elsewhere")
  func othersStay() throws {
    var crowd = try Crowd(60, kilobytes: 4_096, window: 0, places: 64)
    crowd.refill = nil
    let (readers, failing, slow) = (crowd.third(0), crowd.third(1), crowd.third(2))
    for n in slow { crowd.peers[n].window = 400 }
    // Four say a word now and then, and four are slow at another listener.
    var quiet = (0..<4).map { RawPeer(300 + $0, to: crowd.server) }
    var words: [ConnectionID] = []
    for n in 0..<4 {
      #expect(try quiet[n].connect(to: crowd.host))
      words.append(try crowd.host.stack.accept(crowd.listener))
    }
    let other = try crowd.host.stack.listen(on: LocalEndpoint(port: 81))
    var elsewhere: [ConnectionID] = []
    for n in 0..<4 {
      var peer = RawPeer(310 + n, to: crowd.host.endpoint(81))
      #expect(try peer.connect(to: crowd.host))
      elsewhere.append(try crowd.host.stack.accept(other))
      _ = try crowd.host.send(elsewhere[n], Packet(repeating: 1, count: 8_192))
      _ = crowd.host.pull()
    }
    var served = 0
    for n in 0..<80 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.readEach(3_752, by: readers)
      // Each half minute a line fails for eight seconds.
      if n % 60 >= 16 { crowd.readEach(3_752, by: failing) }
      crowd.takeEach(1, by: slow)
      for q in 0..<4 where n % 16 == 0 {
        try quiet[q].send([1], to: crowd.host)
        #expect(try crowd.host.read(words[q]) == [1])
      }
      _ = crowd.host.drain()
      if try crowd.serve(n) { served += 1 }
    }
    #expect(served > 40)
    #expect(crowd.gone(of: readers) == [] && crowd.gone(of: failing) == [])
    #expect(crowd.gone(of: slow).count == 4)
    for id in words + elsewhere { #expect(try crowd.host.state(id) == .established) }
    #expect(crowd.host.stack.counters.slowConnectionsEnded == 4)
  }

  @Test("S5.4 where everybody reads, who is one too many is refused, and however often, few are the walks")
  func allRead() throws {
    var crowd = try Crowd(32, kilobytes: 4_096, window: 0, places: 32)
    crowd.refill = nil
    for n in 0..<80 {
      crowd.host.advance(by: .milliseconds(500))
      crowd.readEach(3_752, by: crowd.everybody)
      #expect(try !crowd.serve(n))
    }
    #expect(crowd.gone(of: crowd.everybody) == [] && crowd.host.stack.counters.slowConnectionsEnded == 0)
    #expect(crowd.host.drops(.listenerLimit) == 80)
    let before = crowd.host.stack.weighings
    for n in 0..<500 {
      crowd.host.advance(by: .microseconds(10))
      #expect(try !crowd.serve(n))
    }
    #expect(crowd.host.stack.weighings - before <= 1)
  }

  @Test("S5.4 SYNs to a listener that is full put off no room at another")
  func fullNeighbour() throws {
    let host = try Host(2)
    var options = ListenerOptions()
    options.connectionLimit = 8
    let busy = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    let abandoned = try host.stack.listen(on: LocalEndpoint(port: 81), options)
    for n in 0..<8 {
      var peer = RawPeer(n, to: host.endpoint(80))
      #expect(try peer.connect(to: host))
      _ = try host.stack.accept(busy)
      peer = RawPeer(10 + n, to: host.endpoint(81))
      #expect(try peer.connect(to: host))
      try host.stack.close(try host.stack.accept(abandoned), now: host.now)
      try peer.look(host)
      host.inject(peer.segment(.ack))
      _ = host.drain()
    }
    for n in 0..<8 {
      // The last look at either is over.
      host.advance(by: .milliseconds(2))
      for k in 0..<10 {
        host.advance(by: .microseconds(50))
        var oneTooMany = RawPeer(100 + 10 * n + k, to: host.endpoint(80))
        #expect(try !oneTooMany.connect(to: host))
      }
      host.advance(by: .microseconds(550))
      var newcomer = RawPeer(30 + n, to: host.endpoint(81))
      #expect(try newcomer.connect(to: host), "\(n)")
      _ = try host.stack.accept(abandoned)
    }
    #expect(host.stack.weighings <= 12)
  }

  @Test("S5.4 E5 when memory is nearly short too, a listener's slow readers go as soon as memory's would")
  func underPressure() throws {
    var crowd = try Crowd(174, each: 4_096, places: 174)
    #expect(crowd.peers.count == 174 && crowd.host.stack.memoryPressure == .records)
    crowd.refill = 0
    let served = try crowd.serveBesideTrickle(0..<10).count
    #expect(served >= 8)
    #expect(crowd.host.stack.counters.slowConnectionsEnded == 10, "a sixteenth of the places")
    #expect(crowd.host.stack.counters.tcpAbortOnMemory == 0)
  }
}
