/// A TCP header as a value (RFC 9293 §3.1).
///
/// `TCPHeaderView` reads one out of bytes; `write(into:at:)` puts it back.
/// Reading what was written gives the same value.
@frozen
public struct TCPHeader: Equatable, BitwiseCopyable, Sendable {
  public var sourcePort: UInt16
  public var destinationPort: UInt16
  /// The sequence number of the first octet of text, or of SYN.
  public var seq: SequenceNumber
  /// The next sequence number expected; means nothing without `.ack`.
  public var ack: SequenceNumber
  public var flags: TCPFlags
  public var window: UnscaledWindow
  /// An offset from `seq`; means nothing without `.urg`.
  public var urgentPointer: UInt16
  public var options: TCPOptions

  @inlinable @inline(__always)
  public init(
    sourcePort: UInt16, destinationPort: UInt16, seq: SequenceNumber = SequenceNumber(0),
    ack: SequenceNumber = SequenceNumber(0), flags: TCPFlags = [],
    window: UnscaledWindow = UnscaledWindow(0), urgentPointer: UInt16 = 0,
    options: TCPOptions = TCPOptions()
  ) {
    self.sourcePort = sourcePort
    self.destinationPort = destinationPort
    self.seq = seq
    self.ack = ack
    self.flags = flags
    self.window = window
    self.urgentPointer = urgentPointer
    self.options = options
  }

  /// Octets of a header without options.
  @inlinable public static var minimumCount: Int { 20 }
  /// Octets of the longest header.
  @inlinable public static var maximumCount: Int { 60 }
  /// Where the checksum field lies.
  @inlinable public static var checksumOffset: Int { 16 }

  /// Octets that `write` writes: 20 to 60, a multiple of 4.
  ///
  /// When the options exceed 40 octets, SACK blocks are dropped from the end until
  /// they fit; see `TCPOptions.encodedSACKCount`.
  @inlinable @inline(__always)
  public var encodedCount: Int {
    Self.minimumCount &+ options.encodedCount
  }

  /// Writes exactly `encodedCount` octets. The checksum field and the three reserved
  /// bits are zero, and so is the padding (RFC 9293 MUST-69).
  @inlinable @inline(__always)
  public func write(into out: inout MutableRawSpan, at start: Int) {
    Self.writeFixed(
      sourcePort, destinationPort, seq, ack, flags, window, urgentPointer, optionCount: options.encodedCount,
      into: &out, at: start)
    options.write(into: &out, at: start &+ 20)
  }

  /// Writes the header of a SYN or a SYN-ACK, but for its checksum, and adds it to `sum`.
  @inlinable @inline(__always)
  package static func write(
    from sourcePort: UInt16, to destinationPort: UInt16, seq: SequenceNumber, ack: SequenceNumber,
    _ flags: TCPFlags, _ window: UnscaledWindow, _ options: HandshakeOptions, into out: inout MutableRawSpan,
    at start: Int, addingTo sum: inout NumberSum
  ) {
    let optionCount = options.encodedCount
    writeFixed(
      sourcePort, destinationPort, seq, ack, flags, window, 0, optionCount: optionCount, into: &out, at: start
    )
    // From the values and not from the octets: they are at hand.
    sum.add(UInt32(sourcePort) << 16 | UInt32(destinationPort))
    sum.add(seq.rawValue)
    sum.add(ack.rawValue)
    sum.add(control(flags, window, optionCount: optionCount))
    sum.add(options)
    options.write(into: &out, at: start &+ 20)
  }

  /// The 20 octets before the options.
  @inlinable @inline(__always)
  static func writeFixed(
    _ sourcePort: UInt16, _ destinationPort: UInt16, _ seq: SequenceNumber, _ ack: SequenceNumber,
    _ flags: TCPFlags, _ window: UnscaledWindow, _ urgentPointer: UInt16, optionCount: Int,
    into out: inout MutableRawSpan, at start: Int
  ) {
    let ports = UInt64(sourcePort) << 16 | UInt64(destinationPort)
    out.store64be(ports << 32 | UInt64(seq.rawValue), at: start)
    let control = control(flags, window, optionCount: optionCount)
    out.store64be(UInt64(ack.rawValue) << 32 | UInt64(control), at: start &+ 8)
    out.store32be(UInt32(urgentPointer), at: start &+ 16)
  }

  /// Data offset, flags and window.
  @inlinable @inline(__always)
  static func control(_ flags: TCPFlags, _ window: UnscaledWindow, optionCount: Int) -> UInt32 {
    let words = UInt32(truncatingIfNeeded: 5 &+ optionCount >> 2)
    return words << 28 | UInt32(flags.rawValue & 0x1ff) << 16 | UInt32(window.field)
  }
}
