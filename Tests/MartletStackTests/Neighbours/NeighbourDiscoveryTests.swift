import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 4861 §7, with every lie that robustness rule O11 names.
@Suite("Neighbor Discovery")
struct NeighbourDiscoveryTests {
  let peer = v6(9)

  private func isDropped(
    _ s: Station, _ frame: Packet, _ reason: DropReason = .badNeighbourMessage,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let before = s.drops(reason)
    let known = s.stack.held.neighbours
    #expect(s.answers(to: frame).isEmpty, sourceLocation: sourceLocation)
    #expect(s.drops(reason) == before + 1, sourceLocation: sourceLocation)
    #expect(s.stack.held.neighbours == known, sourceLocation: sourceLocation)
  }

  @Test("A solicitation is answered, with our hardware address, and its sender is known then")
  func solicitation() throws {
    let s = try Station()
    let answers = s.answers(to: s.solicitation(of: s.address6, from: peer, at: mac(9)))
    #expect(answers.map(\.destination) == [mac(9)])
    let message = try #require(answers.first?.neighbour)
    #expect(message.type == 136 && message.flags == 0x6000_0000)
    #expect(message.target == IPv6Address(high: 0xfd00_0007_0000_0000, low: 1))
    #expect(message.options.targetLinkAddress == s.hardware)
    #expect(answers.first?.ip?.source == s.address6 && answers.first?.ip?.destination == peer)
    #expect(s.stack.counters.neighbourSolicits == 0 && s.stack.held.neighbours == 1)
    // Asked directly, without its hardware address: it is known.
    let direct = s.solicitation(of: s.address6, from: peer, at: mac(9), to: s.address6, options: [])
    #expect(s.answers(to: direct).map(\.destination) == [mac(9)])
  }

  @Test("RFC 4861 §7.2.4: whoever has no address yet is answered before everybody")
  func duplicateQuestion() throws {
    let s = try Station()
    let answers = s.answers(
      to: s.solicitation(of: s.address6, from: .v6(.any), at: mac(9), options: [14, 1, 1, 2, 3, 4, 5, 6]))
    #expect(answers.map(\.destination) == [MACAddress(0x33, 0x33, 0, 0, 0, 1)])
    #expect(answers.first?.neighbour?.flags == 0x2000_0000)
    #expect(answers.first?.ip?.destination == .v6(.allNodes))
    #expect(s.stack.held.neighbours == 0)
  }

  @Test("A neighbour is asked for by its group, from an address that it can answer")
  func resolution() throws {
    let s = try Station()
    _ = try s.stack.connect(to: Endpoint(address: peer, port: 80), now: s.now)
    let question = s.pull()
    #expect(question.map(\.destination) == [MACAddress(0x33, 0x33, 0xff, 0, 0, 9)])
    #expect(question.first?.neighbour?.type == 135)
    #expect(question.first?.neighbour?.options.sourceLinkAddress == s.hardware)
    #expect(question.first?.ip?.source == s.address6)
    let syn = s.answers(to: s.advertisement(of: peer, at: mac(9)))
    #expect(syn.map(\.destination) == [mac(9)] && syn.first?.ip?.flags == .syn)
  }

