import MartletWire

/// A segment as it arrives: the SEG variables of RFC 9293 §3.3.1, without ports
/// (the flow table has used them) and without its text, which stays in the
/// packet and is passed beside it.
@frozen
public struct Segment: BitwiseCopyable, Sendable {
  public var seq: SequenceNumber
  /// Means something only when `flags` has `.ack`.
  public var ack: SequenceNumber
  public var flags: TCPFlags
  /// SEG.WND as the field says; who reads it knows the scale.
  public var wnd: UnscaledWindow
  /// SEG.UP; means something only when `flags` has `.urg`.
  public var up: UInt16
  /// Octets of text.
  public var textCount: UInt32
  /// The size of the wire segments that a device joined into this one; 0: it is one segment.
  public var segmentSize: UInt16
  /// Of the IP header.
  public var ecn: ECN
  public var options: TCPOptions

  @inlinable
  public init(
    seq: SequenceNumber, ack: SequenceNumber = SequenceNumber(0), flags: TCPFlags,
    wnd: UnscaledWindow = UnscaledWindow(0), up: UInt16 = 0, textCount: UInt32 = 0,
    segmentSize: UInt16 = 0, ecn: ECN = .notECT, options: TCPOptions = TCPOptions()
  ) {
    self.seq = seq
    self.ack = ack
    self.flags = flags
    self.wnd = wnd
    self.up = up
    self.textCount = textCount
    self.segmentSize = segmentSize
    self.ecn = ecn
    self.options = options
  }

  /// What a header says, in a packet with these marks.
  @inlinable @inline(__always)
  public init(_ header: borrowing TCPHeaderView, segmentSize: UInt16 = 0, _ ecn: ECN) {
    self.init(
      seq: header.seq, ack: header.ack, flags: header.flags, wnd: header.window, up: header.urgentPointer,
      textCount: UInt32(truncatingIfNeeded: header.textCount), segmentSize: segmentSize, ecn: ecn,
      options: TCPOptions(parsing: header.options))
  }

  /// SEG.LEN: text, and one for SYN, one for FIN (RFC 9293 §3.4).
  @inlinable @inline(__always)
  public var len: UInt32 { textCount &+ flags.sequenceLength }

  /// It has text or a FIN, and whoever sends that again may have lost our acknowledgment of it, so each is answered. A
  /// SYN is challenged, whatever else it brings (RFC 5961 §4.2).
  @inlinable @inline(__always)
  package var mayHaveLostItsAnswer: Bool {
    (textCount > 0 || flags.contains(.fin)) && !flags.contains(.syn)
  }

  /// The first sequence number after the segment.
  @inlinable @inline(__always)
  public var end: SequenceNumber { seq.advanced(by: len) }
}
