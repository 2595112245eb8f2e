#if os(Linux)
  import MartletLinks
  import MartletStack
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// A device of which the headers may lie: what cannot be is dropped and counted, and what follows it comes.
  @Suite("Devices that lie")
  struct LyingDeviceTests {
    private struct Device: ~Copyable {
      let ours: FileDescriptor
      let theirs: FileDescriptor
      var port: PacketPort

      init() {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue) | Int32(O_NONBLOCK), 0, &ends) == 0)
        ours = FileDescriptor(rawValue: ends[0])
        theirs = FileDescriptor(rawValue: ends[1])
        port = PacketPort(ours, name: "liar", what: "The device", framing: .virtio, carriesFrames: false)
      }

      deinit {
        try? ours.close()
        try? theirs.close()
      }

      /// What is shown of octets that the device gives, and of a right packet behind them.
      mutating func shown(_ octets: [UInt8]) throws -> (metadata: PacketMetadata?, drops: UInt64) {
        let right = [UInt8](repeating: 0, count: 10) + [0x45, 0xee]
        let before = port.counters.receiveDrops
        #expect(Glibc.write(theirs.rawValue, octets, octets.count) == octets.count)
        #expect(Glibc.write(theirs.rawValue, right, right.count) == right.count)
        var all: [([UInt8], PacketMetadata)] = []
        let taken = try port.receive(limit: 9) { packet, metadata in
          all.append((MartletLinksTests.octets(packet), metadata))
        }
        #expect(taken == 2 && all.last?.0 == [0x45, 0xee])
        return (all.count == 2 ? all[0].1 : nil, port.counters.receiveDrops - before)
      }
    }

    /// Ten octets: flags, kind, octets of headers, of a segment, where the sum begins and where it belongs.
    private func header(
      flags: UInt8 = 1, kind: UInt8 = 1, headers: UInt16 = 40, segment: UInt16 = 1_448, start: UInt16 = 20,
      offset: UInt16 = 16
    ) -> [UInt8] {
      [flags, kind] + [headers, segment, start, offset].flatMap { [UInt8($0 & 255), UInt8($0 >> 8)] }
    }

    private let packet = [0x45] + [UInt8](repeating: 0, count: 2_999)

    @Test("One that is right is shown with all that it says")
    func right() throws {
      var device = Device()
      let (metadata, drops) = try device.shown(header() + packet)
      #expect(drops == 0)
      #expect(metadata?.checksum == .partial(start: 20, offset: 16) && metadata?.segmentSize == 1_448)
    }

    @Test("Each lie is one drop, and nobody sees the packet")
    func lies() throws {
      let small = [UInt8(0x45)] + [UInt8](repeating: 0, count: 39)
      let lies: [(String, [UInt8])] = [
        ("a header that is cut short", Array(header().prefix(9))),
        ("a header and nothing", header()),
        ("an unknown kind", header(kind: 7) + packet),
        ("segments of no octets", header(segment: 0) + packet),
        ("segments whose sums nobody completes", header(flags: 0) + packet),
        ("a sum behind the end", header(start: 2_990) + packet),
        ("a sum far behind the end", header(start: 0xffff, offset: 0xffff) + packet),
        ("a sum's place behind the end of a small packet", header(kind: 0, start: 30) + small),
        ("segments of IPv6 in a packet of IPv4", header(kind: 4) + packet),
        ("TCP's segments with UDP's place of the sum", header(offset: 6) + packet),
        ("UDP's with TCP's", header(kind: 5) + packet),
        ("segments of no version of IP", header() + [0x75] + packet.dropFirst()),
      ]
      for (lie, octets) in lies {
        var device = Device()
        let (metadata, drops) = try device.shown(octets)
        #expect(metadata == nil && drops == 1, "\(lie)")
      }
    }

    @Test(
      "Headers of any octets: shown or dropped, never both, and the next packet comes",
      arguments: [1, 2, 3] as [UInt64])
    func noise(seed: UInt64) throws {
      var state = seed
      func draw() -> UInt8 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return UInt8(truncatingIfNeeded: state >> 56)
      }
      var device = Device()
      var (shown, dropped) = (0, 0)
      for _ in 0..<2_000 {
        var octets = (0..<10).map { _ in draw() }
        if draw() & 1 == 0 { octets[0] &= 3 }
        if draw() & 1 == 0 { octets[1] = [0, 1, 4, 5][Int(draw() & 3)] }
        let (metadata, drops) = try device.shown(octets + (draw() & 1 == 0 ? packet : [0x60, 0, 0]))
        #expect((metadata == nil) == (drops == 1))
        if metadata == nil { dropped += 1 } else { shown += 1 }
      }
      #expect(shown > 100 && dropped > 100)
    }
  }
#endif
