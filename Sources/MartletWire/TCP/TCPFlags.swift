/// The nine control flags of a TCP header (RFC 9293 §3.1; AE: RFC 9768).
@frozen
public struct TCPFlags: OptionSet, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt16

  @inlinable @inline(__always)
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable public static var fin: TCPFlags { TCPFlags(rawValue: 0x001) }
  @inlinable public static var syn: TCPFlags { TCPFlags(rawValue: 0x002) }
  @inlinable public static var rst: TCPFlags { TCPFlags(rawValue: 0x004) }
  @inlinable public static var psh: TCPFlags { TCPFlags(rawValue: 0x008) }
  @inlinable public static var ack: TCPFlags { TCPFlags(rawValue: 0x010) }
  @inlinable public static var urg: TCPFlags { TCPFlags(rawValue: 0x020) }
  @inlinable public static var ece: TCPFlags { TCPFlags(rawValue: 0x040) }
  @inlinable public static var cwr: TCPFlags { TCPFlags(rawValue: 0x080) }
  @inlinable public static var ae: TCPFlags { TCPFlags(rawValue: 0x100) }

  /// The sequence numbers that the flags themselves take: one for SYN, one for FIN.
  @inlinable @inline(__always)
  public var sequenceLength: UInt32 {
    UInt32((rawValue >> 1) & 1) &+ UInt32(rawValue & 1)
  }
}
