/// Why bytes are not the packet they claim to be. A stack counts drops by these.
@frozen
public enum WireError: UInt8, Error, Equatable, Hashable, BitwiseCopyable, Sendable, CaseIterable {
  /// Fewer octets than the fixed header has, or than a header's own length says.
  case truncated
  /// The version field is not that of the protocol asked for.
  case badVersion
  /// A header length smaller than the fixed header.
  case badHeaderLength
  /// A length field smaller than its header, or larger than the bytes there are.
  case badTotalLength
  /// The checksum does not fold to 0xffff, or is absent where it must not be.
  case badChecksum
  /// A payload length of zero with a hop-by-hop header: a jumbogram (RFC 2675), not supported.
  case jumbogram
  /// An ARP packet for other than IPv4 over Ethernet.
  case unsupportedHardware
  /// More IPv6 extension headers than `IPv6ExtensionHeaders.maximumHeaders`.
  case tooManyExtensionHeaders
  /// More options in one IPv6 extension header than `IPv6ExtensionHeaders.maximumOptions`.
  case tooManyOptions
  /// More consecutive padding than an alignment to eight octets can need.
  case excessivePadding
  /// An IPv6 option that must not be skipped and must not be answered (RFC 8200 §4.2, bits 01).
  case unrecognizedOption
}
