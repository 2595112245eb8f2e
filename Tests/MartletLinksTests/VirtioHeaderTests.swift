import MartletLinks
import MartletStack
import MartletWire
import Testing

/// VIRTIO 1.2 §5.1.6: what a device says of a packet, true or not.
@Suite("virtio_net_hdr")
struct VirtioHeaderTests {
  private let tcp4 = PacketMetadata(
    checksum: .partial(start: 20, offset: 16), segmentSize: 1_448, headerCount: 52)

  /// `count` octets of which the first says IPv4 or IPv6.
  private func packet(_ version: UInt8, _ count: Int, linkHeader: Int = 0) -> [UInt8] {
    var octets = [UInt8](repeating: 0, count: count)
    octets[linkHeader] = version << 4
    return octets
  }

  private func encoded(_ header: VirtioHeader) -> [UInt8] {
    var octets = [UInt8](repeating: 0xa5, count: VirtioHeader.encodedCount)
    var span = octets.mutableSpan
    var out = span.mutableBytes
    header.write(into: &out)
    return octets
  }

  // Spans stay outside of the macros.

  private func parsed(_ octets: [UInt8]) -> VirtioHeader? { VirtioHeader(parsing: octets.span.bytes) }

  private func header(_ metadata: PacketMetadata, of packet: [UInt8], ipAt start: Int = 0) -> VirtioHeader {
    VirtioHeader(metadata, of: packet.span.bytes, ipAt: start)
  }

  private func meaning(_ header: VirtioHeader?, of packet: [UInt8], ipAt start: Int = 0) -> PacketMetadata? {
    header?.metadata(of: packet.span.bytes, ipAt: start)
  }

  @Test("Ten octets, numbers with the lowest octet first, and back")
  func octets() {
    let packet = packet(4, 60_000)
    let header = header(tcp4, of: packet)
    let octets = encoded(header)
    // needs a checksum, TCP over IPv4, 52, 1448, 20, 16
    #expect(octets == [1, 1, 52, 0, 0xa8, 0x05, 20, 0, 16, 0])
    #expect(parsed(octets) == header)
    #expect(meaning(header, of: packet) == tcp4)
    #expect(parsed(Array(octets.dropLast())) == nil)
  }

  @Test("A packet that asks for nothing says nothing")
  func plain() {
    let packet = packet(4, 40)
    let nothing = [UInt8](repeating: 0, count: 10)
    #expect(encoded(header(PacketMetadata(), of: packet)) == nothing)
    #expect(meaning(parsed(nothing), of: packet) == PacketMetadata())
    #expect(meaning(parsed([2] + nothing.dropFirst()), of: packet) == PacketMetadata(checksum: .verified))
  }

  @Test(
    "Each kind is told by version and checksum, behind a frame's header too",
    arguments: [(4, 16, 1), (6, 16, 4), (4, 6, 5), (6, 6, 5)] as [(UInt8, UInt16, UInt8)], [0, 14, 18])
  func kinds(_ kind: (version: UInt8, offset: UInt16, type: UInt8), start: Int) {
    let ip = kind.version == 4 ? 20 : 40
    let metadata = PacketMetadata(
      checksum: .partial(start: UInt16(start + ip), offset: kind.offset), segmentSize: 1_000,
      headerCount: UInt16(start + ip + 20))
    let packet = packet(kind.version, 5_000, linkHeader: start)
    let header = header(metadata, of: packet, ipAt: start)
    #expect(header.kind.rawValue == kind.type)
    #expect(meaning(header, of: packet, ipAt: start) == metadata)
  }

  @Test("CWR is for the first segment alone (RFC 3168 §6.1.2)")
  func reducedWindow() {
    var packet = packet(4, 5_000)
    packet[20 + 13] = 0x90
    let header = header(tcp4, of: packet)
    #expect(header.marksFirstOnly && encoded(header)[1] == 0x81)
  }

  @Test(
    "What cannot be is no packet",
    arguments: [
      // A kind that nobody asked for: UFO, and one that there is not.
      [1, 3, 28, 0, 0, 5, 20, 0, 6, 0], [1, 9, 28, 0, 0, 5, 20, 0, 16, 0],
      // A checksum beyond the end; by as much as fits a number.
      [1, 0, 0, 0, 0, 0, 200, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
      [1, 0, 0, 0, 0, 0, 20, 0, 79, 0],
      // Segments of nothing, or whose sums nobody completes.
      [1, 1, 52, 0, 0, 0, 20, 0, 16, 0], [0, 1, 52, 0, 0, 5, 20, 0, 16, 0],
      [2, 1, 52, 0, 0, 5, 20, 0, 16, 0],
      // TCP over IPv6 in IPv4; TCP with UDP's checksum, and the other way round.
      [1, 4, 52, 0, 0, 5, 20, 0, 16, 0], [1, 1, 52, 0, 0, 5, 20, 0, 6, 0], [1, 5, 52, 0, 0, 5, 20, 0, 16, 0],
    ] as [[UInt8]])
  func lies(_ octets: [UInt8]) {
    let packet = packet(4, 100)
    #expect(meaning(parsed(octets), of: packet) == nil)
  }

  @Test("Any ten octets before any packet are fine, seed by seed", arguments: 1...4 as ClosedRange<UInt64>)
  func anything(seed: UInt64) {
    var random = seed
    func draw(_ bound: UInt64) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((random >> 33) % bound)
    }
    for _ in 0..<20_000 {
      let octets = (0..<draw(80)).map { _ in UInt8(draw(256)) }
      guard let header = parsed(octets) else { continue }
      let packet = Array(octets.dropFirst(VirtioHeader.encodedCount))
      let start = [0, 14, 18][draw(3)]
      guard let metadata = meaning(header, of: packet, ipAt: start) else { continue }
      // What is believed can be acted on.
      if let sum = metadata.completedChecksum(of: packet.span.bytes) {
        #expect(sum.place + 2 <= packet.count)
      }
      #expect(metadata.segmentSize == 0 || metadata.checksum != .unverified)
    }
  }
}
