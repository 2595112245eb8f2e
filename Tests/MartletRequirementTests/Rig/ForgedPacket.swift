import MartletWire

/// The octets of a packet in somebody's name, with right checksums.
func forgedPacket(
  from source: IPAddress, to destination: IPAddress, _ header: TCPHeader, text: [UInt8] = []
) -> [UInt8] {
  let length = header.encodedCount + text.count
  var packet = [UInt8](repeating: 0, count: (source.isIPv4 ? 20 : 40) + length)
  let start = packet.count - length
  packet.replaceSubrange(packet.count - text.count..<packet.count, with: text)
  var elements = packet.mutableSpan
  var out = elements.mutableBytes
  switch (source, destination) {
  case (.v4(let source), .v4(let destination)):
    IPv4Header(totalCount: UInt16(20 + length), proto: .tcp, source: source, destination: destination)
      .write(into: &out, at: 0)
  case (.v6(let source), .v6(let destination)):
    IPv6Header(
      payloadCount: UInt16(length), nextHeader: .tcp, hopLimit: 64, source: source, destination: destination
    ).write(into: &out, at: 0)
  default: break
  }
  header.write(into: &out, at: start)
  var sum = InternetChecksum.pseudoHeader(
    source: source, destination: destination, proto: .tcp, length: length)
  sum.add(out.bytes.extracting(start..<start + length))
  out.store16be(sum.field, at: start + TCPHeader.checksumOffset)
  return packet
}
