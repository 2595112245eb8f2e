import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// What a host's packets give away besides what they say: uptime, traffic with others, which addresses are one.

@Suite("O7: telltales")
struct TelltaleTests {
  /// The timestamp of the SYN-ACK that a SYN from there gets, less the milliseconds of the clock.
  private func offset(_ s: Scenario, from peer: IPAddress, port: UInt16 = 40_000) -> UInt32? {
    s.inject(.syn(options: ScriptOption.everything()).from(peer, port: port))
    let clock = UInt32(truncatingIfNeeded: s.now.nanoseconds / 1_000_000)
    return s.takeSegments().first?.timestamps.map { $0.value &- clock }
  }

  private func peers(_ family: ScenarioFamily) -> [IPAddress] {
    (2..<130).map { n in
      family == .ipv4
        ? .v4(IPv4Address(10, 0, 0, UInt8(n))) : .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: UInt64(n)))
    }
  }

  @Test(
    "O7 each pair of addresses has a timestamp clock of its own, scattered over the whole range",
    arguments: ScenarioFamily.allCases)
  func timestampOffsets(family: ScenarioFamily) {
    let s = Scenario(.listening, family: family)
    let offsets = peers(family).compactMap { offset(s, from: $0) }
    #expect(offsets.count == 128)
    #expect(Set(offsets).count == 128)
    #expect(Set(offsets.map { $0 >> 28 }).count >= 15)
    #expect(Set(zip(offsets, offsets.dropFirst()).map { $1 &- $0 }).count == 127)
    let other = Scenario(.listening, family: family, seed: 2)
    #expect(offset(other, from: peers(family)[0]) != offsets[0])
  }

  @Test(
    "O7 between two addresses it is one clock, whatever the ports, the state and who opens",
    arguments: ScenarioFamily.allCases)
  func oneClock(family: ScenarioFamily) {
    let s = Scenario(.listening, family: family)
    let first = offset(s, from: s.peer)
    s.advance(by: .seconds(90))
    s.takeSegments()
    #expect(offset(s, from: s.peer, port: 50_000) == first)
    s.connect(to: 8_080)
    let syn = s.expect(.syn())
    let clock = UInt32(truncatingIfNeeded: s.now.nanoseconds / 1_000_000)
    #expect(syn?.timestamps.map { $0.value &- clock } == first)

    let t = Scenario(.timeWait(), family: family, offering: ScriptOption.everything())
    t.inject(.fin(seq: 1, ack: 2))
    let again = t.expect(.ack(seq: 2, ack: 2))
    let then = UInt32(truncatingIfNeeded: t.now.nanoseconds / 1_000_000)
    #expect(again?.timestamps.map { $0.value &- then } == first)
  }

  @Test(
    "O7 no IPv4 packet has an identification, and each says that it must not be fragmented")
  func identifications() {
    let s = Scenario(.listening, offering: ScriptOption.everything())
    var packets: [[UInt8]] = []
    func note() { packets += s.takeSegments().map(\.packet) }
    s.inject(.syn(options: ScriptOption.everything()))
    note()
    s.inject(.ack())
    s.send(30_000)
    note()
    s.advance(by: .seconds(1))
    note()
    s.inject(.data(seq: 5_000, ack: 1, "a hole"))
    s.inject(.rst(seq: 100))
    note()
    s.inject(.syn(seq: 0).to(port: 9))
    note()
    s.abort()
    note()
    s.connect(to: 8_080)
    note()
    // A ping, and a datagram to nobody.
    let addresses: [UInt8] = [10, 0, 0, 2, 10, 0, 0, 1]
    let echo: [UInt8] = [8, 0, 0xf7, 0xfd, 0, 1, 0, 1]
    s.inject(packet: mended([0x45, 0, 0, 0, 0, 7, 0, 0, 64, 1, 0, 0] + addresses + echo))
    let datagram: [UInt8] = [0, 99, 0, 53, 0, 8, 0, 0]
    s.inject(packet: mended([0x45, 0, 0, 0, 0, 7, 0, 0, 64, 17, 0, 0] + addresses + datagram))
    while s.waitingCount > 0, let packet = s.expectPacket() { packets.append(packet) }
    #expect(packets.count > 15)
    #expect(Set(packets.map { $0[9] }) == [1, 6])
    for packet in packets {
      #expect(packet[4] == 0 && packet[5] == 0)
      #expect(packet[6] & 0x60 == 0x40)
    }
  }
}
