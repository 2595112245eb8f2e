import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Which of several stacks with the same addresses a packet is for.

@Suite("Steering")
struct SteeringTests {
  private let seed = StackSeed(42)
  private func peer(_ n: Int) -> Endpoint {
    Endpoint(address: near(UInt8(truncatingIfNeeded: 9 + n / 4_000)), port: UInt16(10_000 + n % 4_000))
  }
  private func ours(_ port: UInt16 = 80) -> Endpoint { Endpoint(address: near(2), port: port) }
  private func owner(_ packet: Packet, _ steering: Steering) -> Int { steering.owner(of: packet.span.bytes) }

  @Test("Whatever a flow of TCP says comes to one, errors about it too", .bothFamilies)
  func oneOwner() {
    let steering = Steering(among: 5, seed: seed)
    for n in 0..<200 {
      let syn = tcp(from: peer(n), to: ours(), seq: 7, .syn)
      let home = owner(syn, steering)
      #expect((0..<5).contains(home))
      let text = tcp(from: peer(n), to: ours(), seq: 8, ack: 9, [.ack, .psh], text: pattern(100))
      #expect(owner(text, steering) == home)
      // What we said, come back in a router's message.
      let said = tcp(from: ours(), to: peer(n), seq: 9, ack: 8, .ack, text: pattern(30))
      let error =
        isIPv4
        ? icmp(from: near(1), to: near(2), type: 3, code: 4, rest: 1_280, Packet(said.prefix(28)))
        : icmp(from: near(1), to: near(2), type: 2, rest: 1_280, said)
      #expect(owner(error, steering) == home)
    }
  }

  @Test("Flows are shared evenly, and nobody who does not know the seed can tell how", .bothFamilies)
  func even() {
    let steering = Steering(among: 4, seed: seed)
    let other = Steering(among: 4, seed: StackSeed(43))
    var counts = [0, 0, 0, 0]
    var same = 0
    for n in 0..<8_000 {
      let syn = tcp(from: peer(n), to: ours(), seq: 7, .syn)
      counts[owner(syn, steering)] += 1
      if owner(syn, steering) == owner(syn, other) { same += 1 }
    }
    // 2,000 each; six standard deviations are 232.
    #expect(counts.allSatisfy { (1_768...2_232).contains($0) }, "\(counts)")
    #expect((1_768...2_232).contains(same))
  }

  @Test("All else is the first one's: datagrams, echoes, fragments, and whatever is malformed", .bothFamilies)
  func allElse() {
    let steering = Steering(among: 16, seed: seed)
    for n in 0..<50 {
      let segment = tcp(from: peer(n), to: ours(), seq: 7, .syn, text: pattern(64))
      let datagram = udp(from: peer(n), to: ours(), pattern(10))
      let echo = icmp(from: near(9), to: near(2), type: isIPv4 ? 8 : 128, pattern(n))
      #expect(owner(datagram, steering) == 0 && owner(echo, steering) == 0)
      for part in cut(segment, 24) { #expect(owner(part, steering) == 0) }
      for count in [0, 1, 19, 20, 23, 39, 40, 43] where count < (isIPv4 ? 24 : 44) {
        #expect(owner(Packet(segment.prefix(count)), steering) == 0)
      }
    }
  }

  @Test("No octets are too odd")
  func anything() {
    let steering = Steering(among: 3, seed: seed)
    var random = StorageRandom(seed: 11)
    for _ in 0..<20_000 {
      var packet = random.bytes(random.below(100))
      if !packet.isEmpty { packet[0] = (random.oneIn(2) ? 0x45 : 0x60) | packet[0] & 0xf }
      if packet.count > 9 { packet[9] = [6, 1, 17, 44][random.below(4)] }
      if packet.count > 6 { packet[6] = [6, 58, 44, 0, 60][random.below(5)] }
      #expect((0..<3).contains(owner(packet, steering)))
    }
  }

  @Test("A connection that we begin takes a port whose answers come home", .bothFamilies)
  func activeOpen() throws {
    let steering = Steering(among: 4, seed: seed)
    for index in 0..<4 {
      let host = try Host(2) { $0 = $0.divided(among: steering, index: index) }
      for n in 0..<40 {
        _ = try host.stack.connect(to: Endpoint(address: near(9), port: UInt16(80 + n)), now: host.now)
        let syn = try #require(host.pull().first?.packet)
        let seen = try #require(Seen(syn))
        let port = try #require(seen.header?.sourcePort)
        let answer = tcp(
          from: Endpoint(address: near(9), port: UInt16(80 + n)), to: ours(port), seq: 1, ack: 1,
          [.syn, .ack])
        #expect(owner(answer, steering) == index)
      }
    }
  }

  @Test(
    "A port that is asked for and is another's is refused",
    .bothFamilies)
  func portOfAnother() throws {
    let steering = Steering(among: 2, seed: seed)
    let host = try Host(2) { $0 = $0.divided(among: steering, index: 1) }
    var refused = 0
    for n in 0..<64 {
      let port = UInt16(20_000 + n)
      let target = Endpoint(address: near(9), port: 80)
      let isHome = owner(tcp(from: target, to: ours(port), seq: 1, .ack), steering) == 1
      do throws(ConnectError) {
        _ = try host.stack.connect(to: target, from: LocalEndpoint(port: port), now: host.now)
        #expect(isHome)
      } catch {
        #expect(error == .portOfAnotherShard && !isHome)
        refused += 1
      }
    }
    #expect((16...48).contains(refused))
  }

  @Test("What was cut is put together by the first, and handed on whole", .bothFamilies)
  func handOver() throws {
    let steering = Steering(among: 2, seed: seed)
    let first = try Host(2) { $0 = $0.divided(among: steering, index: 0) }
    _ = try first.stack.listen(on: LocalEndpoint(port: 80))
    var handed = 0
    for n in 0..<32 {
      let syn = tcp(from: peer(n), to: ours(), seq: 7, .syn, text: pattern(100))
      for part in cut(syn, 48, id: UInt32(n)) { first.inject(part) }
      let home = owner(syn, steering)
      let out = first.pull()
      #expect(out.count == 1)
      guard home == 1 else {
        #expect(out.first?.metadata.shard == 0)
        continue
      }
      handed += 1
      #expect(out.first?.metadata.shard == 2)
      let packet = try #require(out.first?.packet)
      #expect(packet.suffix(20 + 100) == syn.suffix(20 + 100))
      #expect(owner(packet, steering) == 1)
      // The other takes it like any segment.
      let second = try Host(2) { $0 = $0.divided(among: steering, index: 1) }
      _ = try second.stack.listen(on: LocalEndpoint(port: 80))
      let answers = try second.answers(to: packet)
      #expect(answers.first?.flags == [.syn, .ack])
    }
    #expect((8...24).contains(handed))
    #expect(first.stack.held.chunks == 0)
  }

  @Test("What all of them may hold and say is divided among them")
  func divided() {
    var whole = StackConfiguration()
    whole.memoryBudget = 1_000_000
    whole.connectionLimit = 10
    whole.resetsPerSecond = 0
    let steering = Steering(among: 4, seed: seed)
    let part = whole.divided(among: steering, index: 3)
    #expect(part.memoryBudget == 250_000 && part.connectionLimit == 3 && part.resetsPerSecond == 0)
    #expect(part.shard?.index == 3)
    #expect(whole.divided(among: Steering(among: 1, seed: seed), index: 0).connectionLimit == 10)
    #expect(Shard(7, of: steering).index == 3 && Shard(-1, of: steering).index == 0)
    #expect(Steering(among: 0, seed: seed).count == 1)
  }
}
