import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 5227, and RFC 4862 §5.4.
@Suite("Addresses of ours and of others")
struct AddressCheckTests {
  @Test("RFC 5227 §2.1.1: three probes, 1 to 2 s apart, 2 s of silence, two announcements; then it is ours")
  func probes() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)])
    var times: [(probe: Bool, at: TimeAmount)] = []
    let start = s.now
    var ready: TimeAmount?
    for _ in 0..<1_200 {
      s.advance(by: .milliseconds(10))
      for frame in s.pull() {
        let arp = try #require(frame.arp)
        #expect(arp.operation == .request && frame.destination == .broadcast && arp.targetHardware == .zero)
        #expect(arp.targetProtocol == IPv4Address(10, 0, 0, 1))
        times.append((arp.senderProtocol.isUnspecified, s.now.since(start)))
      }
      if s.drain() == [.addressReady(s.address, s.interface)] { ready = s.now.since(start) }
    }
    #expect(times.map(\.probe) == [true, true, true, false, false])
    let gaps = zip(times.dropFirst(), times).map { ($0.at.nanoseconds - $1.at.nanoseconds) / 1_000_000 }
    #expect(times[0].at <= .milliseconds(1_010))
    #expect(gaps[0] >= 1_000 && gaps[0] <= 2_010 && gaps[1] >= 1_000 && gaps[1] <= 2_010)
    #expect(gaps[2] >= 2_000 && gaps[2] <= 2_010 && gaps[3] >= 2_000 && gaps[3] <= 2_010)
    #expect(ready == times[3].at)
    #expect(s.stack.nextDeadline(now: s.now) == nil)
  }

  @Test("Before it is ours nothing is answered, sent or received with it", arguments: [4, 6])
  func tentative(version: Int) throws {
    let s = try Station(checksAddresses: true)
    let peer = version == 4 ? v4(10, 0, 0, 9) : v6(9)
    var isTentative = s.stack.awaitsAddress(for: peer)
    #expect(isTentative)
    #expect(throws: ConnectError.noRoute) {
      try s.stack.connect(to: Endpoint(address: peer, port: 80), now: s.now)
    }
    if version == 4 {
      #expect(s.answers(to: s.arp(.request, from: mac(9), peer, for: s.address)).isEmpty)
      #expect(s.answers(to: s.frame(icmp(from: peer, to: s.address, type: 8), from: mac(9))).isEmpty)
    } else {
      #expect(s.answers(to: s.solicitation(of: s.address6, from: peer, at: mac(9))).isEmpty)
      #expect(s.answers(to: s.frame(icmp(from: peer, to: s.address6, type: 128), from: mac(9))).isEmpty)
    }
    s.advance(by: .seconds(10))
    isTentative = s.stack.awaitsAddress(for: peer)
    #expect(!isTentative)
    let events = s.drain()
    #expect(events.count == 2 && events.first != events.last)
    _ = s.pull()
    _ = try s.stack.connect(to: Endpoint(address: peer, port: 80), now: s.now)
    #expect(s.pull().count == 1)
  }

  @Test(
    "RFC 4862 §5.4.2: one solicitation from nobody to the solicited-node group, with a nonce, then a second")
  func solicitation() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(v6(1), length: 64)])
    let start = s.now
    var asked: (SeenFrame, TimeAmount)?
    while asked == nil, s.now.since(start) < .seconds(3) {
      s.advance(by: .milliseconds(10))
      if let frame = s.pull().first { asked = (frame, s.now.since(start)) }
    }
    let (frame, at) = try #require(asked)
    #expect(at <= .milliseconds(1_010))
    #expect(
      frame.neighbour?.type == 135
        && frame.neighbour?.target == IPv6Address(high: 0xfd00_0007_0000_0000, low: 1))
    #expect(frame.ip?.source == .v6(.any) && frame.destination == MACAddress(0x33, 0x33, 0xff, 0, 0, 1))
    #expect(frame.neighbour?.options.sourceLinkAddress == nil && frame.neighbour?.options.nonce != nil)
    // RFC 7527: our own question, come back by another way, is nobody's.
    var back = s.frame(Packet(frame.payload), from: mac(77), to: frame.destination)
    back[6] = 0x02
    s.inject(back)
    s.advance(by: .milliseconds(1_000))
    #expect(s.drain() == [.addressReady(s.address6, s.interface)])
  }

  @Test("Whoever claims or probes for an address that we would like has it", arguments: 0..<5)
  func conflict(kind: Int) throws {
    let isIPv4 = kind < 3
    let address = isIPv4 ? v4(10, 0, 0, 1) : v6(1)
    let s = try Station(checksAddresses: true, addresses: [IPPrefix(address, length: isIPv4 ? 24 : 64)])
    s.advance(by: .milliseconds(1_000))
    _ = s.pull()
    let (frame, rival): (Packet, MACAddress)
    switch kind {
    case 0: (frame, rival) = (s.arp(.reply, from: mac(9), address, for: v4(0, 0, 0, 0)), mac(9))
    case 1: (frame, rival) = (s.arp(.request, from: mac(9), v4(0, 0, 0, 0), for: address), mac(9))
    case 2: (frame, rival) = (s.arp(.request, from: mac(9), address, for: address), mac(9))
    case 3:
      (frame, rival) = (
        s.advertisement(of: address, at: mac(9), solicited: false, to: .v6(.allNodes)), mac(9)
      )
    default:
      (frame, rival) = (
        s.solicitation(of: address, from: .v6(.any), at: mac(9), options: [14, 1, 9, 9, 9, 9, 9, 9]), .zero
      )
    }
    s.inject(frame)
    s.advance(by: .seconds(20))
    #expect(s.drain() == [.addressConflict(address, s.interface, rival)])
    #expect(s.pull().allSatisfy { $0.arp?.senderProtocol.isUnspecified ?? false })
    #expect(s.stack.counters.addressConflicts == 1)
    // Given again it is asked about again, whether it was taken away or not.
    try s.stack.addAddress(IPPrefix(address, length: isIPv4 ? 24 : 64), to: s.interface)
    s.advance(by: .seconds(10))
    #expect(s.drain() == [.addressReady(address, s.interface)])
    _ = s.pull()
    try s.stack.removeAddress(address, from: s.interface)
    try s.stack.addAddress(IPPrefix(address, length: isIPv4 ? 24 : 64), to: s.interface)
    s.advance(by: .seconds(20))
    #expect(s.drain() == [.addressReady(address, s.interface)])
  }

  @Test(
    "RFC 5227 §2.4 (c): an address in use is kept, defended every ten seconds at most, and the news told",
    arguments: [4, 6])
  func defence(version: Int) throws {
    let s = try Station()
    let address = version == 4 ? s.address : s.address6
    func claim() -> Packet {
      version == 4
        ? s.arp(.request, from: mac(9), address, for: address)
        : s.advertisement(of: address, at: mac(9), solicited: false, to: .v6(.allNodes))
    }
    let defences = s.answers(to: claim())
    #expect(defences.count == 1 && defences.allSatisfy { $0.destination.isMulticast })
    if version == 4 {
      #expect(defences.first?.arp?.senderProtocol == IPv4Address(10, 0, 0, 1))
    } else {
      #expect(defences.first?.neighbour?.flags == 0x2000_0000)
      #expect(defences.first?.neighbour?.options.targetLinkAddress == s.hardware)
    }
    #expect(s.drain() == [.addressConflict(address, s.interface, mac(9))])
    for _ in 0..<100 { #expect(s.answers(to: claim()).isEmpty) }
    #expect(s.drain().isEmpty)
    s.advance(by: .seconds(10))
    #expect(s.answers(to: claim()).count == 1)
    #expect(s.stack.counters.addressConflicts == 102)
    #expect(s.stack.held.neighbours == 0)
    // It is still ours.
    let peer = version == 4 ? v4(10, 0, 0, 8) : v6(8)
    let asked =
      version == 4
      ? s.arp(.request, from: mac(8), peer, for: address)
      : s.solicitation(of: address, from: peer, at: mac(8))
    #expect(s.answers(to: asked).map(\.destination) == [mac(8)])
  }

  @Test("A packet that anybody can have forged is no claim: only a neighbour's advertisement is")
  func forgedSource() throws {
    let s = try Station()
    for packet in [
      icmp(from: s.address6, to: s.address6, type: 128),
      udp(from: Endpoint(address: s.address6, port: 1), to: Endpoint(address: s.address6, port: 2), [1]),
      icmp(from: s.address, to: s.address, type: 8),
    ] {
      #expect(s.answers(to: s.frame(packet, from: mac(9))).isEmpty)
    }
    #expect(s.answers(to: s.advertisement(of: s.address6, at: mac(9), hopLimit: 254)).isEmpty)
    #expect(s.drops(.ownSource) == 4 && s.stack.counters.addressConflicts == 0)
    #expect(s.drain().isEmpty)
  }

  @Test("An address that is taken away leaves nothing behind, whatever it was about to do")
  func removal() throws {
    for delay in [0, 500, 1_500, 4_000, 6_500, 9_000] as [Int64] {
      let s = try Station(checksAddresses: true)
      s.advance(by: .milliseconds(delay))
      try s.stack.removeAddress(s.address, from: s.interface)
      try s.stack.removeAddress(s.address6, from: s.interface)
      s.check()
      #expect(throws: InterfaceError.noSuchAddress) {
        try s.stack.removeAddress(s.address, from: s.interface)
      }
      _ = s.pull()
      s.advance(by: .seconds(20))
      #expect(s.pull().isEmpty && s.drain().isEmpty)
      #expect(s.stack.nextDeadline(now: s.now) == nil)
    }
    let s = try Station(checksAddresses: true)
    #expect(throws: InterfaceError.addressInUse) {
      try s.stack.addAddress(IPPrefix(s.address, length: 8), to: s.interface)
    }
    try s.stack.removeInterface(s.interface)
    s.check()
    s.advance(by: .seconds(20))
    #expect(s.drain().isEmpty)
  }
}
