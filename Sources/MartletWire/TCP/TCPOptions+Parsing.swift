/// Option kinds of the TCP header (RFC 9293 §3.1 and the IANA registry).
@frozen
@usableFromInline
enum TCPOptionKind {
  @inlinable static var end: UInt8 { 0 }
  @inlinable static var noOperation: UInt8 { 1 }
  @inlinable static var maximumSegmentSize: UInt8 { 2 }
  @inlinable static var windowScale: UInt8 { 3 }
  @inlinable static var sackPermitted: UInt8 { 4 }
  @inlinable static var sack: UInt8 { 5 }
  @inlinable static var timestamps: UInt8 { 8 }
  @inlinable static var fastOpen: UInt8 { 34 }

  /// NOP, NOP, timestamps, length 10: the four octets that nearly every segment's options begin with.
  @inlinable static var alignedTimestamps: UInt32 { 0x0101_080A }
}

extension TCPOptions {
  /// Reads the option octets of a header, those between its 20 fixed octets and its text.
  ///
  /// Any octets are fine. The walk advances by at least one each time; a length
  /// below 2 or past the end stops it, keeps what was read and sets `.malformed`
  /// (RFC 9293 MUST-7, rule P2). A known kind with a length that is not its own
  /// counts as unknown and is skipped by that length (MUST-6). Nothing is aligned
  /// (MUST-64). The first copy of an option wins. A scale is clamped to 14; a segment size of 0 counts as absent.
  @inlinable @inline(__always)
  public init(parsing bytes: RawSpan) {
    self.init()
    if bytes.byteCount == 0 { return }
    if bytes.byteCount >= 12, bytes.be32(0) == TCPOptionKind.alignedTimestamps {
      setTimestamps(bytes.be64(4))
      if bytes.byteCount > 12 { walk(bytes, from: 12) }
      return
    }
    walk(bytes, from: 0)
  }

  @usableFromInline
  mutating func walk(_ bytes: RawSpan, from start: Int) {
    if present.isEmpty, let handshake = HandshakeOptions(words: bytes) {
      self = TCPOptions(handshake)
      return
    }
    let count = bytes.byteCount
    var offset = start
    while offset < count {
      let kind = bytes.u8(offset)
      if kind == TCPOptionKind.end { return }
      if kind == TCPOptionKind.noOperation {
        offset &+= 1
        continue
      }
      guard count &- offset >= 2 else { break }
      let length = Int(bytes.u8(offset &+ 1))
      guard length >= 2, length <= count &- offset else { break }
      read(kind, bytes.extracting(offset &+ 2..<offset &+ length))
      offset &+= length
    }
    if offset < count { present.insert(.malformed) }
  }

  /// Reads one option, given its octets after kind and length.
  mutating func read(_ kind: UInt8, _ value: RawSpan) {
    switch (kind, value.byteCount) {
    case (TCPOptionKind.maximumSegmentSize, 2):
      readMaximumSegmentSize(value.be16(0))
    case (TCPOptionKind.windowScale, 1):
      readWindowScale(value.u8(0))
    case (TCPOptionKind.sackPermitted, 0):
      present.insert(.sackPermitted)
    case (TCPOptionKind.timestamps, 8):
      readTimestamps(value.be64(0))
    case (TCPOptionKind.sack, 8), (TCPOptionKind.sack, 16), (TCPOptionKind.sack, 24),
      (TCPOptionKind.sack, 32):
      readSACK(value)
    case (TCPOptionKind.fastOpen, 0), (TCPOptionKind.fastOpen, 4...16):
      readFastOpen(value)
    default:
      present.insert(.unknown)
    }
  }

  @inlinable @inline(__always)
  mutating func setTimestamps(_ pair: UInt64) {
    tsval = UInt32(truncatingIfNeeded: pair >> 32)
    tsecr = UInt32(truncatingIfNeeded: pair)
    present.insert(.timestamps)
  }

  @inline(__always)
  private mutating func readMaximumSegmentSize(_ size: UInt16) {
    if size == 0 || present.contains(.maximumSegmentSize) { return }
    maximumSegmentSize = size
    present.insert(.maximumSegmentSize)
  }

  @inline(__always)
  private mutating func readWindowScale(_ shift: UInt8) {
    if present.contains(.windowScale) { return }
    windowScale = WindowScale(shift)
    present.insert(.windowScale)
  }

  @inline(__always)
  private mutating func readTimestamps(_ pair: UInt64) {
    if present.contains(.timestamps) { return }
    setTimestamps(pair)
  }

  private mutating func readSACK(_ value: RawSpan) {
    if present.contains(.sack) { return }
    var offset = 0
    var index = 0
    while offset < value.byteCount {
      sack[index] = SACKBlock(
        start: SequenceNumber(value.be32(offset)), end: SequenceNumber(value.be32(offset &+ 4)))
      offset &+= 8
      index &+= 1
    }
    sackCount = UInt8(truncatingIfNeeded: index)
    present.insert(.sack)
  }

  /// RFC 7413 §4.1.1: a cookie has 4 to 16 octets, an even number; other lengths are ignored.
  private mutating func readFastOpen(_ value: RawSpan) {
    if value.byteCount & 1 == 1 {
      present.insert(.unknown)
      return
    }
    if present.contains(.fastOpen) { return }
    var index = 0
    while index < value.byteCount {
      fastOpenCookie[index] = value.u8(index)
      index &+= 1
    }
    fastOpenCookieCount = UInt8(truncatingIfNeeded: value.byteCount)
    present.insert(.fastOpen)
  }
}
