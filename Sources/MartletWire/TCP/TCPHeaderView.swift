/// A TCP segment seen in place: header and text, with lengths that have been checked.
///
/// After validation no accessor can fail. The checksum is not part of validation: it
/// needs the pseudo-header, and a device may have verified it already.
public struct TCPHeaderView: ~Escapable {
  @usableFromInline let segment: RawSpan
  /// Octets of the header, 20 to 60, never more than the segment has.
  public let headerCount: Int

  /// Nil when the bytes do not hold the header they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy segment)
  public init?(validating segment: RawSpan) {
    guard Self.defect(in: segment) == nil else { return nil }
    self.segment = segment
    headerCount = Int(segment.u8(12) >> 4) &* 4
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy segment)
  public init(_ segment: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: segment) { throw defect }
    self.segment = segment
    headerCount = Int(segment.u8(12) >> 4) &* 4
  }

  /// What is wrong with the lengths of a segment, if anything.
  @inlinable @inline(__always)
  public static func defect(in segment: RawSpan) -> WireError? {
    guard segment.byteCount >= TCPHeader.minimumCount else { return .truncated }
    let headerCount = Int(segment.u8(12) >> 4) &* 4
    guard headerCount >= TCPHeader.minimumCount else { return .badHeaderLength }
    guard headerCount <= segment.byteCount else { return .truncated }
    return nil
  }

  @inlinable @inline(__always)
  public var sourcePort: UInt16 { segment.be16(0) }

  @inlinable @inline(__always)
  public var destinationPort: UInt16 { segment.be16(2) }

  @inlinable @inline(__always)
  public var seq: SequenceNumber { SequenceNumber(segment.be32(4)) }

  @inlinable @inline(__always)
  public var ack: SequenceNumber { SequenceNumber(segment.be32(8)) }

  /// All nine flags, as they came.
  @inlinable @inline(__always)
  public var flags: TCPFlags { TCPFlags(rawValue: segment.be16(12) & 0x1ff) }

  /// The three reserved bits, 0 to 7. To be ignored by a receiver (RFC 9293 §3.1).
  @inlinable @inline(__always)
  public var reservedBits: UInt8 { (segment.u8(12) >> 1) & 7 }

  @inlinable @inline(__always)
  public var window: UnscaledWindow { UnscaledWindow(segment.be16(14)) }

  @inlinable @inline(__always)
  public var checksum: UInt16 { segment.be16(16) }

  @inlinable @inline(__always)
  public var urgentPointer: UInt16 { segment.be16(18) }

  /// The whole segment, header and text.
  @inlinable @inline(__always)
  public var bytes: RawSpan {
    @_lifetime(copy self) get { segment }
  }

  /// The option octets, 0 to 40, not parsed.
  @inlinable @inline(__always)
  public var options: RawSpan {
    @_lifetime(copy self) get { segment.extracting(20..<headerCount) }
  }

  /// The text: what follows the header.
  @inlinable @inline(__always)
  public var text: RawSpan {
    @_lifetime(copy self) get { segment.extracting(headerCount..<segment.byteCount) }
  }

  /// Octets of text.
  @inlinable @inline(__always)
  public var textCount: Int { segment.byteCount &- headerCount }

  /// SEG.LEN: octets of text, plus one each for SYN and FIN (RFC 9293 §3.3.1).
  @inlinable @inline(__always)
  public var sequenceLength: UInt32 {
    UInt32(truncatingIfNeeded: textCount) &+ flags.sequenceLength
  }

  /// Whether the segment is intact. The pseudo-header must be of the segment's whole length.
  @inlinable @inline(__always)
  public func isChecksumValid(pseudoHeader: InternetChecksum) -> Bool {
    var checksum = pseudoHeader
    checksum.add(segment)
    return checksum.isValid
  }

  /// The header as a value, options parsed. Reserved bits and checksum are left behind.
  @inlinable @inline(__always)
  public func header() -> TCPHeader {
    let first = segment.be64(0)
    let second = segment.be64(8)
    return TCPHeader(
      sourcePort: UInt16(truncatingIfNeeded: first >> 48),
      destinationPort: UInt16(truncatingIfNeeded: first >> 32),
      seq: SequenceNumber(UInt32(truncatingIfNeeded: first)),
      ack: SequenceNumber(UInt32(truncatingIfNeeded: second >> 32)),
      flags: TCPFlags(rawValue: UInt16(truncatingIfNeeded: second >> 16) & 0x1ff),
      window: UnscaledWindow(UInt16(truncatingIfNeeded: second)),
      urgentPointer: urgentPointer,
      options: TCPOptions(parsing: options))
  }
}
