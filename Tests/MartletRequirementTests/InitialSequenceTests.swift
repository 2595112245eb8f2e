import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// S2.9: RFC 9293 §3.4.1, as it shows on the wire.
@Suite struct InitialSequenceTests {
  private func ofClient(
    _ family: ScenarioFamily = .standard, seed: UInt64 = 1, after wait: TimeAmount = .zero,
    to port: UInt16 = 80,
    from localPort: UInt16 = 49_152
  ) throws -> UInt32 {
    let s = Scenario(.closed, family: family, seed: seed)
    s.advance(by: wait)
    s.connect(to: port, from: localPort)
    return try #require(s.expect(.syn())).header.seq.rawValue
  }

  private func ofServer(
    _ family: ScenarioFamily = .standard, seed: UInt64 = 1, after wait: TimeAmount = .zero,
    from host: UInt8 = 2,
    port: UInt16 = 40_000
  ) throws -> UInt32 {
    let s = Scenario(.listening, family: family, seed: seed)
    s.advance(by: wait)
    let address =
      family == .ipv4
      ? IPAddress.v4(IPv4Address(10, 0, 0, host))
      : .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: UInt64(host)))
    s.inject(.syn(seq: 0).from(address, port: port))
    return try #require(s.expect(.synAck().to(port: port))).header.seq.rawValue
  }

  @Test("S2.9 MUST-8 the clock: four microseconds a tick, at both ends", arguments: ScenarioFamily.allCases)
  func clock(_ family: ScenarioFamily) throws {
    for (wait, ticks) in [
      (TimeAmount.microseconds(4), 1), (.milliseconds(1), 250), (.seconds(60), 15_000_000),
    ] {
      #expect(try ofClient(family, after: wait) &- ofClient(family) == UInt32(ticks))
      #expect(try ofServer(family, after: wait) &- ofServer(family) == UInt32(ticks))
    }
  }

  @Test(
    "S2.9 SHLD-1 the hash: each part of the four-tuple, and the secret, changes the number altogether",
    .bothFamilies)
  func hash() throws {
    for family in ScenarioFamily.allCases {
      var numbers = [try ofClient(family), try ofServer(family)]
      for i: UInt16 in 1...8 {
        numbers.append(try ofClient(family, to: 80 + i))
        numbers.append(try ofClient(family, from: 49_152 + i))
        numbers.append(try ofClient(family, seed: 1 + UInt64(i)))
        numbers.append(try ofServer(family, from: 2 + UInt8(i)))
        numbers.append(try ofServer(family, port: 40_000 + i))
        numbers.append(try ofServer(family, seed: 1 + UInt64(i)))
      }
      numbers.sort()
      // 50 numbers that know nothing of each other: one in 30,000 tries has two this close.
      for (a, b) in zip(numbers, numbers.dropFirst()) { #expect(b - a > 100) }
    }
  }

  @Test("S2.9 MUST-9 from one seed to the next, each bit of the number is as often 1 as 0", .bothFamilies)
  func bits() throws {
    var ones = [Int](repeating: 0, count: 32)
    for seed in 0..<400 as Range<UInt64> {
      let number = try ofClient(seed: seed)
      for bit in 0..<32 where number >> UInt32(bit) & 1 == 1 { ones[bit] += 1 }
    }
    // Five standard deviations.
    for count in ones { #expect((150...250).contains(count)) }
  }

  @Test(
    "S2.9 a new incarnation begins beyond everything that the old one sent, at up to 250,000 octets a second",
    .bothFamilies,
    arguments: [ScenarioRole.passive, .active])
  func incarnationsDoNotOverlap(_ role: ScenarioRole) throws {
    let w = TwoStacks { $0.tcp.timestamps = false }
    let sender = role == .active ? w.a : w.b
    try w.open()
    w.send(scriptText(0..<400_000), from: sender)
    w.run(.seconds(2))
    let ends = w.log.filter { $0.fromA == (sender === w.a) }
      .map { $0.header.seq.advanced(by: UInt32($0.text.count)) }
    let first = try #require(ends.first)
    let highest = ends.reduce(first) { SequenceNumber.latest($0, $1) }
    #expect(highest.distance(from: first) == 400_001)
    try w.close(w.a)
    try w.deliverAll()
    try w.close(w.b)
    w.run(.seconds(61))
    w.forgetLog()
    try w.open()
    let syn = try #require(w.log.first { $0.fromA == (sender === w.a) && $0.flags.contains(.syn) })
    #expect(syn.header.seq.follows(highest))
  }
}
