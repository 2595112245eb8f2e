import MartletWire

/// A segment to send, as ranges of sequence space: the caller writes the header
/// and copies the text out of the send queue straight into the link's buffer.
@frozen
public struct SegmentPlan: BitwiseCopyable, Sendable {
  public var seq: SequenceNumber
  public var ack: SequenceNumber
  public var flags: TCPFlags
  public var window: UnscaledWindow
  public var urgentPointer: UInt16
  public var options: TCPOptions
  /// Where the text begins, in octets from the head of the send queue.
  public var textOffset: UInt32
  /// Octets of text; more than `segmentSize` only when the caller's limit allowed it.
  public var textCount: UInt32
  /// The size to cut the text by where a device segments.
  public var segmentSize: UInt16
  /// Some of it was sent before.
  public var isRetransmission: Bool
  /// For the IP header: ECT(0) on new text of a connection that understands marks, and on nothing else.
  public var ecn: ECN = .notECT

  @inlinable
  public init(
    seq: SequenceNumber, ack: SequenceNumber, flags: TCPFlags, window: UnscaledWindow,
    urgentPointer: UInt16 = 0, options: TCPOptions = TCPOptions(), textOffset: UInt32 = 0,
    textCount: UInt32 = 0, segmentSize: UInt16 = 0, isRetransmission: Bool = false
  ) {
    self.seq = seq
    self.ack = ack
    self.flags = flags
    self.window = window
    self.urgentPointer = urgentPointer
    self.options = options
    self.textOffset = textOffset
    self.textCount = textCount
    self.segmentSize = segmentSize
    self.isRetransmission = isRetransmission
  }
}
