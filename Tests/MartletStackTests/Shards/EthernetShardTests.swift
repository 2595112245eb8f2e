import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Several stacks with the same addresses on one Ethernet: stations that look like one.

@Suite("Shards on an Ethernet")
struct EthernetShardTests {
  private let steering = Steering(among: 2, seed: StackSeed(42))
  private let peer = v4(10, 0, 0, 9)
  private let peer6 = v6(9)

  private func station(_ index: Int, vlan: UInt16? = nil) throws -> Station {
    let steering = steering
    return try Station(vlan: vlan) { $0 = $0.divided(among: steering, index: index) }
  }

  private func recipients(_ frame: Packet, _ s: Station) -> Recipients {
    steering.recipients(
      of: frame.span.bytes, on: .ethernet(EthernetMedium(hardwareAddress: s.hardware, vlan: s.vlan)))
  }

  @Test(
    "What is said about neighbours is for all; a flow, a datagram and the malformed are for one",
    arguments: [nil, 7])
  func recipients(vlan: UInt16?) throws {
    let s = try station(0, vlan: vlan)
    #expect(recipients(s.arp(.request, from: mac(9), peer, for: s.address), s) == .all)
    #expect(recipients(s.arp(.reply, from: mac(9), peer, for: s.address, at: s.hardware), s) == .all)
    #expect(recipients(s.solicitation(of: s.address6, from: peer6, at: mac(9)), s) == .all)
    #expect(recipients(s.advertisement(of: peer6, at: mac(9)), s) == .all)
    var counts = [0, 0]
    for n in 0..<64 {
      for (own, other) in [(s.address, peer), (s.address6, peer6)] {
        let syn = tcp(
          from: Endpoint(address: other, port: UInt16(5_000 + n)), to: Endpoint(address: own, port: 80),
          seq: 7, .syn)
        let owner = steering.owner(of: syn.span.bytes)
        #expect(recipients(s.frame(syn, from: mac(9)), s) == .one(owner))
        counts[owner] += 1
      }
    }
    #expect(counts[0] > 32 && counts[1] > 32)
    let datagram = udp(
      from: Endpoint(address: peer, port: 9), to: Endpoint(address: s.address, port: 7), pattern(10))
    #expect(recipients(s.frame(datagram, from: mac(9)), s) == .one(0))
    let echo = icmp(from: peer6, to: s.address6, type: 128, pattern(8))
    #expect(recipients(s.frame(echo, from: mac(9)), s) == .one(0))
    let whole = s.solicitation(of: s.address6, from: peer6, at: mac(9))
    for count in 0..<(vlan == nil ? 55 : 59) {
      #expect(recipients(Packet(whole.prefix(count)), s) == .one(0))
    }
  }

  @Test("Who asks where we are is answered once, and all know him then")
  func answers() throws {
    let (first, second) = (try station(0), try station(1))
    let question = first.arp(.request, from: mac(9), peer, for: first.address)
    #expect(first.answers(to: question).map { $0.arp?.operation } == [.reply])
    #expect(second.answers(to: question).isEmpty)
    let question6 = first.solicitation(of: first.address6, from: peer6, at: mac(9))
    #expect(first.answers(to: question6).map { $0.neighbour?.type } == [136])
    #expect(second.answers(to: question6).isEmpty)
    for address in [peer, peer6] {
      _ = try second.stack.connect(to: Endpoint(address: address, port: 80), now: second.now)
      #expect(second.pull().map(\.destination) == [mac(9)])
    }
    #expect(second.stack.counters.neighbourSolicits == 0)
  }

  @Test("Each asks for itself, and the answer that all hear is its own")
  func questions() throws {
    let second = try station(1)
    _ = try second.stack.connect(to: Endpoint(address: peer, port: 80), now: second.now)
    #expect(second.pull().map { $0.arp?.operation } == [.request])
    let reply = second.arp(.reply, from: mac(9), peer, for: second.address, at: second.hardware)
    #expect(second.answers(to: reply).map { $0.ip?.flags } == [.syn])
  }

  @Test("What the first has put together reaches its owner without a frame, and is answered as any")
  func handOver() throws {
    let (first, second) = (try station(0), try station(1))
    for s in [first, second] {
      _ = try s.stack.listen(on: LocalEndpoint(port: 80))
      s.inject(s.arp(.request, from: mac(9), peer, for: s.address))
      _ = s.pull()
    }
    var handed = 0
    for n in 0..<32 {
      let syn = tcp(
        from: Endpoint(address: peer, port: UInt16(5_000 + n)),
        to: Endpoint(address: first.address, port: 80), seq: 7,
        .syn, text: pattern(100))
      for part in cut(syn, 48, id: UInt32(n)) { first.inject(first.frame(part, from: mac(9))) }
      guard steering.owner(of: syn.span.bytes) == 1 else {
        #expect(first.pull().map { $0.ip?.flags } == [[.syn, .ack]])
        continue
      }
      handed += 1
      var room = Packet(repeating: 0xa5, count: 1_600)
      var elements = room.mutableSpan
      var out = elements.mutableBytes
      let packet = try #require(first.stack.nextPacket(on: first.interface, into: &out, now: first.now))
      #expect(packet.metadata.shard == 2 && packet.count == syn.count)
      let whole = Packet(room.prefix(packet.count))
      #expect(whole.suffix(120) == syn.suffix(120))
      second.inject(whole, packet.metadata)
      let answer = second.pull()
      #expect(answer.map { $0.ip?.flags } == [[.syn, .ack]] && answer.first?.destination == mac(9))
      #expect(first.pull().isEmpty)
    }
    #expect(handed > 4)
  }

  @Test("All have one link-local address")
  func linkLocal() throws {
    let seed = StackSeed(9)
    let stations = try [UInt64(1), 2].map {
      try Station(seed: $0, secret: seed.addressSecret, linkLocal: true)
    }
    let own = stations.map { s in s.stack.addresses(of: s.interface).filter(\.isLinkLocal) }
    #expect(own[0] == own[1] && own[0].count == 1)
    let other = try Station(seed: 1, secret: StackSeed(10).addressSecret, linkLocal: true)
    #expect(other.stack.addresses(of: other.interface).filter(\.isLinkLocal) != own[0])
  }
}
