import MartletWire

/// What must hold of every packet that leaves a stack, whatever it says.
enum PacketChecks {
  /// What is wrong with a packet, in words.
  static func problems(_ octets: [UInt8]) -> [String] {
    let bytes = octets.span.bytes
    if let ip = IPv4HeaderView(validating: bytes) {
      var list: [String] = []
      if ip.totalCount != octets.count {
        list.append("IPv4 total length \(ip.totalCount) of \(octets.count)")
      }
      if !ip.isChecksumValid { list.append("IPv4 header checksum") }
      if ip.timeToLive == 0 { list.append("time to live 0") }
      guard ip.proto == .tcp, !ip.isFragment else { return list }
      let sum = InternetChecksum.pseudoHeader(
        source: ip.source, destination: ip.destination, proto: .tcp, length: ip.payload.byteCount)
      return list + segmentProblems(ip.payload, sum)
    }
    if let ip = IPv6HeaderView(validating: bytes) {
      var list: [String] = []
      if ip.payloadCount + 40 != octets.count { list.append("IPv6 payload length \(ip.payloadCount)") }
      if ip.hopLimit == 0 { list.append("hop limit 0") }
      guard ip.nextHeader == .tcp else { return list }
      let sum = InternetChecksum.pseudoHeader(
        source: ip.source, destination: ip.destination, proto: .tcp, length: ip.payload.byteCount)
      return list + segmentProblems(ip.payload, sum)
    }
    return ["neither IPv4 nor IPv6"]
  }

  private static func segmentProblems(_ payload: RawSpan, _ sum: InternetChecksum) -> [String] {
    guard let tcp = TCPHeaderView(validating: payload) else { return ["TCP header cut short"] }
    var list: [String] = []
    if !tcp.isChecksumValid(pseudoHeader: sum) { list.append("TCP checksum (MUST-2)") }
    if tcp.reservedBits != 0 { list.append("reserved bits are not zero (RFC 9293 §3.1)") }
    if tcp.sourcePort == 0 || tcp.destinationPort == 0 { list.append("port 0") }
    if !tcp.flags.contains(.ack), tcp.ack != SequenceNumber(0) {
      list.append("acknowledgment field without ACK")
    }
    if !tcp.flags.contains(.urg), tcp.urgentPointer != 0 { list.append("urgent pointer without URG") }
    if tcp.header().options.present.contains(.malformed) { list.append("malformed options") }
    if !isPaddedWithZero(tcp.options) { list.append("header padding is not zero (MUST-69)") }
    return list
  }

  /// After the end of the option list everything is zero.
  private static func isPaddedWithZero(_ options: RawSpan) -> Bool {
    var offset = 0
    while offset < options.byteCount {
      let kind = options.u8(offset)
      if kind == 0 { break }
      if kind == 1 {
        offset += 1
      } else if offset + 1 < options.byteCount {
        offset += max(Int(options.u8(offset + 1)), 2)
      } else {
        return false
      }
    }
    while offset < options.byteCount {
      if options.u8(offset) != 0 { return false }
      offset += 1
    }
    return true
  }
}
