import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

@Suite("Looked at and changed from outside", .bothFamilies)
struct FlowPlaceTests {
  /// 20 connections, 30 half-open, 10 in TIME-WAIT.
  private func crowd() throws -> Host {
    let host = try Host(1)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    for n in 0..<60 {
      var peer = RawPeer(n, to: host.endpoint(80))
      if n < 30 {
        host.inject(peer.segment(.syn))
        _ = host.pull()
        continue
      }
      #expect(try peer.connect(to: host))
      let connection = try host.stack.accept(listener)
      guard n >= 50 else { continue }
      try host.stack.close(connection, now: host.now)
      try peer.look(host)
      host.inject(peer.segment([.ack, .fin]))
      _ = host.pull()
    }
    _ = host.drain()
    #expect(host.stack.held.connections == 20 && host.stack.held.halfOpen == 30)
    #expect(host.stack.held.timeWait == 10)
    return host
  }

  @Test("The table in parts has what the table as a whole has, each once", arguments: [1, 7, 64, 1_000])
  func walk(_ part: Int) throws {
    let host = try crowd()
    var whole: [FlowReport] = []
    host.stack.forEachFlow(now: host.now) { whole.append($0) }
    #expect(whole.count == 60)
    var parts: [FlowReport] = []
    var place: FlowPlace? = .first
    var calls = 0
    while let from = place {
      var seen = 0
      place = host.stack.forSomeFlows(from: from, atMost: part, now: host.now) {
        parts.append($0)
        seen += 1
      }
      #expect(seen <= part)
      calls += 1
      try #require(calls <= 61)
    }
    #expect(parts.map(\.remote) == whole.map(\.remote) && parts.map(\.place) == whole.map(\.place))
    #expect(Set(parts.map(\.remote)).count == 60)
    for flow in parts {
      let report = host.stack.status(at: flow.place, now: host.now)
      #expect((report != nil) == (flow.state == .established))
      #expect(report?.remote ?? flow.remote == flow.remote)
    }
  }

  @Test("A walk goes on where it was when what it stands on has gone")
  func walkBesideEnds() throws {
    let host = try crowd()
    var seen = 0
    var place: FlowPlace? = .first
    while let from = place {
      var places: [FlowPlace] = []
      place = host.stack.forSomeFlows(from: from, atMost: 3, now: host.now) { places.append($0.place) }
      for place in places {
        let isEnded = host.stack.end(at: place, now: host.now)
        #expect(isEnded)
        seen += 1
      }
      _ = host.pull()
    }
    // Connections that applications hold stay until they are closed.
    #expect(seen == 60 && host.stack.held.halfOpen == 0 && host.stack.held.timeWait == 0)
    host.check()
  }

  @Test("Ended from outside, a connection is reset, and its application hears of it and keeps the handle")
  func endsConnection() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    _ = try pair.b.send(server, [1, 2, 3])
    try pair.pump()
    _ = pair.b.drain()
    var place: FlowPlace?
    pair.b.stack.forEachFlow(now: pair.b.now) { place = $0.place }
    let found = try #require(place)
    let isEnded = pair.b.stack.end(at: found, now: pair.b.now)
    #expect(isEnded)
    pair.b.check()
    let hasHeard = pair.b.drain().contains { event in
      guard case .connection(let id, let news) = event else { return false }
      return id == server && news.contains(.ended)
    }
    #expect(hasHeard)
    #expect(try pair.b.stack.takeError(server) == .ended(.aborted))
    let isEndedAgain = pair.b.stack.end(at: found, now: pair.b.now)
    #expect(!isEndedAgain, "it is over already")
    try pair.pump()
    #expect(try pair.a.stack.takeError(client) == .ended(.reset))
    try pair.b.stack.close(server, now: pair.b.now)
    #expect(pair.b.stack.held.connections == 0)
    let isEndedWhenGone = pair.b.stack.end(at: found, now: pair.b.now)
    #expect(!isEndedWhenGone)
  }

  @Test("RFC 9293 §3.10.5: a half-open connection is reset with SND.NXT")
  func endsHalfOpen() throws {
    let host = try Host(1)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    let peer = RawPeer(1, to: host.endpoint(80))
    let answer = try #require(try host.answers(to: peer.segment(.syn)).first)
    var place: FlowPlace?
    host.stack.forEachFlow(now: host.now) { place = $0.place }
    let found = try #require(place)
    let isEnded = host.stack.end(at: found, now: host.now)
    #expect(isEnded)
    let reset = try #require(try host.pullSeen().first)
    #expect(reset.flags == .rst && reset.seq == answer.seq &+ 1)
    #expect(host.stack.held.isQuiet)
  }

  @Test("A TIME-WAIT ends without a word")
  func endsTimeWait() throws {
    let host = try crowd()
    var places: [FlowPlace] = []
    host.stack.forEachFlow(now: host.now) { if $0.state == .timeWait { places.append($0.place) } }
    #expect(places.count == 10)
    for place in places {
      let isEnded = host.stack.end(at: place, now: host.now)
      #expect(isEnded)
    }
    #expect(host.pull().isEmpty && host.stack.held.timeWait == 0)
  }

  @Test("Datagram sockets are listed with what waits in them")
  func datagramSockets() throws {
    let pair = try Pair()
    let socket = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 7))
    let sender = try pair.a.stack.openDatagram(connectedTo: pair.b.endpoint(7))
    try pair.a.stack.send(sender, Packet([1, 2, 3]).span.bytes, now: pair.a.now)
    try pair.pump()
    var reports: [DatagramSocketReport] = []
    pair.b.stack.forEachDatagramSocket { reports.append($0) }
    #expect(reports.count == 1 && reports.first?.local.port == 7 && reports.first?.peer == nil)
    #expect((reports.first?.receiveQueue ?? 0) >= 3 && reports.first?.isEcho == false)
    try pair.b.stack.close(socket)
    reports = []
    pair.b.stack.forEachDatagramSocket { reports.append($0) }
    #expect(reports.isEmpty)
  }
}
