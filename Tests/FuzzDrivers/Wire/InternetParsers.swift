import MartletWire

func driveIPv4(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = IPv4HeaderView(validating: bytes) else {
    try expect(IPv4HeaderView.defect(in: bytes) != nil, "a refused IPv4 packet has a defect")
    return false
  }
  try expect(view.totalCount <= bytes.byteCount, "the total length lies inside the input")
  try expect(
    view.headerCount + view.payload.byteCount == view.totalCount, "header and payload are the packet")
  try expect(
    view.options.byteCount == view.headerCount - IPv4Header.encodedCount, "the options are inside the header")
  _ = (view.isChecksumValid, view.checksum, view.hasSourceRoute, view.isFragment)
  try expect(!RouterAlert.isIn(view) || view.hasOptions, "router alert is an option")

  var header = view.header()
  header.totalCount = UInt16(truncatingIfNeeded: IPv4Header.encodedCount + view.payload.byteCount)
  let out =
    try written(header.encodedCount, "IPv4Header", followedBy: view.payload) {
      header.write(into: &$0, at: $1)
    }
  guard let again = IPv4HeaderView(validating: out.span.bytes) else {
    throw Finding("a written IPv4 header is read back: \(header)")
  }
  try expect(again.header() == header, "an IPv4 header survives writing: \(header)")
  try expect(again.isChecksumValid, "a written IPv4 header has a valid checksum: \(header)")
  try expect(again.isFragment == view.isFragment, "a fragment stays one")
  try expect(!again.hasOptions, "no options are written")
  return true
}

func driveIPv6(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = IPv6HeaderView(validating: bytes) else {
    try expect(IPv6HeaderView.defect(in: bytes) != nil, "a refused IPv6 packet has a defect")
    return false
  }
  let header = view.header()
  let out =
    try written(header.encodedCount, "IPv6Header", followedBy: view.payload) {
      header.write(into: &$0, at: $1)
    }
  try expect(view.bytes.isEqual(to: out), "an IPv6 packet is written as it was read")
  guard let again = IPv6HeaderView(validating: out.span.bytes) else {
    throw Finding("a written IPv6 header is read back: \(header)")
  }
  try expect(again.header() == header, "an IPv6 header survives writing")
  try checkWalk(IPv6ExtensionHeaders.walk(view), view.bytes)
  try expect(
    !RouterAlert.isIn(view) || view.nextHeader == .hopByHop, "router alert stands in the first header")
  return true
}

/// Where a chain led must lie inside the packet; behind a fragment header it goes on.
private func checkWalk(_ outcome: IPv6ExtensionHeaders.Outcome, _ packet: RawSpan) throws(Finding) {
  switch outcome {
  case .upper(_, let offset, let nextHeaderAt):
    try expect(
      offset >= IPv6Header.encodedCount && offset <= packet.byteCount, "the transport lies in the packet")
    try expect(nextHeaderAt >= 6 && nextHeaderAt < offset, "its number stands before it")
  case .fragment(let fragment):
    try expect(fragment.payloadAt <= packet.byteCount, "the fragment header lies in the packet")
    let out = try written(fragment.encodedCount, "IPv6Fragment") { fragment.write(into: &$0, at: $1) }
    var place = [UInt8](repeating: 0, count: IPv6Header.encodedCount)
    place[6] = IPProtocol.fragment.rawValue
    place += out
    let again = IPv6ExtensionHeaders.walk(
      place.span.bytes, from: .fragment, at: IPv6Header.encodedCount, nextHeaderAt: 6)
    var expected = fragment
    expected.headerAt = IPv6Header.encodedCount
    expected.nextHeaderAt = 6
    try expect(again == .fragment(expected), "a fragment header survives writing: \(fragment)")
    let rest = IPv6ExtensionHeaders.walk(
      packet, from: fragment.nextHeader, at: fragment.payloadAt, nextHeaderAt: fragment.headerAt)
    if case .fragment = rest { return }  // A fragment of a fragment: whoever walks on refuses it.
    try checkWalk(rest, packet)
  case .drop:
    return
  case .parameterProblem(let code, let pointer, _):
    try expect(code <= 2, "parameter problems have codes 0 to 2")
    try expect(Int(pointer) < packet.byteCount, "a parameter problem points into the packet")
  }
}

func driveICMPv4(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = ICMPv4MessageView(validating: bytes) else {
    try expect(bytes.byteCount < ICMPv4Message.encodedCount, "only a truncated ICMP message is refused")
    return false
  }
  let message = view.message
  let out = try written(message.encodedCount, "ICMPv4Message") { message.write(into: &$0, at: $1) }
  try expect(
    ICMPv4Message(parsing: out.span.bytes) == message, "an ICMP message survives writing: \(message)")
  _ = view.isChecksumValid
  try checkGroupQuery(GroupQuery(parsingIGMP: bytes), isIPv4: true, of: bytes.byteCount)
  if let quoted = view.quoted { try checkQuote(quoted, view.body) }
  return true
}

func driveICMPv6(_ bytes: RawSpan) throws(Finding) -> Bool {
  guard let view = ICMPv6MessageView(validating: bytes) else {
    try expect(bytes.byteCount < ICMPv6Message.encodedCount, "only a truncated ICMPv6 message is refused")
    return false
  }
  let message = view.message
  let out = try written(message.encodedCount, "ICMPv6Message") { message.write(into: &$0, at: $1) }
  try expect(
    ICMPv6Message(parsing: out.span.bytes) == message, "an ICMPv6 message survives writing: \(message)")
  _ = view.isChecksumValid(source: .loopback, destination: .allNodes)
  try checkGroupQuery(GroupQuery(parsingMLD: bytes), isIPv4: false, of: bytes.byteCount)
  try checkNeighbourOptions(view.body)
  if let quoted = view.quoted { try checkQuote(quoted, view.body) }
  return true
}

private func checkQuote(_ quoted: QuotedPacket, _ body: RawSpan) throws(Finding) {
  try expect(
    quoted.transportAt >= 20 && quoted.transportAt <= body.byteCount, "the quoted transport lies in the quote"
  )
  if quoted.hasTransport {
    try expect(quoted.transportAt + 8 <= body.byteCount, "the eight octets of transport are there")
  } else {
    try expect(quoted.seq == nil && quoted.sourcePort == 0, "nothing is read that is not there")
  }
}
