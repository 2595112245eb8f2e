import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Trains of datagrams")
struct DatagramTrainTests {
  private static let text = Packet((0..<5_300).map { UInt8(truncatingIfNeeded: $0 * 7) })
  private static let cars = stride(from: 0, to: 5_300, by: 1_000).map {
    Packet(text[$0..<min($0 + 1_000, 5_300)])
  }

  /// A socket that sends, what it sends to, and everything it has sent to there.
  private func start(
    _ version: Int, offload: InterfaceConfiguration.Offload = [],
    _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Host, UDPSocketID, Endpoint) {
    let host = try Host(2, offload: offload, configure)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 53))
    return (host, socket, Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 9))
  }

  private func sendTrain(
    _ host: Host, _ socket: UDPSocketID, to: Endpoint, _ text: Packet = text, of size: UInt16 = 1_000
  ) throws(DatagramError) -> Int {
    try host.stack.sendTrain(socket, text.span.bytes, of: size, to: to, now: host.now)
  }

  private func receive(_ host: Host, _ s: UDPSocketID) throws(DatagramError) -> Packet {
    var block = Packet(repeating: 0, count: 8_000)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let count = try host.stack.receive(s, into: &raw, now: host.now).count
    return Packet(block.prefix(count))
  }

  @Test("A device that cuts them gets them whole", arguments: [4, 6])
  func whole(version: Int) throws {
    let (host, socket, to) = try start(version, offload: [.checksum, .datagramSegmentation])
    #expect(try sendTrain(host, socket, to: to) == 5_300)
    let packets = host.pull()
    let (packet, metadata) = try #require(packets.first)
    let header = version == 4 ? 20 : 40
    #expect(packets.count == 1 && packet.count == header + 8 + 5_300)
    #expect(metadata.segmentSize == 1_000 && Int(metadata.headerCount) == header + 8)
    #expect(metadata.checksum == .partial(start: UInt16(header), offset: 6))
    #expect(Packet(packet[(header + 8)...]) == Self.text)
    // The field has what the device cannot know: the sum of it all is then that of the datagram.
    var whole = Packet(packet[header...])
    store(
      checksum(whole, .udp, to.address.isFour ? host.address : host.address6, to.address), in: &whole, at: 6)
    let partial = InternetChecksum.pseudoHeader(
      source: version == 4 ? host.address : host.address6, destination: to.address, proto: .udp,
      length: whole.count)
    #expect(
      Packet(packet[(header + 6)..<(header + 8)]) == [
        UInt8(partial.folded >> 8), UInt8(partial.folded & 255),
      ])
    #expect(host.stack.counters.udpOutDatagrams == 6)
    #expect(host.stack.held.chunks == 0)
  }

  @Test(
    "To any other they leave one by one", arguments: [4, 6],
    [[], .checksum] as [InterfaceConfiguration.Offload])
  func apart(version: Int, offload: InterfaceConfiguration.Offload) throws {
    let (host, socket, to) = try start(version, offload: offload)
    #expect(try sendTrain(host, socket, to: to) == 5_300)
    let seen = try host.pullSeen()
    #expect(seen.map { Packet($0.payload[8...]) } == Self.cars)
    #expect(seen.allSatisfy { checksum($0.payload, .udp, $0.source, $0.destination) == 0 })
    #expect(host.stack.counters.udpOutDatagrams == 6)
  }

  @Test("Whoever has no room for a whole train is given its datagrams", arguments: [4, 6])
  func smallBuffer(version: Int) throws {
    let (host, socket, to) = try start(version, offload: [.checksum, .datagramSegmentation])
    #expect(try sendTrain(host, socket, to: to) == 5_300)
    var cars: [Packet] = []
    var buffer = Packet(repeating: 0xa5, count: 1_500)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = host.stack.nextPacket(on: host.interface, into: &raw, now: host.now) else { break }
      let seen = try #require(Seen(Packet(buffer.prefix(out.count))))
      #expect(out.metadata == PacketMetadata())
      #expect(checksum(seen.payload, .udp, seen.source, seen.destination) == 0)
      #expect(UInt16(seen.payload[4]) << 8 | UInt16(seen.payload[5]) == UInt16(seen.payload.count))
      cars.append(Packet(seen.payload[8...]))
      host.check()
    }
    #expect(cars == Self.cars)
    #expect(host.stack.counters.udpOutDatagrams == 6 && host.stack.held.chunks == 0)
  }

  @Test("What does not fit the path leaves in fragments, device or not", arguments: [4, 6])
  func fragments(version: Int) throws {
    let (host, socket, to) = try start(version, offload: [.checksum, .datagramSegmentation])
    #expect(try sendTrain(host, socket, to: to, Self.text, of: 2_000) == 5_300)
    let packets = host.pull()
    #expect(
      packets.count == 5 && packets.allSatisfy { $0.metadata.segmentSize == 0 && $0.packet.count <= 1_500 })
    #expect(host.stack.counters.udpOutDatagrams == 3 && host.stack.counters.ipFragOKs == 2)
  }

  @Test("Of more than there is room for the first are queued; a long train is several", arguments: [4, 6])
  func room(version: Int) throws {
    let (host, socket, to) = try start(version) { $0.datagramQueueLimit = 3_500 }
    #expect(try sendTrain(host, socket, to: to) == 3_000)
    #expect(throws: DatagramError.wouldBlock) { try sendTrain(host, socket, to: to) }
    #expect(throws: DatagramError.tooLarge) { try sendTrain(host, socket, to: to, Self.text, of: 5_000) }
    let (other, long, far) = try start(version, offload: [.checksum, .datagramSegmentation])
    let text = Packet(repeating: 5, count: 10_000)
    #expect(try sendTrain(other, long, to: far, text, of: 100) == 10_000)
    #expect(other.pull().map { $0.packet.count - (version == 4 ? 28 : 48) } == [6_400, 3_600])
    #expect(other.stack.counters.udpOutDatagrams == 100)
  }

  @Test("What a device has joined comes as the datagrams that it was", arguments: [4, 6])
  func joined(version: Int) throws {
    let (sender, from, to) = try start(version, offload: [.checksum, .datagramSegmentation])
    _ = try sendTrain(sender, from, to: to)
    let (packet, metadata) = try #require(sender.pull().first)
    let host = try Host(9) { $0.datagramReceiveBuffer = 5_000 }
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 9))
    host.inject(packet, metadata)
    // The queue takes four with their headers.
    for car in Self.cars.prefix(4) { #expect(try receive(host, socket) == car) }
    #expect(try receive(host, socket) == Self.cars[5])
    #expect(throws: DatagramError.wouldBlock) { try receive(host, socket) }
    #expect(host.drops(.receiveQueueFull) == 1 && host.stack.counters.udpInDatagrams == 5)
  }
}
