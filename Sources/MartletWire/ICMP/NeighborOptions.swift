/// What a Neighbor Discovery message is about, by its ICMPv6 type (RFC 4861 §4).
@frozen
public enum NeighborMessageType: UInt8, BitwiseCopyable, Sendable {
  case routerSolicitation = 133
  case routerAdvertisement = 134
  case neighborSolicitation = 135
  case neighborAdvertisement = 136
  case redirect = 137
}

/// The options of a Neighbor Discovery message (RFC 4861 §4.6) that a host asks for: the first of each kind.
@frozen
public struct NeighborOptions: Equatable, BitwiseCopyable, Sendable {
  /// Whose Ethernet address the sender says it has.
  public var sourceLinkAddress: MACAddress?
  /// Whose Ethernet address the target is said to have.
  public var targetLinkAddress: MACAddress?
  /// What tells our own solicitation, come back, from another's (RFC 3971 §5.3.2, RFC 7527): the first 48 bits.
  public var nonce: UInt64?
  public var mtu: UInt32?

  @inlinable
  public init() {}

  /// Options walked in one message; more make it invalid.
  @inlinable public static var maximumCount: Int { 32 }

  /// Reads the options that a message ends with. Nil: one has no length or leaves the message, or there are too
  /// many, and the whole message is to be dropped (RFC 4861 §7.1; robustness rule O11).
  public init?(parsing bytes: RawSpan) {
    var offset = 0
    var count = 0
    while offset < bytes.byteCount {
      guard count < Self.maximumCount, bytes.byteCount &- offset >= 8 else { return nil }
      let length = Int(bytes.u8(offset &+ 1)) &* 8
      guard length > 0, length <= bytes.byteCount &- offset else { return nil }
      take(kind: bytes.u8(offset), bytes.extracting(offset..<(offset &+ length)))
      offset &+= length
      count &+= 1
    }
  }

  /// Where the next option of a kind of which there may be several is, from `offset` on, which is moved behind it. Nil:
  /// there is none, or one has no length or leaves the message.
  static func next(_ kind: UInt8, in options: RawSpan, from offset: inout Int) -> Range<Int>? {
    while offset >= 0, options.byteCount >= 8, offset <= options.byteCount &- 8 {
      let start = offset
      let length = Int(options.u8(start &+ 1)) &* 8
      guard length > 0, length <= options.byteCount &- start else { return nil }
      offset &+= length
      if options.u8(start) == kind { return start..<offset }
    }
    return nil
  }

  private mutating func take(kind: UInt8, _ option: RawSpan) {
    switch kind {
    case 1 where sourceLinkAddress == nil && option.byteCount == 8:
      sourceLinkAddress = MACAddress(bits: option.be64(0))
    case 2 where targetLinkAddress == nil && option.byteCount == 8:
      targetLinkAddress = MACAddress(bits: option.be64(0))
    case 5 where mtu == nil && option.byteCount == 8:
      mtu = option.be32(4)
    case 14 where nonce == nil:
      nonce = option.be64(0) & 0xffff_ffff_ffff
    default: break
    }
  }
}

/// An option to be written: eight octets.
@frozen
public enum NeighborOption: Equatable, BitwiseCopyable, Sendable {
  case sourceLinkAddress(MACAddress)
  case targetLinkAddress(MACAddress)
  case nonce(UInt64)

  @inlinable public static var encodedCount: Int { 8 }

  /// Writes exactly eight octets.
  public func write(into out: inout MutableRawSpan, at start: Int) {
    switch self {
    case .sourceLinkAddress(let address): out.store64be(1 << 56 | 1 << 48 | address.bits, at: start)
    case .targetLinkAddress(let address): out.store64be(2 << 56 | 1 << 48 | address.bits, at: start)
    case .nonce(let nonce): out.store64be(14 << 56 | 1 << 48 | nonce & 0xffff_ffff_ffff, at: start)
    }
  }
}
