import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("E4 Fragments that cannot be")
struct BadFragmentTests {
  @Test("MUST-57: a segment in fragments to a broadcast address is dropped in silence, too")
  func segmentForAll() throws {
    let r = try Receiver(4)
    _ = try r.host.stack.listen(on: LocalEndpoint(port: 80))
    let peer = Endpoint(address: v4(10, 0, 0, 1), port: 5_000)
    for (address, answers) in [(v4(10, 0, 0, 255), 0), (r.host.address, 1)] {
      let syn = tcp(
        from: peer, to: Endpoint(address: address, port: 80), seq: 1, .syn,
        text: Packet(repeating: 1, count: 20))
      r.inject(cut(syn, 24))
      #expect(r.host.pull().count == answers)
    }
    #expect(r.host.drops(.tcpNotUnicast) == 1)
  }

  @Test("MUST-57: nor is one in fragments to a group that a datagram socket has joined")
  func segmentForGroup() throws {
    let r = try Receiver(6)
    _ = try r.host.stack.listen(on: LocalEndpoint(port: 80))
    let group = IPAddress.v6(IPv6Address(high: 0xff05_0000_0000_0000, low: 0x1234))
    try r.host.stack.joinGroup(r.socket, group, on: r.host.interface, now: r.host.now)
    _ = r.host.pull()
    let syn = tcp(
      from: r.peer, to: Endpoint(address: group, port: 80), seq: 1, .syn,
      text: Packet(repeating: 1, count: 20))
    r.inject(cut(syn, 24))
    #expect(r.host.drops(.multicast) == 1)
    #expect(r.host.stack.held.halfOpen == 0 && r.host.pull().isEmpty)
  }

  /// A shape of two fragments that overlap in a datagram of 208 octets, and what the rest of it is.
  static let overlaps: [(String, (Int, Int), (Int, Int))] = [
    ("teardrop: inside another", (0, 104), (24, 48)),
    ("the front of the other", (96, 208), (48, 104)),
    ("the back of the other", (0, 104), (96, 208)),
    ("all of the other and more", (48, 56), (40, 104)),
    ("the first rewritten", (0, 104), (0, 24)),
    ("the first, longer", (0, 104), (0, 112)),
    ("one octet group", (0, 104), (96, 104)),
  ]

