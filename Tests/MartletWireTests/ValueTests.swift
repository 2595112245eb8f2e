import MartletWire
import Testing

/// What is made of values alone, and read of whole packets.
@Suite struct ValueTests {
  @Test("a protocol and an EtherType are their numbers")
  func numbers() {
    #expect(IPProtocol(rawValue: 6) == .tcp && IPProtocol(rawValue: 17) == .udp)
    #expect(EtherType.vlan.rawValue == 0x8100 && IPv4Header.checksumOffset == 10)
  }

  @Test("a prefix of one address holds that one, in either family")
  func host() {
    let four = IPAddress.v4(IPv4Address(10, 0, 0, 1))
    let six = IPAddress.v6(IPv6Address(high: 0xfd00 << 48, low: 1))
    #expect(IPPrefix(host: four).length == 32 && IPPrefix(host: six).length == 128)
    #expect(IPPrefix(host: four).contains(four) && !IPPrefix(host: four).contains(six))
    #expect(!IPPrefix(host: four).contains(.v4(IPv4Address(10, 0, 0, 2))))
  }

  @Test("groups and broadcasts are told apart, in either family")
  func classes() {
    let group4 = IPAddress.v4(IPv4Address(224, 0, 0, 1))
    let group6 = IPAddress.v6(.allRouters)
    let everybody = IPAddress.v4(IPv4Address(255, 255, 255, 255))
    let one = IPAddress.v4(IPv4Address(192, 0, 2, 1))
    #expect(group4.isMulticast && group6.isMulticast && !one.isMulticast && !everybody.isMulticast)
    #expect(everybody.isBroadcast && !one.isBroadcast && !group6.isBroadcast)
    #expect("\(group6)" == "ff02::2")
  }

  @Test("no pseudo-header is made of two families")
  func twoFamilies() {
    let mixed = InternetChecksum.pseudoHeader(
      source: .v4(IPv4Address(10, 0, 0, 1)), destination: .v6(.allRouters), proto: .tcp, length: 20)
    #expect(mixed.folded == InternetChecksum().folded)
  }

  @Test("an ARP packet says how long it is")
  func arp() {
    let zero = MACAddress(bits: 0)
    let packet = ARPPacket(
      operation: ARPOperation(rawValue: 9), senderHardware: zero, senderProtocol: IPv4Address(10, 0, 0, 1),
      targetHardware: zero, targetProtocol: IPv4Address(10, 0, 0, 2))
    #expect(packet.encodedCount == 28)
  }
}
