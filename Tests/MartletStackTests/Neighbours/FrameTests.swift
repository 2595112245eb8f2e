import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Ethernet")
struct FrameTests {
  let peer = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)

  private func ping(_ s: Station) -> Packet { icmp(from: peer.address, to: s.address, type: 8, rest: 1) }

  @Test("A frame for us is taken, one for another station is not", arguments: [nil, 7] as [UInt16?])
  func whose(vlan: UInt16?) throws {
    let s = try Station(vlan: vlan)
    #expect(s.answers(to: s.arp(.request, from: mac(9), peer.address, for: s.address)).count == 1)
    let answers = s.answers(to: s.frame(ping(s), from: mac(9)))
    #expect(answers.map(\.destination) == [mac(9)])
    #expect(answers.first?.ip?.destination == peer.address)
    #expect(s.answers(to: s.frame(ping(s), from: mac(9), to: mac(8))).isEmpty)
    #expect(s.drops(.notOurFrame) == 1)
  }

  @Test("O9: a packet for us alone in a frame for many goes no further")
  func groupFrame() throws {
    let s = try Station()
    #expect(s.answers(to: s.frame(ping(s), from: mac(9), to: .broadcast)).isEmpty)
    #expect(s.drops(.groupFrame) == 1)
    let ping6 = icmp(from: v6(9), to: s.address6, type: 128, rest: 1)
    #expect(s.answers(to: s.frame(ping6, from: mac(9), to: MACAddress(0x33, 0x33, 0, 0, 0, 1))).isEmpty)
    #expect(s.drops(.groupFrame) == 2)
    // What a link says of the frame does not count: the frame does.
    s.inject(s.arp(.request, from: mac(9), peer.address, for: s.address))
    _ = s.pull()
    s.inject(s.frame(ping(s), from: mac(9)), PacketMetadata(isGroupFrame: true))
    #expect(s.pull().count == 1)
  }

  @Test("Frames from a group, from nobody and from ourselves, and those cut short, are dropped")
  func badFrames() throws {
    let s = try Station()
    for source in [MACAddress.broadcast, .zero, MACAddress(1, 0, 0x5e, 0, 0, 1), s.hardware] {
      #expect(s.answers(to: s.frame(ping(s), from: source)).isEmpty)
    }
    #expect(s.drops(.badFrame) == 4)
    let whole = s.frame(ping(s), from: mac(9))
    for count in 0..<whole.count { s.inject(Packet(whole.prefix(count))) }
    #expect(s.drops(.badFrame) == 4 + 14)
    #expect(s.pull().isEmpty)
  }

  @Test(
    "Where there is a virtual network, only its frames count; where there is none, only those without a tag")
  func vlan() throws {
    let s = try Station(vlan: 7)
    let plain = try Station()
    let eight = try Station(vlan: 8)
    s.inject(plain.arp(.request, from: mac(9), peer.address, for: s.address))
    s.inject(eight.arp(.request, from: mac(9), peer.address, for: s.address))
    #expect(s.drops(.otherVLAN) == 2 && s.pull().isEmpty)
    plain.inject(s.arp(.request, from: mac(9), peer.address, for: s.address))
    #expect(plain.drops(.otherVLAN) == 1 && plain.pull().isEmpty)
    // A tag of network 0 says only how urgent it is.
    var priority = s.arp(.request, from: mac(9), peer.address, for: s.address)
    priority[14] = 0xe0
    priority[15] = 0
    #expect(plain.answers(to: priority).count == 1)
    var cut = s.arp(.request, from: mac(9), peer.address, for: s.address)
    cut.removeLast(cut.count - 16)
    s.inject(cut)
    #expect(s.drops(.badFrame) == 1)
  }

  @Test("An interface needs a hardware address that one station can have, and a network with a number")
  func configuration() throws {
    var stack = NetworkStack(seed: StackSeed(1))
    func add(
      _ hardware: MACAddress, _ vlan: UInt16? = nil, to stack: inout NetworkStack
    ) throws(InterfaceError) {
      _ = try stack.addInterface(
        InterfaceConfiguration(medium: .ethernet(EthernetMedium(hardwareAddress: hardware, vlan: vlan))))
    }
    for bad in [MACAddress.broadcast, .zero, MACAddress(1, 0, 0, 0, 0, 1)] {
      #expect(throws: InterfaceError.invalidHardwareAddress) { try add(bad, to: &stack) }
    }
    for bad in [0, 4_095, 65_535] as [UInt16] {
      #expect(throws: InterfaceError.invalidVLAN) { try add(mac(1), bad, to: &stack) }
    }
    try add(mac(1), 4_094, to: &stack)
  }

  @Test("Broadcast and multicast go to the groups of the link, without a question")
  func groups() throws {
    let s = try Station()
    try s.stack.addRoute(Route(prefix: IPPrefix(v4(0, 0, 0, 0), length: 0), interface: s.interface))
    let socket = try s.stack.openDatagram()
    for (to, hardware) in [
      (v4(255, 255, 255, 255), MACAddress.broadcast), (v4(10, 0, 0, 255), .broadcast),
      (v4(239, 129, 2, 3), MACAddress(1, 0, 0x5e, 1, 2, 3)),
    ] {
      let text: Packet = [1]
      try s.stack.send(socket, text.span.bytes, to: Endpoint(address: to, port: 9), now: s.now)
      #expect(s.pull().map(\.destination) == [hardware])
    }
    #expect(s.stack.held.neighbours == 0)
  }

  @Test(
    "A device that completes checksums is told where, counted from the frame",
    arguments: [nil, 7] as [UInt16?])
  func offload(vlan: UInt16?) throws {
    let s = try Station(vlan: vlan, offload: .checksum)
    _ = try s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 9), port: 80), now: s.now)
    _ = s.pull()
    let syn = s.answers(to: s.arp(.reply, from: mac(9), peer.address, for: s.address))
    let link: UInt16 = vlan == nil ? 14 : 18
    #expect(syn.map(\.metadata.checksum) == [.partial(start: 20 + link, offset: 16)])
    s.advance(by: .seconds(1))
    #expect(s.pull().map(\.metadata.checksum) == [.partial(start: 20 + link, offset: 16)])
  }

  @Test("Nothing is written into a buffer that the frame may not fit")
  func smallBuffer() throws {
    let s = try Station()
    s.stack.receive(
      s.arp(.request, from: mac(9), peer.address, for: s.address).span.bytes, on: s.interface, now: s.now)
    for count in [0, 14, 1_500, 1_513] {
      var buffer = Packet(repeating: 0, count: count)
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      let out = s.stack.nextPacket(on: s.interface, into: &raw, now: s.now)
      #expect(out == nil)
    }
    #expect(s.pull().count == 1)
  }

  @Test("IEEE 802c §8.4: a hardware address from a seed is unicast, of local administration, and its own")
  func addressFromSeed() {
    var seen: Set<UInt64> = []
    for n in 0..<100 {
      let address = StackSeed(UInt64(n)).hardwareAddress
      #expect(address == StackSeed(UInt64(n)).hardwareAddress)
      #expect(address.isUnicast && address.bits >> 40 & 3 == 2)
      seen.insert(address.bits)
    }
    #expect(seen.count == 100)
  }
}
