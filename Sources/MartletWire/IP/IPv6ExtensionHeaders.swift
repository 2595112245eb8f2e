/// The walk over an IPv6 extension header chain (RFC 8200 §4), a loop with bounds (rule P7).
///
/// Every offset counts from the start of the IPv6 header, as pointers in ICMPv6
/// parameter problems do.
public enum IPv6ExtensionHeaders {
  /// Extension headers in one packet; more are dropped.
  @inlinable public static var maximumHeaders: Int { 8 }
  /// Options other than padding in one header; more are dropped (RFC 8504 §5.3).
  @inlinable public static var maximumOptions: Int { 8 }
  /// Consecutive octets of padding: alignment to eight needs no more (RFC 8504 §5.3).
  @inlinable public static var maximumPadding: Int { 7 }

  /// Where a chain led.
  @frozen
  public enum Outcome: Equatable, BitwiseCopyable, Sendable {
    /// The transport begins at `offset`. Authentication and ESP count as transports,
    /// and so does every number that is unknown. `nextHeaderAt` is where the number
    /// itself stood: the pointer of a parameter problem, code 1, if nobody wants it.
    case upper(IPProtocol, offset: Int, nextHeaderAt: Int)
    /// The packet is a part of one; walk on from the fragment's header once it is whole,
    /// or at once when `isAtomic` (RFC 6946).
    case fragment(IPv6Fragment)
    /// To be dropped without an answer.
    case drop(WireError)
    /// To be dropped and answered with an ICMPv6 parameter problem of this code (RFC 4443
    /// §3.4) that points at this octet. The sender is told even if the packet was
    /// multicast only when `evenIfMulticast`.
    case parameterProblem(code: UInt8, pointer: UInt32, evenIfMulticast: Bool)
  }

  /// Walks the chain of a packet whose header has been checked.
  @inlinable @inline(__always)
  public static func walk(_ packet: borrowing IPv6HeaderView) -> Outcome {
    let first = packet.nextHeader
    if first == .tcp || first == .udp || first == .icmpv6 {
      return .upper(first, offset: IPv6Header.encodedCount, nextHeaderAt: 6)
    }
    return walk(packet.bytes, from: first, at: IPv6Header.encodedCount, nextHeaderAt: 6)
  }

  /// Walks on inside `packet`, an IPv6 packet from its first octet, from the header
  /// `first` that begins at `start` and whose number stood at `nextHeaderAt`.
  ///
  /// A hop-by-hop header counts as first only right behind the IPv6 header.
  public static func walk(
    _ packet: RawSpan, from first: IPProtocol, at start: Int, nextHeaderAt: Int
  ) -> Outcome {
    var here = first
    var offset = start
    var numberAt = nextHeaderAt
    var headers = 0
    while isExtension(here) {
      guard headers < maximumHeaders else { return .drop(.tooManyExtensionHeaders) }
      headers &+= 1
      guard offset >= 0, packet.byteCount >= 8, offset <= packet.byteCount &- 8 else {
        return .drop(.truncated)
      }
      if here == .fragment { return .fragment(IPv6Fragment(packet, at: offset, nextHeaderAt: numberAt)) }
      if here == .hopByHop, offset != IPv6Header.encodedCount {
        // RFC 8200 §4.1: a hop-by-hop header anywhere else is an unrecognized next header.
        return problem(code: 1, at: numberAt)
      }
      let count = Int(packet.u8(offset &+ 1)) &* 8 &+ 8
      guard count <= packet.byteCount &- offset else { return .drop(.truncated) }
      if let end = check(here, packet, from: offset, to: offset &+ count) { return end }
      here = IPProtocol(packet.u8(offset))
      numberAt = offset
      offset &+= count
    }
    return .upper(here, offset: offset, nextHeaderAt: numberAt)
  }

  /// What a chain leads to at last, whatever an option or a routing header on the way asks for: what a packet is, which
  /// `walk` has refused. Nil: it cannot be told.
  public static func transport(of packet: RawSpan) -> (proto: IPProtocol, offset: Int)? {
    guard packet.byteCount >= IPv6Header.encodedCount else { return nil }
    var here = IPProtocol(packet.u8(6))
    var offset = IPv6Header.encodedCount
    for _ in 0...maximumHeaders {
      guard isExtension(here) else { return (here, offset) }
      guard offset <= packet.byteCount &- 8 else { return nil }
      let next = IPProtocol(packet.u8(offset))
      if here == .fragment {
        let fragment = IPv6Fragment(packet, at: offset, nextHeaderAt: 0)
        guard fragment.fragmentOffset == 0 else { return nil }
        offset &+= IPv6Fragment.encodedCount
      } else {
        offset &+= Int(packet.u8(offset &+ 1)) &* 8 &+ 8
      }
      here = next
    }
    return nil
  }

