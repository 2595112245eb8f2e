#if os(Linux)
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

  /// A packet socket on the kernel's side of a TAP device: what is written to the device comes in by it, and what it sends is read
  /// from the device.
  @Suite("Packet sockets", .needsTUN)
  struct PacketLinkTests {
    /// How frames come from the kernel.
    enum Way: CaseIterable {
      case slots, blocks, calls, blocksWithHeaders

      var offload: InterfaceConfiguration.Offload {
        self == .calls || self == .blocksWithHeaders ? .everything : []
      }
      var hasRing: Bool { self == .blocks || self == .blocksWithHeaders }
    }

    private static let ours = MACAddress(0x02, 0, 0, 0, 0, 0xaa)
    private static let theirs = MACAddress(0x02, 0, 0, 0, 0, 0xbb)

    private struct Ethernet: ~Copyable {
      let namespace: NetworkNamespace
      var far: TAPLink
      var near: PacketLink
      let now = Instant(nanoseconds: 1_000_000_000)

      init(_ way: Way, mtu: Int = 1_500) throws {
        let namespace = try NetworkNamespace.anonymous()
        var far = try TAPLink(
          TUNConfiguration(name: "wire", mtu: mtu), ethernet: EthernetMedium(hardwareAddress: theirs),
          in: namespace)
        let near = try PacketLink(
          interface: "wire", ethernet: EthernetMedium(hardwareAddress: ours), offload: way.offload,
          hasRing: way.hasRing, in: namespace)
        // What the kernel says on its own behalf.
        _ = try far.receive(limit: 1_000, now: Instant.origin) { _, _ in }
        self.namespace = namespace
        self.far = far
        self.near = near
      }

      mutating func arrive(_ frames: [[UInt8]]) throws {
        var next = 0
        let outcome = try far.send(limit: frames.count + 1, now: now) { room in
          defer { next += 1 }
          return next < frames.count ? write(frames[next], &room) : nil
        }
        #expect(outcome == .drained && far.counters.sendDrops == 0)
      }

      /// What the kernel had no room for.
      mutating func missed() throws -> UInt64 {
        _ = try near.receive(limit: 64, now: now.advanced(by: .seconds(2))) { _, _ in }
        return near.counters.missed
      }

      /// Frames of our own kind that have come, until there are `count`.
      mutating func taken(_ count: Int) throws -> [[UInt8]] {
        var all: [[UInt8]] = []
        while all.count < count, Machine.wait(for: near.readiness) {
          _ = try near.receive(limit: 64, now: now) { frame, _ in
            let frame = octets(frame)
            if frame.contains(sequence: marker) { all.append(frame) }
          }
        }
        return all
      }
    }

    private static func frame(
      _ count: Int, to destination: MACAddress = ours, tag: UInt16? = nil, fill: UInt8 = 7
    ) -> [UInt8] {
      func octets(_ address: MACAddress) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: address.bits >> (40 - 8 * $0)) }
      }
      var frame = octets(destination) + octets(theirs)
      if let tag { frame += [0x81, 0, UInt8(tag >> 8), UInt8(tag & 255)] }
      frame += [0x88, 0xb5] + marker  // EtherType for experiments
      return frame + [UInt8](repeating: fill, count: max(count - frame.count, 0))
    }

    @Test(
      "Frames come whole and in order, small and large, with their tag if they have one",
      arguments: Way.allCases)
    func frames(way: Way) throws {
      var wire = try Ethernet(way)
      let sent = [
        Self.frame(60), Self.frame(1_514, fill: 1), Self.frame(1_518, tag: 0x2007, fill: 2),
        Self.frame(60, tag: 1), Self.frame(61, to: .broadcast, fill: 3),
      ]
      try wire.arrive(sent)
      #expect(try wire.taken(sent.count) == sent)
      #expect(wire.near.counters.receivedPackets >= 5 && wire.near.counters.receiveDrops == 0)
    }

    @Test("What is larger than a slot comes whole all the same, and in its turn")
    func largerThanSlots() throws {
      var wire = try Ethernet(.slots)
      let sent = [
        Self.frame(60), Self.frame(4_000, fill: 1), Self.frame(61, fill: 2), Self.frame(60_000, fill: 3),
        Self.frame(62, tag: 5, fill: 4), Self.frame(3_000, tag: 6, fill: 5),
      ]
      try wire.arrive(sent)
      #expect(try wire.taken(sent.count) == sent)
    }

    @Test("All places are used again and again, in order", arguments: [Way.slots, .calls])
    func around(way: Way) throws {
      var wire = try Ethernet(way)
      // 4 MiB are 2,048 slots.
      for round in 0..<12 {
        let sent = (0..<500).map { Self.frame(1_514, fill: UInt8(truncatingIfNeeded: $0 &+ round)) }
        try wire.arrive(sent)
        #expect(try wire.taken(sent.count) == sent)
      }
      #expect(try wire.missed() == 0)
    }

    /// Each alone, since a block is over after a millisecond: however slow the machine is, there is one for each.
    @Test("All blocks are used again and again, in order", arguments: [Way.blocks, .blocksWithHeaders])
    func aroundBlocks(way: Way) throws {
      var wire = try Ethernet(way)
      for round in 0..<100 {
        let sent = [Self.frame(60 + round * 14, fill: UInt8(round))]
        try wire.arrive(sent)
        #expect(try wire.taken(1) == sent)
      }
      #expect(try wire.missed() == 0)
    }

    @Test("Frames for others are not shown, nor what we send ourselves")
    func others() throws {
      var wire = try Ethernet(.slots)
      let mine = Self.frame(60, fill: 9)
      try wire.arrive([Self.frame(60, to: Self.theirs), mine])
      var isFirst = true
      let now = wire.now
      let sent = Self.frame(80, to: Self.theirs, fill: 5)
      let outcome = try wire.near.send(limit: 2, now: now) { room in
        defer { isFirst = false }
        return isFirst ? write(sent, &room) : nil
      }
      #expect(outcome == .drained)
      #expect(try wire.taken(1) == [mine])
      var left: [[UInt8]] = []
      while left.isEmpty, Machine.wait(for: wire.far.readiness) {
        _ = try wire.far.receive(limit: 64, now: now) { frame, _ in
          let frame = octets(frame)
          if frame.contains(sequence: marker) { left.append(frame) }
        }
      }
      #expect(left == [sent])
    }

    @Test("What there was no room for is counted", arguments: Way.allCases)
    func missed(way: Way) throws {
      var wire = try Ethernet(way)
      let sent = [[UInt8]](repeating: Self.frame(1_514), count: 5_000)
      try wire.arrive(sent)
      var seen = 0
      let later = wire.now.advanced(by: .seconds(2))
      while try wire.near.receive(
        limit: 64, now: later, { frame, _ in if octets(frame).contains(sequence: marker) { seen += 1 } }) > 0
      {}
      // Some are the kernel's own. With blocks the last one may not be ours yet.
      let missed = Int(wire.near.counters.missed)
      #expect(seen > 0 && missed > 500)
      #expect(seen + missed <= sent.count + 20 && seen + missed > sent.count - 200)
    }

    @Test(
      "Down and up between two calls, of which the first is to send: it is known all the same",
      arguments: Way.allCases)
    func flapBeforeSending(way: Way) throws {
      var wire = try Ethernet(way)
      for isUp in [false, true] {
        #expect(try wire.namespace.perform { () throws(LinkError) in Machine.setUp(isUp, "wire") })
      }
      let now = wire.now
      let sent = Self.frame(60, to: Self.theirs)
      var isFirst = true
      _ = try wire.near.send(limit: 1, now: now) { room in
        defer { isFirst = false }
        return isFirst ? write(sent, &room) : nil
      }
      while wire.near.counters.returns == 0, Machine.wait(for: wire.near.readiness) {
        _ = try wire.near.receive(limit: 64, now: now) { _, _ in }
      }
      #expect(wire.near.counters.returns == 1)
    }

    @Test(
      "An interface that was down and is up goes on, which is counted",
      arguments: Way.allCases)
    func downAndUp(way: Way) throws {
      var wire = try Ethernet(way)
      func setUp(_ isUp: Bool) throws {
        #expect(try wire.namespace.perform { () throws(LinkError) in Machine.setUp(isUp, "wire") })
      }
      try setUp(false)
      let now = wire.now
      // The error is the first thing that the socket has to say.
      try #require(Machine.wait(for: wire.near.readiness))
      _ = try wire.near.receive(limit: 64, now: now) { _, _ in }
      #expect(wire.near.counters.returns == 0)
      try setUp(true)
      while wire.near.counters.returns == 0, Machine.wait(for: wire.near.readiness) {
        _ = try wire.near.receive(limit: 64, now: now) { _, _ in }
      }
      #expect(wire.near.counters.returns == 1)
      let sent = [Self.frame(60), Self.frame(1_000)]
      try wire.arrive(sent)
      #expect(try wire.taken(2) == sent)
    }
  }

  /// What tells our frames from those of the kernel.
  private let marker: [UInt8] = [0xca, 0xfe, 0xba, 0xbe, 0x12, 0x34]

  extension [UInt8] {
    fileprivate func contains(sequence: [UInt8]) -> Bool {
      count >= 20
        && (self[14..<20].elementsEqual(sequence) || (count >= 24 && self[18..<24].elementsEqual(sequence)))
    }
  }
#endif
