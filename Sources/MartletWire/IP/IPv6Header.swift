/// An IPv6 header as a value (RFC 8200 §3).
@frozen
public struct IPv6Header: Equatable, BitwiseCopyable, Sendable {
  /// The six bits of the differentiated services field (RFC 2474), 0 to 63.
  public var dscp: UInt8
  public var ecn: ECN
  /// 20 bits.
  public var flowLabel: UInt32
  /// Octets after the fixed header, extension headers included.
  public var payloadCount: UInt16
  /// The first extension header, or the transport.
  public var nextHeader: IPProtocol
  public var hopLimit: UInt8
  public var source: IPv6Address
  public var destination: IPv6Address

  @inlinable @inline(__always)
  public init(
    dscp: UInt8 = 0, ecn: ECN = .notECT, flowLabel: UInt32 = 0, payloadCount: UInt16,
    nextHeader: IPProtocol, hopLimit: UInt8 = 64, source: IPv6Address, destination: IPv6Address
  ) {
    self.dscp = dscp
    self.ecn = ecn
    self.flowLabel = flowLabel
    self.payloadCount = payloadCount
    self.nextHeader = nextHeader
    self.hopLimit = hopLimit
    self.source = source
    self.destination = destination
  }

  /// Octets of every IPv6 header, without extension headers.
  @inlinable public static var encodedCount: Int { 40 }

  @inlinable @inline(__always)
  public var encodedCount: Int { Self.encodedCount }

  /// Writes exactly forty octets.
  @inlinable @inline(__always)
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let trafficClass = UInt32(dscp << 2 | ecn.rawValue)
    let first = 0x6000_0000 | trafficClass << 20 | (flowLabel & 0xf_ffff)
    let second = UInt32(payloadCount) << 16 | UInt32(nextHeader.rawValue) << 8 | UInt32(hopLimit)
    out.store64be(UInt64(first) << 32 | UInt64(second), at: start)
    out.store(source, at: start &+ 8)
    out.store(destination, at: start &+ 24)
  }
}