  @Test(
    "RFC 5722: a datagram whose fragments overlap is dropped and stays dropped", arguments: [4, 6],
    overlaps.indices)
  func overlap(version: Int, shape: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(200))
    let (name, one, two) = Self.overlaps[shape]
    r.inject([fragment(of: datagram, one.0, one.1), fragment(of: datagram, two.0, two.1)])
    #expect(r.host.drops(.fragmentOverlap) == 1, "\(name)")
    #expect(r.host.stack.held.chunks == 0, "what has come is given back at once")
    // Now all of it, rightly.
    r.inject(cut(datagram, 104))
    #expect(r.text() == nil && r.host.drops(.fragmentOverlap) == 3)
    // Silently.
    r.host.advance(by: .seconds(61))
    #expect(r.host.pull().isEmpty && r.host.stack.held.unfinishedDatagrams == 0)
    // Its name is free again.
    r.inject(cut(datagram, 104))
    #expect(r.text() == pattern(200))
  }

  @Test(
    "RFC 8200 §4.5: a fragment that the network has doubled is dropped alone; one with other octets is none",
    arguments: [4, 6])
  func duplicate(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(6_000))
    let parts = cut(datagram, 1_400)
    r.inject([parts[1], parts[1], parts[4], parts[4], parts[0], parts[0], parts[2]])
    #expect(r.host.drops(.fragmentDuplicate) == 3)
    r.inject([parts[3]])
    #expect(r.text() == pattern(6_000))
    var other = Packet(datagram[(datagram.count - 400)...])
    other[399] ^= 1
    let last = fragment(of: datagram, 5_608, 6_008, id: 5, octets: other)
    let right = fragment(of: datagram, 5_608, 6_008, id: 5)
    r.inject([right, last])
    #expect(r.host.drops(.fragmentOverlap) == 1)
    // The same octets, once as the end and once not.
    for first in [true, false] {
      r.inject([
        fragment(of: datagram, 56, 64, more: first, id: first ? 6 : 7),
        fragment(of: datagram, 56, 64, more: !first, id: first ? 6 : 7),
      ])
    }
    #expect(r.host.drops(.fragmentOverlap) == 3)
  }

  @Test("A datagram has one end, and nothing beyond it", arguments: [4, 6])
  func ends(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(200))
    r.inject([fragment(of: datagram, 104, 208), fragment(of: datagram, 96, 100, more: false)])
    r.inject([
      fragment(of: datagram, 104, 208, id: 5),
      fragment(of: datagram, 208, 216, more: true, id: 5, octets: pattern(8)),
    ])
    r.inject([
      fragment(of: datagram, 48, 104, id: 6), fragment(of: datagram, 8, 40, more: false, id: 6),
    ])
    #expect(r.host.drops(.fragmentOverlap) == 3)
  }

  @Test("Lengths that no fragment has are dropped before anything is kept", arguments: [4, 6])
  func lengths(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(200))
    let odd = fragment(of: datagram, 0, 101, more: true)
    let empty = fragment(of: datagram, 64, 64, more: true)
    // The ping of death.
    let beyond = fragment(of: datagram, 65_528, 0, more: false, octets: pattern(8))
    for (bad, pointer) in [(odd, 4), (empty, nil), (beyond, 42)] as [(Packet, UInt8?)] {
      r.inject([bad])
      let answers = r.host.pull().map(\.packet)
      guard version == 6, let pointer else {
        #expect(answers.isEmpty)
        continue
      }
      #expect(
        answers == [
          icmp(from: r.own.address, to: r.peer.address, type: 4, code: 0, rest: UInt32(pointer), bad)
        ])
    }
    #expect(r.host.drops(.badFragment) == 3 && r.host.stack.held.unfinishedDatagrams == 0)
    #expect(r.host.stack.counters.icmpOutParmProbs == (version == 6 ? 2 : 0))
  }

  @Test("The last octets of the largest datagram are no ping of death", arguments: [4, 6])
  func edge(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(200))
    let (start, count) = version == 4 ? (65_512, 3) : (65_528, 7)
    r.inject([fragment(of: datagram, start, 0, more: false, octets: pattern(count))])
    #expect(r.host.stack.held.unfinishedDatagrams == 1)
    r.inject([fragment(of: datagram, start, 0, more: false, id: 5, octets: pattern(count + 1))])
    #expect(r.host.stack.held.unfinishedDatagrams == 1 && r.host.drops(.badFragment) == 1)
  }

  @Test("RFC 1858, RFC 3128: the header of the transport is whole in the first fragment, or it is dropped")
  func tiny() throws {
    let r = try Receiver(4)
    let syn = tcp(from: r.peer, to: r.host.endpoint(80), seq: 7, .syn, text: pattern(20))
    r.inject([fragment(of: syn, 0, 8), fragment(of: syn, 0, 16)])
    #expect(r.host.drops(.badFragment) == 2)
    var options = TCPOptions()
    options.present = [.maximumSegmentSize]
    options.maximumSegmentSize = 1_000
    let long = tcp(
      from: r.peer, to: r.host.endpoint(80), seq: 7, .syn, options: options, text: pattern(20))
    r.inject([fragment(of: long, 0, 24)])
    #expect(r.host.stack.held.unfinishedDatagrams == 1)
    var lying = syn
    lying[32] = 0x70
    r.inject([fragment(of: lying, 0, 24)])
    #expect(r.host.drops(.badFragment) == 3)
    // RFC 3128 §3: the second begins within the header, so it overlaps.
    r.inject([fragment(of: long, 8, 32)])
    #expect(r.host.drops(.fragmentOverlap) == 1)
  }

  @Test("RFC 7112: the whole header chain is in the first fragment, or the sender is told")
  func chain() throws {
    let r = try Receiver(6)
    let datagram = r.datagram(pattern(100))
    var long = Packet(datagram.prefix(40)) + [17, 1, 0x1e, 12] + Packet(repeating: 0, count: 12)
    long += datagram.dropFirst(40)
    long[6] = 60
    store(UInt16(long.count - 40), in: &long, at: 4)
    for end in [8, 16] {
      let bad = fragment(of: long, 0, end, more: true)
      r.inject([bad])
      #expect(
        r.host.pull().map(\.packet) == [
          icmp(from: r.own.address, to: r.peer.address, type: 4, code: 3, rest: 0, bad)
        ])
    }
    let nested = fragment(of: fragment(of: datagram, 0, 56), 0, 64, more: true)
    r.inject([nested])
    #expect(r.host.drops(.badFragment) == 3 && r.host.stack.held.unfinishedDatagrams == 0)
  }

  @Test("Of a packet to nobody's address, a group or a wrong sum no fragment is kept")
  func unwanted() throws {
    let r = try Receiver(4)
    let others = udp(from: r.peer, to: Endpoint(address: v4(10, 0, 0, 77), port: 53), pattern(100))
    r.inject([fragment(of: others, 0, 56)])
    #expect(r.host.drops(.notOurs) == 1)
    var broken = fragment(of: r.datagram(pattern(100)), 0, 56)
    broken[10] ^= 1
    r.inject([broken])
    #expect(r.host.drops(.badIPChecksum) == 1)
    let group = ip(.icmpv6, from: v6(9), to: .v6(.allNodes), pattern(100))
    r.inject([fragment(of: group, 0, 56)])
    #expect(r.host.drops(.multicast) == 1)
    #expect(r.host.stack.held.unfinishedDatagrams == 0)
  }
}
