import MartletStack
import MartletWire

typealias Octets = [UInt8]

/// Addresses of the stack under test, of its peers, and of all that nobody may send from or to.
enum Places {
  static let own4 = IPAddress.v4(IPv4Address(10, 0, 0, 2))
  static let own6 = IPAddress.v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 2))
  static let peer4 = IPAddress.v4(IPv4Address(10, 0, 0, 9))
  static let peer6 = IPAddress.v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 9))

  /// Ours and our peers' first: the rest is rarely what a script wants.
  static let four: [IPAddress] = [
    own4, peer4, own4, peer4, .v4(IPv4Address(10, 0, 0, 10)), .v4(IPv4Address(192, 0, 2, 1)),
    .v4(IPv4Address(10, 0, 0, 255)), .v4(IPv4Address(10, 0, 0, 0)), .v4(.broadcast), .v4(.any),
    .v4(.loopback),
    .v4(IPv4Address(224, 0, 0, 1)), .v4(IPv4Address(240, 0, 0, 1)), .v4(IPv4Address(10, 1, 0, 2)),
    .v4(IPv4Address(0, 1, 2, 3)), .v4(IPv4Address(169, 254, 3, 4)),
  ]
  static let six: [IPAddress] = [
    own6, peer6, own6, peer6, .v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 9)),
    .v6(IPv6Address(high: 0x2001_0db8_0000_0000, low: 1)), .v6(.any), .v6(.loopback), .v6(.allNodes),
    .v6(IPv6Address(high: 0, low: 0xffff_0a00_0009)),
    .v6(IPv6Address(high: 0xff02_0000_0000_0000, low: 0x1_ff00_0002)),
    .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: 0)), own6, peer6, own6, peer6,
  ]
  static let ports: [UInt16] = [80, 4_000, 81, 53, 4_001, 0, 49_152, 65_535]

  /// Whether anything may be answered to a packet between these: unicast, from somebody else, to us. The
  /// list is written down by hand, and does not ask the stack.
  static func mayAnswer(from source: IPAddress, to destination: IPAddress) -> Bool {
    guard destination == own4 || destination == own6 else { return false }
    switch source {
    case .v4(let a):
      let host = a.bits & 0xff
      let isSubnetBroadcast = a.bits >> 8 == 0x0a_0000 && (host == 0 || host == 255)
      let first = a.bits >> 24
      return source != own4 && !isSubnetBroadcast && first != 0 && first != 127 && first < 224
    case .v6(let a):
      return source != own6 && a.high >> 56 != 0xff && !(a.high == 0 && a.low <= 1)
        && !(a.high == 0 && a.low >> 32 == 0xffff)
    }
  }
}

/// An IP packet around a transport, with right lengths and checksums. Of two families, none.
func packet(
  _ proto: IPProtocol, from source: IPAddress, to destination: IPAddress, _ payload: Octets,
  hopLimit: UInt8 = 64
) -> Octets {
  let sum = checksum(proto, from: source, to: destination, payload)
  let summed = replacing(payload, sum, at: checksumPlace(proto))
  switch (source, destination) {
  case (.v4(let s), .v4(let d)):
    let header = IPv4Header(
      totalCount: UInt16(20 + summed.count), timeToLive: hopLimit, proto: proto, source: s, destination: d)
    return octets(header.encodedCount) { header.write(into: &$0, at: 0) } + summed
  case (.v6(let s), .v6(let d)):
    let header = IPv6Header(
      payloadCount: UInt16(summed.count), nextHeader: proto, hopLimit: hopLimit, source: s, destination: d)
    return octets(header.encodedCount) { header.write(into: &$0, at: 0) } + summed
  default: return []
  }
}

func octets(_ count: Int, _ write: (inout MutableRawSpan) -> Void) -> Octets {
  var result = Octets(repeating: 0, count: count)
  var elements = result.mutableSpan
  var out = elements.mutableBytes
  write(&out)
  return result
}

private func checksumPlace(_ proto: IPProtocol) -> Int {
  switch proto {
  case .tcp: 16
  case .udp: 6
  default: 2
  }
}

private func checksum(
  _ proto: IPProtocol, from source: IPAddress, to destination: IPAddress, _ payload: Octets
) -> UInt16 {
  var sum = InternetChecksum()
  if proto != .icmp {
    sum = .pseudoHeader(source: source, destination: destination, proto: proto, length: payload.count)
  }
  sum.add(replacing(payload, 0, at: checksumPlace(proto)).span.bytes)
  return proto == .udp ? UDPHeader.checksumField(sum) : sum.field
}

func replacing(_ bytes: Octets, _ value: UInt16, at place: Int) -> Octets {
  guard place + 2 <= bytes.count else { return bytes }
  var bytes = bytes
  bytes[place] = UInt8(value >> 8)
  bytes[place + 1] = UInt8(truncatingIfNeeded: value)
  return bytes
}

