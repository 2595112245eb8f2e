import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Memory is charged at its true size, and can be read")
struct BudgetTests {
  @Test("E6 every octet held has its line in the gauges, and they add up to what is charged")
  func gauges() throws {
    let pair = try Pair {
      $0.memoryBudget = 8 << 20
      $0.recorderCapacity = 100
    }
    let empty = pair.b.stack.memoryUse()
    #expect(empty.total == pair.b.stack.memory.held && empty.stack == Footprint.stack)
    #expect(empty.recorder == 100 * MemoryLayout<FlightRecorder.Record>.stride)

    let (client, server, _) = try pair.connect()
    _ = try pair.a.send(client, Packet(repeating: 1, count: 60_000))
    // Fifteen chunks, and one that lists them.
    #expect(pair.a.stack.memoryUse().sendQueues == 16 * 4_096)
    try pair.pump()
    let use = pair.b.stack.memoryUse()
    #expect(use.total == pair.b.stack.memory.held)
    #expect(use.receiveQueues == 16 * 4_096 && use.sendQueues == 0)
    #expect(use.listeners >= Footprint.listener && use.ports > 0 && use.timers > 0 && use.flowTables > 0)
    // One connection's part of it.
    let own = try pair.b.stack.status(server, now: pair.b.now).memory
    #expect(own.receiveQueue == use.receiveQueues && own.record == Footprint.connection4)
    #expect(own.coldBlock == Footprint.coldBlock && own.total < use.total)
    var lines: [FlowReport] = []
    pair.b.stack.forEachFlow(now: pair.b.now) { lines.append($0) }
    #expect(lines.map(\.memory) == [own.total])
    // UDP too.
    let socket = try pair.b.stack.openDatagram(on: LocalEndpoint(port: 53))
    pair.b.inject(udp(from: pair.a.endpoint(5), to: pair.b.endpoint(53), Packet(repeating: 1, count: 900)))
    #expect(pair.b.stack.memoryUse().datagramsReceived == 4_096)
    #expect(pair.b.stack.memoryUse().total == pair.b.stack.memory.held)
    try pair.b.stack.close(socket)
    #expect(pair.b.stack.memoryUse().datagramsReceived == 0)
  }

  @Test("E6 a stream of single octets costs what one of large segments does, on either side")
  func tinySegments() throws {
    let host = try Host(2)
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    var peer = RawPeer(1, to: host.endpoint(80))
    #expect(try peer.connect(to: host))
    let server = try host.stack.accept(listener)
    for i in 0..<10_000 { try peer.send([UInt8(truncatingIfNeeded: i)], to: host) }
    let received = try host.stack.status(server, now: host.now)
    #expect(received.tcp.unread == 10_000 && received.memory.receiveQueue == 3 * 4_096)
    peer.window = 0
    host.inject(peer.segment(.ack))
    for _ in 0..<10_000 { _ = try host.send(server, [7]) }
    #expect(try host.stack.status(server, now: host.now).memory.sendQueue == 3 * 4_096)
  }

  @Test(
    "E6 every cap is at most a sixteenth of the budget, so that 64 KiB make a stack", arguments: [64, 1_024])
  func caps(kilobytes: Int) throws {
    let budget = kilobytes << 10
    let host = try Host(2) { $0.memoryBudget = budget }
    let limits = host.stack.configuration
    #expect(Int(limits.tcp.maximumReceiveBuffer) <= budget / 16)
    #expect(Int(limits.tcp.maximumSendBuffer) <= budget / 16)
    // Of either family.
    #expect(Int(limits.halfOpenLimit) * (Footprint.embryo6 + Footprint.tableEntry) <= budget / 16)
    #expect(Int(limits.timeWaitLimit) * (Footprint.timeWait6 + Footprint.tableEntry) <= budget / 16)
    #expect(Int(limits.replyLimit) * Footprint.reply <= budget / 16)
    #expect(Int(limits.datagramQueueLimit) <= budget / 16 && Int(limits.datagramReceiveBuffer) <= budget / 16)
    #expect(Int(limits.connectionLimit) * Footprint.connection4 <= budget / 4)
    // And it works.
    let pair = try Pair { $0.memoryBudget = budget }
    let (client, server, _) = try pair.connect()
    let text = Packet((0..<100_000).map { UInt8(truncatingIfNeeded: $0 >> 4) })
    #expect(try pair.transfer(text, from: pair.a, client, to: pair.b, server) == text)
    #expect(try pair.transfer(text, from: pair.b, server, to: pair.a, client) == text)
    #expect(pair.a.stack.memory.highWater <= budget && pair.b.stack.memory.highWater <= budget)
  }

