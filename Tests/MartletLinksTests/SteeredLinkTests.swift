#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Queues that share the work")
  struct SteeredLinkTests {
    private let now = Instant.origin
    private let steering = Steering(among: 2, seed: StackSeed(5))

    /// A TCP segment over IPv4 from a port of the peer.
    private func segment(_ port: UInt16) -> [UInt8] {
      var packet = [UInt8](repeating: 0, count: 40)
      packet[0] = 0x45
      packet[3] = 40
      packet[8] = 64
      packet[9] = 6
      packet.replaceSubrange(12..<20, with: [10, 0, 0, 9, 10, 0, 0, 2])
      packet[20] = UInt8(port >> 8)
      packet[21] = UInt8(truncatingIfNeeded: port)
      packet[23] = 80
      packet[32] = 0x50
      return packet
    }

    private func ports(of owner: Int) -> [UInt16] {
      (UInt16(1_000)..<3_000).filter { port in
        let packet = segment(port)
        return steering.owner(of: packet.span.bytes) == owner
      }
    }

    /// The stack's end of a wire at a place, and the other end of that wire.
    private struct Queue: ~Copyable {
      var link: SteeredLink<MemoryLink>
      var peer: MemoryLink

      mutating func arrive(_ packets: [[UInt8]]) throws {
        var next = 0
        _ = try peer.send(limit: packets.count, now: Instant.origin) { room in
          defer { next += 1 }
          return next < packets.count ? write(packets[next], &room) : nil
        }
      }

      mutating func taken() throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        _ = try link.receive(limit: 1_000, now: Instant.origin) { packet, _ in all.append(octets(packet)) }
        return all
      }
    }

    private func queue(_ exchange: ShardExchange, _ index: Int) throws -> Queue {
      let wire = MemoryLink.pair(capacity: 1_024)
      return Queue(
        link: try SteeredLink(wire.left, at: exchange.places[index], of: steering), peer: wire.right)
    }

    @Test("What comes by the wrong queue is handed to its owner, who is woken; nothing else is")
    func strays() throws {
      let exchange = try ShardExchange(among: 2)
      var first = try queue(exchange, 0)
      var second = try queue(exchange, 1)
      let (mine, others) = (ports(of: 0).prefix(20), ports(of: 1).prefix(20))
      try first.arrive((mine + others).map(segment))
      #expect(try first.taken() == mine.map(segment))
      #expect(first.link.counters.strays == 20 && first.link.counters.strayDrops == 0)
      #expect(try second.taken() == others.map(segment))
      #expect(second.link.counters.strays == 0)
      #expect(try first.taken().isEmpty && second.taken().isEmpty)
    }

    @Test("Between two there is room for so many; what finds none is counted, and the rest is whole")
    func full() throws {
      let exchange = try ShardExchange(among: 2)
      var first = try queue(exchange, 0)
      var second = try queue(exchange, 1)
      let others = ports(of: 1).prefix(500).map(segment)
      #expect(others.count == 500)
      for _ in 0..<10 {
        try first.arrive(others)
        #expect(try first.taken().isEmpty)
      }
      #expect(first.link.counters.strays == 5_000 && first.link.counters.strayDrops == 904)
      var seen: [[UInt8]] = []
      while case let some = try second.taken(), !some.isEmpty { seen += some }
      #expect(seen == (0..<4_096).map { others[$0 % 500] })
      // Of large packets there is room for as much as for small ones, wherever the last ended.
      let large = others[0] + [UInt8](repeating: 0x5a, count: 1_460)
      var (lost, taken) = (UInt64(904), 0)
      for round in 1...5 {
        for _ in 0..<2 {
          try first.arrive([[UInt8]](repeating: large, count: 500))
          _ = try first.taken()
        }
        let drops = first.link.counters.strayDrops
        #expect(drops - lost >= 1_000 - 699 && drops - lost <= 1_000 - 600)
        lost = drops
        while case let some = try second.taken(), !some.isEmpty {
          #expect(some.allSatisfy { $0 == large })
          taken += some.count
        }
        #expect(UInt64(taken) == UInt64(round) * 1_000 - (lost - 904))
      }
    }

    @Test("Neither what others hand over nor what comes keeps the other waiting, and nothing is forgotten")
    func fair() throws {
      let exchange = try ShardExchange(among: 2)
      var first = try queue(exchange, 0)
      var second = try queue(exchange, 1)
      let others = ports(of: 1).prefix(100).map(segment)
      try first.arrive(others)
      _ = try first.taken()
      // Strays for the second, and what is its own.
      try second.arrive(Array(others.prefix(50)))
      var seen: [[UInt8]] = []
      func turn(_ limit: Int) throws -> Int {
        try second.link.receive(limit: limit, now: now) { packet, _ in seen.append(octets(packet)) }
      }
      #expect(try turn(64) == 64)
      #expect(
        Array(seen.prefix(32)) == Array(others.prefix(32))
          && Array(seen.suffix(32)) == Array(others.prefix(32)))
      while isReadable(second.link.readiness) { _ = try turn(64) }
      #expect(seen.count == 150)
      #expect(try turn(64) == 0 && !isReadable(second.link.readiness))
    }

    private func isReadable(_ descriptor: FileDescriptor?) -> Bool {
      var entry = pollfd(fd: descriptor?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
      return poll(&entry, 1, 0) == 1
    }

    @Test("A device that is made again is waited for, and the next one is heard")
    func reconnects() throws {
      func pair() -> (ours: FileDescriptor, theirs: FileDescriptor) {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0, &ends) == 0)
        return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
      }
      @Sendable func link(_ descriptor: FileDescriptor) throws(LinkError) -> DescriptorLink {
        try DescriptorLink(taking: descriptor, name: "guest", mtu: 1_500, carrying: .ip)
      }
      let exchange = try ShardExchange(among: 1)
      let (first, next) = (pair(), pair())
      defer { try? next.theirs.close() }
      let descriptor = next.ours
      let base = try ReconnectingLink(
        try link(first.ours), pause: .milliseconds(1), again: { () throws(LinkError) in try link(descriptor) }
      )
      var steered = try SteeredLink(base, at: exchange.places[0], of: steering)
      var now = now
      func take() throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        _ = try steered.receive(limit: 9, now: now) { packet, _ in all.append(octets(packet)) }
        return all
      }
      try first.theirs.close()
      #expect(Machine.wait(for: steered.readiness))
      #expect(try take().isEmpty && steered.counters.returns == 0)
      now = now.advanced(by: .milliseconds(1))
      #expect(Machine.wait(for: steered.readiness))
      #expect(try take().isEmpty && steered.counters.returns == 1)
      #expect(!isReadable(steered.readiness))
      let packet = segment(ports(of: 0)[0])
      #expect(write(next.theirs.rawValue, packet, packet.count) == packet.count)
      #expect(Machine.wait(for: steered.readiness))
      #expect(try take() == [packet])
    }

    @Test("What the stack hands over does not leave")
    func handOver() throws {
      let exchange = try ShardExchange(among: 2)
      var first = try queue(exchange, 0)
      var second = try queue(exchange, 1)
      let packet = segment(ports(of: 1)[0])
      var step = 0
      let outcome = try first.link.send(limit: 8, now: now) { room in
        step += 1
        guard step <= 3 else { return nil }
        var out = write(packet, &room)
        out.metadata.shard = step == 2 ? 0 : 2
        return out
      }
      #expect(outcome == .drained)
      var left = 0
      _ = try first.peer.receive(limit: 8, now: now) { _, _ in left += 1 }
      #expect(left == 1)
      #expect(try second.taken() == [packet, packet])
      // To a stack that is not there, and to itself: lost, and counted.
      for shard in [UInt8(1), 9] {
        var isFirst = true
        _ = try first.link.send(limit: 8, now: now) { room in
          guard isFirst else { return nil }
          isFirst = false
          var out = write(packet, &room)
          out.metadata.shard = shard
          return out
        }
      }
      #expect(first.link.counters.strayDrops == 2)
    }
  }
#endif
