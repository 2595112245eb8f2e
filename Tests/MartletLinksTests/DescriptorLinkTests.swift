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

  @Suite("Descriptors that carry packets")
  struct DescriptorLinkTests {
    private let now = Instant.origin

    private func pair(_ kind: __socket_type = SOCK_DGRAM) -> (ours: FileDescriptor, theirs: FileDescriptor) {
      var ends: [Int32] = [-1, -1]
      #expect(socketpair(AF_UNIX, Int32(kind.rawValue), 0, &ends) == 0)
      return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
    }

    private func send(_ packets: [[UInt8]], by link: inout DescriptorLink) throws -> SendOutcome {
      var next = 0
      return try link.send(limit: 100, now: now) { room in
        defer { next += 1 }
        return next < packets.count ? write(packets[next], &room) : nil
      }
    }

    private func taken(_ link: inout DescriptorLink) throws -> [[UInt8]] {
      var all: [[UInt8]] = []
      _ = try link.receive(limit: 100, now: now) { packet, _ in all.append(octets(packet)) }
      return all
    }

    @Test("One datagram is one packet, both ways; frames and packets of IP alike")
    func carries() throws {
      let medium = EthernetMedium(hardwareAddress: try #require(MACAddress("02:00:00:00:00:01")))
      for packets in [DescriptorLink.Packets.ip, .ethernet(medium)] {
        let (ours, theirs) = pair()
        defer { try? theirs.close() }
        var link = try DescriptorLink(taking: ours, name: "guest", mtu: 1_500, carrying: packets)
        #expect(link.name == "guest" && link.mtu == 1_500 && link.readiness == ours)
        #expect(try taken(&link).isEmpty)
        let large = [UInt8](repeating: 0x45, count: 1_500)
        #expect(try send([[0x45, 2, 3], large], by: &link) == .drained)
        var buffer = [UInt8](repeating: 0, count: 2_000)
        #expect(read(theirs.rawValue, &buffer, 2_000) == 3 && buffer[..<3] == [0x45, 2, 3])
        #expect(read(theirs.rawValue, &buffer, 2_000) == 1_500)
        let arriving: [[UInt8]] = [[0x60, 7], [0x45, 8, 9]]
        for packet in arriving { _ = Glibc.write(theirs.rawValue, packet, packet.count) }
        #expect(try taken(&link) == arriving)
        #expect(link.counters.receivedPackets == 2 && link.counters.sentOctets == 1_503)
      }
    }

    @Test(
      "A family stands before each packet where a system has it so; a packet that is nothing else is dropped")
    func family() throws {
      let (ours, theirs) = pair()
      defer { try? theirs.close() }
      var link = try DescriptorLink(taking: ours, name: "utun7", mtu: 1_280, carrying: .ipBehindFamily)
      #expect(try send([[0x45, 1], [0x60, 2]], by: &link) == .drained)
      var buffer = [UInt8](repeating: 0, count: 100)
      #expect(read(theirs.rawValue, &buffer, 100) == 6 && buffer[..<6] == [0, 0, 0, UInt8(AF_INET), 0x45, 1])
      #expect(
        read(theirs.rawValue, &buffer, 100) == 6 && buffer[..<6] == [0, 0, 0, UInt8(AF_INET6), 0x60, 2])
      for packet: [UInt8] in [[0, 0, 0, 2, 0x45, 3], [0, 0, 0, 2], [9]] {
        _ = Glibc.write(theirs.rawValue, packet, packet.count)
      }
      #expect(try taken(&link) == [[0x45, 3]])
      #expect(link.counters.receivedPackets == 1 && link.counters.receivedOctets == 2)
      #expect(link.counters.receiveDrops == 2)
    }

    @Test("A full socket takes nothing more and loses nothing")
    func full() throws {
      let (ours, theirs) = pair()
      defer { try? theirs.close() }
      var link = try DescriptorLink(taking: ours, name: "guest", mtu: 1_500, carrying: .ip)
      var sent: UInt32 = 0
      let fill: (inout MutableRawSpan) -> OutgoingPacket? = { room in
        room.storeBytes(of: sent.bigEndian, toByteOffset: 0, as: UInt32.self)
        sent += 1
        return OutgoingPacket(count: 1_400)
      }
      #expect(try link.send(limit: 1_000_000, now: now, fill) == .full)
      #expect(link.counters.sendStalls == 1 && link.counters.sendDrops == 0)
      var buffer = [UInt8](repeating: 0, count: 2_000)
      var seen: UInt32 = 0
      while seen < sent {
        #expect(read(theirs.rawValue, &buffer, 2_000) == 1_400)
        #expect(buffer[..<4].reduce(0) { $0 << 8 | UInt32($1) } == seen)
        seen += 1
        // The one that had to wait leaves first.
        if seen == 1 { #expect(try send([], by: &link) == .drained) }
      }
      #expect(link.counters.sentPackets == UInt64(sent))
    }

    @Test("Nobody at the other end is an error that says so")
    func gone() throws {
      let (ours, theirs) = pair()
      var link = try DescriptorLink(taking: ours, name: "guest", mtu: 1_500, carrying: .ip)
      try theirs.close()
      var error: LinkError?
      do throws(LinkError) {
        _ = try link.send(limit: 1, now: now) { room in write([0x45], &room) }
      } catch let thrown {
        error = thrown
      }
      #expect(error?.code == .deviceGone)
    }

    @Test("Its end is one, and not for ever nothing; a datagram of no octets is dropped and counted")
    func ends() throws {
      for kind in [SOCK_DGRAM, SOCK_SEQPACKET] {
        let (ours, theirs) = pair(kind)
        var link = try DescriptorLink(taking: ours, name: "guest", mtu: 1_500, carrying: .ip)
        if kind == SOCK_DGRAM {
          #expect(
            Glibc.write(theirs.rawValue, [UInt8](), 0) == 0
              && Glibc.write(theirs.rawValue, [0x45] as [UInt8], 1) == 1)
          #expect(try taken(&link) == [[0x45]] && link.counters.receiveDrops == 1)
        }
        try theirs.close()
        guard kind == SOCK_SEQPACKET else { continue }
        do throws(LinkError) {
          for _ in 0..<2 { _ = try link.receive(limit: 1, now: now) { _, _ in } }
          Issue.record("it goes on")
        } catch {
          #expect(error.code == .deviceGone)
        }
      }
    }

    @Test(
      "What was written before the end comes, also behind a datagram of no octets; shut down is an end as well"
    )
    func beforeTheEnd() throws {
      let (ours, theirs) = pair(SOCK_SEQPACKET)
      defer { try? theirs.close() }
      var link = try DescriptorLink(taking: ours, name: "guest", mtu: 1_500, carrying: .ip)
      #expect(Glibc.send(theirs.rawValue, [UInt8](), 0, 0) == 0)
      #expect(Glibc.write(theirs.rawValue, [0x45, 9] as [UInt8], 2) == 2)
      #expect(shutdown(theirs.rawValue, Int32(SHUT_WR)) == 0)
      var seen: [[UInt8]] = []
      do throws(LinkError) {
        while true { _ = try link.receive(limit: 1, now: now) { packet, _ in seen.append(octets(packet)) } }
      } catch {
        #expect(error.code == .deviceGone)
      }
      #expect(seen == [[0x45, 9]])
    }

    @Test("What cannot carry packets is refused, and closed")
    func refused() throws {
      func code(_ descriptor: FileDescriptor, mtu: Int = 1_500) -> LinkError.Code? {
        do throws(LinkError) {
          _ = try DescriptorLink(taking: descriptor, name: "x", mtu: mtu, carrying: .ip)
          return nil
        } catch {
          return error.code
        }
      }
      let stream = pair(SOCK_STREAM)
      #expect(code(stream.ours) == .unsupported)
      #expect(isAtItsEnd(stream.theirs))
      try stream.theirs.close()
      let wrong = pair(SOCK_SEQPACKET)
      #expect(code(wrong.ours, mtu: 67) == .badMTU)
      #expect(isAtItsEnd(wrong.theirs))
      try wrong.theirs.close()
      #expect(code(FileDescriptor(rawValue: 999_999)) == .failed)
      let sequenced = pair(SOCK_SEQPACKET)
      #expect(code(sequenced.ours) == nil)
      try sequenced.theirs.close()
    }

    /// Whether the other end of a pair is closed. Its number tells nothing: a test beside this one may have it by now.
    private func isAtItsEnd(_ descriptor: FileDescriptor) -> Bool {
      var patience = timeval(tv_sec: 10, tv_usec: 0)
      let size = socklen_t(MemoryLayout<timeval>.size)
      guard setsockopt(descriptor.rawValue, SOL_SOCKET, SO_RCVTIMEO, &patience, size) == 0 else {
        return false
      }
      var octet: UInt8 = 0
      return read(descriptor.rawValue, &octet, 1) == 0
    }
  }
#endif
