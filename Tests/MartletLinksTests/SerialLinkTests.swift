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

  @Suite("A serial line") struct SerialLinkTests {
    /// A pseudo-terminal: the test has one end, the link the other.
    private final class Line {
      let ours: FileDescriptor
      let path: String
      private var isClosed = false

      init() throws {
        ours = try FileDescriptor.open("/dev/ptmx", .readWrite, options: .nonBlocking)
        // TIOCSPTLCK: unlocked; TIOCGPTN: which it is.
        var (locked, number): (Int32, UInt32) = (0, 0)
        try #require(ioctl(ours.rawValue, 0x4004_5431, &locked) == 0)
        try #require(ioctl(ours.rawValue, 0x8004_5430, &number) == 0)
        path = "/dev/pts/\(number)"
      }

      deinit { hangUp() }

      func hangUp() {
        if !isClosed { try? ours.close() }
        isClosed = true
      }

      func heard() throws -> [UInt8] {
        var octets = [UInt8](repeating: 0, count: 4096)
        let count = try octets.withUnsafeMutableBytes { try ours.read(into: $0) }
        return Array(octets[..<count])
      }
    }

    private let now = Instant(nanoseconds: 1)

    private func received(_ link: inout SerialLink, limit: Int = 64) throws -> [[UInt8]] {
      var packets: [[UInt8]] = []
      _ = try link.receive(limit: limit, now: now) { packet, _ in
        packets.append(packet.withUnsafeBytes { [UInt8]($0) })
      }
      return packets
    }

    @Test("Packets go over it both ways, in whatever pieces, and none that noise has spoilt")
    func bothWays() throws {
      let line = try Line()
      var link = try SerialLink(path: line.path, mtu: 100)
      #expect(link.mtu == 100 && link.readiness != nil)
      var left = 2
      let outcome = try link.send(limit: 8, now: now) { room in
        guard left > 0 else { return nil }
        left -= 1
        room.store8(0o300, at: 0)
        room.store8(9, at: 1)
        return OutgoingPacket(count: 2)
      }
      #expect(outcome == .drained)
      #expect(try line.heard() == [0o300, 0o333, 0o334, 9, 0o300, 0o300, 0o333, 0o334, 9, 0o300])
      #expect(try received(&link) == [])
      try line.ours.writeAll([0o300, 1, 2])
      #expect(try received(&link) == [])
      try line.ours.writeAll([3, 0o300, 4, 0o333, 5, 0o300, 6, 0o300, 7, 0o300])
      #expect(try received(&link, limit: 2) == [[1, 2, 3], [6]])
      #expect(try received(&link) == [[7]])
      #expect(link.counters.receiveDrops == 1)
    }

    @Test("A line that nobody reads gets full, loses nothing, and goes on")
    func full() throws {
      let line = try Line()
      var link = try SerialLink(path: line.path, mtu: 1_000)
      var sent = 0
      var outcome = SendOutcome.limit
      for _ in 0..<100 where outcome == .limit {
        outcome = try link.send(limit: 1, now: now) { room in
          for i in 0..<1_000 { room.store8(UInt8(truncatingIfNeeded: sent), at: i) }
          sent += 1
          return OutgoingPacket(count: 1_000)
        }
      }
      #expect(outcome == .full)
      var reader = SLIPReader()
      var packet = [UInt8](repeating: 0, count: 1_000)
      var arrived: [UInt8] = []
      while let octets = try? line.heard() {
        for octet in octets {
          var span = packet.mutableSpan
          var room = span.mutableBytes
          if reader.take(octet, into: &room) == 1_000 { arrived.append(packet[0]) }
        }
        _ = try link.send(limit: 1, now: now) { _ in nil }
      }
      #expect(arrived == (0..<sent).map { UInt8(truncatingIfNeeded: $0) })
    }

    @Test("What is no serial line, is not there, or has a speed or an MTU that none has, is refused and said")
    func refused() throws {
      func code(_ path: String, speed: Int = 115_200, mtu: Int = 576) -> LinkError.Code? {
        do throws(LinkError) {
          _ = try SerialLink(path: path, speed: speed, mtu: mtu)
          return nil
        } catch {
          return error.code
        }
      }
      #expect(code("/dev/null") == .wrongDevice)
      #expect(code("/dev/no-such-line") == .noDevice)
      let line = try Line()
      #expect(code(line.path, speed: 115_201) == .unsupported)
      #expect(code(line.path, mtu: 67) == .badMTU)
      #expect(code(line.path) == nil)
    }

    @Test("When the other end hangs up, the link says so")
    func gone() throws {
      let line = try Line()
      var link = try SerialLink(path: line.path)
      line.hangUp()
      let error = #expect(throws: LinkError.self) { try received(&link) }
      #expect(error?.code == .deviceGone)
    }
  }
#endif
