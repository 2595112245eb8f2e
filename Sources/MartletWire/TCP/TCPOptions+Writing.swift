/// How options are laid out on the wire. Timestamps sit on a 4-octet boundary, as
/// kernels put them:
///
///     MSS | SACK-permitted, TS | NOP, WS | NOP, NOP, SACK … | fast open, padding
///     MSS | NOP, NOP, TS       | NOP, WS | NOP, NOP, SACK … | fast open, padding
///
/// When 40 octets do not hold all of it, SACK blocks are dropped from the end of the
/// list, then the SACK option itself; all other options always fit together.
extension TCPOptions {
  /// Octets of options a header can have (RFC 9293 §3.1: data offset at most 15 words).
  @inlinable public static var maximumCount: Int { 40 }

  /// How many octets these options take in a header, with their padding: a multiple of 4, at most 40.
  @inlinable
  public var encodedCount: Int {
    if present.isEmpty { return 0 }
    if isTimestampsOnly { return 12 }
    let blocks = encodedSACKCount
    return countWithoutSACK &+ (blocks > 0 ? 4 &+ 8 &* blocks : 0)
  }

  /// How many SACK blocks fit beside the other options. With timestamps, three.
  @inlinable
  public var encodedSACKCount: Int {
    guard present.contains(.sack) else { return 0 }
    let room = (Self.maximumCount &- 4 &- countWithoutSACK) >> 3
    return max(0, min(Int(min(sackCount, 4)), room))
  }

  @inlinable @inline(__always)
  var isTimestampsOnly: Bool {
    present.intersection([.timestamps, .maximumSegmentSize, .windowScale, .sackPermitted, .sack, .fastOpen])
      == .timestamps
  }

  @inlinable
  var countWithoutSACK: Int {
    var count = handshake.encodedCount
    if present.contains(.fastOpen) { count &+= (2 &+ cookieCount &+ 3) & ~3 }
    return count
  }

  /// The cookie's octets, at most 16.
  @inlinable @inline(__always)
  var cookieCount: Int { Int(min(fastOpenCookieCount, 16)) }

  /// Writes exactly `encodedCount` octets. `.unknown` and `.malformed` write nothing.
  @inlinable
  public func write(into out: inout MutableRawSpan, at start: Int) {
    if present.isEmpty { return }
    if isTimestampsOnly {
      writeAlignedTimestamps(into: &out, at: start)
    } else {
      writeAll(into: &out, at: start)
    }
  }

  @inlinable @inline(__always)
  func writeAlignedTimestamps(into out: inout MutableRawSpan, at start: Int) {
    out.store32be(TCPOptionKind.alignedTimestamps, at: start)
    out.store64be(UInt64(tsval) << 32 | UInt64(tsecr), at: start &+ 4)
  }

  @usableFromInline
  func writeAll(into out: inout MutableRawSpan, at start: Int) {
    let offset = writeSACK(into: &out, at: handshake.write(into: &out, at: start))
    writeFastOpen(into: &out, at: offset)
  }

  /// Returns the offset after what was written.
  private func writeSACK(into out: inout MutableRawSpan, at start: Int) -> Int {
    let blocks = encodedSACKCount
    if blocks == 0 { return start }
    out.store32be(0x0101_0502 &+ UInt32(truncatingIfNeeded: 8 &* blocks), at: start)
    var offset = start &+ 4
    var index = 0
    while index < blocks {
      out.store32be(sack[index].start.rawValue, at: offset)
      out.store32be(sack[index].end.rawValue, at: offset &+ 4)
      offset &+= 8
      index &+= 1
    }
    return offset
  }

  /// The only option whose length leaves a gap, hence last: the gap is end-of-list,
  /// which is zero, and padding, which is zero (RFC 9293 MUST-69).
  private func writeFastOpen(into out: inout MutableRawSpan, at start: Int) {
    guard present.contains(.fastOpen) else { return }
    let count = cookieCount
    out.store8(TCPOptionKind.fastOpen, at: start)
    out.store8(UInt8(truncatingIfNeeded: 2 &+ count), at: start &+ 1)
    var index = 0
    while index < count {
      out.store8(fastOpenCookie[index], at: start &+ 2 &+ index)
      index &+= 1
    }
    let end = 2 &+ count
    out.storeZeros(((end &+ 3) & ~3) &- end, at: start &+ end)
  }
}
