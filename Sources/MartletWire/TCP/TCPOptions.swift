/// The options of one TCP header, as values. A bitwise-copyable record with room
/// for everything in use; what was absent is absent from `present`.
///
/// The first copy of an option wins when a header repeats it.
@frozen
public struct TCPOptions: BitwiseCopyable, Sendable {
  /// Which options the header carries.
  @frozen
  public struct Present: OptionSet, BitwiseCopyable, Sendable {
    public var rawValue: UInt8

    @inlinable @inline(__always)
    public init(rawValue: UInt8) {
      self.rawValue = rawValue
    }

    /// Kind 2 (RFC 9293 §3.7.1).
    @inlinable public static var maximumSegmentSize: Present { Present(rawValue: 1) }
    /// Kind 3 (RFC 7323 §2).
    @inlinable public static var windowScale: Present { Present(rawValue: 2) }
    /// Kind 4 (RFC 2018 §2).
    @inlinable public static var sackPermitted: Present { Present(rawValue: 4) }
    /// Kind 5 (RFC 2018 §3).
    @inlinable public static var sack: Present { Present(rawValue: 8) }
    /// Kind 8 (RFC 7323 §3).
    @inlinable public static var timestamps: Present { Present(rawValue: 16) }
    /// Kind 34 (RFC 7413 §4.1.1).
    @inlinable public static var fastOpen: Present { Present(rawValue: 32) }
    /// Any kind this list does not have. Skipped (RFC 9293 MUST-6); never written.
    @inlinable public static var unknown: Present { Present(rawValue: 64) }
    /// The option list ended in a length that is impossible; what came before it counts (MUST-7).
    @inlinable public static var malformed: Present { Present(rawValue: 128) }
  }

  public var present: Present = []
  /// Octets of text; valid when `present` has `.maximumSegmentSize`.
  public var maximumSegmentSize: UInt16 = 0
  /// Already clamped to 14.
  public var windowScale: WindowScale = .none
  public var tsval: UInt32 = 0
  public var tsecr: UInt32 = 0
  /// How many of `sack` are valid, 0 to 4.
  public var sackCount: UInt8 = 0
  /// In the order of the header: the first is the most recent (RFC 2018 §4).
  public var sack: InlineArray<4, SACKBlock> = .init(repeating: SACKBlock())
  /// 0 (a request) or 4 to 16 octets, even (RFC 7413 §4.1.1).
  public var fastOpenCookieCount: UInt8 = 0
  public var fastOpenCookie: InlineArray<16, UInt8> = .init(repeating: 0)

  @inlinable @inline(__always)
  public init() {}
}

/// One block of a SACK option: octets `start` up to, not including, `end` have arrived (RFC 2018 §3).
@frozen
public struct SACKBlock: Equatable, BitwiseCopyable, Sendable {
  public var start: SequenceNumber
  public var end: SequenceNumber

  @inlinable @inline(__always)
  public init(start: SequenceNumber = SequenceNumber(0), end: SequenceNumber = SequenceNumber(0)) {
    self.start = start
    self.end = end
  }
}