/// The same octets with every length and checksum that can be made right made right: without it nearly
/// all mutations end at the first sum.
func repaired(_ bytes: Octets) -> Octets {
  guard let first = bytes.first else { return bytes }
  if first >> 4 == 4, bytes.count >= 20 {
    let headerCount = Int(first & 15) * 4
    guard headerCount >= 20, headerCount <= bytes.count else { return bytes }
    let s = bytes.span.bytes.ipv4Address(12)
    let d = bytes.span.bytes.ipv4Address(16)
    let proto = IPProtocol(bytes[9])
    let payload = Octets(bytes[headerCount...])
    let sum = checksum(proto, from: .v4(s), to: .v4(d), payload)
    var head = Octets(bytes[..<headerCount])
    head = replacing(head, UInt16(truncatingIfNeeded: bytes.count), at: 2)
    head = replacing(head, 0, at: 10)
    var headSum = InternetChecksum()
    headSum.add(head.span.bytes)
    return replacing(head, headSum.field, at: 10) + replacing(payload, sum, at: checksumPlace(proto))
  }
  if first >> 4 == 6, bytes.count >= 40 {
    let s = bytes.span.bytes.ipv6Address(8)
    let d = bytes.span.bytes.ipv6Address(24)
    let sized = replacing(bytes, UInt16(truncatingIfNeeded: bytes.count - 40), at: 4)
    var proto = IPProtocol(bytes[6])
    var place = 40
    if let view = IPv6HeaderView(validating: sized.span.bytes),
      case .upper(let upper, let offset, _) = IPv6ExtensionHeaders.walk(view)
    {
      proto = upper
      place = offset
    }
    let payload = Octets(sized[place...])
    let sum = checksum(proto, from: .v6(s), to: .v6(d), payload)
    return Octets(sized[..<place]) + replacing(payload, sum, at: checksumPlace(proto))
  }
  return bytes
}

/// What left, after every length and checksum in it was checked.
struct SentPacket {
  var source: IPAddress
  var destination: IPAddress
  var proto: IPProtocol
  var payload: Octets
  var tcp: TCPHeader?
  var textCount = 0
  var isFragment = false

  init(_ bytes: Octets) throws(Finding) {
    if let view = IPv4HeaderView(validating: bytes.span.bytes) {
      try expect(view.isChecksumValid && view.totalCount == bytes.count, "a sent IPv4 header is right")
      try expect(!view.hasOptions, "packets without options are sent")
      isFragment = view.isFragment
      try expect(
        !isFragment || !view.dontFragment && (!view.moreFragments || view.payload.byteCount % 8 == 0),
        "a sent fragment is right")
      (source, destination, proto) = (.v4(view.source), .v4(view.destination), view.proto)
      payload = view.payload.octets
    } else if let view = IPv6HeaderView(validating: bytes.span.bytes) {
      try expect(view.bytes.byteCount == bytes.count, "a sent IPv6 header is right")
      (source, destination, proto) = (.v6(view.source), .v6(view.destination), view.nextHeader)
      payload = view.payload.octets
      if case .fragment(let header) = IPv6ExtensionHeaders.walk(view) {
        isFragment = true
        proto = header.nextHeader
        payload = view.payload(from: header.payloadAt).octets
        try expect(
          !header.isAtomic && (!header.moreFragments || payload.count % 8 == 0), "a sent fragment is right")
      }
    } else {
      throw Finding("what is sent is an IP packet: \(bytes.prefix(60))")
    }
    try expect(!isFragment || proto != .tcp, "TCP is never cut")
    // The checksum is over all of them.
    if !isFragment { try checkTransport() }
  }

  /// From the stack under test to somebody who can be meant.
  func checkAddresses() throws(Finding) {
    try expect(source == Places.own4 || source == Places.own6, "we send from an address of ours: \(source)")
    // Where a datagram goes is the application's affair; everything else has one host to go to.
    try expect(
      proto == .udp || Places.mayAnswer(from: destination, to: source),
      "we send to somebody who can be: \(destination)")
  }

  private mutating func checkTransport() throws(Finding) {
    let payload = self.payload
    let length = payload.count
    let sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: proto, length: length)
    switch proto {
    case .tcp:
      guard let view = TCPHeaderView(validating: payload.span.bytes), view.isChecksumValid(pseudoHeader: sum)
      else { throw Finding("a sent segment is right") }
      tcp = view.header()
      textCount = view.textCount
    case .udp, .icmpv6:
      var sum = sum
      sum.add(payload.span.bytes)
      try expect(sum.isValid, "a sent checksum is right")
    default:
      var sum = InternetChecksum()
      sum.add(payload.span.bytes)
      try expect(proto == .icmp && sum.isValid, "a sent ICMP message is right")
    }
  }
}

/// A flow as its segments showed it: what a script's segments are relative to.
struct SeenFlow {
  var local: Endpoint
  var remote: Endpoint
  /// After the last octet that we sent.
  var next: SequenceNumber
  /// What we acknowledged last.
  var ack: SequenceNumber
  var timestamps: (value: UInt32, echo: UInt32)?
}
