import MartletWire
import Testing

@Suite struct IPv4HeaderTests {
  @Test("every header that is written is read back the same, its checksum valid")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 30)
    for round in 0..<10_000 {
      let payload = Int(random.next() % 40)
      let header = IPv4Header(
        dscp: UInt8(random.next() % 64), ecn: ECN(trafficClass: UInt8(random.next() % 4)),
        totalCount: UInt16(20 + payload), identification: random.next16(),
        dontFragment: random.chance(1, in: 2), moreFragments: random.chance(1, in: 2),
        fragmentOffset: random.next16() & 0xfff8, timeToLive: UInt8(random.next() % 256),
        proto: IPProtocol(UInt8(random.next() % 256)), source: IPv4Address(bits: random.next32()),
        destination: IPv4Address(bits: random.next32()))
      let octets = written(20 + payload + 6) { header.write(into: &$0, at: 0) }
      #expect(octets[20...].allSatisfy { $0 == 0xEE })
      let view = try IPv4HeaderView(octets.span.bytes)
      #expect(view.header() == header, "seed 30 round \(round)")
      #expect(view.isChecksumValid && naiveSum(octets[..<20]) == 0xffff)
      #expect(view.payload.byteCount == payload && view.totalCount == 20 + payload)
      #expect(view.isFragment == (header.moreFragments || header.fragmentOffset > 0))
      let isWhole = view.isWhole(header.proto)
      let isOther = view.isWhole(IPProtocol(header.proto.rawValue ^ 1))
      #expect(isWhole == !view.isFragment && !isOther)
    }
  }

  @Test("a known header, octet for octet")
  func golden() {
    let header = IPv4Header(
      dscp: 46, ecn: .ect0, totalCount: 52, identification: 0x1234, timeToLive: 64, proto: .tcp,
      source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2))
    let octets = written(20) { header.write(into: &$0, at: 0) }
    #expect(octets[..<10] == hex("45ba0034 12344000 4006")[...])
    #expect(octets[12...] == hex("0a000001 0a000002")[...])
  }

  @Test("P1 version, header length and total length that disagree")
  func illegalLengths() {
    var octets = hex("45000028 00004000 40060000 0a000001 0a000002") + [UInt8](repeating: 7, count: 44)
    for count in 0..<20 {
      #expect(IPv4HeaderView.defect(in: octets.span.bytes.extracting(0..<count)) == .truncated)
    }
    for version in UInt8(0)..<16 where version != 4 {
      octets[0] = version << 4 | 5
      #expect(IPv4HeaderView.defect(in: octets.span.bytes) == .badVersion)
    }
    for words in UInt8(0)..<16 {
      octets[0] = 0x40 | words
      let expected: WireError? = words < 5 ? .badHeaderLength : words > 10 ? .badTotalLength : nil
      #expect(IPv4HeaderView.defect(in: octets.span.bytes) == expected)
    }
    octets[0] = 0x45
    for total in 0..<100 {
      octets[3] = UInt8(total)
      let isGood = (20...64).contains(total)
      #expect(IPv4HeaderView.defect(in: octets.span.bytes) == (isGood ? nil : .badTotalLength))
    }
  }

  @Test("P1 link padding after the total length is no payload")
  func padding() throws {
    let octets = hex("45000016 00000000 40110000 0a000001 0a000002 abcd") + [UInt8](repeating: 0, count: 24)
    #expect(try IPv4HeaderView(octets.span.bytes).payload.array == [0xab, 0xcd])
  }

  @Test("options are skipped, their checksum counts, and a source route is seen")
  func options() throws {
    var octets = hex("47000020 00000000 40060000 0a000001 0a000002 01830704 0a000009 aabbccdd")
    var sum = InternetChecksum()
    sum.add(octets.span.bytes.extracting(0..<28))
    octets[10] = UInt8(sum.field >> 8)
    octets[11] = UInt8(sum.field & 0xff)
    let view = try IPv4HeaderView(octets.span.bytes)
    let isWhole = view.isWhole(.tcp)
    #expect(!isWhole)
    #expect(view.hasOptions && view.headerCount == 28 && view.hasSourceRoute && view.isChecksumValid)
    #expect(view.payload.array == [0xaa, 0xbb, 0xcc, 0xdd])
    for bad in ["01000000 00000000", "44000000 83000000", "44ff0000 83000000", "01010101 01010183"] {
      let other = octets[..<20] + hex(bad) + octets[28...]
      #expect(try IPv4HeaderView(other.span.bytes).hasSourceRoute == bad.hasSuffix("83"))
    }
  }
}

@Suite struct IPv6HeaderTests {
  @Test("every header that is written is read back the same")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 31)
    for round in 0..<10_000 {
      let payload = Int(random.next() % 40)
      let header = IPv6Header(
        dscp: UInt8(random.next() % 64), ecn: ECN(trafficClass: UInt8(random.next() % 4)),
        flowLabel: random.next32() & 0xf_ffff, payloadCount: UInt16(payload),
        nextHeader: IPProtocol(UInt8(1 + random.next() % 255)), hopLimit: UInt8(random.next() % 256),
        source: IPv6Address(high: random.next(), low: random.next()),
        destination: IPv6Address(high: random.next(), low: random.next()))
      let octets = written(40 + payload + 3) { header.write(into: &$0, at: 0) }
      #expect(octets[40...].allSatisfy { $0 == 0xEE })
      let view = try IPv6HeaderView(octets.span.bytes)
      #expect(view.header() == header, "seed 31 round \(round)")
      #expect(view.payload.byteCount == payload && view.payloadCount == payload)
      #expect(view.bytes.byteCount == 40 + payload)
    }
  }

  @Test("P1 version and payload length that disagree; jumbograms are refused")
  func illegalLengths() {
    var octets = [UInt8](repeating: 0, count: 60)
    octets[0] = 0x60
    octets[6] = 6
    for count in 0..<40 {
      #expect(IPv6HeaderView.defect(in: octets.span.bytes.extracting(0..<count)) == .truncated)
    }
    for payload in 0..<256 {
      octets[5] = UInt8(payload)
      #expect(IPv6HeaderView.defect(in: octets.span.bytes) == (payload <= 20 ? nil : .badTotalLength))
    }
    octets[5] = 0
    octets[6] = 0
    #expect(IPv6HeaderView.defect(in: octets.span.bytes) == .jumbogram)
    octets[0] = 0x40
    #expect(IPv6HeaderView.defect(in: octets.span.bytes) == .badVersion)
  }
}
