/// An 802.1Q tag, which stands between an Ethernet header and what it announces.
@frozen
public struct VLANTag: Equatable, BitwiseCopyable, Sendable {
  /// Twelve bits; 0: the frame has a priority and no network of its own.
  public var identifier: UInt16
  /// Three bits.
  public var priority: UInt8
  /// What follows the tag.
  public var etherType: EtherType

  @inlinable
  public init(identifier: UInt16, priority: UInt8 = 0, etherType: EtherType) {
    self.identifier = identifier & 0xfff
    self.priority = priority & 7
    self.etherType = etherType
  }

  /// Octets of every tag.
  @inlinable public static var encodedCount: Int { 4 }

  /// Reads what follows a header with `EtherType.vlan`; nil when there are fewer than four octets.
  @inlinable
  public init?(parsing bytes: RawSpan) {
    guard bytes.byteCount >= Self.encodedCount else { return nil }
    let control = bytes.be16(0)
    self.init(
      identifier: control, priority: UInt8(truncatingIfNeeded: control >> 13),
      etherType: EtherType(rawValue: bytes.be16(2)))
  }

  /// Writes exactly four octets.
  @inlinable
  public func write(into out: inout MutableRawSpan, at start: Int) {
    out.store32be(
      UInt32(priority) << 29 | UInt32(identifier) << 16 | UInt32(etherType.rawValue), at: start)
  }
}
