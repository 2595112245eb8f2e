import MartletWire
import Testing

@Suite struct AddressTests {
  @Test("IPv4 text: dotted decimal and nothing else")
  func ipv4() {
    for text in ["0.0.0.0", "10.0.0.1", "255.255.255.255", "192.168.100.9"] {
      #expect(IPv4Address(text)?.description == text)
    }
    for bad in [
      "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.256", "01.2.3.4", "1..3.4", ".1.2.3", "1.2.3.",
      " 1.2.3.4", "1.2.3.4 ", "1.2.3.4/8", "a.b.c.d", "1,2,3,4", "-1.2.3.4", "1.2.3.4444", "1.2.3.１",
    ] {
      #expect(IPv4Address(bad) == nil, "\(bad)")
    }
  }

  @Test(
    "RFC 5952 the canonical text of an address, from any of its texts",
    arguments: [
      ("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),  // §1
      ("2001:0db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("2001:db8::0:1:0:0:1", "2001:db8::1:0:0:1"),
      ("2001:0DB8:0000:0000:0001:0000:0000:0001", "2001:db8::1:0:0:1"),
      ("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"),  // §4.2.2: one group is not shortened
      ("2001:0:0:1:0:0:0:1", "2001:0:0:1::1"),  // §4.2.3: the longest run
      ("2001:db8:0:0:0:0:2:1", "2001:db8::2:1"),  // §4.2.1: as much as possible
      ("2001:DB8::AAAA", "2001:db8::aaaa"),  // §4.3
      ("::", "::"), ("::1", "::1"), ("1::", "1::"), ("0:0:0:0:0:0:0:0", "::"),
      ("fd00:7::1", "fd00:7::1"), ("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"),
      ("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
      ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("::ffff:c000:201", "::ffff:192.0.2.1"),  // §5
      ("64:ff9b::192.0.2.33", "64:ff9b::c000:221"), ("1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"),
      ("0:0:1::", "0:0:1::"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
    ])
  func ipv6(text: String, canonical: String) throws {
    let address = try #require(IPv6Address(text))
    #expect(address.description == canonical)
    #expect(IPv6Address(canonical) == address)
  }

  @Test("IPv6 text that is none")
  func ipv6Bad() {
    for bad in [
      "", ":", ":::", "1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "::g", ":1::", "1::2:",
      "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:1.2.3.4", "::1.2.3", "::1.2.3.4:5", "1.2.3.4",
      "fe80::1%eth0", "::1/64", " ::1", "::256.1.1.1", "1:2:3:4::5:6:7:8",
    ] {
      #expect(IPv6Address(bad) == nil, "\(bad)")
    }
  }

  @Test("random IPv6 addresses, many with runs of zeros, survive text")
  func ipv6RoundTrip() {
    var random = SeededGenerator(seed: 50)
    for _ in 0..<5_000 {
      let high = random.next() & (random.chance(1, in: 2) ? 0xffff_0000_0000_ffff : .max)
      let low = random.next() & (random.chance(1, in: 2) ? 0x0000_ffff_0000_0000 : .max)
      let address = IPv6Address(high: high, low: low)
      #expect(IPv6Address(address.description) == address, "\(address)")
    }
  }

  @Test("random text is refused or read, never a trap; what is read prints the same again")
  func garbageText() {
    var random = SeededGenerator(seed: 51)
    let alphabet = Array("0123456789abcdefF:::...:/%é")
    for _ in 0..<50_000 {
      let text = String((0..<Int(random.next() % 24)).map { _ in alphabet[Int(random.next() % 27)] })
      if let address = IPAddress(text) { #expect(IPAddress(address.description) == address, "\(text)") }
      if let prefix = IPPrefix(text) { #expect(IPPrefix(prefix.description) == prefix, "\(text)") }
    }
  }

  @Test("O9 IPv4 classes at their edges")
  func classes4() {
    func v4(_ text: String) -> IPv4Address { IPv4Address(text) ?? .any }
    #expect(IPv4Address.any.isUnspecified && !IPv4Address.any.isUnicast)
    #expect(!v4("0.1.2.3").isUnicast && v4("0.1.2.3").isThisNetwork && v4("1.0.0.0").isUnicast)
    #expect(v4("127.255.255.255").isLoopback && !v4("128.0.0.0").isLoopback)
    #expect(!v4("223.255.255.255").isMulticast && v4("224.0.0.0").isMulticast)
    #expect(v4("239.255.255.255").isMulticast && !v4("240.0.0.0").isMulticast)
    #expect(v4("240.0.0.0").isReserved && !v4("240.0.0.0").isUnicast)
    #expect(v4("255.255.255.255").isBroadcast && !v4("255.255.255.255").isReserved)
    #expect(v4("169.254.0.1").isLinkLocal && !v4("169.255.0.1").isLinkLocal)
    #expect(v4("172.16.0.1").isPrivate && v4("172.31.255.255").isPrivate && !v4("172.32.0.1").isPrivate)
  }

  @Test("O9 IPv6 classes at their edges")
  func classes6() {
    func v6(_ text: String) -> IPv6Address { IPv6Address(text) ?? .any }
    #expect(v6("::").isUnspecified && !v6("::").isUnicast && v6("::1").isLoopback)
    #expect(v6("fe80::").isLinkLocal && v6("febf::1").isLinkLocal && !v6("fec0::1").isLinkLocal)
    #expect(v6("fc00::").isUniqueLocal && v6("fdff::").isUniqueLocal && !v6("fe00::").isUniqueLocal)
    #expect(v6("ff02::1").isMulticast && !v6("ff02::1").isUnicast && !v6("feff::").isMulticast)
    #expect(v6("::ffff:1.2.3.4").isIPv4Mapped && !v6("::fffe:1.2.3.4").isIPv4Mapped)
    #expect(v6("fd00::1:2:3").solicitedNode == v6("ff02::1:ff02:3"))
  }

  @Test("prefixes: text, membership at the edges, network and broadcast, at every length")
  func prefixes() throws {
    let prefix = try #require(IPPrefix("10.7.0.1/24"))
    #expect(prefix.description == "10.7.0.1/24" && prefix.network.description == "10.7.0.0/24")
    #expect(prefix.broadcast == IPv4Address(10, 7, 0, 255))
    #expect(prefix.contains(IPv4Address(10, 7, 0, 255)) && !prefix.contains(IPv4Address(10, 7, 1, 0)))
    #expect(!prefix.contains(IPv6Address.loopback))
    for bad in [
      "10.7.0.1", "10.7.0.1/", "10.7.0.1/33", "fd00::/129", "10.7.0.1/08", "/8", "10.7.0.1/8 ", "::/-1",
    ] {
      #expect(IPPrefix(bad) == nil, "\(bad)")
    }
    #expect(IPPrefix("fd00:7::1/64")?.network.description == "fd00:7::/64")
    #expect(IPPrefix("0.0.0.0/31")?.broadcast == nil && IPPrefix("fd00::/8")?.broadcast == nil)
  }

  @Test("a prefix holds an address exactly when the first bit that differs lies behind it")
  func membership() {
    let v6 = IPAddress.v6(IPv6Address(high: 0xa5a5_a5a5_a5a5_a5a5, low: 0x5a5a_5a5a_5a5a_5a5a))
    let v4 = IPAddress.v4(IPv4Address(bits: 0xa5a5_5a5a))
    for length in UInt8(0)...128 {
      for bit in 0..<128 {
        let high: UInt64 = bit < 64 ? 1 << UInt64(63 - bit) : 0
        let low: UInt64 = bit < 64 ? 0 : 1 << UInt64(127 - bit)
        let other = IPv6Address(high: 0xa5a5_a5a5_a5a5_a5a5 ^ high, low: 0x5a5a_5a5a_5a5a_5a5a ^ low)
        #expect(IPPrefix(v6, length: length).contains(other) == (bit >= length))
        if bit < 32, length <= 32 {
          let other = IPv4Address(bits: 0xa5a5_5a5a ^ 1 << UInt32(31 - bit))
          #expect(IPPrefix(v4, length: length).contains(other) == (bit >= length))
        }
      }
      #expect(IPPrefix(v6, length: length).contains(v6))
    }
  }
}
