import MartletWire
import Testing

/// Writes a header behind and before guard octets, and checks that exactly `encodedCount` were touched.
func bytes(of header: TCPHeader) -> [UInt8] {
  let count = header.encodedCount
  let all = written(count + 8) { header.write(into: &$0, at: 4) }
  #expect(all[..<4].allSatisfy { $0 == 0xEE } && all[(count + 4)...].allSatisfy { $0 == 0xEE })
  return Array(all[4..<count + 4])
}

extension SeededGenerator {
  /// Options that a header can hold in full.
  mutating func options() -> TCPOptions {
    var options = TCPOptions()
    if chance(1, in: 2) {
      options.present.insert(.maximumSegmentSize)
      options.maximumSegmentSize = max(1, next16())
    }
    if chance(1, in: 2) {
      options.present.insert(.windowScale)
      options.windowScale = WindowScale(UInt8(next() % 15))
    }
    if chance(1, in: 2) { options.present.insert(.sackPermitted) }
    if chance(1, in: 2) {
      options.present.insert(.timestamps)
      options.tsval = next32()
      options.tsecr = next32()
    }
    if chance(1, in: 4) {
      options.present.insert(.fastOpen)
      options.fastOpenCookieCount = [0, 4, 6, 8, 10, 12, 14, 16][Int(next() % 8)]
      for index in 0..<16 { options.fastOpenCookie[index] = UInt8(truncatingIfNeeded: next()) }
    }
    if chance(1, in: 2) {
      options.present.insert(.sack)
      options.sackCount = UInt8(1 + next() % 4)
      for index in 0..<4 {
        options.sack[index] = SACKBlock(start: SequenceNumber(next32()), end: SequenceNumber(next32()))
      }
      options.sackCount = UInt8(options.encodedSACKCount)
      if options.sackCount == 0 { options.present.remove(.sack) }
    }
    return options
  }

  mutating func tcpHeader() -> TCPHeader {
    TCPHeader(
      sourcePort: next16(), destinationPort: next16(), seq: SequenceNumber(next32()),
      ack: SequenceNumber(next32()), flags: TCPFlags(rawValue: next16() & 0x1ff),
      window: UnscaledWindow(next16()), urgentPointer: next16(), options: options())
  }
}

@Suite struct TCPHeaderTests {
  @Test("every header that is written is read back the same, in exactly encodedCount octets")
  func roundTrip() throws {
    var random = SeededGenerator(seed: 20)
    for round in 0..<20_000 {
      let header = random.tcpHeader()
      let octets = bytes(of: header)
      #expect(octets.count % 4 == 0 && octets.count >= 20 && octets.count <= 60)
      let view = try TCPHeaderView(octets.span.bytes)
      let read = view.header()
      #expect(read == header, "seed 20 round \(round)")
      #expect(view.checksum == 0 && view.reservedBits == 0 && view.textCount == 0)
    }
  }

  @Test("every view accessor reads its own field")
  func accessors() throws {
    let octets = hex("04d2 0050 01020304 05060708 8f52 fffe abcd 0011 0101080a 00000001 00000002 aabbcc")
    let view = try TCPHeaderView(octets.span.bytes)
    #expect(view.sourcePort == 1234 && view.destinationPort == 80)
    #expect(view.seq.rawValue == 0x0102_0304 && view.ack.rawValue == 0x0506_0708)
    #expect(view.flags == [.ae, .ece, .ack, .syn] && view.reservedBits == 7)
    #expect(view.window.field == 0xfffe && view.checksum == 0xabcd && view.urgentPointer == 0x11)
    #expect(view.headerCount == 32 && view.options.byteCount == 12)
    #expect(view.text.array == [0xaa, 0xbb, 0xcc] && view.textCount == 3)
    #expect(view.sequenceLength == 4)
    let header = view.header()
    #expect(header.options.tsval == 1 && header.options.tsecr == 2)
    #expect(header.options.present == .timestamps)
  }

  @Test("all nine flags, each alone")
  func flags() throws {
    for bit in 0..<9 {
      let header = TCPHeader(sourcePort: 1, destinationPort: 2, flags: TCPFlags(rawValue: 1 << bit))
      let octets = bytes(of: header)
      #expect(try TCPHeaderView(octets.span.bytes).flags.rawValue == 1 << bit)
    }
  }

