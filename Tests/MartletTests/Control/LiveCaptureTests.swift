#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import MartletWire
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Live captures", .timeLimit(.minutes(1)))
  struct LiveCaptureTests {
    /// What one loop with a peer on a wire in memory carries, all by one thread.
    private final class Scene {
      private var server: StackLoop<MemoryLink, EchoService>
      private var client: StackLoop<MemoryLink, EchoService>
      let capture: LiveCapture

      init(_ terms: LiveCapture.Terms, room: Int = 1 << 20, recorder: UInt32 = 0) throws {
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
        capture = LiveCapture(terms, of: [[link]], room: room, waking: try Wakeup(), epoch: 0)
      }

      func attach() throws {
        let capture = capture
        server.control.visit { stack, view, _ in view.captures.attach(capture, as: 0, stack) }
        try server.turn(waitingAtMost: .zero)
      }

      func detach() throws {
        let capture = capture
        server.control.visit { _, view, _ in view.captures.detach(capture) }
        try server.turn(waitingAtMost: .zero)
      }

      /// A connection, so many octets there and back, until nothing moves.
      func talk(_ count: Int) throws {
        let id = try client.stack.connect(to: endpoint("10.7.0.1", 7), now: SystemClock.now)
        for round in 0..<60 {
          if round == 10 { _ = try? client.stack.send(id, pattern(count).span.bytes, now: SystemClock.now) }
          try client.turn(waitingAtMost: .zero)
          try server.turn(waitingAtMost: .zero)
        }
      }
    }

    private static func packets(
      _ file: [UInt8]
    ) throws -> [(segment: TracedSegment, direction: MartletTrace.PacketDirection, comment: String)] {
      var reader = try CaptureReader(file.span.bytes)
      var found: [(segment: TracedSegment, direction: MartletTrace.PacketDirection, comment: String)] = []
      while let packet = try reader.next(in: file.span.bytes) {
        let octets = Array(file[packet.octets])
        let segment = try TracedSegment(packet: octets.span.bytes)
        let comment = packet.comment.map { String(decoding: file[$0], as: UTF8.self) } ?? ""
        found.append((segment, packet.direction, comment))
      }
      return found
    }

    @Test("Every packet is there with its direction, in its order")
    func everything() throws {
      let scene = try Scene(LiveCapture.Terms())
      try scene.attach()
      try scene.talk(1_000)
      let packets = try Self.packets(scene.capture.end(at: SystemClock.now))
      #expect(packets.count >= 5)
      #expect(packets.first?.segment.flags == .syn && packets.first?.direction == .inbound)
      #expect(packets.dropFirst().first?.segment.flags == [.syn, .ack])
      #expect(packets.dropFirst().first?.direction == .outbound)
      let inbound = packets.filter { $0.direction == .inbound }.reduce(0) { $0 + Int($1.segment.textCount) }
      let outbound = packets.filter { $0.direction == .outbound }.reduce(0) { $0 + Int($1.segment.textCount) }
      #expect(inbound == 1_000 && outbound == 1_000)
      #expect(packets.allSatisfy { $0.comment.isEmpty })
    }

    @Test("Only what the filter has, only so many, and only so much of each")
    func terms() throws {
      var terms = LiveCapture.Terms()
      terms.filter = try FlowFilter(parsing: "sport = :7")
      terms.count = 2
      terms.snapLength = 44
      let scene = try Scene(terms)
      try scene.attach()
      try scene.talk(1_000)
      let (octets, isOver) = scene.capture.take()
      #expect(isOver)
      let file = octets + scene.capture.end(at: SystemClock.now)
      var reader = try CaptureReader(file.span.bytes)
      var kept: [Int] = []
      while let packet = try reader.next(in: file.span.bytes) {
        #expect(packet.direction == .outbound)
        kept.append(packet.octets.count)
      }
      #expect(kept == [44, 44])
    }

    @Test("What the reader leaves no room for is left out and counted, and what comes then says how much")
    func drops() throws {
      let scene = try Scene(LiveCapture.Terms(), room: 4_000)
      try scene.attach()
      try scene.talk(5_000)
      let (octets, isOver) = scene.capture.take()
      #expect(!isOver && octets.count <= 4_000)
      let before = try Self.packets(octets).count
      #expect(before > 0)
      try scene.talk(10)
      let rest = scene.capture.end(at: SystemClock.now)
      let file = octets + rest
      let lost = Self.option(4, ofBlocks: 6, in: file).reduce(0, +)
      let dropped = Self.option(5, ofBlocks: 5, in: file).reduce(0, +)
      let passed = Self.option(4, ofBlocks: 5, in: file).reduce(0, +)
      let packets = try Self.packets(file).count
      #expect(lost > 0 && dropped >= lost)
      #expect(passed == UInt64(packets) + dropped)
    }

    @Test("A packet's comment says what the stack decided on it")
    func reasons() throws {
      var terms = LiveCapture.Terms()
      terms.explains = true
      let scene = try Scene(terms, recorder: 1_000)
      try scene.attach()
      try scene.talk(100)
      let packets = try Self.packets(scene.capture.end(at: SystemClock.now))
      let third = try #require(packets.first { $0.segment.flags == .ack && $0.direction == .inbound })
      #expect(third.comment.contains("SYN-RECEIVED → ESTABLISHED"), "\(third.comment)")
      let text = try #require(packets.first { $0.segment.textCount == 100 && $0.direction == .inbound })
      #expect(text.comment.contains("RFC 9293 §3.10.7.4"), "\(text.comment)")
    }

    @Test("Once it is detached nothing is added")
    func detached() throws {
      let scene = try Scene(LiveCapture.Terms())
      try scene.attach()
      try scene.talk(10)
      try scene.detach()
      let before = scene.capture.take().octets.count
      try scene.talk(10)
      #expect(before > 500 && scene.capture.take().octets.isEmpty)
    }

    /// Options of eight octets with a code, in all blocks of a kind.
    private static func option(_ code: Int, ofBlocks kind: Int, in file: [UInt8]) -> [UInt64] {
      func little(_ at: Int, _ count: Int) -> Int {
        (0..<count).reversed().reduce(0) { $0 << 8 | Int(file[at + $1]) }
      }
      var values: [UInt64] = []
      var at = 0
      while at + 12 <= file.count {
        let length = little(at + 4, 4)
        if little(at, 4) == kind {
          var option = at + (kind == 6 ? 28 + (little(at + 20, 4) + 3) / 4 * 4 : 20)
          while option + 4 <= at + length - 4, little(option, 2) != 0 {
            let size = little(option + 2, 2)
            if little(option, 2) == code, size == 8 { values.append(UInt64(little(option + 4, 8))) }
            option += 4 + (size + 3) / 4 * 4
          }
        }
        at += max(length, 12)
      }
      return values
    }
  }
#endif
