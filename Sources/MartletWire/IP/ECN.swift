/// The two bits of explicit congestion notification in an IP header (RFC 3168 §5).
@frozen
public enum ECN: UInt8, Equatable, Hashable, BitwiseCopyable, Sendable, CaseIterable {
  /// The sender does not understand congestion marks.
  case notECT = 0
  /// Capable; since RFC 8311 the mark of L4S.
  case ect1 = 1
  /// Capable.
  case ect0 = 2
  /// Congestion experienced.
  case ce = 3

  /// The codepoint in the low two bits of a traffic class octet.
  @inlinable @inline(__always)
  public init(trafficClass: UInt8) {
    switch trafficClass & 3 {
    case 0: self = .notECT
    case 1: self = .ect1
    case 2: self = .ect0
    default: self = .ce
    }
  }
}
