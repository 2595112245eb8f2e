/// The mark of a router that is congested, put on a packet under way (RFC 3168 §5).
enum CongestionMark {
  /// Sets CE where the sender has said that it understands; false: it has not, or CE is set already.
  static func set(_ packet: UnsafeMutableRawBufferPointer) -> Bool {
    guard packet.count >= 20 else { return false }
    switch packet[0] >> 4 {
    case 4: return setIPv4(packet)
    case 6: return setIPv6(packet)
    default: return false
    }
  }

  private static func setIPv4(_ packet: UnsafeMutableRawBufferPointer) -> Bool {
    let old = packet[1]
    guard old & 3 != 0, old & 3 != 3 else { return false }
    packet[1] = old | 3
    // RFC 1624 (3): HC' = ~(~HC + ~m + m'), for the word whose second octet has changed.
    let version = UInt32(packet[0]) << 8
    let checksum = UInt32(packet[10]) << 8 | UInt32(packet[11])
    var sum = ~checksum & 0xffff
    sum += ~(version | UInt32(old)) & 0xffff
    sum += version | UInt32(old | 3)
    sum = (sum & 0xffff) + (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16)
    packet[10] = UInt8(truncatingIfNeeded: ~sum >> 8)
    packet[11] = UInt8(truncatingIfNeeded: ~sum)
    return true
  }

  /// The two bits are in the middle of the second octet, behind the rest of the traffic class.
  private static func setIPv6(_ packet: UnsafeMutableRawBufferPointer) -> Bool {
    guard packet[1] & 0x30 != 0, packet[1] & 0x30 != 0x30 else { return false }
    packet[1] |= 0x30
    return true
  }
}
