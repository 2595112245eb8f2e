import MartletWire
import Testing

@Suite struct NeighborOptionsTests {
  @Test("options as written, octet for octet, and back")
  func written() {
    let hardware = MACAddress(0x02, 0xab, 0xcd, 0xef, 0x12, 0x34)
    let octets = MartletWireTests.written(24) {
      NeighborOption.sourceLinkAddress(hardware).write(into: &$0, at: 0)
      NeighborOption.targetLinkAddress(hardware).write(into: &$0, at: 8)
      NeighborOption.nonce(0x0102_0304_0506).write(into: &$0, at: 16)
    }
    #expect(octets == hex("0101 02abcdef1234 0201 02abcdef1234 0e01 010203040506"))
    let read = NeighborOptions(parsing: octets.span.bytes)
    #expect(read?.sourceLinkAddress == hardware && read?.targetLinkAddress == hardware)
    #expect(read?.nonce == 0x0102_0304_0506 && read?.mtu == nil)
  }

  @Test("the first of a kind counts, unknown kinds are passed over")
  func order() {
    let octets = hex("6302 000000000000 0000000000000000 0501 0000 000005dc")
    #expect(NeighborOptions(parsing: octets.span.bytes)?.mtu == 1_500)
    let twice = hex("0501 0000 000005dc 0501 0000 00000500")
    #expect(NeighborOptions(parsing: twice.span.bytes)?.mtu == 1_500)
    // A hardware address of another length is none of Ethernet's.
    let long = hex("0102 02abcdef1234 0000000000000000")
    #expect(NeighborOptions(parsing: long.span.bytes)?.sourceLinkAddress == nil)
  }

  @Test("P2: options without a length, cut short, beyond the end, or by the dozen make the message invalid")
  func bad() {
    for text in ["0100 000000000000", "0102 000000000000", "0101 0000", "01", "0101 000000000000 01"] {
      let octets = hex(text)
      let isRead = NeighborOptions(parsing: octets.span.bytes) != nil
      #expect(!isRead)
    }
    for count in [0, 1, 32, 33] {
      let octets = Array(repeating: [99, 1, 0, 0, 0, 0, 0, 0] as [UInt8], count: count).flatMap { $0 }
      let isRead = NeighborOptions(parsing: octets.span.bytes) != nil
      #expect(isRead == (count <= NeighborOptions.maximumCount))
    }
  }

  @Test("an 802.1Q tag, octet for octet, and back")
  func tag() {
    let tag = VLANTag(identifier: 0x123, priority: 5, etherType: .ipv6)
    let octets = MartletWireTests.written(4) { tag.write(into: &$0, at: 0) }
    #expect(octets == hex("a123 86dd"))
    #expect(VLANTag(parsing: octets.span.bytes) == tag)
    let isRead = VLANTag(parsing: octets.span.bytes.extracting(0..<3)) != nil
    #expect(!isRead)
    #expect(VLANTag(identifier: 0xf123, etherType: .arp).identifier == 0x123)
  }
}

@Suite struct PrefixInformationTests {
  private let option = "0304 40c0 00015180 00003840 00000000 20010db8000100000000000000000000"

  @Test("a prefix, octet for octet; others are passed over, bad ones end the walk")
  func prefixes() {
    let octets = hex(
      "0101 02abcdef1234" + option + "6301 000000000000" + option.replacingFirst("40c0", "81c0")
        + option.replacingFirst("40c0", "3080"))
    var offset = 0
    let first = PrefixInformation.next(in: octets.span.bytes, from: &offset)
    #expect(first?.prefix == IPPrefix("2001:db8:1::/64"))
    #expect(first?.isOnLink == true && first?.isAutonomous == true)
    #expect(first?.validLifetime == 86_400 && first?.preferredLifetime == 14_400)
    let second = PrefixInformation.next(in: octets.span.bytes, from: &offset)
    #expect(second?.prefix == IPPrefix("2001:db8:1::/48") && second?.isAutonomous == false)
    let none = PrefixInformation.next(in: octets.span.bytes, from: &offset)
    #expect(none == nil && offset == octets.count)
    for bad in ["0300 40c0 00015180", "0305 40c0 00015180", "0304 40"] {
      var offset = 0
      let isRead = PrefixInformation.next(in: hex(bad).span.bytes, from: &offset) != nil
      #expect(!isRead)
    }
  }

  @Test("RFC 4191 §2.2: a router's lifetime and preference; the reserved one is medium")
  func advertisement() {
    #expect(RouterAdvertisement(0x4000_0708) == RouterAdvertisement(0x0000_0708))
    #expect(
      [0x0708, 0x8_0708, 0x10_0708, 0x18_0708].map { RouterAdvertisement($0).preference } == [0, 1, 0, -1])
    #expect(RouterAdvertisement(0x18_0708).lifetime == 1_800)
  }
}

extension String {
  fileprivate func replacingFirst(_ a: String, _ b: String) -> String {
    var text = ""
    var rest = self[...]
    while !rest.isEmpty, !rest.hasPrefix(a) { text.append(rest.removeFirst()) }
    return text + b + rest.dropFirst(a.count)
  }
}

@Suite struct RouteInformationTests {
  @Test(
    "RFC 4191 §2.3: a way, octet for octet; what is left out of its prefix is zero; bad ones are passed over")
  func ways() {
    let octets = hex(
      "0101 02abcdef1234 1802 30 08 00000258 20010db800770000 1801 00 18 ffffffff 1803 40 00 00000001"
        + "20010db800780000ffffffffffffffff 1801 01 00 00000001 1802 41 00 00000001 0000000000000000"
        + "1802 30 10 00000001 20010db800770000 1803 81 00 00000001 00000000000000000000000000000000 1802")
    var offset = 0
    let first = RouteInformation.next(in: octets.span.bytes, from: &offset)
    #expect(first == RouteInformation(prefix: IPPrefix("2001:db8:77::/48")!, preference: 1, lifetime: 600))
    let second = RouteInformation.next(in: octets.span.bytes, from: &offset)
    #expect(second == RouteInformation(prefix: IPPrefix("::/0")!, preference: -1, lifetime: .max))
    let third = RouteInformation.next(in: octets.span.bytes, from: &offset)
    #expect(third == RouteInformation(prefix: IPPrefix("2001:db8:78::/64")!, preference: 0, lifetime: 1))
    let none = RouteInformation.next(in: octets.span.bytes, from: &offset)
    #expect(none == nil)
  }
}
