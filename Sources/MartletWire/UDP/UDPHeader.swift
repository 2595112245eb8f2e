/// A UDP header as a value (RFC 768).
@frozen
public struct UDPHeader: Equatable, BitwiseCopyable, Sendable {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// Octets of header and payload, 8 to 65,535.
  public var totalCount: UInt16

  @inlinable @inline(__always)
  public init(sourcePort: UInt16, destinationPort: UInt16, totalCount: UInt16) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.totalCount = totalCount
  }

  /// Octets of every UDP header.
  @inlinable public static var encodedCount: Int { 8 }
  /// Where the checksum field lies.
  @inlinable public static var checksumOffset: Int { 6 }
  /// Of the field that counts header and payload.
  @inlinable public static var lengthOffset: Int { 4 }

  @inlinable @inline(__always)
  public var encodedCount: Int { Self.encodedCount }

  /// Writes exactly eight octets, the checksum field zero.
  @inlinable @inline(__always)
  public func write(into out: inout MutableRawSpan, at start: Int) {
    out.store16be(sourcePort, at: start)
    out.store16be(destinationPort, at: start &+ 2)
    out.store32be(UInt32(totalCount) << 16, at: start &+ 4)
  }

  /// The checksum field for a sum over pseudo-header, header and payload. A sum that
  /// complements to zero is sent as 0xffff, because zero means "none" (RFC 768).
  @inlinable @inline(__always)
  public static func checksumField(_ sum: InternetChecksum) -> UInt16 {
    let field = sum.field
    return field == 0 ? 0xffff : field
  }
}

/// A UDP datagram seen in place. After validation no accessor can fail.
public struct UDPHeaderView: ~Escapable {
  /// The datagram, narrowed to its own length field.
  @usableFromInline let datagram: RawSpan

  /// Nil when the bytes do not hold the datagram they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard Self.defect(in: bytes) == nil else { return nil }
    datagram = bytes.extracting(0..<Int(bytes.be16(4)))
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy bytes)
  public init(_ bytes: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: bytes) { throw defect }
    datagram = bytes.extracting(0..<Int(bytes.be16(4)))
  }

  /// What is wrong with the lengths of a datagram, if anything. A length of zero, which
  /// RFC 2675 gives to jumbograms, is wrong.
  @inlinable @inline(__always)
  public static func defect(in bytes: RawSpan) -> WireError? {
    guard bytes.byteCount >= UDPHeader.encodedCount else { return .truncated }
    let total = Int(bytes.be16(4))
    guard total >= UDPHeader.encodedCount, total <= bytes.byteCount else { return .badTotalLength }
    return nil
  }

  @inlinable @inline(__always)
  public var sourcePort: UInt16 { datagram.be16(0) }

  @inlinable @inline(__always)
  public var destinationPort: UInt16 { datagram.be16(2) }

  /// Octets of header and payload.
  @inlinable @inline(__always)
  public var totalCount: Int { datagram.byteCount }

  @inlinable @inline(__always)
  public var checksum: UInt16 { datagram.be16(6) }

  /// The whole datagram, header and payload.
  @inlinable @inline(__always)
  public var bytes: RawSpan {
    @_lifetime(copy self) get { datagram }
  }

  @inlinable @inline(__always)
  public var payload: RawSpan {
    @_lifetime(copy self) get { datagram.extracting(8..<datagram.byteCount) }
  }

  /// Whether a datagram over IPv4 is intact. Zero means that the sender made no
  /// checksum (RFC 1122 §4.1.3.4).
  @inlinable
  public func isChecksumValid(source: IPv4Address, destination: IPv4Address) -> Bool {
    if checksum == 0 { return true }
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .udp, length: totalCount)
    sum.add(datagram)
    return sum.isValid
  }

  /// Whether a datagram over IPv6 is intact. Zero is not allowed here (RFC 8200 §8.1).
  @inlinable
  public func isChecksumValid(source: IPv6Address, destination: IPv6Address) -> Bool {
    if checksum == 0 { return false }
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: destination, proto: .udp, length: totalCount)
    sum.add(datagram)
    return sum.isValid
  }

  @inlinable @inline(__always)
  public func header() -> UDPHeader {
    UDPHeader(sourcePort: sourcePort, destinationPort: destinationPort, totalCount: datagram.be16(4))
  }
}