  @Test("§7.1.1: solicitations that no neighbour can have sent")
  func badSolicitations() throws {
    let s = try Station()
    func bad(_ change: (Station) -> Packet) { isDropped(s, change(s)) }
    for hops in [0, 1, 64, 254] as [UInt8] {
      bad { $0.solicitation(of: $0.address6, from: peer, at: mac(9), hopLimit: hops) }
    }
    bad { $0.solicitation(of: $0.address6, from: peer, at: mac(9), code: 1) }
    // Options: no length; longer than the message; cut short; a hardware address for many, or ours.
    for options in [
      [1, 0, 2, 0, 0, 0, 1, 9], [1, 2, 2, 0, 0, 0, 1, 9], [1, 1, 2, 0], [1], [1, 1, 1, 0, 0x5e, 0, 0, 1],
      [1, 1, 0, 0, 0, 0, 0, 0], [1, 1] + octets(s.hardware), [99, 0, 0, 0, 0, 0, 0, 0],
      Packet(repeating: 0, count: 8) + [1, 1, 2, 0, 0, 0, 1, 9],
      (0..<33).flatMap { _ in [99, 1, 0, 0, 0, 0, 0, 0] as Packet },
    ] as [Packet] {
      bad { $0.solicitation(of: $0.address6, from: peer, at: mac(9), options: options) }
    }
    bad { $0.solicitation(of: .v6(.allNodes), from: peer, at: mac(9), to: $0.address6) }
    // From nobody: with a hardware address, or to one host.
    bad { $0.solicitation(of: $0.address6, from: .v6(.any), at: mac(9), options: [1, 1] + octets(mac(9))) }
    bad { $0.solicitation(of: $0.address6, from: .v6(.any), at: mac(9), to: $0.address6) }
    bad { $0.solicitation(of: $0.address6, from: .v6(.any), at: mac(9), to: .v6(.allNodes)) }
    // Too short for a target.
    bad { $0.neighbourMessage(135, 0, Packet(repeating: 0, count: 15), from: peer, to: $0.address6, mac(9)) }
  }

