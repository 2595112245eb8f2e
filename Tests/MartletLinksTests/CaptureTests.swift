import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire
import SystemPackage
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

@Suite("Captures as files and as links")
struct CaptureTests {
  private static let epoch: UInt64 = 1_700_000_000_000_000_000

  /// A path of this test's own; the file is gone afterwards.
  private func withFile<R>(_ body: (String) throws -> R) rethrows -> R {
    var name = Array("/tmp/martlet-capture-XXXXXX".utf8CString)
    let descriptor = mkstemp(&name)
    if descriptor >= 0 { close(descriptor) }
    let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    defer { unlink(path) }
    return try body(path)
  }

  private func put(_ octets: [UInt8], at path: String) throws {
    let file = try FileDescriptor.open(
      path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    try file.closeAfter { _ = try file.writeAll(octets) }
  }

  /// A bare IPv4 header with a number in it.
  private func packet(_ number: UInt8, count: Int = 28) -> [UInt8] {
    var packet = [UInt8](repeating: number, count: count)
    packet[0] = 0x45
    return packet
  }

  /// Packets of 1 s, 2 s, 3 s, of which the second is our own; then a frame, and one that was cut short.
  private func capture() -> [UInt8] {
    var file: [UInt8] = []
    var writer = PcapngWriter(into: &file, epoch: Self.epoch)
    let tunnel = writer.add(PcapngInterface(.rawIP), into: &file)
    let ethernet = writer.add(PcapngInterface(.ethernet), into: &file)
    let short = writer.add(PcapngInterface(.rawIP, snapLength: 20), into: &file)
    func write(
      _ octets: [UInt8], _ second: UInt64, _ id: PcapngInterfaceID, _ direction: MartletTrace.PacketDirection
    ) {
      writer.write(
        octets.span.bytes, at: Instant(nanoseconds: second * 1_000_000_000), on: id, direction: direction,
        into: &file)
    }
    write(packet(1), 1, tunnel, .inbound)
    write(packet(2), 2, tunnel, .outbound)
    write(packet(3), 3, tunnel, .unknown)
    write([UInt8](repeating: 2, count: 12) + [8, 0] + packet(4), 4, ethernet, .inbound)
    write(packet(5), 5, short, .inbound)
    write(packet(6), 6, tunnel, .inbound)
    return file
  }

  private func arrivals(_ link: inout ReplayLink, at second: UInt64, limit: Int = 64) throws -> [[UInt8]] {
    var seen: [[UInt8]] = []
    let now = Instant(nanoseconds: second * 1_000_000_000)
    let count = try link.receive(limit: limit, now: now) { packet, _ in seen.append(octets(packet)) }
    #expect(count == seen.count)
    return seen
  }

  @Test("A capture plays again as it was timed: without what we sent, without what was cut short")
  func replay() throws {
    try withFile { path in
      try put(capture(), at: path)
      var link = try ReplayLink(path: path)
      // Whenever it begins, the first comes at once and the others after it.
      #expect(try arrivals(&link, at: 100) == [packet(1)])
      #expect(try arrivals(&link, at: 101).isEmpty)
      #expect(try arrivals(&link, at: 102) == [packet(3)])
      #expect(try arrivals(&link, at: 104) == [packet(4)] && !link.isOver)
      #expect(try arrivals(&link, at: 200) == [packet(6)] && link.isOver)
      #expect(try arrivals(&link, at: 300).isEmpty)
      #expect(link.counters.receivedPackets == 4 && link.counters.receiveDrops == 1)
    }
  }

  @Test("As fast as it is taken, never more than was asked for, and on an Ethernet only frames")
  func taken() throws {
    try withFile { path in
      try put(capture(), at: path)
      var link = try ReplayLink(path: path, pace: .asTaken)
      #expect(try arrivals(&link, at: 0, limit: 2) == [packet(1), packet(3)])
      #expect(try arrivals(&link, at: 0) == [packet(4), packet(6)] && link.isOver)
      let ethernet = EthernetMedium(hardwareAddress: MACAddress(2, 0, 0, 0, 0, 1))
      var frames = try ReplayLink(path: path, medium: .ethernet(ethernet), pace: .asTaken)
      #expect(try arrivals(&frames, at: 0) == [[UInt8](repeating: 2, count: 12) + [8, 0] + packet(4)])
      #expect(frames.counters.receiveDrops == 4)
    }
  }

  #if os(Linux)
    @Test("It can be waited for: at once, not before the time of the next, and not when it is over")
    func waiting() throws {
      func isReady(_ descriptor: FileDescriptor?, within milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor?.rawValue ?? -1, events: Int16(POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) == 1
      }
      try withFile { path in
        try put(capture(), at: path)
        var link = try ReplayLink(path: path)
        #expect(isReady(link.readiness, within: 10_000))
        #expect(try arrivals(&link, at: 100, limit: 1).count == 1)
        #expect(isReady(link.readiness, within: 10_000))
        #expect(try arrivals(&link, at: 100).isEmpty && !isReady(link.readiness, within: 0))
        // Of its two seconds all but a millisecond are over, by our clock.
        _ = try link.receive(limit: 1, now: Instant(nanoseconds: 101_999_000_000)) { _, _ in }
        #expect(isReady(link.readiness, within: 10_000))
        while !link.isOver { _ = try arrivals(&link, at: 200) }
        #expect(!isReady(link.readiness, within: 0))
      }
    }
  #endif

  @Test("A stack hears a capture, and what both say is captured: a SYN is answered")
  func stack() throws {
    try withFile { path in
      try withFile { heard in
        // 10.0.0.9:1000 → 10.0.0.2:80, SYN, as another stack would send it.
        var client = NetworkStack(seed: StackSeed(2))
        let theirs = try client.addInterface(
          InterfaceConfiguration(
            mtu: 1_500, addresses: [IPPrefix(.v4(IPv4Address(10, 0, 0, 9)), length: 24)]))
        _ = try client.connect(
          to: Endpoint(address: .v4(IPv4Address(10, 0, 0, 2)), port: 80), now: Instant(nanoseconds: 1))
        var room = [UInt8](repeating: 0, count: 1_500)
        var elements = room.mutableSpan
        var out = elements.mutableBytes
        let syn = try #require(client.nextPacket(on: theirs, into: &out, now: Instant(nanoseconds: 1)))
        var file: [UInt8] = []
        var writer = PcapngWriter(into: &file)
        let id = writer.add(PcapngInterface(), into: &file)
        writer.write(
          room.span.bytes.extracting(first: syn.count), at: Instant(nanoseconds: 1), on: id, into: &file)
        try put(file, at: path)

        var server = NetworkStack(seed: StackSeed(3))
        let own = try server.addInterface(
          InterfaceConfiguration(
            mtu: 1_500, addresses: [IPPrefix(.v4(IPv4Address(10, 0, 0, 2)), length: 24)]))
        _ = try server.listen(on: LocalEndpoint(port: 80))
        let now = Instant(nanoseconds: 5_000_000_000)
        do {
          let capture = try CaptureFile(path: heard, interface: "replay", epoch: Self.epoch)
          var link = TappedLink(try ReplayLink(path: path), tap: CaptureTap(file: capture))
          _ = try link.receive(limit: 64, now: now) { packet, metadata in
            server.receive(packet, metadata, on: own, now: now)
          }
          _ = try link.send(limit: 64, now: now) { server.nextPacket(on: own, into: &$0, now: now) }
          #expect(link.counters.receivedPackets == 1 && link.counters.sentPackets == 1)
        }
        var input = try CaptureInput(path: heard)
        var flags: [UInt8] = []
        var directions: [MartletTrace.PacketDirection] = []
        while let packet = try input.next() {
          flags.append(input.octets(of: packet) { $0.unsafeLoad(fromByteOffset: 33, as: UInt8.self) })
          directions.append(packet.direction)
          #expect(packet.time == Self.epoch + now.nanoseconds)
        }
        // SYN; SYN and ACK.
        #expect(flags.map { $0 & 0x3f } == [0x02, 0x12] && directions == [.inbound, .outbound])
      }
    }
  }

  @Test("A long capture is read by parts, and what breaks off is good until there")
  func long() throws {
    try withFile { path in
      var file: [UInt8] = []
      var writer = PcapngWriter(into: &file)
      let id = writer.add(PcapngInterface(), into: &file)
      for n in 0..<2_000 {
        writer.write(
          packet(UInt8(truncatingIfNeeded: n), count: 28 + n).span.bytes, at: Instant(nanoseconds: UInt64(n)),
          on: id,
          into: &file)
      }
      func read() throws -> (Int, LinkError?) {
        var input = try CaptureInput(path: path)
        var number = 0
        do throws(LinkError) {
          while let packet = try input.next() {
            #expect(
              input.octets(of: packet) { octets($0) }
                == self.packet(UInt8(truncatingIfNeeded: number), count: 28 + number))
            number += 1
          }
        } catch {
          return (number, error)
        }
        return (number, nil)
      }
      try put(file, at: path)
      #expect(try read() == (2_000, nil))
      try put(Array(file.dropLast(9)), at: path)
      let (number, error) = try read()
      #expect(number == 1_999 && error?.code == .badCapture)
      // A link of it says so once, after all that there is.
      var link = try ReplayLink(path: path, pace: .asTaken)
      var count = 0
      #expect(throws: LinkError.self) { while true { count += try arrivals(&link, at: 1).count } }
      #expect(link.isOver && link.counters.receivedPackets == 1_999)
      #expect(try arrivals(&link, at: 1).isEmpty)
    }
  }

  @Test("No file, no capture, no place for one: an error that says so")
  func bad() throws {
    func code(_ body: () throws(LinkError) -> Void) -> LinkError.Code? {
      do throws(LinkError) {
        try body()
        return nil
      } catch {
        return error.code
      }
    }
    #expect(code { () throws(LinkError) in _ = try ReplayLink(path: "/nowhere/at.all") } == .failed)
    #expect(
      code { () throws(LinkError) in _ = try CaptureFile(path: "/nowhere/at.all", interface: "a") } == .failed
    )
    try withFile { path in
      #expect(code { () throws(LinkError) in _ = try ReplayLink(path: path) } == .badCapture)
      try put(Array("GET / HTTP/1.1".utf8), at: path)
      #expect(code { () throws(LinkError) in _ = try ReplayLink(path: path) } == .badCapture)
      #expect(code { () throws(LinkError) in _ = try ReplayLink(path: path, mtu: 500) } == .badMTU)
    }
  }
}
