import MartletWire
import Testing

@Suite struct UDPTests {
  private let source = IPv4Address(10, 0, 0, 1)
  private let destination = IPv4Address(10, 0, 0, 2)
  private let source6 = IPv6Address(high: 0xfd00_0000_0000_0000, low: 1)
  private let destination6 = IPv6Address(high: 0xfd00_0000_0000_0000, low: 2)

  /// A datagram with its checksum for IPv4.
  private func datagram(_ payload: [UInt8]) -> [UInt8] {
    let header = UDPHeader(sourcePort: 53, destinationPort: 9999, totalCount: UInt16(8 + payload.count))
    var octets = written(8) { header.write(into: &$0, at: 0) } + payload
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .udp, length: octets.count)
    sum.add(octets.span.bytes)
    let field = UDPHeader.checksumField(sum)
    octets[6] = UInt8(field >> 8)
    octets[7] = UInt8(field & 0xff)
    return octets
  }

  @Test("what is written is read back, and touches eight octets")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 40)
    for _ in 0..<2_000 {
      let payload = random.bytes(Int(random.next() % 60))
      let header = UDPHeader(
        sourcePort: random.next16(), destinationPort: random.next16(), totalCount: UInt16(8 + payload.count))
      let start = written(12) { header.write(into: &$0, at: 2) }
      #expect(start[..<2] == [0xEE, 0xEE] && start[10...] == [0xEE, 0xEE])
      let octets = start[2..<10] + payload + [0, 0, 0]
      let view = try UDPHeaderView(octets.span.bytes)
      #expect(view.header() == header && view.checksum == 0)
      #expect(view.payload.array == payload)
    }
  }

  @Test("P1 lengths below 8, past the end and zero")
  func illegalLengths() {
    var octets = [UInt8](repeating: 0, count: 30)
    for count in 0..<8 {
      #expect(UDPHeaderView.defect(in: octets.span.bytes.extracting(0..<count)) == .truncated)
    }
    for length in 0..<256 {
      octets[5] = UInt8(length)
      let isGood = (8...30).contains(length)
      #expect(UDPHeaderView.defect(in: octets.span.bytes) == (isGood ? nil : .badTotalLength))
    }
  }

  @Test("P5 checksum zero means none over IPv4 and is invalid over IPv6")
  func zeroChecksum() throws {
    var octets = datagram([1, 2, 3])
    octets[6] = 0
    octets[7] = 0
    let view = try UDPHeaderView(octets.span.bytes)
    let over4 = view.isChecksumValid(source: source, destination: destination)
    let over6 = view.isChecksumValid(source: source6, destination: destination6)
    #expect(over4 && !over6)
  }

  @Test("P5 a sum that complements to zero is sent as 0xffff, and is valid")
  func allOnes() throws {
    // The payload's last word is chosen so that the sum of all else is 0xffff.
    let octets = datagram([0, 0])
    let field = octets.span.bytes.be16(6)
    let chosen = datagram([UInt8(field >> 8), UInt8(field & 0xff)])
    #expect(chosen.span.bytes.be16(6) == 0xffff)
    let view = try UDPHeaderView(chosen.span.bytes)
    let isValid = view.isChecksumValid(source: source, destination: destination)
    #expect(isValid)
  }

  @Test("P5 a wrong checksum is invalid over both families")
  func wrongChecksum() throws {
    var octets = datagram([1, 2, 3, 4])
    let isGood = try UDPHeaderView(octets.span.bytes).isChecksumValid(
      source: source, destination: destination)
    octets[9] ^= 0x10
    let view = try UDPHeaderView(octets.span.bytes)
    let over4 = view.isChecksumValid(source: source, destination: destination)
    let over6 = view.isChecksumValid(source: source6, destination: destination6)
    #expect(isGood && !over4 && !over6)
  }
}
