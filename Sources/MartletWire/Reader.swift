/// Loads from bytes in network order. With `InternetChecksum`, the only place that loads raw memory.
///
/// Each load checks its bounds and traps outside them. No packet can reach that
/// trap: a view validates its lengths once, narrows its range, and reads inside it
/// (rule P1: one owner per range, and nobody reads a length twice).
extension RawSpan {
  /// The octet at `offset`.
  @inlinable @inline(__always)
  public func u8(_ offset: Int) -> UInt8 {
    // Every bit pattern is a UInt8, and the load checks its bounds; likewise for the other widths.
    unsafe unsafeLoad(fromByteOffset: offset, as: UInt8.self)
  }

  /// The 16-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be16(_ offset: Int) -> UInt16 {
    UInt16(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
  }

  /// The 32-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be32(_ offset: Int) -> UInt32 {
    UInt32(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
  }

  /// The 64-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be64(_ offset: Int) -> UInt64 {
    UInt64(bigEndian: unsafe unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  /// The IPv4 address at `offset`.
  @inlinable @inline(__always)
  public func ipv4Address(_ offset: Int) -> IPv4Address {
    IPv4Address(bits: be32(offset))
  }

  /// The IPv6 address at `offset`.
  @inlinable @inline(__always)
  public func ipv6Address(_ offset: Int) -> IPv6Address {
    IPv6Address(high: be64(offset), low: be64(offset &+ 8))
  }
}

/// Stores in network order, and the same loads. A writer takes a value with an
/// `encodedCount`; whoever calls it has made room for exactly that many octets.
extension MutableRawSpan {
  /// Writes one octet at `offset`.
  @inlinable @inline(__always)
  public mutating func store8(_ value: UInt8, at offset: Int) {
    storeBytes(of: value, toByteOffset: offset, as: UInt8.self)
  }

  /// Writes a 16-bit number at `offset`, big-endian.
  @inlinable @inline(__always)
  public mutating func store16be(_ value: UInt16, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt16.self)
  }

  /// Writes a 32-bit number at `offset`, big-endian.
  @inlinable @inline(__always)
  public mutating func store32be(_ value: UInt32, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt32.self)
  }

  /// Writes a 64-bit number at `offset`, big-endian.
  @inlinable @inline(__always)
  public mutating func store64be(_ value: UInt64, at offset: Int) {
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: UInt64.self)
  }

  /// Writes an IPv4 address at `offset`.
  @inlinable @inline(__always)
  public mutating func store(_ address: IPv4Address, at offset: Int) {
    store32be(address.bits, at: offset)
  }

  /// Writes an IPv6 address at `offset`.
  @inlinable @inline(__always)
  public mutating func store(_ address: IPv6Address, at offset: Int) {
    store64be(address.high, at: offset)
    store64be(address.low, at: offset &+ 8)
  }

  /// Writes `count` octets of zero at `offset`.
  @inlinable
  public mutating func storeZeros(_ count: Int, at offset: Int) {
    var index = 0
    while index < count {
      store8(0, at: offset &+ index)
      index &+= 1
    }
  }

  /// The octet at `offset`.
  @inlinable @inline(__always)
  public func u8(_ offset: Int) -> UInt8 {
    bytes.u8(offset)
  }

  /// The 16-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be16(_ offset: Int) -> UInt16 {
    bytes.be16(offset)
  }

  /// The 32-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be32(_ offset: Int) -> UInt32 {
    bytes.be32(offset)
  }

  /// The 64-bit big-endian number at `offset`.
  @inlinable @inline(__always)
  public func be64(_ offset: Int) -> UInt64 {
    bytes.be64(offset)
  }
}