  @Test("§7.1.2: advertisements that no neighbour can have sent")
  func badAdvertisements() throws {
    let s = try Station()
    _ = try s.stack.connect(to: Endpoint(address: peer, port: 80), now: s.now)
    _ = s.pull()
    func bad(_ frame: Packet) { isDropped(s, frame) }
    for hops in [0, 64, 254] as [UInt8] { bad(s.advertisement(of: peer, at: mac(6), hopLimit: hops)) }
    bad(s.advertisement(of: peer, at: mac(6), code: 1))
    bad(s.advertisement(of: peer, at: mac(6), to: .v6(.allNodes)))
    bad(s.advertisement(of: .v6(.allNodes), at: mac(6), from: peer))
    for options in [
      [2, 0, 2, 0, 0, 0, 1, 6], [2, 2, 2, 0, 0, 0, 1, 6], [2, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [2, 1, 0, 0, 0, 0, 0, 0], [2, 1] + octets(s.hardware),
    ] as [Packet] {
      bad(s.advertisement(of: peer, at: mac(6), options: options))
    }
    bad(
      s.neighbourMessage(
        136, 0x6000_0000, Packet(repeating: 0, count: 15), from: peer, to: s.address6, mac(6)))
    // One without a hardware address says nothing to whoever looks for it.
    #expect(s.answers(to: s.advertisement(of: peer, at: mac(6), options: [])).isEmpty)
    #expect(s.answers(to: s.advertisement(of: peer, at: mac(9))).map(\.destination) == [mac(9)])
  }

  @Test(
    "O11: an advertisement that nobody waits for creates nothing, nor does a question from another network")
  func unsolicited() throws {
    let s = try Station()
    isDropped(s, s.advertisement(of: peer, at: mac(9)), .neighbourIgnored)
    isDropped(
      s, s.advertisement(of: peer, at: mac(9), solicited: false, to: .v6(.allNodes)), .neighbourIgnored)
    let stranger = IPAddress.v6(IPv6Address(high: 0x2001_0db8_0000_0000, low: 1))
    _ = s.answers(to: s.solicitation(of: s.address6, from: stranger, at: mac(9)))
    #expect(s.stack.held.neighbours == 0)
    isDropped(s, s.solicitation(of: v6(77), from: peer, at: mac(9), to: s.address6), .neighbourIgnored)
  }

  @Test("RFC 6980: in a fragment, even one that is whole, nothing is believed")
  func fragments() throws {
    let s = try Station()
    for (isToUs, moreFragments) in [(false, 0), (false, 1), (true, 0), (true, 1)] as [(Bool, UInt8)] {
      let whole = s.solicitation(of: s.address6, from: peer, at: mac(9), to: isToUs ? s.address6 : nil)
      var packet = Packet(whole.dropFirst(14))
      let payload = packet.count - 40 + 8
      packet[6] = 44
      packet[4] = UInt8(payload >> 8)
      packet[5] = UInt8(payload & 255)
      packet.insert(contentsOf: [58, 0, 0, moreFragments, 0, 0, 0, 7], at: 40)
      let to = isToUs ? s.hardware : MACAddress(0x33, 0x33, 0xff, 0, 0, 1)
      #expect(s.answers(to: s.frame(packet, from: mac(9), to: to)).isEmpty)
      #expect(s.stack.held.neighbours == 0)
    }
  }

  @Test("Redirects and what routers say are not believed")
  func routers() throws {
    let s = try Station()
    for type in [133, 134, 137] as [UInt8] {
      isDropped(
        s, s.neighbourMessage(type, 0, Packet(repeating: 0, count: 40), from: peer, to: s.address6, mac(9)),
        .icmpIgnored)
    }
  }

  @Test(
    "§7.2.5: without Override a different hardware address is not taken over, but makes the old one doubtful")
  func override() throws {
    let s = try Station()
    let socket = try s.stack.openDatagram(connectedTo: Endpoint(address: peer, port: 53))
    func send() throws -> [SeenFrame] {
      let text: Packet = [1]
      try s.stack.send(socket, text.span.bytes, now: s.now)
      return s.pull()
    }
    _ = try send()
    _ = s.answers(to: s.advertisement(of: peer, at: mac(9)))
    s.advance(by: .seconds(2))
    _ = s.answers(to: s.advertisement(of: peer, at: mac(6), solicited: false, override: false))
    #expect(try send().map(\.destination) == [mac(9)])
    s.advance(by: .seconds(5))
    #expect(s.pull().map { $0.neighbour?.type } == [135])
    // While it is asked, another's answer without Override is still none.
    _ = s.answers(to: s.advertisement(of: peer, at: mac(6), override: false))
    #expect(try send().map(\.destination) == [mac(9)])
    _ = s.answers(to: s.advertisement(of: peer, at: mac(9), override: false))
    s.advance(by: .seconds(5))
    #expect(s.pull().isEmpty)
    _ = s.answers(to: s.advertisement(of: peer, at: mac(6), solicited: false))
    #expect(try send().map(\.destination) == [mac(6)])
  }

  @Test("Link-local neighbours of two links are two, and each has its own")
  func zones() throws {
    let s = try Station()
    let other = try s.stack.addInterface(
      InterfaceConfiguration(
        addresses: [IPPrefix(.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 2)), length: 64)],
        medium: .ethernet(EthernetMedium(hardwareAddress: mac(1), checksAddresses: false))))
    #expect(s.stack.addresses(on: other).count == 1, "a link-local address was given, so none is made")
    try s.stack.addAddress(
      IPPrefix(.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 1)), length: 64), to: s.interface)
    s.advance(by: .seconds(5))
    _ = s.pull()
    let neighbour = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 9))
    _ = s.answers(
      to: s.solicitation(
        of: .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 1)), from: neighbour, at: mac(9)))
    #expect(s.stack.held.neighbours == 1)
    let socket = try s.stack.openDatagram()
    let text: Packet = [1]
    try s.stack.send(
      socket, text.span.bytes, to: Endpoint(address: neighbour, port: 9), on: s.interface, now: s.now)
    #expect(s.pull().map(\.destination) == [mac(9)])
    try s.stack.send(
      socket, text.span.bytes, to: Endpoint(address: neighbour, port: 9), on: other, now: s.now)
    #expect(s.stack.held.neighbours == 1 && s.pull().isEmpty)
    var buffer = Packet(repeating: 0, count: 2_000)
    var span = buffer.mutableSpan
    var raw = span.mutableBytes
    // The announcement of its own address first, then the question.
    var last: OutgoingPacket?
    while let out = s.stack.nextPacket(on: other, into: &raw, now: s.now) { last = out }
    #expect(last != nil && s.stack.held.neighbours == 2)
    try s.stack.removeInterface(other)
    s.check()
    #expect(s.stack.held.neighbours == 1)
  }
}
