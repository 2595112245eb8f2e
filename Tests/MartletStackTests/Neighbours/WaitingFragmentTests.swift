import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A datagram in fragments for a neighbour that is still looked for waits whole, or not at all.
@Suite("Fragments that wait for a neighbour")
struct WaitingFragmentTests {
  private func peer(_ version: Int) -> Endpoint {
    Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 9)
  }

  private func send(_ s: Station, _ socket: UDPSocketID, _ count: Int, _ version: Int) throws(DatagramError) {
    try s.stack.send(socket, pattern(count).span.bytes, to: peer(version), now: s.now)
  }

  private func answer(_ s: Station, _ version: Int) -> Packet {
    version == 4
      ? s.arp(.reply, from: mac(9), v4(10, 0, 0, 9), for: s.address)
      : s.advertisement(of: v6(9), at: mac(9))
  }

  /// The text of the datagrams that these frames are, in the order in which they end.
  private func texts(_ frames: [SeenFrame]) -> [Packet] {
    var whole: [Packet] = []
    var open = Packet()
    for frame in frames where frame.type == .ipv4 || frame.type == .ipv6 {
      let packet = frame.payload
      guard frame.neighbour == nil else { continue }
      let isFour = frame.type == .ipv4
      let flags = isFour ? packet.span.bytes.be16(6) : packet[6] == 44 ? packet.span.bytes.be16(42) : 0
      let (offset, hasMore) =
        isFour ? (Int(flags & 0x1fff) * 8, flags & 0x2000 != 0) : (Int(flags & 0xfff8), flags & 1 != 0)
      if offset == 0 { open = [] }
      guard offset == open.count else { continue }
      open += packet.dropFirst(isFour ? 20 : packet[6] == 44 ? 48 : 40)
      if !hasMore { whole.append(Packet(open.dropFirst(8))) }
    }
    return whole
  }

  @Test("RFC 4861 §7.2.2: the largest datagram waits, all its fragments", arguments: [4, 6])
  func largest(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    try send(s, socket, 65_507, version)
    #expect(texts(s.pull()).isEmpty)
    s.inject(answer(s, version))
    #expect(texts(s.pull()) == [pattern(65_507)])
    s.check()
  }

  @Test("Of four datagrams the last three are there, each of them whole", arguments: [4, 6])
  func latest(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    for count in [4_000, 10, 9_000, 5_000] { try send(s, socket, count, version) }
    #expect(texts(s.pull()).isEmpty)
    s.inject(answer(s, version))
    #expect(texts(s.pull()) == [pattern(10), pattern(9_000), pattern(5_000)])
  }

  @Test("What is found in the middle of a datagram goes on behind what waited", arguments: [4, 6])
  func between(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    try send(s, socket, 9_000, version)
    // A device that takes a frame at a time: the question.
    var buffer = Packet(repeating: 0, count: 65_600)
    var span = buffer.mutableSpan
    var raw = span.mutableBytes
    #expect(s.stack.nextPacket(on: s.interface, into: &raw, now: s.now) != nil)
    s.inject(answer(s, version))
    #expect(texts(s.pull()) == [pattern(9_000)])
  }

  @Test("Nobody answers: all that waited is gone, and the sender is told once", arguments: [4, 6])
  func nobody(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: peer(version))
    for _ in 0..<3 { try send(s, socket, 20_000, version) }
    for _ in 0..<5 {
      _ = s.pull()
      s.advance(by: .seconds(1))
    }
    #expect(s.stack.held.neighbours == 0)
    #expect(throws: DatagramError.network(.hostUnreachable)) { try send(s, socket, 1, version) }
    s.inject(answer(s, version))
    #expect(texts(s.pull()).isEmpty)
  }

  @Test("What waits has a limit, whoever sends it")
  func limit() throws {
    let s = try Station { $0.neighbourQueueLimit = 100_000 }
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    for n in 20..<28 as Range<UInt8> {
      try s.stack.send(
        socket, pattern(30_000).span.bytes, to: Endpoint(address: v4(10, 0, 0, n), port: 9), now: s.now)
      _ = s.pull()
    }
    #expect(s.drops(.neighbourLimited) > 0)
    var whole = 0
    for n in 20..<28 as Range<UInt8> {
      s.inject(s.arp(.reply, from: mac(n), v4(10, 0, 0, n), for: s.address))
      whole += texts(s.pull()).count
    }
    #expect((2...4).contains(whole))
  }

  @Test(
    "Of a datagram whose first fragment finds no memory the next one does not wait, though there is room for that",
    arguments: [4, 6])
  func refused(version: Int) throws {
    let s = try Station {
      $0.memoryBudget = 192 << 10
      $0.chunksPerArena = 1
    }
    func arrive(_ count: Int, at port: UInt16) {
      let here = Endpoint(address: s.address, port: port)
      let packet = udp(from: Endpoint(address: v4(10, 0, 0, 3), port: 3), to: here, pattern(count))
      s.inject(s.frame(packet, from: mac(3)))
    }
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    for port in 6_000..<6_030 as Range<UInt16> {
      _ = try s.stack.openDatagram(on: LocalEndpoint(port: port))
    }
    // What waits for the peer fills its chunk but for 1,200 octets.
    for _ in 0..<2 { try send(s, socket, 1_400, version) }
    _ = s.pull()
    // What others have sent takes all other memory; reading one gives a chunk back, for a datagram on its way.
    arrive(1, at: 5_000)
    s.checksEachStep = false
    let before = s.stack.memory.refusals
    for _ in 0..<12 {
      for port in 6_000..<6_030 as Range<UInt16> { arrive(1_000, at: port) }
    }
    #expect(s.stack.memory.refusals > before)
    s.checksEachStep = true
    var text = Packet(repeating: 0, count: 10)
    var span = text.mutableSpan
    var raw = span.mutableBytes
    _ = try s.stack.receive(socket, into: &raw, now: s.now)
    let refused = s.drops(.neighbourLimited)
    try send(s, socket, 1_600, version)
    #expect(texts(s.pull()).isEmpty)
    #expect(s.drops(.neighbourLimited) == refused + 2)
    s.inject(answer(s, version))
    let frames = s.pull().filter { $0.type != .arp && $0.neighbour == nil }
    #expect(texts(frames) == [pattern(1_400), pattern(1_400)])
    #expect(frames.count == 2)
  }

  @Test("A connection to the same neighbour does not come between", arguments: [4, 6])
  func connection(version: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    try send(s, socket, 9_000, version)
    _ = try s.stack.connect(to: peer(version), now: s.now)
    #expect(texts(s.pull()).isEmpty)
    s.inject(answer(s, version))
    let frames = s.pull()
    #expect(texts(frames.filter { $0.ip?.proto != .tcp }) == [pattern(9_000)])
    #expect(frames.contains { $0.ip?.proto == .tcp })
  }

  @Test(
    "Large questions in others' names leave room for what we want to send ourselves",
    arguments: [1_400, 60_000])
  func questions(size: Int) throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    for n in 20..<32 as Range<UInt8> {
      s.inject(
        s.frame(icmp(from: v4(10, 0, 0, n), to: s.address, type: 8, rest: 1, pattern(size)), from: mac(99)))
      _ = s.pull()
    }
    try send(s, socket, 100, 4)
    _ = try s.stack.connect(to: peer(4), now: s.now)
    _ = s.pull()
    s.inject(answer(s, 4))
    let frames = s.pull()
    #expect(texts(frames.filter { $0.ip?.proto == .udp }) == [pattern(100)])
    #expect(frames.contains { $0.ip?.proto == .tcp })
  }
}
