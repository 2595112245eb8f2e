#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import MartletWire
  import Testing

  @Suite("Live traces", .timeLimit(.minutes(1)))
  struct LiveTraceTests {
    /// An echo server that is watched, with a client on a wire in memory, all by one thread.
    private final class Scene {
      private var server: StackLoop<MemoryLink, EchoService>
      private var client: StackLoop<MemoryLink, EchoService>
      let trace: LiveTrace

      init(_ filter: String = "", room: Int = 10_000, recorder: UInt32 = 1_000) throws {
        let wire = MemoryLink.pair()
        let left = wire.left
        let right = wire.right
        var configuration = StackConfiguration()
        configuration.recorderCapacity = recorder
        server = try StackLoop(
          stack: NetworkStack(configuration: configuration, seed: StackSeed(1)),
          links: LinkSet(left, addresses: [prefix("10.7.0.1/24")]), application: EchoService())
        client = try StackLoop(
          stack: NetworkStack(seed: StackSeed(2)), links: LinkSet(right, addresses: [prefix("10.7.0.2/24")]),
          application: EchoService())
        try server.turn(waitingAtMost: .zero)
        let link = LinkReport(
          name: "memory", interface: InterfaceID(rawValue: 0), mtu: 1500, isEthernet: false,
          counters: LinkCounters())
        let trace = LiveTrace(
          try FlowFilter(parsing: filter), of: [[link]], room: room, waking: try Wakeup())
        self.trace = trace
        server.control.visit { stack, view, _ in view.captures.attach(trace, as: 0, stack) }
        try server.turn(waitingAtMost: .zero)
      }

      func detach() throws {
        let trace = trace
        server.control.visit { _, view, _ in view.captures.detach(trace) }
        try server.turn(waitingAtMost: .zero)
      }

      /// A connection, so many octets there and back, and a close, until nothing moves.
      func talk(_ count: Int) throws {
        let id = try client.stack.connect(to: endpoint("10.7.0.1", 7), now: SystemClock.now)
        for round in 0..<80 {
          if round == 10, count > 0 {
            _ = try? client.stack.send(id, pattern(count).span.bytes, now: SystemClock.now)
          }
          if round == 50 { try? client.stack.close(id, now: SystemClock.now) }
          try client.turn(waitingAtMost: .zero)
          try server.turn(waitingAtMost: .zero)
        }
      }
    }

    private static func rules(_ events: [TraceEvent]) -> [Rule] {
      events.compactMap { if case .record(let record, _) = $0 { record.rule } else { nil } }
    }

    @Test("Segments, and behind each what was decided, in the order of their happening")
    func order() throws {
      let scene = try Scene()
      try scene.talk(0)
      let events = scene.trace.take()
      guard case .segment(let first, .inbound, _) = try #require(events.first) else {
        Issue.record("the first event is no segment: \(events[0])")
        return
      }
      #expect(first.flags == .syn)
      #expect(Array(Self.rules(events).prefix(2)) == [.listenSyn, .transition])
      guard case .segment(let second, .outbound, _) = events[3] else {
        Issue.record("the SYN-ACK stands elsewhere: \(events[3])")
        return
      }
      #expect(second.flags == [.syn, .ack])
      let times = events.compactMap(\.time)
      #expect(zip(times, times.dropFirst()).allSatisfy { $0 <= $1 })
      // All of it is of the one flow, as the server sees it, its life to the end included.
      #expect(events.allSatisfy { $0.flow == events[0].flow })
      let states = events.compactMap { event -> UInt32? in
        guard case .record(let record, _) = event, record.rule == .transition else { return nil }
        return record.b
      }
      #expect(
        states
          == [TCPState.synReceived, .established, .closeWait, .lastAck, .closed].map { UInt32($0.rawValue) })
    }

    @Test("The source of its filter is the stack's own end, for segments of both directions")
    func filter() throws {
      let scene = try Scene("sport = :7 and dst 10.7.0.2")
      try scene.talk(100)
      #expect(scene.trace.take().count > 10)
      let other = try Scene("dport = :7")
      try other.talk(100)
      #expect(other.trace.take().isEmpty)
    }

    @Test("What finds no room is counted where it would stand, and a recorder that is too small is, too")
    func losses() throws {
      let scene = try Scene(room: 5)
      try scene.talk(100)
      let first = scene.trace.take()
      #expect(first.count == 5)
      try scene.talk(100)
      guard case .lost(let missing) = try #require(scene.trace.take().first) else {
        Issue.record("nothing is said of what was lost")
        return
      }
      #expect(missing >= 5)
      let small = try Scene(recorder: 2)
      try small.talk(100)
      let lost = small.trace.take().reduce(0 as UInt64) { sum, event in
        if case .lost(let events) = event { sum + events } else { sum }
      }
      #expect(lost > 0)
    }

    @Test("Whoever has seen enough sees no more")
    func detached() throws {
      let scene = try Scene()
      try scene.detach()
      try scene.talk(100)
      #expect(scene.trace.take().isEmpty)
    }

    @Test("Over the control socket: a head, events, and an end when the client says anything")
    func socket() throws {
      let loop = try ControlledLoop(start: { stack, now in
        _ = try? stack.listen(on: LocalEndpoint(port: 80))
      })
      let asker = try Asker(loop.path)
      #expect(try asker.answer(to: "trace").last?.contains("recorder is off") == true)
      #expect(try asker.answer(to: "trace state established").last?.contains("states as they change") == true)
      #expect(try asker.answer(to: "trace lang xx").last?.contains("language") == true)
      #expect(try asker.answer(to: "set recorder 100").count == 2)
      try asker.say("trace lang zh")
      #expect(try asker.line()?.hasPrefix(#"{"type":"trace","version":1,"epoch_ns":"#) == true)
      loop.control.visit { stack, _, now in
        _ = try? stack.connect(to: endpoint("10.7.0.1", 80), now: now)
      }
      let line = try #require(try asker.line())
      #expect(line.contains(#""from":"CLOSED","to":"SYN-SENT""#) && line.contains("主动打开"), "\(line)")
      try asker.say("enough")
      var last: String? = line
      while let next = last, next != #"{"type":"end"}"# { last = try asker.line() }
      #expect(last == #"{"type":"end"}"#)
    }
  }
#endif
