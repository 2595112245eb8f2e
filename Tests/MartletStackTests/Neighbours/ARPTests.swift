import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("ARP")
struct ARPTests {
  let peer = v4(10, 0, 0, 9)

  private func connect(_ s: Station, to address: IPAddress) throws -> ConnectionID {
    try s.stack.connect(to: Endpoint(address: address, port: 80), now: s.now)
  }

  @Test("RFC 826: whoever asks for our address is answered, and can then be sent to without a question")
  func request() throws {
    let s = try Station()
    let answers = s.answers(to: s.arp(.request, from: mac(9), peer, for: s.address))
    #expect(answers.map(\.destination) == [mac(9)])
    #expect(
      answers.first?.arp
        == ARPPacket(
          operation: .reply, senderHardware: s.hardware, senderProtocol: IPv4Address(10, 0, 0, 1),
          targetHardware: mac(9), targetProtocol: IPv4Address(10, 0, 0, 9)))
    _ = try connect(s, to: peer)
    #expect(s.pull().map(\.destination) == [mac(9)])
    #expect(s.stack.counters.neighbourSolicits == 0)
  }

  @Test("A packet for an unknown neighbour waits for one question's answer, and no TCP timer for it")
  func resolution() throws {
    let s = try Station()
    _ = try connect(s, to: peer)
    let question = s.pull()
    #expect(question.map(\.destination) == [.broadcast])
    #expect(question.first?.arp?.operation == .request)
    #expect(question.first?.arp?.targetProtocol == IPv4Address(10, 0, 0, 9))
    #expect(question.first?.arp?.senderProtocol == IPv4Address(10, 0, 0, 1))
    #expect(s.stack.held.chunks == 1)
    let syn = s.answers(to: s.arp(.reply, from: mac(9), peer, for: s.address, at: s.hardware))
    #expect(syn.map(\.destination) == [mac(9)])
    #expect(syn.first?.ip?.flags == .syn)
    #expect(s.stack.held.chunks == 0)
    #expect(s.stack.counters.tcp.retransSegs == 0)
  }

  @Test("RFC 4861 §7.2.2: three questions, one a second; then TCP hears a soft error and UDP an error")
  func failure() throws {
    let s = try Station()
    let client = try connect(s, to: peer)
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer, port: 53))
    let text: Packet = [1]
    try s.stack.send(socket, text.span.bytes, now: s.now)
    var times: [Int64] = []
    let start = s.now
    for _ in 0..<40 {
      for frame in s.pull() where frame.arp != nil {
        times.append(s.now.since(start).nanoseconds / 1_000_000)
      }
      s.advance(by: .milliseconds(100))
    }
    #expect(times.count >= 3)
    #expect(times.prefix(3) == [0, 1_000, 2_000])
    #expect(s.stack.counters.neighbourFailures == 1)
    #expect(try s.stack.takeError(client) == .soft(.hostUnreachable))
    #expect(try s.stack.status(client, now: s.now).tcp.state == .synSent)
    #expect(throws: DatagramError.network(.hostUnreachable)) {
      try s.stack.send(socket, text.span.bytes, now: s.now)
    }
  }

  @Test("E13: three packets wait for a neighbour; the oldest makes room")
  func threeWait() throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer, port: 53))
    for i in 0..<5 {
      let text: Packet = [UInt8(i)]
      try s.stack.send(socket, text.span.bytes, now: s.now)
    }
    #expect(s.pull().compactMap(\.arp).count == 1)
    let sent = s.answers(to: s.arp(.reply, from: mac(9), peer, for: s.address))
    #expect(sent.compactMap { $0.ip?.payload.last } == [2, 3, 4])
  }

  @Test("O11: a reply that nobody asked for creates nothing, nor does what is said to others")
  func unsolicited() throws {
    let s = try Station()
    for frame in [
      s.arp(.reply, from: mac(9), peer, for: s.address, at: s.hardware),
      s.arp(.request, from: mac(9), peer, for: peer),
      s.arp(.request, from: mac(9), peer, for: v4(10, 0, 0, 5)),
      s.arp(.reply, from: mac(9), peer, for: v4(10, 0, 0, 5), to: .broadcast),
    ] {
      #expect(s.answers(to: frame).isEmpty)
    }
    #expect(s.stack.held.neighbours == 0)
    #expect(s.drops(.neighbourIgnored) == 4)
  }

  @Test("Lies that cannot be: another's kind, groups as stations, addresses that no host has, strangers")
  func lies() throws {
    let s = try Station()
    func isDropped(_ frame: Packet, _ reason: DropReason, sourceLocation: SourceLocation = #_sourceLocation) {
      let before = s.drops(reason)
      #expect(s.answers(to: frame).isEmpty, sourceLocation: sourceLocation)
      #expect(s.drops(reason) == before + 1, sourceLocation: sourceLocation)
      #expect(s.stack.held.neighbours == 0, sourceLocation: sourceLocation)
    }
    let good = s.arp(.request, from: mac(9), peer, for: s.address)
    for index in 14..<20 {
      var bad = good
      bad[index] ^= 1
      isDropped(bad, .badARP)
    }
    isDropped(Packet(good.prefix(14 + 27)), .badARP)
    for operation in [0, 3, 8, 0xffff] as [UInt16] {
      isDropped(s.arp(ARPOperation(rawValue: operation), from: mac(9), peer, for: s.address), .badARP)
    }
    for hardware in [MACAddress.broadcast, .zero, MACAddress(1, 0, 0x5e, 0, 0, 1), s.hardware] {
      isDropped(s.arp(.request, from: hardware, peer, for: s.address, source: mac(9)), .badARP)
    }
    for address in [
      v4(255, 255, 255, 255), v4(224, 0, 0, 1), v4(127, 0, 0, 1), v4(10, 0, 0, 255), v4(10, 0, 0, 0),
      v4(0, 0, 0, 1), v4(240, 0, 0, 1),
    ] {
      isDropped(s.arp(.request, from: mac(9), address, for: s.address), .badARP)
    }
    isDropped(s.arp(.reply, from: mac(9), v4(0, 0, 0, 0), for: s.address), .badARP)
    isDropped(s.arp(.request, from: mac(9), v4(10, 0, 1, 9), for: s.address), .neighbourIgnored)
    isDropped(s.arp(.request, from: mac(9), v4(8, 8, 8, 8), for: s.address), .neighbourIgnored)
  }

  @Test("RFC 5227 §2.1.1: a probe for our address is answered, and creates nothing")
  func probed() throws {
    let s = try Station()
    let answers = s.answers(to: s.arp(.request, from: mac(9), v4(0, 0, 0, 0), for: s.address))
    #expect(answers.map(\.destination) == [mac(9)])
    #expect(answers.first?.arp?.senderProtocol == IPv4Address(10, 0, 0, 1))
    #expect(s.stack.held.neighbours == 0)
  }

  @Test("A neighbour that moves is followed, but not within a second of its own answer")
  func move() throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer, port: 53))
    let text: Packet = [1]
    try s.stack.send(socket, text.span.bytes, now: s.now)
    _ = s.pull()
    _ = s.answers(to: s.arp(.reply, from: mac(9), peer, for: s.address))
    // The second of two answers.
    _ = s.answers(to: s.arp(.reply, from: mac(6), peer, for: s.address))
    #expect(s.drops(.neighbourSteadfast) == 1)
    try s.stack.send(socket, text.span.bytes, now: s.now)
    #expect(s.pull().map(\.destination) == [mac(9)])
    // An announcement, as of a host that takes over for another.
    s.advance(by: .seconds(2))
    _ = s.answers(to: s.arp(.request, from: mac(8), peer, for: peer))
    #expect(s.stack.counters.neighbourMoves == 1)
    try s.stack.send(socket, text.span.bytes, now: s.now)
    #expect(s.pull().map(\.destination) == [mac(8)])
    // Somebody's word is not enough for long: it is asked, itself alone.
    s.advance(by: .seconds(5))
    let probe = s.pull()
    #expect(probe.map(\.destination) == [mac(8)])
    #expect(probe.first?.arp?.operation == .request)
  }

  /// A host that takes over for another says so once, perhaps at the very moment at which the other was still there.
  @Test("Who moves within a second of his last answer is asked at the end of it, and found again")
  func moveAtOnce() throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer, port: 53))
    let text: Packet = [1]
    try s.stack.send(socket, text.span.bytes, now: s.now)
    _ = s.pull()
    _ = s.answers(to: s.arp(.reply, from: mac(9), peer, for: s.address))
    s.advance(by: .milliseconds(400))
    #expect(s.answers(to: s.arp(.request, from: mac(8), peer, for: peer)).isEmpty)
    _ = s.answers(to: s.arp(.request, from: mac(8), peer, for: s.address))
    #expect(s.drops(.neighbourSteadfast) == 2)
    s.advance(by: .milliseconds(599))
    #expect(s.pull().isEmpty)
    // Asked where it was, once for all that contradicted, three times; nobody answers.
    for wait in [TimeAmount.milliseconds(1), .seconds(1), .seconds(1)] {
      s.advance(by: wait)
      #expect(s.pull().map(\.destination) == [mac(9)])
    }
    s.advance(by: .seconds(1))
    try s.stack.send(socket, text.span.bytes, now: s.now)
    #expect(s.pull().map(\.destination) == [.broadcast])
    _ = s.answers(to: s.arp(.reply, from: mac(8), peer, for: s.address))
    try s.stack.send(socket, text.span.bytes, now: s.now)
    #expect(s.pull().map(\.destination) == [mac(8)])
  }

  @Test("What goes to another network goes to the gateway, the longest prefix first")
  func gateway() throws {
    let s = try Station()
    try s.stack.addRoute(
      Route(prefix: IPPrefix(v4(0, 0, 0, 0), length: 0), interface: s.interface, gateway: v4(10, 0, 0, 254)))
    try s.stack.addRoute(
      Route(prefix: IPPrefix(v4(10, 9, 0, 0), length: 16), interface: s.interface, gateway: v4(10, 0, 0, 253))
    )
    let socket = try s.stack.openDatagram()
    func asked(_ to: IPAddress) throws -> IPv4Address? {
      let text: Packet = [1]
      try s.stack.send(socket, text.span.bytes, to: Endpoint(address: to, port: 9), now: s.now)
      return s.pull().first?.arp?.targetProtocol
    }
    #expect(try asked(v4(8, 8, 8, 8)) == IPv4Address(10, 0, 0, 254))
    #expect(try asked(v4(10, 9, 1, 1)) == IPv4Address(10, 0, 0, 253))
    #expect(try asked(v4(10, 0, 0, 9)) == IPv4Address(10, 0, 0, 9))
    // A host's own route, added later, wins at once over what was remembered.
    _ = s.answers(to: s.arp(.reply, from: mac(254), v4(10, 0, 0, 254), for: s.address))
    try s.stack.addRoute(
      Route(prefix: IPPrefix(host: v4(8, 8, 8, 8)), interface: s.interface, gateway: v4(10, 0, 0, 252)))
    #expect(try asked(v4(8, 8, 8, 8)) == IPv4Address(10, 0, 0, 252))
  }
}
