import MartletWire

/// The mark that a router leaves in a packet instead of dropping it (RFC 3168 §5).
enum CongestionMark {
  /// Sets CE where the packet says that its sender understands it, ECT(0) or ECT(1).
  ///
  /// - Returns: false: it does not; the packet is as it was.
  static func set(on packet: inout [UInt8], _ count: Int) -> Bool {
    guard min(count, packet.count) >= 20 else { return false }
    switch packet[0] >> 4 {
    case 4:
      guard packet[1] & 3 != 0 else { return false }
      let before = UInt16(packet[0]) << 8 | UInt16(packet[1])
      packet[1] |= 3
      updateHeaderChecksum(of: &packet, from: before, to: before | 3)
      return true
    case 6:
      // The low two bits of the traffic class, which lies across the first two octets.
      guard packet[1] & 0x30 != 0 else { return false }
      packet[1] |= 0x30
      return true
    default:
      return false
    }
  }

  /// RFC 1624 equation 3: HC' = ~(~HC + ~m + m').
  private static func updateHeaderChecksum(
    of packet: inout [UInt8], from before: UInt16, to after: UInt16
  ) {
    let checksum = UInt16(packet[10]) << 8 | UInt16(packet[11])
    var sum = UInt32(~checksum) &+ UInt32(~before) &+ UInt32(after)
    sum = (sum & 0xffff) &+ (sum >> 16)
    sum = (sum & 0xffff) &+ (sum >> 16)
    let updated = ~UInt16(truncatingIfNeeded: sum)
    packet[10] = UInt8(truncatingIfNeeded: updated >> 8)
    packet[11] = UInt8(truncatingIfNeeded: updated)
  }
}
