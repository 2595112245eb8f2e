#if os(Linux)
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletWire
  import Synchronization
  import SystemPackage
  import Testing

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  @Suite("Links that outlive their device")
  struct ReconnectingLinkTests {
    /// A place where devices are found, or are not: each is a descriptor whose other end the test holds.
    private final class Place: Sendable {
      private struct State {
        var waiting: [(descriptor: FileDescriptor, mtu: Int)] = []
        var tries = 0
        var changes: [LinkError?] = []
      }

      private let state = Mutex(State())

      var tries: Int { state.withLock { $0.tries } }
      var changes: [LinkError?] { state.withLock { $0.changes } }

      func put(_ descriptor: FileDescriptor, mtu: Int = 1_500) {
        state.withLock { $0.waiting.append((descriptor, mtu)) }
      }

      func changed(_ error: LinkError?) { state.withLock { $0.changes.append(error) } }

      func take() throws(LinkError) -> DescriptorLink {
        let found = state.withLock { state in
          state.tries += 1
          return state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
        guard let found else { throw LinkError(.noDevice, "nothing here") }
        return try DescriptorLink(
          taking: found.descriptor, name: "guest", mtu: found.mtu, carrying: .ip)
      }
    }

    private let place = Place()
    private var now = Instant(nanoseconds: 1_000_000_000)

    private func pair() -> (ours: FileDescriptor, theirs: FileDescriptor) {
      var ends: [Int32] = [-1, -1]
      #expect(socketpair(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0, &ends) == 0)
      return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
    }

    private func link(
      over ours: FileDescriptor, again: Bool = true
    ) throws(LinkError) -> ReconnectingLink<DescriptorLink> {
      place.put(ours)
      let place = place
      let first = try place.take()
      guard again else { return try ReconnectingLink(first, onChange: { place.changed($0) }, again: nil) }
      return try ReconnectingLink(
        first, pause: .milliseconds(100), onChange: { place.changed($0) },
        again: { () throws(LinkError) in try place.take() })
    }

    private func taken(_ link: inout ReconnectingLink<DescriptorLink>) throws -> [[UInt8]] {
      var all: [[UInt8]] = []
      _ = try link.receive(limit: 100, now: now) { packet, _ in all.append(octets(packet)) }
      return all
    }

    private func send(
      _ packet: [UInt8], by link: inout ReconnectingLink<DescriptorLink>
    ) throws -> (SendOutcome, asked: Int) {
      var asked = 0
      let outcome = try link.send(limit: 1, now: now) { room in
        asked += 1
        return write(packet, &room)
      }
      return (outcome, asked)
    }

    @Test(
      "What the stack has to send waits for the device, which is tried for once in a while, and goes on by another"
    )
    mutating func goesOn() throws {
      let (device, theirs) = pair()
      var link = try link(over: device)
      _ = Glibc.write(theirs.rawValue, [0x45, 1] as [UInt8], 2)
      #expect(try taken(&link) == [[0x45, 1]] && link.failure == nil)
      let first = link.readiness
      #expect(try send([0x45], by: &link).0 == .limit)
      try theirs.close()

      // The one in hand is lost with the device.
      #expect(try send([0x45], by: &link) == (.full, asked: 1))
      #expect(link.failure?.code == .deviceGone)
      #expect(place.changes == [link.failure])
      let waiting = link.readiness
      #expect(waiting != nil && waiting != first)
      #expect(link.roomSignal == .readable)
      #expect(try send([0x45], by: &link) == (.full, asked: 0))
      #expect(try taken(&link).isEmpty && place.tries == 1)
      for tries in 2...4 {
        now = now.advanced(by: .milliseconds(100))
        #expect(try taken(&link).isEmpty && place.tries == tries)
        #expect(link.failure?.code == .noDevice && link.readiness == waiting)
        // Told once of each reason.
        #expect(place.changes.compactMap(\.?.code) == [.deviceGone, .noDevice])
      }

      let (ours, others) = pair()
      defer { try? others.close() }
      place.put(ours)
      _ = Glibc.write(others.rawValue, [0x45, 2, 2] as [UInt8], 3)
      now = now.advanced(by: .milliseconds(99))
      #expect(try taken(&link).isEmpty && place.tries == 4)
      now = now.advanced(by: .milliseconds(1))
      #expect(try taken(&link) == [[0x45, 2, 2]])
      #expect(link.failure == nil && link.readiness == ours && place.changes.count == 3)
      #expect(place.changes.last == .some(nil))
      #expect(try send([0x45, 3], by: &link) == (.limit, asked: 1))
      var buffer = [UInt8](repeating: 0, count: 10)
      #expect(read(others.rawValue, &buffer, 10) == 2)
      // Those of both devices.
      #expect(link.counters.receivedPackets == 2 && link.counters.receivedOctets == 5)
      #expect(link.counters.sentPackets == 2)
    }

    @Test("A device that carries less than the stack was told counts as none")
    mutating func smaller() throws {
      let (device, theirs) = pair()
      var link = try link(over: device)
      try theirs.close()
      #expect(try send([0x45], by: &link).0 == .full)
      let (ours, others) = pair()
      defer { try? others.close() }
      place.put(ours, mtu: 1_400)
      now = now.advanced(by: .milliseconds(100))
      #expect(try taken(&link).isEmpty)
      #expect(link.failure?.code == .badMTU && place.changes.last??.code == .badMTU)
      // And is closed.
      #expect(Glibc.write(others.rawValue, [0x45] as [UInt8], 1) < 0)
      let (fitting, last) = pair()
      defer { try? last.close() }
      place.put(fitting)
      now = now.advanced(by: .milliseconds(100))
      #expect(try taken(&link).isEmpty)
      #expect(link.failure == nil)
    }

    @Test("Unless it is asked to, it ends with its device")
    func ends() throws {
      let (device, theirs) = pair()
      var link = try link(over: device, again: false)
      try theirs.close()
      var error: LinkError?
      do throws(LinkError) {
        _ = try link.send(limit: 1, now: now) { room in write([0x45], &room) }
      } catch let thrown {
        error = thrown
      }
      #expect(error?.code == .deviceGone && place.changes.isEmpty)
    }
  }
#endif