  private static func isExtension(_ proto: IPProtocol) -> Bool {
    switch proto {
    case .hopByHop, .routing, .fragment, .destinationOptions: return true
    default: return false
    }
  }

  /// What ends the walk inside one header, if anything.
  private static func check(
    _ proto: IPProtocol, _ packet: RawSpan, from start: Int, to end: Int
  ) -> Outcome? {
    if proto == .routing {
      // RFC 8200 §4.4, and RFC 5095 §3 for type 0: no routing type is known here. With
      // segments left the packet is refused; with none the header is skipped.
      return packet.u8(start &+ 3) == 0 ? nil : problem(code: 0, at: start &+ 2)
    }
    return checkOptions(packet, from: start &+ 2, to: end)
  }

  /// RFC 8200 §4.2: the top two bits of a kind say what to do with one that is unknown.
  private static func checkOptions(_ packet: RawSpan, from start: Int, to end: Int) -> Outcome? {
    var offset = start
    var options = 0
    var padding = 0
    while offset < end {
      let kind = packet.u8(offset)
      var count = 1
      if kind != 0 {
        guard end &- offset >= 2 else { return .drop(.truncated) }
        count = 2 &+ Int(packet.u8(offset &+ 1))
        guard count <= end &- offset else { return .drop(.truncated) }
      }
      if kind <= 1 {
        padding &+= count
        guard padding <= maximumPadding else { return .drop(.excessivePadding) }
      } else {
        padding = 0
        options &+= 1
        guard options <= maximumOptions else { return .drop(.tooManyOptions) }
        switch kind >> 6 {
        case 0: break
        case 1: return .drop(.unrecognizedOption)
        case 2: return problem(code: 2, at: offset, evenIfMulticast: true)
        default: return problem(code: 2, at: offset)
        }
      }
      offset &+= count
    }
    return nil
  }

  private static func problem(code: UInt8, at offset: Int, evenIfMulticast: Bool = false) -> Outcome {
    .parameterProblem(
      code: code, pointer: UInt32(truncatingIfNeeded: offset), evenIfMulticast: evenIfMulticast)
  }
}

/// An IPv6 fragment header and where it lies (RFC 8200 §4.5).
@frozen
public struct IPv6Fragment: Equatable, BitwiseCopyable, Sendable {
  /// What the reassembled part begins with.
  public var nextHeader: IPProtocol
  /// Where this fragment's payload lies in that part: octets, a multiple of 8, at most 65,528.
  public var fragmentOffset: UInt16
  public var moreFragments: Bool
  public var identification: UInt32
  /// Where the fragment header begins, from the start of the IPv6 header. What lies before it
  /// is the unfragmentable part.
  public var headerAt: Int
  /// Where the number that announces this header stands.
  public var nextHeaderAt: Int

  @inlinable
  public init(
    nextHeader: IPProtocol, fragmentOffset: UInt16, moreFragments: Bool, identification: UInt32,
    headerAt: Int = IPv6Header.encodedCount, nextHeaderAt: Int = 6
  ) {
    self.nextHeader = nextHeader
    self.fragmentOffset = fragmentOffset
    self.moreFragments = moreFragments
    self.identification = identification
    self.headerAt = headerAt
    self.nextHeaderAt = nextHeaderAt
  }

  /// Reads the eight octets at `offset`, which the caller has checked to be there.
  init(_ packet: RawSpan, at offset: Int, nextHeaderAt: Int) {
    let word = packet.be16(offset &+ 2)
    self.init(
      nextHeader: IPProtocol(packet.u8(offset)), fragmentOffset: word & 0xfff8,
      moreFragments: word & 1 != 0, identification: packet.be32(offset &+ 4), headerAt: offset,
      nextHeaderAt: nextHeaderAt)
  }

  /// Octets of every fragment header.
  @inlinable public static var encodedCount: Int { 8 }

  @inlinable
  public var encodedCount: Int { Self.encodedCount }

  /// Where this fragment's payload begins, from the start of the IPv6 header.
  @inlinable
  public var payloadAt: Int { headerAt &+ Self.encodedCount }

  /// Whether this "fragment" is the whole packet (RFC 6946): to be taken alone, never
  /// matched with others.
  @inlinable
  public var isAtomic: Bool { fragmentOffset == 0 && !moreFragments }

  /// Writes exactly eight octets at `start`.
  @inlinable
  public func write(into out: inout MutableRawSpan, at start: Int) {
    let word = (fragmentOffset & 0xfff8) | (moreFragments ? 1 : 0)
    out.store32be(UInt32(nextHeader.rawValue) << 24 | UInt32(word), at: start)
    out.store32be(identification, at: start &+ 4)
  }
}
