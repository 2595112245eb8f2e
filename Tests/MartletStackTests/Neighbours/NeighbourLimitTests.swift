import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Robustness rule E13.
@Suite("Neighbours have limits")
struct NeighbourLimitTests {
  private let network = IPPrefix(v4(10, 0, 0, 1), length: 8)

  private func station(_ configure: (inout StackConfiguration) -> Void = { _ in }) throws -> Station {
    let station = try Station(addresses: [network, IPPrefix(v6(1), length: 64)], configure)
    station.checksEachStep = false
    return station
  }

  private func stranger(_ n: Int) -> IPAddress { v4(10, 1, UInt8(n >> 8), UInt8(n & 255)) }

  private func send(_ s: Station, to address: IPAddress, _ socket: UDPSocketID) throws {
    let text: Packet = [1]
    try s.stack.send(socket, text.span.bytes, to: Endpoint(address: address, port: 9), now: s.now)
  }

  @Test("E13: of 10,000 that do not answer 128 are looked for, and the asking has a rate")
  func incomplete() throws {
    let s = try station()
    let socket = try s.stack.openDatagram()
    var questions = 0
    for n in 0..<10_000 {
      try send(s, to: stranger(n), socket)
      questions += s.pull().compactMap(\.arp).count
      if n % 100 == 0 { s.advance(by: .milliseconds(1)) }
      if n % 500 == 0 { s.check() }
    }
    #expect(s.stack.held.neighbours == 128)
    #expect(questions <= 256 + 30)
    #expect(s.drops(.neighbourLimited) > 9_000)
    #expect(s.stack.memoryUse().neighbourQueues <= 512 << 10)
    s.advance(by: .seconds(5))
    _ = s.pull()
    #expect(s.stack.held.neighbours == 0 && s.stack.held.chunks == 0)
    #expect(s.stack.nextDeadline(now: s.now) == nil)
  }

  @Test("E13: 5,000 strangers who introduce themselves take 512 places, and none from a neighbour in use")
  func introductions() throws {
    let s = try station()
    let client = try s.stack.openDatagram(connectedTo: Endpoint(address: v4(10, 0, 0, 9), port: 9))
    try send(s, to: v4(10, 0, 0, 9), client)
    _ = s.pull()
    _ = s.answers(to: s.arp(.reply, from: mac(9), v4(10, 0, 0, 9), for: s.address))
    for n in 0..<5_000 {
      s.inject(s.arp(.request, from: mac(UInt8(n & 127)), stranger(n), for: s.address))
      if n % 64 == 0 { _ = s.pull() }
      if n % 500 == 0 { s.check() }
    }
    #expect(s.stack.held.neighbours == 512)
    #expect(s.stack.counters.neighboursEvicted == 5_000 - 511)
    let solicits = s.stack.counters.neighbourSolicits
    try send(s, to: v4(10, 0, 0, 9), client)
    #expect(s.pull().last?.destination == mac(9))
    #expect(s.stack.counters.neighbourSolicits == solicits)
  }

  @Test("E13: whoever looks for a neighbour finds a place in a full table")
  func fullTable() throws {
    let s = try station { $0.neighbourLimit = 16 }
    let socket = try s.stack.openDatagram()
    for n in 0..<40 {
      try send(s, to: stranger(n), socket)
      _ = s.pull()
      let answer = s.answers(to: s.arp(.reply, from: mac(UInt8(n)), stranger(n), for: s.address))
      #expect(answer.map(\.destination) == [mac(UInt8(n))])
      s.advance(by: .milliseconds(10))
      s.check()
    }
    #expect(s.stack.held.neighbours == 16)
    // Those that answered are not driven out by those that only say so.
    for n in 100..<200 { s.inject(s.arp(.request, from: mac(1), stranger(n), for: s.address)) }
    _ = s.pull()
    let solicits = s.stack.counters.neighbourSolicits
    try send(s, to: stranger(39), socket)
    #expect(s.pull().map(\.destination) == [mac(39)])
    #expect(s.stack.counters.neighbourSolicits == solicits)
  }

  @Test("A small budget holds fewer neighbours, and is never exceeded", arguments: [64, 256, 1_024])
  func budget(kilobytes: Int) throws {
    let s = try station { $0.memoryBudget = kilobytes << 10 }
    let socket = try s.stack.openDatagram()
    for n in 0..<600 {
      s.inject(s.arp(.request, from: mac(9), stranger(n), for: s.address))
      try? send(s, to: stranger(1_000 + n), socket)
      _ = s.pull()
      s.advance(by: .milliseconds(3))
      if n % 20 == 0 { s.check() }
    }
    #expect(s.stack.held.neighbours <= kilobytes << 10 / 16 / 64)
    #expect(s.stack.memory.highWater <= s.stack.memory.limit)
    s.advance(by: .seconds(10))
    _ = s.pull()
    #expect(s.stack.held.chunks == 0)
  }

