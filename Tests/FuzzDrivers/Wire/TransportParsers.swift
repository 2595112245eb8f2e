import MartletWire

func driveUDP(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = UDPHeaderView(validating: bytes) else {
    try expect(UDPHeaderView.defect(in: bytes) != nil, "a refused datagram has a defect")
    return false
  }
  let header = view.header()
  try expect(view.payload.byteCount + 8 == Int(header.totalCount), "header and payload are the datagram")
  let out =
    try written(header.encodedCount, "UDPHeader", followedBy: view.payload) {
      header.write(into: &$0, at: $1)
    }
  guard let again = UDPHeaderView(validating: out.span.bytes) else {
    throw Finding("a written UDP header is read back: \(header)")
  }
  try expect(again.header() == header, "a UDP header survives writing: \(header)")
  _ = view.isChecksumValid(source: IPv4Address.loopback, destination: IPv4Address.broadcast)
  try checkMadeChecksum(out)
  return true
}

/// A checksum that this side makes is one that it accepts.
private func checkMadeChecksum(_ datagram: [UInt8]) throws(Finding) {
  let source = IPv6Address.loopback
  let destination = IPv6Address.allNodes
  var sum = InternetChecksum.pseudoHeader(
    source: source, destination: destination, proto: .udp, length: datagram.count)
  sum.add(datagram.span.bytes)
  let field = UDPHeader.checksumField(sum)
  let summed = datagram[..<6] + [UInt8(field >> 8), UInt8(truncatingIfNeeded: field)] + datagram[8...]
  let octets = [UInt8](summed)
  guard let view = UDPHeaderView(validating: octets.span.bytes) else {
    throw Finding("a checksum changes no length")
  }
  try expect(
    view.isChecksumValid(source: source, destination: destination), "a checksum that was made is valid")
}

func driveTCP(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = TCPHeaderView(validating: bytes) else {
    try expect(TCPHeaderView.defect(in: bytes) != nil, "a refused segment has a defect")
    return false
  }
  try expect(view.headerCount + view.textCount == bytes.byteCount, "header and text are the segment")
  try expect(view.text.byteCount == view.textCount, "the text is what follows the header")
  _ = (view.reservedBits, view.sequenceLength, view.checksum)
  _ = view.isChecksumValid(pseudoHeader: InternetChecksum())

  let header = view.header()
  let out = try write(header, followedBy: view.text)
  guard let again = TCPHeaderView(validating: out.span.bytes) else {
    throw Finding("a written TCP header is read back: \(header)")
  }
  try expect(again.reservedBits == 0 && again.checksum == 0, "reserved bits and checksum are left zero")
  try expect(again.textCount == view.textCount, "the text stays in its place")
  try expect(again.header() == written(header), "a TCP header survives writing: \(header)")
  let twice = try write(again.header(), followedBy: again.text)
  try expect(twice == out, "what was read back is written as the same octets")
  return true
}

/// The options alone, which reach longer and odder lists than a data offset allows.
func driveTCPOptions(_ bytes: RawSpan) throws(Finding) -> Bool {
  let options = TCPOptions(parsing: bytes.extracting(0..<min(bytes.byteCount, 255)))
  var header = TCPHeader(sourcePort: 1, destinationPort: 2)
  header.options = options
  let out = try write(header)
  guard let again = TCPHeaderView(validating: out.span.bytes) else {
    throw Finding("a header with these options is read back: \(options)")
  }
  try expect(again.header() == written(header), "options survive writing: \(options)")
  return true
}

private func write(_ header: TCPHeader, followedBy text: RawSpan? = nil) throws(Finding) -> [UInt8] {
  let count = header.encodedCount
  try expect(
    count >= 20 && count <= 60 && count % 4 == 0, "a header has 20 to 60 octets, a multiple of 4: \(count)")
  return try written(count, "TCPHeader", followedBy: text) { header.write(into: &$0, at: $1) }
}

/// The header as it can be written: unknown options are left out, and SACK blocks that find no room.
private func written(_ header: TCPHeader) -> TCPHeader {
  var header = header
  header.options.present.subtract([.unknown, .malformed])
  header.options.sackCount = UInt8(truncatingIfNeeded: header.options.encodedSACKCount)
  if header.options.sackCount == 0 { header.options.present.remove(.sack) }
  return header
}
