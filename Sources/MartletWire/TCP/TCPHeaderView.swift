/// A TCP segment seen in place: header and text, with lengths that have been checked.
///
/// After validation no accessor can fail. The checksum is not part of validation: it
/// needs the pseudo-header, and a device may have verified it already.
public struct TCPHeaderView: ~Escapable {
  @usableFromInline let segment: RawSpan
  // The twenty octets that every header has, loaded once: no accessor looks at a length again.
  @usableFromInline let first: UInt64
  @usableFromInline let second: UInt64
  @usableFromInline let third: UInt32
  /// Octets of the header, 20 to 60, never more than the segment has.
  public let headerCount: Int

  /// Nil when the bytes do not hold the header they claim; `defect(in:)` tells why.
  @inlinable @inline(__always)
  @_lifetime(copy segment)
  public init?(validating segment: RawSpan) {
    guard segment.byteCount >= TCPHeader.minimumCount else { return nil }
    second = segment.be64(8)
    headerCount = Self.headerCount(second)
    guard Self.defect(headerCount: headerCount, of: segment.byteCount) == nil else { return nil }
    first = segment.be64(0)
    third = segment.be32(16)
    self.segment = segment
  }

  /// Throws what is wrong with the bytes.
  @inlinable @inline(__always)
  @_lifetime(copy segment)
  public init(_ segment: RawSpan) throws(WireError) {
    if let defect = Self.defect(in: segment) { throw defect }
    first = segment.be64(0)
    second = segment.be64(8)
    third = segment.be32(16)
    headerCount = Self.headerCount(second)
    self.segment = segment
  }

  /// What is wrong with the lengths of a segment, if anything.
  @inlinable @inline(__always)
  public static func defect(in segment: RawSpan) -> WireError? {
    guard segment.byteCount >= TCPHeader.minimumCount else { return .truncated }
    return defect(headerCount: headerCount(segment.be64(8)), of: segment.byteCount)
  }

  @inlinable @inline(__always)
  static func defect(headerCount: Int, of count: Int) -> WireError? {
    guard headerCount >= TCPHeader.minimumCount else { return .badHeaderLength }
    guard headerCount <= count else { return .truncated }
    return nil
  }

  @inlinable @inline(__always)
  static func headerCount(_ second: UInt64) -> Int { Int(truncatingIfNeeded: second >> 28 & 0xf) &* 4 }

  @inlinable @inline(__always)
  public var sourcePort: UInt16 { UInt16(truncatingIfNeeded: first >> 48) }

  @inlinable @inline(__always)
  public var destinationPort: UInt16 { UInt16(truncatingIfNeeded: first >> 32) }

  @inlinable @inline(__always)
  public var seq: SequenceNumber { SequenceNumber(UInt32(truncatingIfNeeded: first)) }

  @inlinable @inline(__always)
  public var ack: SequenceNumber { SequenceNumber(UInt32(truncatingIfNeeded: second >> 32)) }

  /// All nine flags, as they came.
  @inlinable @inline(__always)
  public var flags: TCPFlags { TCPFlags(rawValue: UInt16(truncatingIfNeeded: second >> 16) & 0x1ff) }

  /// The three reserved bits, 0 to 7. To be ignored by a receiver (RFC 9293 §3.1).
  @inlinable @inline(__always)
  public var reservedBits: UInt8 { UInt8(truncatingIfNeeded: second >> 25) & 7 }

  @inlinable @inline(__always)
  public var window: UnscaledWindow { UnscaledWindow(UInt16(truncatingIfNeeded: second)) }

  @inlinable @inline(__always)
  public var checksum: UInt16 { UInt16(truncatingIfNeeded: third >> 16) }

  @inlinable @inline(__always)
  public var urgentPointer: UInt16 { UInt16(truncatingIfNeeded: third) }

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

  /// Likewise over IPv4.
  @inlinable @inline(__always)
  public func isChecksumValid(source: IPv4Address, destination: IPv4Address) -> Bool {
    guard textCount == 0 else {
      return isChecksumValid(
        pseudoHeader: .pseudoHeader(
          source: source, destination: destination, proto: .tcp, length: segment.byteCount))
    }
    // Nothing but a header, most of which is at hand: no call, and no loop over lanes.
    var sum = NumberSum()
    sum.addPseudoHeader(source: source, destination: destination, proto: .tcp, length: headerCount)
    sum.add(quad: first)
    sum.add(quad: second)
    sum.add(third)
    var offset = 20
    if headerCount & 4 == 0 {
      sum.add(segment.be32(offset))
      offset = 24
    }
    while offset < headerCount {
      sum.add(quad: segment.be64(offset))
      offset &+= 8
    }
    return sum.isValid
  }

  /// The header as a value, options parsed. Reserved bits and checksum are left behind.
  @inlinable @inline(__always)
  public func header() -> TCPHeader {
    TCPHeader(
      sourcePort: sourcePort, destinationPort: destinationPort, seq: seq, ack: ack, flags: flags,
      window: window, urgentPointer: urgentPointer, options: TCPOptions(parsing: options))
  }
}
