import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Four-tuples that somebody chose")
struct CollisionTests {
  /// The words that the table's key is hashed with, of the n-th peer in 10.0.0.0/8.
  private func words(_ n: UInt64) -> (UInt64, UInt32) {
    (0x0a00_0002 << 32 | (0x0a00_0000 + n / 60_000), 80 << 16 | UInt32(1_024 + n % 60_000))
  }

  private func hash(_ key: SipKey, _ n: UInt64) -> UInt64 {
    let (addresses, ports) = words(n)
    return SipHash.hash13(key, addresses, tail: ports)
  }

  /// Mean and most slots that a lookup looks at, of these peers in a table with this key.
  private func probes(_ peers: [UInt64], _ key: SipKey) -> (mean: Double, most: Int) {
    var table = FlowTable()
    var budget = MemoryBudget()
    for (i, n) in peers.enumerated() {
      #expect(table.insert(hash(key, n), UInt32(i), &budget))
    }
    var (sum, most) = (0, 0)
    for (i, n) in peers.enumerated() {
      let count = table.probes(hash(key, n), UInt32(i))
      sum += count
      most = max(most, count)
    }
    return (Double(sum) / Double(peers.count), most)
  }

  @Test("E10 four-tuples that collide under a guessed key cost no more than random ones under the real one")
  func guessedKey() {
    let guessed = SipKey(1, 2)
    let real = SipKey(0x1234_5678_9abc_def0, 0x0fed_cba9_8765_4321)
    // The table takes its segment and slot from these bits of the hash: 300 peers of one slot in one segment.
    var chosen: [UInt64] = []
    var n: UInt64 = 0
    while chosen.count < 300 {
      let folded = hash(guessed, n) ^ hash(guessed, n) >> 32
      if folded & 0x3fe == 0 { chosen.append(n) }
      n += 1
    }
    let random = (0..<300).map { UInt64($0) &* 1_000_003 % 100_000_000 }
    let hit = probes(chosen, guessed)
    let missed = probes(chosen, real)
    let plain = probes(random, real)
    print("slots looked at: guessed right \(hit), guessed wrong \(missed), random \(plain)")
    #expect(hit.mean > 100, "they do collide where the guess is right")
    #expect(missed.mean < plain.mean * 1.5 + 1 && missed.most < 2 * plain.most + 8)
  }

  /// The mean and the most slots that a stack with this seed looks at to find the half-open records of `peers`.
  private func probes(seed: UInt64, _ peers: [Endpoint], isIPv4: Bool) throws -> (mean: Double, most: Int) {
    let host = try Host(2, seed: seed)
    _ = try host.stack.listen(on: LocalEndpoint(port: 80))
    let local = Endpoint(address: isIPv4 ? host.address : host.address6, port: 80)
    for peer in peers {
      host.stack.receive(
        tcp(from: peer, to: local, seq: 1, .syn).span.bytes, on: host.interface, now: host.now)
    }
    host.check()
    #expect(host.stack.held.halfOpen == peers.count)
    var counts: [Int] = []
    for peer in peers {
      let count = host.stack.probes(local, peer)
      counts.append(try #require(count))
    }
    return (Double(counts.reduce(0, +)) / Double(counts.count), counts.max() ?? 0)
  }

  @Test(
    "E10 peers that collide in the attacker's own stack cost another no more than random ones",
    arguments: [4, 6])
  func anotherStack(version: Int) throws {
    let isIPv4 = version == 4
    func peer(_ n: UInt64) -> Endpoint {
      let address = isIPv4 ? v4(10, 0, 0, UInt8(3 + n / 60_000)) : v6(3 + n / 60_000)
      return Endpoint(address: address, port: UInt16(1_024 + n % 60_000))
    }
    // He has the same program, but not our seed.
    let his = try Host(2, seed: 1)
    let local = Endpoint(address: isIPv4 ? his.address : his.address6, port: 80)
    var chosen: [Endpoint] = []
    var n: UInt64 = 0
    while chosen.count < 300 {
      guard let hash = his.stack.tableHash(local, peer(n)) else { break }
      if (hash ^ hash >> 32) & 0x3fe == 0 { chosen.append(peer(n)) }
      n += 1
    }
    let random = (0..<300).map { peer($0 &* 1_000_003 % n) }
    let hit = try probes(seed: 1, chosen, isIPv4: isIPv4)
    let missed = try probes(seed: 2, chosen, isIPv4: isIPv4)
    let plain = try probes(seed: 2, random, isIPv4: isIPv4)
    print("slots looked at: in his stack \(hit), in ours \(missed), random ones \(plain)")
    #expect(hit.mean > 100, "they do collide where the seed is known")
    #expect(missed.mean < plain.mean * 1.5 + 1 && missed.most < 2 * plain.most + 8)
  }
}
