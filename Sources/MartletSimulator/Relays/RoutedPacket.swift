import MartletWire

/// What a router reads of a packet, and what it changes.
struct RoutedPacket {
  let source: IPAddress
  let destination: IPAddress
  let timeToLive: UInt8
  let proto: IPProtocol
  /// Whether anybody may be told that it went wrong (RFC 1122 §3.2.2, RFC 4443 §2.4 (e)).
  let mayBeComplainedOf: Bool
  /// Octets of the IP packet without padding.
  let count: Int

  /// Nil: no IP, or a header that is damaged.
  init?(_ bytes: RawSpan) {
    if let ip = IPv4HeaderView(validating: bytes) {
      guard ip.isChecksumValid else { return nil }
      source = .v4(ip.source)
      destination = .v4(ip.destination)
      timeToLive = ip.timeToLive
      proto = ip.proto
      count = ip.totalCount
      let error = ICMPv4Message(parsing: ip.payload)?.isError ?? true
      mayBeComplainedOf =
        source.isOneHost && destination.isOneHost && ip.fragmentOffset == 0 && !(ip.proto == .icmp && error)
    } else if let ip = IPv6HeaderView(validating: bytes) {
      source = .v6(ip.source)
      destination = .v6(ip.destination)
      timeToLive = ip.hopLimit
      proto = ip.nextHeader
      count = bytes.byteCount
      let error = ICMPv6Message(parsing: ip.payload)?.isError ?? true
      mayBeComplainedOf = source.isOneHost && !(ip.nextHeader == .icmpv6 && error)
    } else {
      return nil
    }
  }

  /// For everybody on a network, or for a group.
  var isForMany: Bool { !destination.isOneHost }

  /// One hop less to live (RFC 1812 §5.3.1), the header checksum mended (RFC 1624).
  static func age(_ packet: inout [UInt8]) {
    guard packet.count >= 20 else { return }
    if packet[0] >> 4 == 6 {
      packet[7] &-= 1
      return
    }
    let before = UInt16(packet[8]) << 8 | UInt16(packet[9])
    packet[8] &-= 1
    HeaderChecksum.update(&packet, at: 10, from: before, to: before &- 0x100)
  }
}

/// Sums that follow a change.
enum HeaderChecksum {
  /// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
  static func update(_ packet: inout [UInt8], at place: Int, from before: UInt16, to after: UInt16) {
    let checksum = UInt16(packet[place]) << 8 | UInt16(packet[place + 1])
    var sum = UInt32(~checksum) &+ UInt32(~before) &+ UInt32(after)
    sum = (sum & 0xffff) &+ (sum >> 16)
    sum = (sum & 0xffff) &+ (sum >> 16)
    let updated = ~UInt16(truncatingIfNeeded: sum)
    packet[place] = UInt8(truncatingIfNeeded: updated >> 8)
    packet[place + 1] = UInt8(truncatingIfNeeded: updated)
  }
}

extension IPAddress {
  /// Neither multicast nor broadcast nor nobody's.
  fileprivate var isOneHost: Bool {
    switch self {
    case .v4(let address): address.bits < 0xe000_0000 && address.bits != 0
    case .v6(let address): address.high >> 56 != 0xff && (address.high | address.low) != 0
    }
  }
}
