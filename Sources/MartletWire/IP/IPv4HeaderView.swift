/// An IPv4 packet seen in place. After validation no accessor can fail.
///
/// The header checksum is not part of validation, because a device may have verified it:
/// ask `isChecksumValid`. Options are skipped: they lie inside the checked header length.
public struct IPv4HeaderView: ~Escapable {
  /// The packet, narrowed to its total length.
  @usableFromInline let packet: RawSpan
  /// Octets of the header with its options, 20 to 60.
  public let headerCount: Int

  /// Nil when the bytes do not hold the packet they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard Self.defect(in: bytes) == nil else { return nil }
    packet = bytes.extracting(0..<Int(bytes.be16(2)))
    headerCount = Int(bytes.u8(0) & 0xf) &* 4
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: bytes) { throw defect }
    packet = bytes.extracting(0..<Int(bytes.be16(2)))
    headerCount = Int(bytes.u8(0) & 0xf) &* 4
  }

  /// What is wrong with version and lengths, if anything. Octets after the total
  /// length are a link's padding and no defect.
  @inlinable @inline(__always)
  public static func defect(in bytes: RawSpan) -> WireError? {
    guard bytes.byteCount >= IPv4Header.encodedCount else { return .truncated }
    let first = bytes.u8(0)
    guard first >> 4 == 4 else { return .badVersion }
    let headerCount = Int(first & 0xf) &* 4
    guard headerCount >= IPv4Header.encodedCount else { return .badHeaderLength }
    let total = Int(bytes.be16(2))
    guard total >= headerCount, total <= bytes.byteCount else { return .badTotalLength }
    return nil
  }

  @inlinable @inline(__always)
  public var dscp: UInt8 { packet.u8(1) >> 2 }

  @inlinable @inline(__always)
  public var ecn: ECN { ECN(trafficClass: packet.u8(1)) }

  /// Octets of header and payload.
  @inlinable @inline(__always)
  public var totalCount: Int { packet.byteCount }

  @inlinable @inline(__always)
  public var identification: UInt16 { packet.be16(4) }

  @inlinable @inline(__always)
  public var dontFragment: Bool { packet.u8(6) & 0x40 != 0 }

  @inlinable @inline(__always)
  public var moreFragments: Bool { packet.u8(6) & 0x20 != 0 }

  /// Octets, a multiple of 8, at most 65,528.
  @inlinable @inline(__always)
  public var fragmentOffset: UInt16 { (packet.be16(6) & 0x1fff) << 3 }

  /// Whether this is a part of a datagram and not the whole.
  @inlinable @inline(__always)
  public var isFragment: Bool { packet.be16(6) & 0x3fff != 0 }

  @inlinable @inline(__always)
  public var timeToLive: UInt8 { packet.u8(8) }

  @inlinable @inline(__always)
  public var proto: IPProtocol { IPProtocol(packet.u8(9)) }

  @inlinable @inline(__always)
  public var checksum: UInt16 { packet.be16(10) }

  @inlinable @inline(__always)
  public var source: IPv4Address { packet.ipv4Address(12) }

  @inlinable @inline(__always)
  public var destination: IPv4Address { packet.ipv4Address(16) }

  @inlinable @inline(__always)
  public var hasOptions: Bool { headerCount > IPv4Header.encodedCount }

  /// Whether the options hold a source route, loose or strict (RFC 791 §3.1), which a host
  /// may refuse. The walk ends at the first impossible length.
  @inlinable
  public var hasSourceRoute: Bool {
    hasOptions && Self.hasSourceRoute(options)
  }

  @usableFromInline
  static func hasSourceRoute(_ options: RawSpan) -> Bool {
    var offset = 0
    while offset < options.byteCount {
      let kind = options.u8(offset)
      if kind == 131 || kind == 137 { return true }
      if kind == 0 { return false }
      if kind == 1 {
        offset &+= 1
        continue
      }
      guard options.byteCount &- offset >= 2, options.u8(offset &+ 1) >= 2 else { return false }
      offset &+= Int(options.u8(offset &+ 1))
    }
    return false
  }

  /// Whether the header is intact.
  @inlinable @inline(__always)
  public var isChecksumValid: Bool {
    var sum = InternetChecksum()
    guard hasOptions else {
      sum.add(eightOf: packet, at: 0)
      sum.add(eightOf: packet, at: 8)
      sum.add(packet.be32(16))
      return sum.isValid
    }
    sum.add(packet.extracting(0..<headerCount))
    return sum.isValid
  }

  /// The packet, header and payload, without what a link may have padded.
  @inlinable @inline(__always)
  public var bytes: RawSpan {
    @_lifetime(copy self) get { packet }
  }

  /// The option octets, 0 to 40.
  @inlinable @inline(__always)
  public var options: RawSpan {
    @_lifetime(copy self) get { packet.extracting(IPv4Header.encodedCount..<headerCount) }
  }

  /// What follows the header, up to the total length.
  @inlinable @inline(__always)
  public var payload: RawSpan {
    @_lifetime(copy self) get { packet.extracting(headerCount..<packet.byteCount) }
  }

  /// The header as a value; its options are left behind, its total length is kept as it came.
  @inlinable
  public func header() -> IPv4Header {
    IPv4Header(
      dscp: dscp, ecn: ecn, totalCount: packet.be16(2), identification: identification,
      dontFragment: dontFragment, moreFragments: moreFragments, fragmentOffset: fragmentOffset,
      timeToLive: timeToLive, proto: proto, source: source, destination: destination)
  }
}
