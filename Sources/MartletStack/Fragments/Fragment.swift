import MartletTCP
import MartletWire

/// What the fragments of one datagram share (RFC 791 §2.3, RFC 8200 §4.5). Those of a link-local sender also share
/// the link.
struct FragmentKey: BitwiseCopyable, Equatable {
  var source: IPAddress
  var destination: IPAddress
  var identification: UInt32
  var zone: UInt16
  /// Of IPv4 only: of IPv6 what follows may be called differently in each fragment.
  var proto: UInt8

  func hash(_ key: SipKey) -> UInt64 {
    let rest = UInt64(identification) << 32 | UInt64(zone) << 8 | UInt64(proto)
    switch (source, destination) {
    case (.v4(let source), .v4(let destination)):
      return SipHash.hash13(key, UInt64(source.bits) << 32 | UInt64(destination.bits), rest)
    case (.v6(let source), .v6(let destination)):
      return SipHash.hash13(key, source.high, source.low, destination.high, destination.low, rest)
    default: return 0
    }
  }
}

/// A fragment whose lengths have been looked at.
struct Fragment: BitwiseCopyable {
  var key: FragmentKey
  /// Where its octets begin in the datagram: a multiple of 8.
  var start: UInt16
  /// Octets, one at least. Together with `start` and all headers below 65,536.
  var count: UInt16
  var isLast: Bool
  var isUnicast: Bool
  var interface: InterfaceID
  var ecn: ECN

  // What of the headers the first fragment decides.
  var hopLimit: UInt8
  var dscp: UInt8
  var proto: IPProtocol

  var isFirst: Bool { start == 0 }
  var end: UInt32 { UInt32(start) &+ UInt32(count) }
}

/// The limits of robustness rule E4.
enum FragmentLimits {
  /// Fragments of one datagram: 64 KiB in packets of 1,280 octets are 54.
  static var perDatagram: Int { 64 }
  /// Milliseconds from the first fragment that comes to the end of waiting, by family (RFC 8200 §4.5; for IPv4
  /// Documentation/Deviations.md).
  static var lifetime4: UInt32 { 30_000 }
  static var lifetime6: UInt32 { 60_000 }
  /// What the largest datagram takes, with the table that finds its chunks: a source may always have one.
  static var largestDatagram: Int { 20 &* ChunkPool.chunkSize }
}