  @Test(
    "E6 a stack holds itself before it has anything: a smaller budget is raised, can be read, and is kept",
    arguments: [Int.min, 0, 1, 100, 5_000, 5_456, 6_000, 6_500, 8_000, 12_000, 16_000])
  func least(budget: Int) throws {
    let host = try Host(2) {
      $0.memoryBudget = budget
      $0.recorderCapacity = 1_000
    }
    let limit = host.stack.memory.limit
    #expect(limit == max(budget, StackConfiguration.leastMemoryBudget))
    #expect(limit == host.stack.configuration.memoryBudget && limit > Footprint.stack)
    #expect(host.stack.memory.held >= Footprint.stack && host.stack.memoryUse().stack == Footprint.stack)
    // It refuses what it has no room for, by values.
    let listener = try? host.stack.listen(on: LocalEndpoint(port: 80))
    for n in 0..<20 {
      var peer = RawPeer(n, to: n % 2 == 0 ? host.endpoint(80) : host.endpoint6(80))
      if try peer.connect(to: host) { try peer.send([1, 2, 3], to: host) }
      if let listener { _ = try? host.stack.accept(listener) }
      _ = try? host.stack.connect(to: peer.own, now: host.now)
      host.advance(by: .seconds(1))
    }
    #expect(host.stack.memory.highWater <= limit)
  }

  @Test("A listener that defers asks whatever the timeout is: nobody is answered unasked")
  func attemptTimeout() throws {
    let host = try Host(2) { $0.attemptTimeout = .zero }
    var options = ListenerOptions()
    options.defersAccept = true
    _ = try host.stack.listen(on: LocalEndpoint(port: 80), options)
    #expect(try host.answers(to: RawPeer(1, to: host.endpoint(80)).segment(.syn)).isEmpty)
    let asked = host.drain().contains { if case .attempt = $0 { true } else { false } }
    #expect(asked)
    host.advance(by: .milliseconds(10))
    #expect(host.stack.held.halfOpen == 0 && host.pull().isEmpty)
  }

  @Test("A writer that the budget refused is woken when memory comes back, though it has nothing in flight")
  func wakesWriter() throws {
    let pair = try Pair { $0.memoryBudget = 128 << 10 }
    let listener = try pair.b.stack.listen(on: LocalEndpoint(port: 80))
    var clients: [ConnectionID] = []
    for _ in 0..<30 {
      clients.append(try pair.a.stack.connect(to: pair.b.endpoint(80), now: pair.a.now))
      try pair.pump()
      _ = try pair.b.stack.accept(listener)
    }
    // Fill a's memory until somebody who has nothing queued is refused.
    var refused: ConnectionID?
    for client in clients where refused == nil {
      do throws(SendError) {
        while true { _ = try pair.a.send(client, Packet(repeating: 1, count: 4_096)) }
      } catch {
        #expect(error == .wouldBlock)
        if try pair.a.stack.status(client, now: pair.a.now).tcp.notsentBytes == 0 { refused = client }
      }
    }
    let waiting = try #require(refused, "the budget refuses somebody")
    _ = pair.a.drain()
    #expect(pair.a.drain().isEmpty, "nobody is woken before there is something for him")
    try pair.a.stack.abort(clients[0], now: pair.a.now)
    let woken = pair.a.drain().contains {
      if case .connection(waiting, let news) = $0 { news.contains(.writable) } else { false }
    }
    #expect(woken)
    #expect(try pair.a.send(waiting, [1]) == 1)
  }

  @Test("`send` that would fail for good is told as writable, and an end reason is told once")
  func readinessAndReason() throws {
    let pair = try Pair()
    let (client, server, _) = try pair.connect()
    try pair.a.stack.shutdown(client, .send, now: pair.a.now)
    #expect(throws: SendError.shutDown) { try pair.a.send(client, [1]) }
    #expect(try pair.a.stack.readiness(client).contains(.writable))
    try pair.b.stack.abort(server, now: pair.b.now)
    try pair.pump()
    #expect(try pair.a.stack.takeError(client) == .ended(.reset))
    #expect(try pair.a.stack.takeError(client) == nil)
    #expect(try pair.a.stack.status(client, now: pair.a.now).tcp.endReason == .reset)
  }

  @Test("A writer who waits for room is told when the sending half is shut under him")
  func shutUnderWriter() throws {
    let pair = try Pair()
    let (client, _, _) = try pair.connect()
    #expect(throws: SendError.wouldBlock) {
      while true { _ = try pair.a.send(client, Packet(repeating: 1, count: 65_536)) }
    }
    _ = pair.a.drain()
    try pair.a.stack.shutdown(client, .send, now: pair.a.now)
    #expect(pair.a.drain() == [.connection(client, .writable)])
  }
}
