import MartletWire

/// The octets of a whole IP packet around a TCP segment, checksums filled in.
struct PacketWriting {
  var source: IPAddress
  var destination: IPAddress
  var header: TCPHeader
  var segment: InjectedSegment
  var text: [UInt8]

  var packet: [UInt8] {
    let raw = segment.rawOptions.map { $0 + [UInt8](repeating: 0, count: (4 - $0.count % 4) % 4) }
    let headerCount = raw.map { TCPHeader.minimumCount + $0.count } ?? header.encodedCount
    let length = headerCount + text.count
    let ipCount = source.isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    var octets = [UInt8](repeating: 0, count: ipCount + length)
    writing(&octets) { out in
      writeIPHeader(length, into: &out)
      var fixed = header
      if raw != nil { fixed.options = TCPOptions() }
      fixed.write(into: &out, at: ipCount)
    }
    if let raw { octets.replaceSubrange(ipCount + 20..<ipCount + headerCount, with: raw) }
    octets.replaceSubrange(ipCount + headerCount..<octets.count, with: text)
    let words = segment.dataOffset ?? UInt8(headerCount / 4)
    octets[ipCount + 12] = words << 4 | (segment.reservedBits & 7) << 1 | octets[ipCount + 12] & 1
    fillChecksum(&octets, at: ipCount, length)
    segment.edit?(&octets)
    return octets
  }

  private func writeIPHeader(_ length: Int, into out: inout MutableRawSpan) {
    switch (source, destination) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        dscp: segment.dscp, ecn: segment.ecn, totalCount: UInt16(truncatingIfNeeded: 20 + length),
        timeToLive: segment.hopLimit, proto: .tcp, source: source, destination: destination
      ).write(into: &out, at: 0)
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        dscp: segment.dscp, ecn: segment.ecn, payloadCount: UInt16(truncatingIfNeeded: length),
        nextHeader: .tcp, hopLimit: segment.hopLimit, source: source, destination: destination
      ).write(into: &out, at: 0)
    default:
      break
    }
  }

  private func fillChecksum(_ octets: inout [UInt8], at start: Int, _ length: Int) {
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .tcp, length: length)
    sum.add(octets.span.bytes.extracting(start..<octets.count))
    let field = segment.hasBadChecksum ? sum.field ^ 0x5555 : sum.field
    octets[start + 16] = UInt8(field >> 8)
    octets[start + 17] = UInt8(field & 0xff)
  }
}

/// Lets `body` write into an array's octets.
func writing<Result>(_ octets: inout [UInt8], _ body: (inout MutableRawSpan) -> Result) -> Result {
  var elements = octets.mutableSpan
  var out = elements.mutableBytes
  return body(&out)
}

extension RawSpan {
  /// A copy.
  var copied: [UInt8] { (0..<byteCount).map { u8($0) } }
}
