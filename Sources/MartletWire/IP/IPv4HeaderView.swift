/// An IPv4 packet seen in place. After validation no accessor can fail.
///
/// The header checksum is not part of validation, because a device may have verified it:
/// ask `isChecksumValid`. Options are skipped: they lie inside the checked header length.
public struct IPv4HeaderView: ~Escapable {
  /// The packet, narrowed to its total length.
  @usableFromInline let packet: RawSpan
  // The twenty octets that every header has, loaded once: no accessor looks at a length again.
  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64
  @usableFromInline let third: UInt32
  /// Octets of the header with its options, 20 to 60.
  public let headerCount: Int

  /// Nil when the bytes do not hold the packet they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard bytes.byteCount >= IPv4Header.encodedCount else { return nil }
    first = bytes.be64(0)
    guard Self.defect(first, of: bytes.byteCount) == nil else { return nil }
    second = bytes.be64(8)
    third = bytes.be32(16)
    packet = bytes.extracting(0..<Self.totalCount(first))
    headerCount = Self.headerCount(first)
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: bytes) { throw defect }
    first = bytes.be64(0)
    second = bytes.be64(8)
    third = bytes.be32(16)
    packet = bytes.extracting(0..<Self.totalCount(first))
    headerCount = Self.headerCount(first)
  }

  /// What is wrong with version and lengths, if anything. Octets after the total
  /// length are a link's padding and no defect.
  @inlinable @inline(__always)
  public static func defect(in bytes: RawSpan) -> WireError? {
    guard bytes.byteCount >= IPv4Header.encodedCount else { return .truncated }
    return defect(bytes.be64(0), of: bytes.byteCount)
  }

  @inlinable @inline(__always)
  static func defect(_ first: UInt64, of count: Int) -> WireError? {
    guard first >> 60 == 4 else { return .badVersion }
    let headerCount = headerCount(first)
    guard headerCount >= IPv4Header.encodedCount else { return .badHeaderLength }
    let total = totalCount(first)
    guard total >= headerCount, total <= count else { return .badTotalLength }
    return nil
  }

  @inlinable @inline(__always)
  static func headerCount(_ first: UInt64) -> Int { Int(truncatingIfNeeded: first >> 56 & 0xf) &* 4 }

  @inlinable @inline(__always)
  static func totalCount(_ first: UInt64) -> Int { Int(truncatingIfNeeded: first >> 32 & 0xffff) }

  @inlinable @inline(__always)
  public var dscp: UInt8 { UInt8(truncatingIfNeeded: first >> 48) >> 2 }

  @inlinable @inline(__always)
  public var ecn: ECN { ECN(trafficClass: UInt8(truncatingIfNeeded: first >> 48)) }

  /// Octets of header and payload.
  @inlinable @inline(__always)
  public var totalCount: Int { packet.byteCount }

  @inlinable @inline(__always)
  public var identification: UInt16 { UInt16(truncatingIfNeeded: first >> 16) }

  @inlinable @inline(__always)
  public var dontFragment: Bool { first & 0x4000 != 0 }

  @inlinable @inline(__always)
  public var moreFragments: Bool { first & 0x2000 != 0 }

  /// Octets, a multiple of 8, at most 65,528.
  @inlinable @inline(__always)
  public var fragmentOffset: UInt16 { UInt16(truncatingIfNeeded: first << 3) }

  /// Whether this is a part of a datagram and not the whole.
  @inlinable @inline(__always)
  public var isFragment: Bool { first & 0x3fff != 0 }

  /// Whether this is a datagram of one protocol, whole, under a header without options.
  @inlinable @inline(__always)
  public func isWhole(_ proto: IPProtocol) -> Bool {
    first & 0x0f00_0000_0000_3fff == 0x0500_0000_0000_0000 && self.proto == proto
  }

  @inlinable @inline(__always)
  public var timeToLive: UInt8 { UInt8(truncatingIfNeeded: second >> 56) }

  @inlinable @inline(__always)
  public var proto: IPProtocol { IPProtocol(UInt8(truncatingIfNeeded: second >> 48)) }

  @inlinable @inline(__always)
  public var checksum: UInt16 { UInt16(truncatingIfNeeded: second >> 32) }

  @inlinable @inline(__always)
  public var source: IPv4Address { IPv4Address(bits: UInt32(truncatingIfNeeded: second)) }

  @inlinable @inline(__always)
  public var destination: IPv4Address { IPv4Address(bits: third) }

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
    guard hasOptions else {
      var sum = NumberSum()
      sum.add(quad: first)
      sum.add(quad: second)
      sum.add(third)
      return sum.isValid
    }
    var sum = InternetChecksum()
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
      dscp: dscp, ecn: ecn, totalCount: UInt16(truncatingIfNeeded: first >> 32),
      identification: identification,
      dontFragment: dontFragment, moreFragments: moreFragments, fragmentOffset: fragmentOffset,
      timeToLive: timeToLive, proto: proto, source: source, destination: destination)
  }
}
