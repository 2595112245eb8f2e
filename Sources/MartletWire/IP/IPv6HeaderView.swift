/// An IPv6 packet seen in place. After validation no accessor can fail.
public struct IPv6HeaderView: ~Escapable {
  /// The packet, narrowed to its payload length.
  @usableFromInline let packet: RawSpan

  /// Nil when the bytes do not hold the packet they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard Self.defect(in: bytes) == nil else { return nil }
    packet = bytes.extracting(0..<(IPv6Header.encodedCount &+ Int(bytes.be16(4))))
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: bytes) { throw defect }
    packet = bytes.extracting(0..<(IPv6Header.encodedCount &+ Int(bytes.be16(4))))
  }

  /// What is wrong with version and length, if anything. A payload length of zero with a
  /// hop-by-hop header would be a jumbogram (RFC 2675), which is refused.
  @inlinable @inline(__always)
  public static func defect(in bytes: RawSpan) -> WireError? {
    guard bytes.byteCount >= IPv6Header.encodedCount else { return .truncated }
    guard bytes.u8(0) >> 4 == 6 else { return .badVersion }
    let payload = Int(bytes.be16(4))
    if payload == 0, bytes.u8(6) == IPProtocol.hopByHop.rawValue { return .jumbogram }
    guard payload <= bytes.byteCount &- IPv6Header.encodedCount else { return .badTotalLength }
    return nil
  }

  @inlinable @inline(__always)
  public var dscp: UInt8 { UInt8(truncatingIfNeeded: packet.be16(0) >> 6) & 0x3f }

  @inlinable @inline(__always)
  public var ecn: ECN { ECN(trafficClass: packet.u8(1) >> 4) }

  /// 20 bits.
  @inlinable @inline(__always)
  public var flowLabel: UInt32 { packet.be32(0) & 0xf_ffff }

  /// Octets after the fixed header.
  @inlinable @inline(__always)
  public var payloadCount: Int { packet.byteCount &- IPv6Header.encodedCount }

  @inlinable @inline(__always)
  public var nextHeader: IPProtocol { IPProtocol(packet.u8(6)) }

  @inlinable @inline(__always)
  public var hopLimit: UInt8 { packet.u8(7) }

  @inlinable @inline(__always)
  public var source: IPv6Address { packet.ipv6Address(8) }

  @inlinable @inline(__always)
  public var destination: IPv6Address { packet.ipv6Address(24) }

  /// The packet, header and payload, without what a link may have padded.
  @inlinable @inline(__always)
  public var bytes: RawSpan {
    @_lifetime(copy self) get { packet }
  }

  /// What follows the fixed header: extension headers and transport.
  @inlinable @inline(__always)
  public var payload: RawSpan {
    @_lifetime(copy self) get { packet.extracting(IPv6Header.encodedCount..<packet.byteCount) }
  }

  /// The octets from `offset` on, counted from the start of the IPv6 header, as
  /// `IPv6ExtensionHeaders` counts them.
  @inlinable @inline(__always)
  @_lifetime(copy self)
  public func payload(from offset: Int) -> RawSpan {
    packet.extracting(min(max(offset, 0), packet.byteCount)..<packet.byteCount)
  }

  @inlinable
  public func header() -> IPv6Header {
    IPv6Header(
      dscp: dscp, ecn: ecn, flowLabel: flowLabel, payloadCount: packet.be16(4),
      nextHeader: nextHeader, hopLimit: hopLimit, source: source, destination: destination)
  }
}
