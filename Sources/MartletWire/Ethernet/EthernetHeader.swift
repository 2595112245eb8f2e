/// A 48-bit Ethernet address.
@frozen
public struct MACAddress: Equatable, Hashable, BitwiseCopyable, Sendable {
  /// The low 48 bits, the first octet on top: 02:00:00:00:00:01 is 0x0200_0000_0001.
  public var bits: UInt64

  /// Takes the low 48 bits.
  @inlinable @inline(__always)
  public init(bits: UInt64) {
    self.bits = bits & 0xffff_ffff_ffff
  }

  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8, _ e: UInt8, _ f: UInt8) {
    let high = UInt64(a) << 40 | UInt64(b) << 32 | UInt64(c) << 24
    bits = high | UInt64(d) << 16 | UInt64(e) << 8 | UInt64(f)
  }

  /// ff:ff:ff:ff:ff:ff
  @inlinable public static var broadcast: MACAddress { MACAddress(bits: 0xffff_ffff_ffff) }
  /// 00:00:00:00:00:00
  @inlinable public static var zero: MACAddress { MACAddress(bits: 0) }

  @inlinable public var isBroadcast: Bool { bits == 0xffff_ffff_ffff }
  /// Whether this is a group address; broadcast is one.
  @inlinable public var isMulticast: Bool { bits & 0x0100_0000_0000 != 0 }
  /// Whether a single station can have this address.
  @inlinable public var isUnicast: Bool { !isMulticast && bits != 0 }

  /// Where an IPv4 multicast goes (RFC 1112 §6.4).
  @inlinable
  public init(multicast address: IPv4Address) {
    bits = 0x0100_5e00_0000 | UInt64(address.bits & 0x7f_ffff)
  }

  /// Where an IPv6 multicast goes (RFC 2464 §7).
  @inlinable
  public init(multicast address: IPv6Address) {
    bits = 0x3333_0000_0000 | (address.low & 0xffff_ffff)
  }
}

/// What an Ethernet frame carries.
@frozen
public struct EtherType: RawRepresentable, Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt16

  @inlinable @inline(__always)
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable public static var ipv4: EtherType { EtherType(rawValue: 0x0800) }
  @inlinable public static var arp: EtherType { EtherType(rawValue: 0x0806) }
  @inlinable public static var vlan: EtherType { EtherType(rawValue: 0x8100) }
  @inlinable public static var ipv6: EtherType { EtherType(rawValue: 0x86dd) }
}

/// An Ethernet II header as a value (RFC 894).
@frozen
public struct EthernetHeader: Equatable, BitwiseCopyable, Sendable {
  public var destination: MACAddress
  public var source: MACAddress
  public var etherType: EtherType

  @inlinable @inline(__always)
  public init(destination: MACAddress, source: MACAddress, etherType: EtherType) {
    self.destination = destination
    self.source = source
    self.etherType = etherType
  }

  /// Octets of every header.
  @inlinable public static var encodedCount: Int { 14 }

  @inlinable @inline(__always)
  public var encodedCount: Int { Self.encodedCount }

  /// Writes exactly fourteen octets.
  @inlinable @inline(__always)
  public func write(into out: inout MutableRawSpan, at start: Int) {
    out.store64be(destination.bits << 16 | source.bits >> 32, at: start)
    out.store32be(UInt32(truncatingIfNeeded: source.bits), at: start &+ 8)
    out.store16be(etherType.rawValue, at: start &+ 12)
  }
}

/// An Ethernet II frame seen in place, without its check sequence. After validation no accessor can fail.
public struct EthernetHeaderView: ~Escapable {
  @usableFromInline let frame: RawSpan

  /// Nil when there are fewer octets than a header has.
  @inlinable @inline(__always)
  @_lifetime(copy frame)
  public init?(validating frame: RawSpan) {
    guard frame.byteCount >= EthernetHeader.encodedCount else { return nil }
    self.frame = frame
  }

  @inlinable @inline(__always)
  public var destination: MACAddress { MACAddress(bits: frame.be64(0) >> 16) }

  @inlinable @inline(__always)
  public var source: MACAddress { MACAddress(bits: frame.be64(6) >> 16) }

  /// A value below 0x0600 is an 802.3 length: not Ethernet II, and nothing that is known here.
  @inlinable @inline(__always)
  public var etherType: EtherType { EtherType(rawValue: frame.be16(12)) }

  /// What follows the header, link padding included: the payload's own lengths narrow it.
  @inlinable @inline(__always)
  public var payload: RawSpan {
    @_lifetime(copy self) get { frame.extracting(14..<frame.byteCount) }
  }

  @inlinable @inline(__always)
  public func header() -> EthernetHeader {
    EthernetHeader(destination: destination, source: source, etherType: etherType)
  }
}
