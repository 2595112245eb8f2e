import MartletWire
import Testing

@Suite struct EthernetTests {
  private let mine = MACAddress(0x02, 0, 0, 0, 0, 0x01)
  private let theirs = MACAddress(0x02, 0xab, 0xcd, 0xef, 0x12, 0x34)

  @Test("a frame header, octet for octet, and back")
  func header() throws {
    let header = EthernetHeader(destination: theirs, source: mine, etherType: .ipv6)
    let octets = written(18) { header.write(into: &$0, at: 2) }
    #expect(octets == [0xEE, 0xEE] + hex("02abcdef1234 020000000001 86dd") + [0xEE, 0xEE])
    let frame = Array(octets[2...])
    let read = EthernetHeaderView(validating: frame.span.bytes)?.header()
    let payload = EthernetHeaderView(validating: frame.span.bytes)?.payload.array
    #expect(read == header && payload == [0xEE, 0xEE])
    for count in 0..<14 {
      let isAccepted = EthernetHeaderView(validating: frame.span.bytes.extracting(0..<count)) != nil
      #expect(!isAccepted)
    }
  }

  @Test("an ARP packet, octet for octet, and back")
  func arp() {
    let packet = ARPPacket(
      operation: .reply, senderHardware: mine, senderProtocol: IPv4Address(10, 0, 0, 1),
      targetHardware: theirs, targetProtocol: IPv4Address(10, 0, 0, 2))
    let octets = written(30) { packet.write(into: &$0, at: 1) }
    let expected = hex("0001 0800 06 04 0002 020000000001 0a000001 02abcdef1234 0a000002")
    #expect(octets == [0xEE] + expected + [0xEE])
    #expect(ARPPacket(parsing: expected.span.bytes) == packet)
    #expect(ARPPacket(parsing: (expected + [0, 0, 0]).span.bytes) == packet)
    for count in 0..<28 {
      #expect(ARPPacketView.defect(in: expected.span.bytes.extracting(0..<count)) == .truncated)
    }
    for index in 0..<6 {
      var other = expected
      other[index] ^= 1
      #expect(ARPPacketView.defect(in: other.span.bytes) == .unsupportedHardware)
    }
  }

  @Test("group addresses and where multicasts go")
  func groups() {
    #expect(MACAddress.broadcast.isMulticast && MACAddress.broadcast.isBroadcast)
    #expect(mine.isUnicast && !mine.isMulticast && !MACAddress.zero.isUnicast)
    #expect(MACAddress(multicast: IPv4Address(239, 129, 2, 3)) == MACAddress(1, 0, 0x5e, 1, 2, 3))
    #expect(MACAddress(multicast: IPv6Address.allNodes) == MACAddress(0x33, 0x33, 0, 0, 0, 1))
  }

  @Test("addresses as text, and back")
  func text() {
    #expect(theirs.description == "02:ab:cd:ef:12:34")
    #expect(MACAddress("02:AB:cd:ef:12:34") == theirs)
    for bad in [
      "", "02:ab:cd:ef:12", "02:ab:cd:ef:12:34:56", "02:ab:cd:ef:12:", "02-ab-cd-ef-12-34", "g2:0:0:0:0:0",
    ] {
      #expect(MACAddress(bad) == nil)
    }
  }
}
