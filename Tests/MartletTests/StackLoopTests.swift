#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// An echo service as a state machine: what it cannot write yet it does not read.
  struct EchoService: Application {
    var accepted = 0
    var wakes = 0
    private var buffer = [UInt8](repeating: 0, count: 16_384)
    /// Octets read and not yet written, by connection.
    private var owed: [ConnectionID: [UInt8]] = [:]

    mutating func start(stack: inout NetworkStack, now: Instant) {
      _ = try? stack.listen(on: LocalEndpoint(port: 7))
    }

    mutating func woken(stack: inout NetworkStack, now: Instant) { wakes += 1 }

    mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      switch event {
      case .listener(let listener):
        while let connection = try? stack.accept(listener) {
          accepted += 1
          owed[connection] = []
        }
      case .connection(let connection, _):
        echo(connection, &stack, now)
      default: break
      }
    }

    private mutating func echo(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      while var pending = owed[id] {
        while !pending.isEmpty {
          guard let sent = try? stack.send(id, pending.span.bytes, now: now) else { break }
          pending.removeFirst(sent)
        }
        owed[id] = pending
        guard pending.isEmpty else { return }
        let count = buffer.withUnsafeMutableBytes { raw -> Int? in
          var room = raw.mutableBytes
          return try? stack.receive(id, into: &room, now: now)
        }
        guard let count else {
          let isOver = (try? stack.readiness(id).contains(.ended)) ?? true
          if isOver {
            owed[id] = nil
            try? stack.close(id, now: now)
          }
          return
        }
        if count == 0 {
          owed[id] = nil
          try? stack.close(id, now: now)
        } else {
          owed[id] = Array(buffer[..<count])
        }
      }
    }
  }

  /// A link of an Ethernet that was away as often as it is told.
  private struct ReturningLink: Link, ~Copyable {
    var base: MemoryLink
    var returns: UInt64 = 0

    var name: String { base.name }
    var mtu: Int { base.mtu }
    var largestPacket: Int { base.largestPacket }
    var readiness: FileDescriptor? { base.readiness }
    var roomSignal: RoomSignal { base.roomSignal }
    var medium: Medium {
      .ethernet(EthernetMedium(hardwareAddress: MACAddress(0x02, 0, 0, 0, 0, 1), checksAddresses: false))
    }
    var counters: LinkCounters {
      var all = base.counters
      all.returns = returns
      return all
    }

    mutating func receive(
      limit: Int, now: Instant, _ deliver: (RawSpan, PacketMetadata) -> Void
    ) throws(LinkError) -> Int {
      try base.receive(limit: limit, now: now, deliver)
    }

    mutating func send(
      limit: Int, now: Instant, _ fill: (inout MutableRawSpan) -> OutgoingPacket?
    ) throws(LinkError) -> SendOutcome {
      try base.send(limit: limit, now: now, fill)
    }
  }

  @Suite("The loop of a stack", .timeLimit(.minutes(1)))
  struct StackLoopTests {
    @Test("A stack is told when a link is back, once: it says again who it is")
    func linkReturns() throws {
      let wire = MemoryLink.pair()
      let near = wire.left
      var far = wire.right
      let name = near.name
      var loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)),
        links: LinkSet(ReturningLink(base: near), addresses: [prefix("10.7.0.1/24")]),
        application: EchoService(), hasLoopback: false)
      func announcements() throws -> Int {
        var count = 0
        // Deadlines come within a millisecond.
        for _ in 0..<10 {
          try loop.turn(waitingAtMost: .milliseconds(1))
          _ = try far.receive(limit: 100, now: .origin) { frame, _ in
            if frame.byteCount == 42, frame.u8(12) == 8, frame.u8(13) == 6 { count += 1 }
          }
        }
        return count
      }
      #expect(try announcements() == 1)
      #expect(try announcements() == 0)
      let known = loop.interface(named: name)
      let interface = try #require(known)
      loop.withLink(of: interface) { $0.returns = 1 }
      #expect(try announcements() == 1)
      #expect(try announcements() == 0)
    }

    @Test("Two loops on one thread, turn by turn, over links without descriptors")
    func turns() throws {
      let wire = MemoryLink.pair()
      let left = wire.left
      let right = wire.right
      var server = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(left, addresses: [prefix("10.7.0.1/24")]),
        application: EchoService())
      var client = try StackLoop(
        stack: NetworkStack(seed: StackSeed(2)), links: LinkSet(right, addresses: [prefix("10.7.0.2/24")]),
        application: Speaker(message: [1, 2, 3]))
      let start = SystemClock.now
      while !client.application.isDone, SystemClock.now.since(start) < .seconds(20) {
        try server.turn(waitingAtMost: .zero)
        try client.turn(waitingAtMost: .zero)
      }
      #expect(client.application.answer == [1, 2, 3])
      #expect(server.application.accepted == 1)
    }

    @Test("Stop and wake come from another thread")
    func control() throws {
      let wire = try MemoryLink.crossThreadPair()
      let end = wire.left
      var loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(end, addresses: [prefix("10.7.0.1/24")]),
        application: EchoService())
      let control = loop.control
      control.wake()
      try loop.turn()
      #expect(loop.application.wakes == 1)
      let other = try SystemThread(name: "stopper") { control.stop() }
      try loop.run()
      other.join()
      #expect(control.isStopping)
    }

    @Test("An idle loop sleeps: no turn ends by itself")
    func idle() throws {
      let wire = try MemoryLink.crossThreadPair()
      let end = wire.left
      var loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(end, addresses: [prefix("10.7.0.1/24")]),
        application: EchoService())
      try loop.turn()  // the first starts the application
      #expect(loop.stack.nextDeadline(now: SystemClock.now) == nil)
      let before = SystemClock.now
      try loop.turn(waitingAtMost: .milliseconds(50))
      #expect(SystemClock.now.since(before) >= .milliseconds(50))
    }

    @Test("The application's own deadline ends a sleep")
    func deadline() throws {
      struct Alarm: Application {
        var nextDeadline: Instant?
        var rang: Instant?
        mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {}
        mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {
          rang = now
          nextDeadline = nil
        }
      }
      let wire = try MemoryLink.crossThreadPair()
      let end = wire.left
      let due = SystemClock.now.advanced(by: .milliseconds(20))
      var loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(end, addresses: [prefix("10.7.0.1/24")]),
        application: Alarm(nextDeadline: due))
      while loop.application.rang == nil { try loop.turn() }
      #expect(loop.application.rang! >= due)
    }

    @Test("A loop that stops gives its connections time to end in order")
    func grace() async throws {
      let wire = try MemoryLink.crossThreadPair()
      let near = wire.left
      let far = wire.right
      let host = try Host(LinkSet(far, addresses: [prefix("10.7.0.1/24")]), logger: quiet)
      let listener = try await host.listen(on: 7)
      let server = Task {
        let connection = try await listener.accept()
        let all = try await readAll(connection)
        try await connection.finish()
        return all
      }
      let message = pattern(200_000)
      let loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(2)), links: LinkSet(near, addresses: [prefix("10.7.0.2/24")]),
        application: LastWords(message: message))
      loop.control.stop()
      await run(loop, grace: .seconds(20))
      #expect(try await server.value == message)
      await host.shutdown()
    }

    @Test("A signal stops the loop")
    func signal() throws {
      let wire = try MemoryLink.crossThreadPair()
      let end = wire.left
      var loop = try StackLoop(
        stack: NetworkStack(seed: StackSeed(1)), links: LinkSet(end, addresses: [prefix("10.7.0.1/24")]),
        application: EchoService())
      loop.control.stopOnSignals([SIGUSR2])
      kill(getpid(), SIGUSR2)
      try loop.run()
      #expect(loop.control.isStopping)
    }
  }

  /// Connects to 10.7.0.1 port 7, and once it is told to stop sends what it has to say and closes.
  struct LastWords: Application {
    var message: [UInt8]
    private var connection: ConnectionID?

    init(message: [UInt8]) { self.message = message }

    mutating func stop(stack: inout NetworkStack, now: Instant) {
      connection = try? stack.connect(to: endpoint("10.7.0.1", 7), now: now)
    }

    mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      guard let id = connection else { return }
      while !message.isEmpty {
        guard let count = try? stack.send(id, message.span.bytes, now: now) else { return }
        message.removeFirst(count)
      }
      try? stack.close(id, now: now)
      connection = nil
    }
  }

  /// Runs a loop on a thread of its own.
  private func run(_ loop: consuming StackLoop<MemoryLink, LastWords>, grace: TimeAmount) async {
    let box = Box(loop)
    await withCheckedContinuation { continuation in
      do throws(LinkError) {
        try SystemThread(name: "loop") {
          if var loop = box.take() { try? loop.run(grace: grace) }
          continuation.resume()
        }.detach()
      } catch {
        continuation.resume()
      }
    }
  }

  private final class Box<Value: ~Copyable>: @unchecked Sendable {
    private var value: Value?
    init(_ value: consuming Value) { self.value = consume value }
    func take() -> Value? { value.take() }
  }

  /// Sends a message to 10.7.0.1 port 7, finishes, and keeps what comes back.
  struct Speaker: Application {
    let message: [UInt8]
    var answer: [UInt8] = []
    var isDone = false

    init(message: [UInt8]) { self.message = message }

    mutating func start(stack: inout NetworkStack, now: Instant) {
      guard let id = try? stack.connect(to: endpoint("10.7.0.1", 7), now: now) else { return }
      _ = try? stack.send(id, message.span.bytes, now: now)
      try? stack.shutdown(id, .send, now: now)
    }

    mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      guard case .connection(let id, _) = event else { return }
      var buffer = [UInt8](repeating: 0, count: 4096)
      while !isDone {
        let count = buffer.withUnsafeMutableBytes { raw -> Int? in
          var room = raw.mutableBytes
          return try? stack.receive(id, into: &room, now: now)
        }
        guard let count else { return }
        answer += buffer[..<count]
        isDone = count == 0
      }
    }
  }
#endif
