/// An IPv4 header without options, as a value (RFC 791 §3.1).
@frozen
public struct IPv4Header: Equatable, BitwiseCopyable, Sendable {
  /// The six bits of the differentiated services field (RFC 2474), 0 to 63.
  public var dscp: UInt8
  public var ecn: ECN
  /// Octets of header and payload, 20 to 65,535.
  public var totalCount: UInt16
  public var identification: UInt16
  public var dontFragment: Bool
  public var moreFragments: Bool
  /// Where this fragment's payload lies in the datagram: octets, a multiple of 8, at most 65,528.
  public var fragmentOffset: UInt16
  public var timeToLive: UInt8
  public var proto: IPProtocol
  public var source: IPv4Address
  public var destination: IPv4Address

  @inlinable @inline(__always)
  public init(
    dscp: UInt8 = 0, ecn: ECN = .notECT, totalCount: UInt16, identification: UInt16 = 0,
    dontFragment: Bool = true, moreFragments: Bool = false, fragmentOffset: UInt16 = 0,
    timeToLive: UInt8 = 64, proto: IPProtocol, source: IPv4Address, destination: IPv4Address
  ) {
    self.dscp = dscp
    self.ecn = ecn
    self.totalCount = totalCount
    self.identification = identification
    self.dontFragment = dontFragment
    self.moreFragments = moreFragments
    self.fragmentOffset = fragmentOffset
    self.timeToLive = timeToLive
    self.proto = proto
    self.source = source
    self.destination = destination
  }

  /// Octets of a header without options, the only kind that is written.
  @inlinable public static var encodedCount: Int { 20 }
  /// Where the checksum field lies.
  @inlinable public static var checksumOffset: Int { 10 }

  @inlinable @inline(__always)
  public var encodedCount: Int { Self.encodedCount }

  /// Writes exactly twenty octets, the header checksum among them.
  @inlinable @inline(__always)
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let trafficClass = UInt32(dscp << 2 | ecn.rawValue)
    let first = 0x4500_0000 | trafficClass << 16 | UInt32(totalCount)
    let flags: UInt32 = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0)
    let second = UInt32(identification) << 16 | flags | UInt32(fragmentOffset >> 3)
    var third = UInt32(timeToLive) << 24 | UInt32(proto.rawValue) << 16
    var sum = NumberSum()
    sum.add(first)
    sum.add(second)
    sum.add(third)
    sum.add(source.bits)
    sum.add(destination.bits)
    third |= UInt32(sum.field)
    out.store64be(UInt64(first) << 32 | UInt64(second), at: start)
    out.store64be(UInt64(third) << 32 | UInt64(source.bits), at: start &+ 8)
    out.store32be(destination.bits, at: start &+ 16)
  }
}
