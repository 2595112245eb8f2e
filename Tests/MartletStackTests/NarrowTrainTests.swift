import MartletStack
import MartletTCP
import MartletWire
import Testing

/// What becomes of a train that was queued for a device, and what of it is heard again.
@Suite("Trains of datagrams on their way")
struct NarrowTrainTests {
  private static let text = Packet((0..<5_301).map { UInt8(truncatingIfNeeded: $0 * 7) })
  private static let size = 1_399
  private static let cars = stride(from: 0, to: 5_301, by: size).map {
    Packet(text[$0..<min($0 + size, 5_301)])
  }

  /// Host 2 whose device cuts trains, one that has been queued, and where it goes.
  private func start(
    _ version: Int, _ text: Packet = text, of size: Int = size, connected: Bool = false
  ) throws -> (Host, UDPSocketID, Endpoint) {
    let host = try Host(2, offload: [.checksum, .datagramSegmentation])
    let to = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 9)
    let socket = try host.stack.openDatagram(
      on: LocalEndpoint(port: 53), connectedTo: connected ? to : nil)
    try sendTrain(host, socket, to, text, of: size)
    return (host, socket, to)
  }

  private func sendTrain(
    _ host: Host, _ socket: UDPSocketID, _ to: Endpoint, _ text: Packet = text, of size: Int = size
  ) throws {
    let sent = try host.stack.sendTrain(socket, text.span.bytes, of: UInt16(size), to: to, now: host.now)
    #expect(sent == text.count)
  }

  /// The next packet, into no more room than it may take.
  private func pull(_ host: Host, room: Int) -> (packet: Packet, metadata: PacketMetadata)? {
    var buffer = Packet(repeating: 0xa5, count: room)
    var span = buffer.mutableSpan
    var raw = span.mutableBytes
    let out = host.stack.nextPacket(on: host.interface, into: &raw, now: host.now)
    host.check()
    return out.map { (Packet(buffer.prefix($0.count)), $0.metadata) }
  }

  /// What a host makes of these packets, whose port 9 has a socket.
  private func arrive(_ packets: [Packet]) throws -> [Packet] {
    let host = try Host(9)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 9))
    for packet in packets { host.inject(packet) }
    var all: [Packet] = []
    while let text = try? host.receive(socket) { all.append(text) }
    return all
  }

  /// What says that a packet of ours is too large for somebody on its way.
  private func tooBig(_ mtu: UInt32, _ packet: Packet, _ host: Host) -> Packet {
    packet[0] >> 4 == 4
      ? icmp(
        from: v4(10, 0, 0, 254), to: host.address, type: 3, code: 4, rest: mtu, Packet(packet.prefix(28)))
      : icmp(from: v6(254), to: host.address6, type: 2, rest: mtu, Packet(packet.prefix(1_000)))
  }

  /// What a device makes of a train.
  private func cutByDevice(_ packet: Packet, _ metadata: PacketMetadata) throws -> [Packet] {
    let front = Int(metadata.headerCount)
    let ip = front - 8
    let seen = try #require(Seen(packet))
    return stride(from: front, to: packet.count, by: Int(metadata.segmentSize)).map { start in
      var car = Packet(packet.prefix(front))
      car += packet[start..<min(start + Int(metadata.segmentSize), packet.count)]
      store(UInt16(car.count - ip), in: &car, at: ip + 4)
      store(0, in: &car, at: ip + 6)
      store(checksum(Packet(car[ip...]), .udp, seen.source, seen.destination), in: &car, at: ip + 6)
      if ip == 20 {
        store(UInt16(car.count), in: &car, at: 2)
        store(0, in: &car, at: 10)
        store(plainChecksum(Packet(car.prefix(20))), in: &car, at: 10)
      } else {
        store(UInt16(car.count - 40), in: &car, at: 4)
      }
      return car
    }
  }

  @Test("A link that has become narrower gets its datagrams in fragments", arguments: [4, 6])
  func narrowerLink(version: Int) throws {
    let (host, _, _) = try start(version)
    let mtu = version == 4 ? 600 : 1_280
    try host.stack.setMTU(UInt16(mtu), of: host.interface)
    var packets: [Packet] = []
    while let (packet, metadata) = pull(host, room: mtu) {
      #expect(packet.count <= mtu && metadata == PacketMetadata())
      packets.append(packet)
    }
    #expect(try arrive(packets) == Self.cars)
    // RFC 791 §3.2, RFC 8200 §4.5: no two have one identification. The last car fits IPv6's link.
    let cut = packets.filter { version == 4 || $0[6] == IPProtocol.fragment.rawValue }
    let identifications = cut.map { version == 4 ? UInt32($0.span.bytes.be16(4)) : $0.span.bytes.be32(44) }
    #expect(Set(identifications).count == (version == 4 ? 4 : 3))
    // The last car is alone shorter than either.
    #expect(
      host.stack.counters.udpOutDatagrams == 4 && host.stack.counters.ipFragOKs == (version == 4 ? 4 : 3))
    #expect(host.stack.held.chunks == 0)
  }

  @Test(
    "A path that is found to be narrower while a train waits, or leaves, gets fragments", arguments: [4, 6],
    [false, true])
  func narrowerPath(version: Int, isUnderWay: Bool) throws {
    let (host, socket, to) = try start(version, Packet(repeating: 1, count: 1_399))
    let first = try #require(host.pull().first).packet
    try sendTrain(host, socket, to)
    var packets: [Packet] = []
    if isUnderWay { packets.append(try #require(pull(host, room: 1_500)).packet) }
    let mtu = version == 4 ? 700 : 1_280
    host.inject(tooBig(UInt32(mtu), first, host))
    for (packet, metadata) in host.pull() {
      #expect(packet.count <= mtu && metadata.segmentSize == 0)
      // A router may cut what it finds too large still.
      if version == 4, packet.count == mtu { #expect(packet[6] & 0x40 == 0) }
      packets.append(packet)
    }
    #expect(try arrive(packets) == Self.cars)
  }

  @Test(
    "A datagram of a train that leaves in fragments goes on so when the link is wide again",
    arguments: [4, 6])
  func widerAgain(version: Int) throws {
    let (host, _, _) = try start(version)
    let mtu = version == 4 ? 600 : 1_280
    try host.stack.setMTU(UInt16(mtu), of: host.interface)
    var packets = [try #require(pull(host, room: mtu)).packet]
    try host.stack.setMTU(1_500, of: host.interface)
    packets += host.pull().map(\.packet)
    #expect(try arrive(packets) == Self.cars)
    #expect(host.stack.counters.ipFragOKs == 1 && host.stack.counters.udpOutDatagrams == 4)
  }

  @Test(
    "An error that quotes a datagram as a device has cut it is believed, whichever it is", arguments: [4, 6])
  func errors(version: Int) throws {
    for n in 0..<4 {
      let (host, socket, to) = try start(version, connected: true)
      let (packet, metadata) = try #require(host.pull().first)
      let cars = try cutByDevice(packet, metadata)
      #expect(try arrive(cars) == Self.cars)
      let quote = Packet(cars[n].prefix(version == 4 ? 28 : 1_000))
      let own = version == 4 ? host.address : host.address6
      host.inject(
        icmp(from: to.address, to: own, type: version == 4 ? 3 : 1, code: version == 4 ? 3 : 4, quote))
      #expect(throws: DatagramError.network(.portUnreachable)) { try host.receive(socket) }
      #expect(host.drops(.icmpUnmatched) == 0)
      // What nobody has sent: the train as it was handed to the device.
      host.inject(
        icmp(
          from: to.address, to: own, type: version == 4 ? 3 : 1, code: version == 4 ? 3 : 4,
          Packet(packet.prefix(version == 4 ? 28 : 1_000))))
      #expect(host.drops(.icmpUnmatched) == 1)
    }
  }

  @Test(
    "A router that has no room for the datagrams of a train is believed: those of the next leave in fragments",
    arguments: [4, 6])
  func tooBig(version: Int) throws {
    let (host, socket, to) = try start(version)
    let (packet, metadata) = try #require(host.pull().first)
    host.inject(tooBig(1_300, try cutByDevice(packet, metadata)[1], host))
    #expect(host.drops(.icmpUnmatched) == 0)
    try sendTrain(host, socket, to)
    let packets = host.pull()
    #expect(packets.allSatisfy { $0.packet.count <= 1_300 && $0.metadata.segmentSize == 0 })
    #expect(try arrive(packets.map(\.packet)) == Self.cars)
  }

  @Test(
    "To a neighbour who has still to be found datagrams go one by one, and the next train whole",
    arguments: [4, 6])
  func unknownNeighbour(version: Int) throws {
    let s = try Station(offload: [.checksum, .datagramSegmentation])
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 53))
    let to = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 9)
    func send() throws {
      _ = try s.stack.sendTrain(
        socket, Self.text.span.bytes, of: UInt16(Self.size), to: to, now: s.now)
    }
    try send()
    #expect(s.pull().allSatisfy { $0.arp != nil || $0.neighbour != nil })
    if version == 4 {
      s.inject(s.arp(.reply, from: mac(9), to.address, for: s.address))
    } else {
      s.inject(s.advertisement(of: to.address, at: mac(9)))
    }
    // Three wait for a neighbour, the latest.
    let found = s.pull()
    #expect(found.compactMap { $0.ip.map { Packet($0.payload.dropFirst(8)) } } == Array(Self.cars.suffix(3)))
    #expect(found.count == 3)
    #expect(found.allSatisfy { $0.destination == mac(9) && $0.metadata == PacketMetadata() })
    #expect(s.drops(.neighbourLimited) == 0)
    try send()
    let whole = s.pull()
    #expect(whole.count == 1 && whole.first?.metadata.segmentSize == UInt16(Self.size))
  }
}