  @Test(
    "A flood of SYNs from neighbours that do not exist asks for few of them, and the others are still served")
  func flood() throws {
    let s = try station()
    let listener = try s.stack.listen(on: LocalEndpoint(port: 80))
    s.inject(s.arp(.request, from: mac(9), v4(10, 0, 0, 9), for: s.address))
    _ = s.pull()
    var questions = 0
    for n in 0..<3_000 {
      let syn = tcp(
        from: Endpoint(address: stranger(n), port: 9), to: Endpoint(address: s.address, port: 80), seq: 1,
        .syn)
      s.inject(s.frame(syn, from: mac(66)))
      if n % 32 == 0 { questions += s.pull().compactMap(\.arp).count }
    }
    let honest = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
    _ = s.pull()
    s.inject(
      s.frame(tcp(from: honest, to: Endpoint(address: s.address, port: 80), seq: 1, .syn), from: mac(9)))
    let synAck = try #require(s.pull().compactMap(\.ip).last { $0.destination == honest.address })
    s.inject(
      s.frame(
        tcp(from: honest, to: Endpoint(address: s.address, port: 80), seq: 2, ack: synAck.seq &+ 1, .ack),
        from: mac(9)))
    _ = try s.stack.accept(listener)
    #expect(questions <= 256)
  }

  @Test("Two days of neighbours that come, move and go leave nothing but what the limits allow")
  func twoDays() throws {
    let s = try station { $0.memoryBudget = 8 << 20 }
    let socket = try s.stack.openDatagram()
    var random: UInt64 = 1
    func draw(_ bound: UInt64) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((random >> 33) % bound)
    }
    for i in 0..<2_000 {
      if i % 50 == 0 { s.check() }
      let n = draw(1_000)
      switch draw(4) {
      case 0: try send(s, to: stranger(n), socket)
      case 1: s.inject(s.arp(.request, from: mac(UInt8(draw(100))), stranger(n), for: s.address))
      case 2: s.inject(s.arp(.reply, from: mac(UInt8(draw(100))), stranger(n), for: s.address))
      default: s.inject(s.arp(.request, from: mac(UInt8(draw(100))), stranger(n), for: stranger(n)))
      }
      _ = s.pull()
      s.advance(by: .milliseconds(Int64(draw(172_800))))
    }
    s.advance(by: .seconds(20))
    _ = s.pull()
    #expect(s.stack.nextDeadline(now: s.now) == nil)
    #expect(s.stack.held.neighbours <= 512 && s.stack.held.chunks == 0)
  }
}

/// Whatever a station sends.
@Suite("Any frame")
struct AnyFrameTests {
  @Test(
    "Frames with octets changed, cut and doubled end nothing, and everything still adds up",
    arguments: 1...4 as ClosedRange<UInt64>)
  func mutated(seed: UInt64) throws {
    let s = try Station(checksAddresses: seed & 1 == 0, autoconfigures: true) { $0.memoryBudget = 4 << 20 }
    s.checksEachStep = false
    let socket = try s.stack.openDatagram()
    var random = seed
    func draw(_ bound: Int) -> Int {
      random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((random >> 33) % UInt64(bound))
    }
    let router = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0xff))
    for i in 0..<6_000 {
      let peer = draw(30)
      let (four, six) = (v4(10, 0, 0, UInt8(peer)), v6(UInt64(peer)))
      var frame: Packet
      switch draw(7) {
      case 0: frame = s.arp(.request, from: mac(UInt8(draw(40))), four, for: s.address)
      case 1: frame = s.arp(.reply, from: mac(UInt8(draw(40))), four, for: s.address)
      case 2: frame = s.solicitation(of: s.address6, from: six, at: mac(UInt8(draw(40))))
      case 3: frame = s.advertisement(of: six, at: mac(UInt8(draw(40))), solicited: draw(2) == 0)
      case 4:
        let prefix = AutoconfigurationTests.Prefix(
          high: 0x2001_0db8_0000_0000 + UInt64(draw(4)) << 16, valid: UInt32(draw(9_000)), preferred: 60)
        frame = s.neighbourMessage(
          134, UInt32(draw(4_000)), Packet(repeating: 0, count: 8) + prefix.octets, from: router,
          to: .v6(.allNodes), mac(255))
      case 5: frame = s.frame(icmp(from: four, to: s.address, type: 8), from: mac(UInt8(peer)))
      default:
        let text: Packet = [1]
        try? s.stack.send(
          socket, text.span.bytes, to: Endpoint(address: draw(2) == 0 ? four : six, port: 9), now: s.now)
        frame = []
      }
      for _ in 0..<draw(3) where !frame.isEmpty { frame[draw(frame.count)] = UInt8(draw(256)) }
      if draw(8) == 0 { frame = Packet(frame.prefix(draw(frame.count + 1))) }
      s.inject(frame)
      if draw(4) == 0 { s.advance(by: .milliseconds(Int64(draw(4_000)))) }
      if draw(3) == 0 { _ = s.pull() }
      if i % 50 == 0 {
        s.check()
        _ = s.drain()
      }
    }
    _ = s.pull()
    #expect(s.stack.held.chunks <= 64)
  }
}
