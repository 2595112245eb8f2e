/// What an ARP packet asks or tells (RFC 826).
@frozen
public struct ARPOperation: RawRepresentable, Equatable, Hashable, BitwiseCopyable, Sendable {
  public var rawValue: UInt16

  @inlinable @inline(__always)
  public init(rawValue: UInt16) {
    self.rawValue = rawValue
  }

  @inlinable public static var request: ARPOperation { ARPOperation(rawValue: 1) }
  @inlinable public static var reply: ARPOperation { ARPOperation(rawValue: 2) }
}

/// An ARP packet for IPv4 over Ethernet, as a value (RFC 826).
@frozen
public struct ARPPacket: Equatable, BitwiseCopyable, Sendable {
  public var operation: ARPOperation
  public var senderHardware: MACAddress
  public var senderProtocol: IPv4Address
  public var targetHardware: MACAddress
  public var targetProtocol: IPv4Address

  @inlinable
  public init(
    operation: ARPOperation, senderHardware: MACAddress, senderProtocol: IPv4Address,
    targetHardware: MACAddress, targetProtocol: IPv4Address
  ) {
    self.operation = operation
    self.senderHardware = senderHardware
    self.senderProtocol = senderProtocol
    self.targetHardware = targetHardware
    self.targetProtocol = targetProtocol
  }

  /// Octets of every packet of this kind.
  @inlinable public static var encodedCount: Int { 28 }

  @inlinable
  public var encodedCount: Int { Self.encodedCount }

  /// Reads the packet, or nil when it is none of IPv4 over Ethernet. Octets after the
  /// twenty-eighth are link padding.
  @inlinable
  public init?(parsing bytes: RawSpan) {
    guard let view = ARPPacketView(validating: bytes) else { return nil }
    self = view.packet()
  }

  /// Writes exactly 28 octets.
  @inlinable
  public func write(into out: inout MutableRawSpan, at start: Int) {
    out.store64be(0x0001_0800_0604_0000 | UInt64(operation.rawValue), at: start)
    out.store32be(UInt32(truncatingIfNeeded: senderHardware.bits >> 16), at: start &+ 8)
    out.store16be(UInt16(truncatingIfNeeded: senderHardware.bits), at: start &+ 12)
    out.store(senderProtocol, at: start &+ 14)
    out.store32be(UInt32(truncatingIfNeeded: targetHardware.bits >> 16), at: start &+ 18)
    out.store16be(UInt16(truncatingIfNeeded: targetHardware.bits), at: start &+ 22)
    out.store(targetProtocol, at: start &+ 24)
  }
}

/// An ARP packet seen in place. After validation no accessor can fail.
public struct ARPPacketView: ~Escapable {
  @usableFromInline let bytes: RawSpan

  /// Nil when the bytes are no ARP for IPv4 over Ethernet; `defect(in:)` tells why.
  @inlinable
  @_lifetime(copy bytes)
  public init?(validating bytes: RawSpan) {
    guard Self.defect(in: bytes) == nil else { return nil }
    self.bytes = bytes
  }

  /// What is wrong with the bytes, if anything.
  @inlinable
  public static func defect(in bytes: RawSpan) -> WireError? {
    guard bytes.byteCount >= ARPPacket.encodedCount else { return .truncated }
    // Ethernet, IPv4, six octets, four octets.
    guard bytes.be64(0) >> 16 == 0x0001_0800_0604 else { return .unsupportedHardware }
    return nil
  }

  @inlinable public var operation: ARPOperation { ARPOperation(rawValue: bytes.be16(6)) }
  @inlinable public var senderHardware: MACAddress { MACAddress(bits: bytes.be64(6)) }
  @inlinable public var senderProtocol: IPv4Address { bytes.ipv4Address(14) }
  @inlinable public var targetHardware: MACAddress { MACAddress(bits: bytes.be64(16)) }
  @inlinable public var targetProtocol: IPv4Address { bytes.ipv4Address(24) }

  @inlinable
  public func packet() -> ARPPacket {
    ARPPacket(
      operation: operation, senderHardware: senderHardware, senderProtocol: senderProtocol,
      targetHardware: targetHardware, targetProtocol: targetProtocol)
  }
}
