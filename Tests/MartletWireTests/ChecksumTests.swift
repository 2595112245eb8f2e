import MartletWire
import Testing

/// The definition, as slowly as RFC 1071 §1 puts it: 16-bit big-endian words, end-around carry.
func naiveSum(_ bytes: some Sequence<UInt8>) -> UInt16 {
  var sum: UInt32 = 0
  for (index, byte) in bytes.enumerated() {
    sum += index % 2 == 0 ? UInt32(byte) << 8 : UInt32(byte)
    sum = (sum & 0xffff) + (sum >> 16)
  }
  return UInt16(sum)
}

func folded(_ bytes: [UInt8]) -> UInt16 {
  var sum = InternetChecksum()
  sum.add(bytes.span.bytes)
  return sum.folded
}

@Suite struct ChecksumTests {
  @Test("the example of RFC 1071 §3")
  func example() {
    #expect(folded([0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]) == 0xddf2)
  }

  @Test("every length from 0 to 300, at even and odd addresses, equals the definition")
  func lengths() {
    var random = SeededGenerator(seed: 1)
    let bytes = random.bytes(320)
    for start in 0..<9 {
      for count in 0...300 {
        var sum = InternetChecksum()
        sum.add(bytes.span.bytes.extracting(start..<start + count))
        #expect(sum.folded == naiveSum(bytes[start..<start + count]), "start \(start) count \(count)")
      }
    }
  }

  @Test("all octets 0xff, or all zero, at lengths where carries pile up")
  func extremes() {
    for count in [1, 2, 63, 64, 65, 127, 128, 1500, 9000, 65535] {
      let ones = [UInt8](repeating: 0xff, count: count)
      #expect(folded(ones) == naiveSum(ones), "count \(count)")
      #expect(folded([UInt8](repeating: 0, count: count)) == 0)
    }
  }

  @Test("pieces cut anywhere, even or odd, merge to the sum of the whole")
  func pieces() {
    var random = SeededGenerator(seed: 2)
    let bytes = random.bytes(257)
    let whole = naiveSum(bytes)
    for cut in 0...bytes.count {
      var sum = InternetChecksum()
      sum.add(bytes.span.bytes.extracting(0..<cut))
      sum.add(bytes.span.bytes.extracting(cut..<bytes.count), oddOffset: cut % 2 == 1)
      #expect(sum.folded == whole, "cut \(cut)")
    }
  }

  @Test("copying gives the same sum and the same octets, and touches nothing else")
  func copying() {
    var random = SeededGenerator(seed: 3)
    let bytes = random.bytes(300)
    for count in 0...300 {
      let start = Int(random.next() % 17)
      var out = [UInt8](repeating: 0xEE, count: count + start + 5)
      var elements = out.mutableSpan
      var span = elements.mutableBytes
      let sum = InternetChecksum.copying(
        bytes.span.bytes.extracting(0..<count), into: &span, at: start)
      #expect(sum.folded == naiveSum(bytes[0..<count]), "count \(count)")
      #expect(Array(out[start..<start + count]) == Array(bytes[0..<count]))
      #expect(out[0..<start].allSatisfy { $0 == 0xEE } && out[(start + count)...].allSatisfy { $0 == 0xEE })
    }
  }

  @Test("a copied piece at an odd offset merges")
  func copyingAtOddOffset() {
    var random = SeededGenerator(seed: 4)
    let bytes = random.bytes(131)
    var out = [UInt8](repeating: 0, count: 131)
    var elements = out.mutableSpan
    var span = elements.mutableBytes
    var sum = InternetChecksum.copying(bytes.span.bytes.extracting(0..<33), into: &span, at: 0)
    sum.add(
      InternetChecksum.copying(bytes.span.bytes.extracting(33..<131), into: &span, at: 33),
      oddOffset: true)
    #expect(sum.folded == naiveSum(bytes))
    #expect(out == bytes)
  }

  @Test("RFC 1624: a field updated in place equals one computed anew")
  func incrementalUpdate() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<20_000 {
      // The first word is never zero, so that no sum is the zero that has two forms.
      var bytes = [0x45] + random.bytes(21)
      let before = ~naiveSum(bytes)
      let new16 = random.chance(1, in: 8) ? 0xffff : random.next16()
      let old16 = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
      bytes[2] = UInt8(new16 >> 8)
      bytes[3] = UInt8(new16 & 0xff)
      let after16 = InternetChecksum.update(before, replacing: old16, with: new16)
      #expect(after16 == ~naiveSum(bytes))
      let new32 = random.next32()
      let old32 = bytes.span.bytes.be32(12)
      for index in 0..<4 { bytes[12 + index] = UInt8(truncatingIfNeeded: new32 >> (24 - 8 * index)) }
      #expect(InternetChecksum.update(after16, replacing: old32, with: new32) == ~naiveSum(bytes))
    }
  }

  @Test("the example of RFC 1624 §4")
  func incrementalExample() {
    #expect(InternetChecksum.update(0xdd2f, replacing: UInt16(0x5555), with: 0x3285) == 0x0000)
  }

  @Test("P5 validity is folding to 0xffff; a range of zeros is not valid")
  func validity() {
    var random = SeededGenerator(seed: 6)
    for _ in 0..<1_000 {
      var bytes = random.bytes(40)
      bytes[10] = 0
      bytes[11] = 0
      var sum = InternetChecksum()
      sum.add(bytes.span.bytes)
      bytes[10] = UInt8(sum.field >> 8)
      bytes[11] = UInt8(sum.field & 0xff)
      var check = InternetChecksum()
      check.add(bytes.span.bytes)
      #expect(check.isValid)
      bytes[Int(random.next() % 40)] ^= 1 << UInt8(random.next() % 8)
      check = InternetChecksum()
      check.add(bytes.span.bytes)
      #expect(!check.isValid)
    }
    #expect(!InternetChecksum().isValid)
  }

  @Test("pseudo-headers are the sums of their octets")
  func pseudoHeaders() {
    let v4 = InternetChecksum.pseudoHeader(
      source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2), proto: .tcp, length: 1480)
    #expect(v4.folded == naiveSum([10, 0, 0, 1, 10, 0, 0, 2, 0, 6, 0x05, 0xc8]))
    let source = IPv6Address(high: 0xfd00_0007_0000_0000, low: 1)
    let destination = IPv6Address(high: 0x2001_0db8_1234_5678, low: 0xffff_ffff_ffff_fffe)
    let v6 = InternetChecksum.pseudoHeader(
      source: .v6(source), destination: .v6(destination), proto: .udp, length: 70_000)
    let bytes = hex(
      "fd000007000000000000000000000001 20010db812345678fffffffffffffffe 00011170 00000011")
    #expect(v6.folded == naiveSum(bytes))
  }
}
