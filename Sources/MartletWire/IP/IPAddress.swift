/// An IPv4 address, its 32 bits in host order: 10.0.0.1 is 0x0A00_0001.
@frozen
public struct IPv4Address: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var bits: UInt32

  @inlinable @inline(__always)
  public init(bits: UInt32) {
    self.bits = bits
  }

  @inlinable
  public init(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) {
    bits = UInt32(a) << 24 | UInt32(b) << 16 | UInt32(c) << 8 | UInt32(d)
  }
}

/// An IPv6 address, its two halves in host order: fd00:7::1 is (0xfd00_0007_0000_0000, 1).
@frozen
public struct IPv6Address: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var high: UInt64
  public var low: UInt64

  @inlinable @inline(__always)
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
}

/// An address of either family.
@frozen
public enum IPAddress: Equatable, Hashable, BitwiseCopyable, Sendable {
  case v4(IPv4Address)
  case v6(IPv6Address)
}
