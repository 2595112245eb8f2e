/// What an ICMP error says about the packet that caused it: the quoted IP header and
/// the first eight octets of its transport (RFC 792; RFC 4443 §2.4 (c)).
///
/// The quote is usually cut short, so its length fields are not held against it. Nothing
/// in it is to be trusted before it matches a connection (RFC 5927).
@frozen
public struct QuotedPacket: Equatable, BitwiseCopyable, Sendable {
  /// Who sent the quoted packet: this host, if the error is honest.
  public var source: IPAddress
  public var destination: IPAddress
  public var proto: IPProtocol
  /// Ports of TCP or UDP; zero for others, and for a fragment that is not the first.
  public var sourcePort: UInt16 = 0
  public var destinationPort: UInt16 = 0
  /// The sequence number of a TCP segment; nil for others.
  public var seq: SequenceNumber?
  /// The eight octets of transport as one number; zero where they were not there.
  public var transport: UInt64 = 0
  /// Whether the eight octets of transport were there to be read.
  public var hasTransport: Bool = false
  /// Where the quoted transport begins in the quote.
  public var transportAt: Int

  @inlinable
  init(source: IPAddress, destination: IPAddress, proto: IPProtocol, transportAt: Int) {
    self.source = source
    self.destination = destination
    self.proto = proto
    self.transportAt = transportAt
  }

  /// Reads the quote of an ICMPv4 error; nil when it holds no whole IPv4 header.
  public init?(parsingIPv4 quote: RawSpan) {
    guard quote.byteCount >= IPv4Header.encodedCount, quote.u8(0) >> 4 == 4 else { return nil }
    let headerCount = Int(quote.u8(0) & 0xf) &* 4
    guard headerCount >= IPv4Header.encodedCount, headerCount <= quote.byteCount else { return nil }
    self.init(
      source: .v4(quote.ipv4Address(12)), destination: .v4(quote.ipv4Address(16)),
      proto: IPProtocol(quote.u8(9)), transportAt: headerCount)
    let isFirst = quote.be16(6) & 0x1fff == 0
    if isFirst { readTransport(quote) }
  }

  /// Reads the quote of an ICMPv6 error; nil when it holds no whole IPv6 header, or
  /// extension headers that lead nowhere.
  public init?(parsingIPv6 quote: RawSpan) {
    guard quote.byteCount >= IPv6Header.encodedCount, quote.u8(0) >> 4 == 6 else { return nil }
    var outcome = IPv6ExtensionHeaders.walk(
      quote, from: IPProtocol(quote.u8(6)), at: IPv6Header.encodedCount, nextHeaderAt: 6)
    var isFirst = true
    if case .fragment(let fragment) = outcome {
      isFirst = fragment.fragmentOffset == 0
      outcome =
        isFirst
        ? IPv6ExtensionHeaders.walk(
          quote, from: fragment.nextHeader, at: fragment.payloadAt, nextHeaderAt: fragment.headerAt)
        : .upper(fragment.nextHeader, offset: fragment.payloadAt, nextHeaderAt: fragment.headerAt)
    }
    guard case .upper(let proto, let offset, _) = outcome else { return nil }
    self.init(
      source: .v6(quote.ipv6Address(8)), destination: .v6(quote.ipv6Address(24)), proto: proto,
      transportAt: offset)
    if isFirst { readTransport(quote) }
  }

  private mutating func readTransport(_ quote: RawSpan) {
    guard quote.byteCount >= 8, transportAt <= quote.byteCount &- 8 else { return }
    hasTransport = true
    transport = quote.be64(transportAt)
    guard proto == .tcp || proto == .udp else { return }
    sourcePort = quote.be16(transportAt)
    destinationPort = quote.be16(transportAt &+ 2)
    if proto == .tcp { seq = SequenceNumber(quote.be32(transportAt &+ 4)) }
  }
}