  @Test("a SYN is laid out as kernels do: MSS, SACK-permitted, timestamps, NOP, window scale")
  func synLayout() {
    var header = TCPHeader(
      sourcePort: 1234, destinationPort: 80, seq: SequenceNumber(123), flags: .syn,
      window: UnscaledWindow(64_240))
    header.options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
    header.options.maximumSegmentSize = 1460
    header.options.tsval = 1
    header.options.windowScale = WindowScale(7)
    #expect(
      bytes(of: header)
        == hex(
          "04d2 0050 0000007b 00000000 a002 faf0 0000 0000 020405b4 0402 080a 00000001 00000000 01 030307"))
    header.options.present.remove(.timestamps)
    #expect(bytes(of: header).suffix(12) == hex("020405b4 01010402 01030307"))
    header.options.present.remove(.sackPermitted)
    #expect(bytes(of: header).suffix(8) == hex("020405b4 01030307"))
  }

  @Test("SACK beside timestamps keeps three blocks; the fourth, the oldest, is dropped")
  func sackPrecedence() throws {
    var header = TCPHeader(sourcePort: 1, destinationPort: 2, flags: .ack)
    header.options.present = [.timestamps, .sack]
    header.options.sackCount = 4
    for index in 0..<4 {
      let start = SequenceNumber(UInt32(index) * 100)
      header.options.sack[index] = SACKBlock(start: start, end: start.advanced(by: 50))
    }
    #expect(header.encodedCount == 60 && header.options.encodedSACKCount == 3)
    let octets = bytes(of: header)
    #expect(octets[20..<24] == hex("0101080a")[...] && octets[32..<36] == hex("0101051a")[...])
    let read = try TCPHeaderView(octets.span.bytes).header()
    #expect(read.options.sackCount == 3 && read.options.sack[2].start.rawValue == 200)
    header.options.present = .sack
    #expect(header.options.encodedSACKCount == 4 && header.encodedCount == 56)
    header.options.present = [.sack, .timestamps, .maximumSegmentSize, .windowScale, .fastOpen]
    header.options.fastOpenCookieCount = 16
    #expect(header.options.encodedSACKCount == 0 && header.encodedCount == 60)
    _ = bytes(of: header)
  }

  @Test("any value at all writes at most 60 octets, exactly encodedCount")
  func anyValueFits() {
    var random = SeededGenerator(seed: 21)
    for _ in 0..<5_000 {
      var header = random.tcpHeader()
      header.options.present = TCPOptions.Present(rawValue: UInt8(truncatingIfNeeded: random.next()))
      header.options.sackCount = UInt8(truncatingIfNeeded: random.next())
      header.options.fastOpenCookieCount = UInt8(truncatingIfNeeded: random.next())
      header.flags = TCPFlags(rawValue: random.next16())
      let octets = bytes(of: header)
      #expect(octets.count <= 60 && TCPHeaderView.defect(in: octets.span.bytes) == nil)
    }
  }

  @Test("MUST-69 header padding is zero, also after a cookie that ends off the boundary")
  func padding() {
    var header = TCPHeader(sourcePort: 1, destinationPort: 2, flags: .syn)
    header.options.present = .fastOpen
    header.options.fastOpenCookieCount = 8
    for index in 0..<16 { header.options.fastOpenCookie[index] = 0xaa }
    #expect(bytes(of: header).suffix(12) == hex("220aaaaaaaaaaaaaaaaa 0000"))
    header.options.fastOpenCookieCount = 0
    #expect(bytes(of: header).suffix(4) == hex("2202 0000"))
  }

  @Test("P1 lengths that disagree: short headers, offsets below 5 and past the end")
  func illegalLengths() {
    for count in 0..<20 {
      #expect(TCPHeaderView.defect(in: [UInt8](repeating: 0x50, count: count).span.bytes) == .truncated)
    }
    var octets = [UInt8](repeating: 0, count: 40)
    for words in 0..<16 {
      octets[12] = UInt8(words) << 4
      let expected: WireError? = words < 5 ? .badHeaderLength : words > 10 ? .truncated : nil
      #expect(TCPHeaderView.defect(in: octets.span.bytes) == expected)
      let isAccepted = TCPHeaderView(validating: octets.span.bytes) != nil
      #expect(isAccepted == (expected == nil))
    }
  }

  @Test("a checksum is valid with its pseudo-header, and no other")
  func checksum() throws {
    let text: [UInt8] = [1, 2, 3]
    var octets = bytes(of: TCPHeader(sourcePort: 9, destinationPort: 10, flags: .ack)) + text
    var sum = InternetChecksum.pseudoHeader(
      source: IPv4Address(10, 0, 0, 1), destination: IPv4Address(10, 0, 0, 2), proto: .tcp,
      length: octets.count)
    let pseudo = sum
    sum.add(octets.span.bytes)
    octets[TCPHeader.checksumOffset] = UInt8(sum.field >> 8)
    octets[TCPHeader.checksumOffset + 1] = UInt8(sum.field & 0xff)
    let view = try TCPHeaderView(octets.span.bytes)
    let isValid = view.isChecksumValid(pseudoHeader: pseudo)
    let isValidWithout = view.isChecksumValid(pseudoHeader: InternetChecksum())
    #expect(isValid && !isValidWithout)
  }
}
