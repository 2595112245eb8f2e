/// Packets on a serial line (RFC 1055): END, the octets of an IP packet with END and ESC written as two, END.
public enum SLIP {
  @usableFromInline static var end: UInt8 { 0o300 }
  @usableFromInline static var escape: UInt8 { 0o333 }
  @usableFromInline static var escapedEnd: UInt8 { 0o334 }
  @usableFromInline static var escapedEscape: UInt8 { 0o335 }

  /// Octets that a packet of `count` has at most on the line.
  public static func largestFrame(of count: Int) -> Int { 2 &* count &+ 2 }

  /// Writes a packet as it goes on the line, to the start of `line`, and returns the octets; 0: there may be no room.
  ///
  /// An END goes before it, too: whatever noise came before is a packet of its own then (RFC 1055, "Protocol").
  public static func write(_ packet: RawSpan, into line: inout MutableRawSpan) -> Int {
    guard line.byteCount >= largestFrame(of: packet.byteCount) else { return 0 }
    line.store8(end, at: 0)
    var count = 1
    for i in 0..<packet.byteCount {
      let octet = packet.u8(i)
      if octet == end || octet == escape {
        line.store8(escape, at: count)
        line.store8(octet == end ? escapedEnd : escapedEscape, at: count &+ 1)
        count &+= 2
      } else {
        line.store8(octet, at: count)
        count &+= 1
      }
    }
    line.store8(end, at: count)
    return count &+ 1
  }
}

/// Finds packets in the octets of a serial line (RFC 1055).
///
/// A line has noise. A packet that is longer than the buffer, or that has an ESC before anything but what RFC 1055 has
/// there, is lost as a whole: what is left of it would be another packet.
public struct SLIPReader: BitwiseCopyable, Sendable {
  /// Octets of the packet that is being read.
  private var count = 0
  private var isEscaped = false
  private var isSpoilt = false
  /// Packets that were lost.
  public private(set) var losses: UInt64 = 0

  public init() {}

  /// Takes an octet of the line. Returns the octets of the packet that it ends, which stands at the start of `buffer`; nil:
  /// it ends none. An empty packet is none: two ENDs may follow one another.
  public mutating func take(_ octet: UInt8, into buffer: inout MutableRawSpan) -> Int? {
    if octet == SLIP.end { return finish() }
    guard isEscaped else {
      if octet == SLIP.escape { isEscaped = true } else { append(octet, to: &buffer) }
      return nil
    }
    isEscaped = false
    switch octet {
    case SLIP.escapedEnd: append(SLIP.end, to: &buffer)
    case SLIP.escapedEscape: append(SLIP.escape, to: &buffer)
    default: isSpoilt = true
    }
    return nil
  }

  private mutating func append(_ octet: UInt8, to buffer: inout MutableRawSpan) {
    guard count < buffer.byteCount else {
      isSpoilt = true
      return
    }
    buffer.store8(octet, at: count)
    count &+= 1
  }

  private mutating func finish() -> Int? {
    defer {
      count = 0
      isEscaped = false
      isSpoilt = false
    }
    if isSpoilt || isEscaped {
      losses &+= 1
      return nil
    }
    return count > 0 ? count : nil
  }
}
