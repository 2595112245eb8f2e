import MartletWire
import Testing

#if DEBUG
  private let packets = 60_000
#else
  private let packets = 1_000_000
#endif

/// Reads everything that can be read; the sum keeps it from being optimised away.
private func readAll(_ bytes: RawSpan) -> Int {
  var sum = 0
  if let packet = IPv4HeaderView(validating: bytes) {
    sum &+= packet.header().totalCount == 0 ? 1 : 0
    sum &+= packet.isChecksumValid ? 1 : 0
    sum &+= packet.hasSourceRoute ? 1 : 0
    sum &+= packet.options.byteCount &+ packet.payload.byteCount &+ packet.bytes.byteCount
    sum &+= readTransports(packet.payload)
  }
  if let packet = IPv6HeaderView(validating: bytes) {
    sum &+= packet.header().payloadCount == 0 ? 1 : 0
    sum &+= packet.payload.byteCount &+ packet.payloadCount
    switch IPv6ExtensionHeaders.walk(packet) {
    case .upper(_, let offset, _): sum &+= readTransports(packet.payload(from: offset))
    case .fragment(let fragment): sum &+= packet.payload(from: fragment.payloadAt).byteCount
    case .drop, .parameterProblem: sum &+= 1
    }
  }
  return sum &+ readTransports(bytes)
}

private func readTransports(_ bytes: RawSpan) -> Int {
  var sum = 0
  if let segment = TCPHeaderView(validating: bytes) {
    let header = segment.header()
    sum &+= Int(header.options.sackCount) &+ segment.text.byteCount &+ segment.options.byteCount
    sum &+= segment.isChecksumValid(pseudoHeader: InternetChecksum()) ? 1 : 0
    sum &+= Int(segment.reservedBits) &+ Int(segment.sequenceLength & 1) &+ header.encodedCount
  }
  if let datagram = UDPHeaderView(validating: bytes) {
    sum &+= datagram.payload.byteCount &+ Int(datagram.header().totalCount)
    sum &+= datagram.isChecksumValid(source: IPv4Address.any, destination: IPv4Address.loopback) ? 1 : 0
  }
  if let icmp = ICMPv4MessageView(validating: bytes) { sum &+= icmp.quoted?.transportAt ?? 0 }
  if let icmp = ICMPv6MessageView(validating: bytes) { sum &+= icmp.quoted?.transportAt ?? 0 }
  if let packet = ARPPacket(parsing: bytes) { sum &+= Int(packet.operation.rawValue) }
  if let frame = EthernetHeaderView(validating: bytes) { sum &+= frame.payload.byteCount }
  return sum
}

extension SeededGenerator {
  /// Random octets, or a good packet with octets changed, or one cut or lengthened, or both.
  fileprivate mutating func garbage(_ samples: [[UInt8]]) -> [UInt8] {
    if chance(1, in: 8) { return bytes(Int(next() % 120)) }
    var packet = samples[Int(next() % UInt64(samples.count))]
    if packet.count > 200 { packet.removeLast(packet.count - 200) }
    for _ in 0..<(next() % 5) {
      packet[Int(next() % UInt64(packet.count))] = chance(1, in: 2) ? UInt8(next() % 16) : UInt8(next() % 256)
    }
    if chance(1, in: 3) { packet.removeLast(Int(next() % UInt64(packet.count))) }
    if chance(1, in: 6) { packet += bytes(Int(next() % 20)) }
    return packet
  }
}

@Suite struct GarbageTests {
  @Test("P6 no octets make a view, a parser or the text trap")
  func garbage() {
    let seed: UInt64 = 60
    var random = SeededGenerator(seed: seed)
    let samples = Sample.all
    var sum = 0
    var quiet = 0
    var sacks = 0
    for _ in 0..<packets {
      let packet = random.garbage(samples)
      sum &+= readAll(packet.span.bytes)
      let line = packetText(packet.span.bytes)
      if line.utf8.contains(UInt8(ascii: ",")) && !line.utf8.contains(UInt8(ascii: "[")) { quiet += 1 }
      if line.utf8.contains(UInt8(ascii: "{")) { sacks += 1 }
      sum &+= line.utf8.count
      if random.chance(1, in: 4) { sum &+= packetText(packet.span.bytes, framing: .ethernet).utf8.count }
    }
    #expect(sum != 0, "seed \(seed)")
    // Octets that every outer check refuses would test nothing behind it.
    #expect(quiet > packets / 5 && sacks > packets / 20, "\(quiet) and \(sacks) of \(packets)")
  }

  @Test("P6 whatever TCP options are read, writing them and reading again gives the same")
  func optionsSettle() {
    let seed: UInt64 = 61
    var random = SeededGenerator(seed: seed)
    for round in 0..<packets / 4 {
      let octets = (0..<Int(random.next() % 41)).map { _ in
        random.chance(1, in: 3)
          ? UInt8(random.next() % 256) : [0, 1, 2, 3, 4, 5, 8, 10, 34, 18, 6][Int(random.next() % 11)]
      }
      var read = TCPOptions(parsing: octets.span.bytes)
      read.present.subtract([.unknown, .malformed])
      let kept = read.encodedSACKCount
      let out = written(40) { read.write(into: &$0, at: 0) }
      let again = TCPOptions(parsing: out.span.bytes.extracting(0..<read.encodedCount))
      read.sackCount = UInt8(kept)
      if kept == 0 { read.present.remove(.sack) }
      if again != read { Issue.record("seed \(seed) round \(round): \(octets)") }
    }
  }

  @Test("every sample, cut at every length, is read and printed")
  func cuts() {
    for sample in Sample.all {
      for count in 0...min(sample.count, 120) {
        let cut = Array(sample[..<count])
        _ = readAll(cut.span.bytes)
        #expect(!packetText(cut.span.bytes).isEmpty)
      }
    }
  }
}
