import MartletStack
import MartletTCP
import MartletTesting
import MartletWire

/// Packets as arrays of octets, built and read with the wire format's own types.
typealias Packet = [UInt8]

func v4(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> IPAddress { .v4(IPv4Address(a, b, c, d)) }

/// fd00:7::n
func v6(_ n: UInt64) -> IPAddress { .v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: n)) }

/// What names no family here is of the one in whose turn the test runs (`.bothFamilies`), else of IPv4.
var isIPv4: Bool { ScenarioFamily.standard == .ipv4 }

/// The address of host n on the link of all: 10.0.0.n or fd00:7::n.
func near(_ n: UInt8) -> IPAddress { isIPv4 ? v4(10, 0, 0, n) : v6(UInt64(n)) }

/// One of an address that is not on the link, each in a network of its own: 11.0.0.0 + n or 2001:db8:0:n::1, up to a
/// million of them.
func far(_ n: UInt32) -> IPAddress {
  isIPv4
    ? .v4(IPv4Address(bits: 0x0b00_0000 &+ n))
    : .v6(IPv6Address(high: 0x2001_0db8_0000_0000 &+ UInt64(n), low: 1))
}

extension IPAddress {
  var isFour: Bool {
    if case .v4 = self { return true }
    return false
  }
}

/// An IP packet around a transport payload.
func ip(
  _ proto: IPProtocol, from source: IPAddress, to destination: IPAddress, _ payload: Packet,
  hopLimit: UInt8 = 64
) -> Packet {
  var packet = Packet(repeating: 0, count: (source.isFour ? 20 : 40) + payload.count)
  var span = packet.mutableSpan
  var raw = span.mutableBytes
  switch (source, destination) {
  case (.v4(let s), .v4(let d)):
    IPv4Header(
      totalCount: UInt16(20 + payload.count), timeToLive: hopLimit, proto: proto, source: s, destination: d
    ).write(into: &raw, at: 0)
  case (.v6(let s), .v6(let d)):
    IPv6Header(
      payloadCount: UInt16(payload.count), nextHeader: proto, hopLimit: hopLimit, source: s, destination: d
    ).write(into: &raw, at: 0)
  default: fatalError("one family")
  }
  let start = source.isFour ? 20 : 40
  for (i, octet) in payload.enumerated() { packet[start + i] = octet }
  return packet
}

/// A TCP segment in an IP packet, with a right checksum.
func tcp(
  from source: Endpoint, to destination: Endpoint, seq: UInt32, ack: UInt32 = 0, _ flags: TCPFlags,
  window: UInt16 = 65_535, options: TCPOptions = TCPOptions(), text: Packet = []
) -> Packet {
  let header = TCPHeader(
    sourcePort: source.port, destinationPort: destination.port, seq: SequenceNumber(seq),
    ack: SequenceNumber(ack), flags: flags, window: UnscaledWindow(window), options: options)
  var segment = Packet(repeating: 0, count: header.encodedCount) + text
  do {
    var span = segment.mutableSpan
    var raw = span.mutableBytes
    header.write(into: &raw, at: 0)
  }
  store(checksum(segment, .tcp, source.address, destination.address), in: &segment, at: 16)
  return ip(.tcp, from: source.address, to: destination.address, segment)
}

func udp(from source: Endpoint, to destination: Endpoint, _ text: Packet) -> Packet {
  let header = UDPHeader(
    sourcePort: source.port, destinationPort: destination.port, totalCount: UInt16(8 + text.count))
  var datagram = Packet(repeating: 0, count: 8) + text
  do {
    var span = datagram.mutableSpan
    var raw = span.mutableBytes
    header.write(into: &raw, at: 0)
  }
  store(checksum(datagram, .udp, source.address, destination.address), in: &datagram, at: 6)
  return ip(.udp, from: source.address, to: destination.address, datagram)
}

/// An ICMP message of the addresses' family: type, code, four octets and a body.
func icmp(
  from source: IPAddress, to destination: IPAddress, type: UInt8, code: UInt8 = 0, rest: UInt32 = 0,
  _ body: Packet = []
) -> Packet {
  var message: Packet = [type, code, 0, 0] + withUnsafeBytes(of: rest.bigEndian) { Packet($0) } + body
  let proto: IPProtocol = source.isFour ? .icmp : .icmpv6
  let field =
    source.isFour ? plainChecksum(message) : checksum(message, proto, source, destination)
  store(field, in: &message, at: 2)
  return ip(proto, from: source, to: destination, message)
}

func checksum(_ bytes: Packet, _ proto: IPProtocol, _ source: IPAddress, _ destination: IPAddress) -> UInt16 {
  var sum = InternetChecksum.pseudoHeader(
    source: source, destination: destination, proto: proto, length: bytes.count)
  sum.add(bytes.span.bytes)
  return sum.field
}

func plainChecksum(_ bytes: Packet) -> UInt16 {
  var sum = InternetChecksum()
  sum.add(bytes.span.bytes)
  return sum.field
}

func store(_ value: UInt16, in bytes: inout Packet, at offset: Int) {
  bytes[offset] = UInt8(value >> 8)
  bytes[offset + 1] = UInt8(value & 255)
}

/// What a packet says, read after every length and checksum in it has been verified.
struct Seen {
  var source: IPAddress
  var destination: IPAddress
  var hopLimit: UInt8
  var dscp: UInt8
  var ecn: ECN
  var proto: IPProtocol
  var payload: Packet
  /// Of TCP.
  var header: TCPHeader?
  var text: Packet = []

  var flags: TCPFlags { header?.flags ?? [] }
  var seq: UInt32 { header?.seq.rawValue ?? 0 }
  var ack: UInt32 { header?.ack.rawValue ?? 0 }
  var isTCP: Bool { header != nil }

  /// Nil when anything about the packet is wrong.
  init?(_ packet: Packet) {
    let bytes = packet.span.bytes
    if let view = IPv4HeaderView(validating: bytes) {
      guard view.isChecksumValid, view.totalCount == packet.count else { return nil }
      source = .v4(view.source)
      destination = .v4(view.destination)
      hopLimit = view.timeToLive
      dscp = view.dscp
      ecn = view.ecn
      proto = view.proto
      payload = Packet(packet.dropFirst(20))
    } else if let view = IPv6HeaderView(validating: bytes) {
      guard view.bytes.byteCount == packet.count else { return nil }
      source = .v6(view.source)
      destination = .v6(view.destination)
      hopLimit = view.hopLimit
      dscp = view.dscp
      ecn = view.ecn
      proto = view.nextHeader
      payload = Packet(packet.dropFirst(40))
    } else {
      return nil
    }
    guard proto == .tcp else { return }
    let segment = payload
    let sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .tcp, length: segment.count)
    guard let view = TCPHeaderView(validating: segment.span.bytes), view.isChecksumValid(pseudoHeader: sum)
    else { return nil }
    header = view.header()
    text = Packet(segment.dropFirst(view.headerCount))
  }
}
