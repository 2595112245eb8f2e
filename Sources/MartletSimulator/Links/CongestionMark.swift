import MartletWire

/// The mark that a router leaves in a packet instead of dropping it (RFC 3168 §5).
enum CongestionMark {
  /// Sets CE where the packet says that its sender understands it, ECT(0) or ECT(1).
  ///
  /// - Returns: false: it does not; the packet is as it was.
  static func set(on packet: inout [UInt8], _ count: Int) -> Bool {
    guard min(count, packet.count) >= 20, isUnderstood(by: packet) else { return false }
    switch packet[0] >> 4 {
    case 4:
      let before = UInt16(packet[0]) << 8 | UInt16(packet[1])
      packet[1] |= 3
      HeaderChecksum.update(&packet, at: 10, from: before, to: before | 3)
      return true
    case 6:
      packet[1] |= 0x30
      return true
    default:
      return false
    }
  }

  /// Whether a packet says ECT(0), ECT(1) or CE.
  static func isUnderstood(by packet: [UInt8]) -> Bool {
    guard packet.count >= 20 else { return false }
    // In IPv6 the low two bits of the traffic class, which lies across the first two octets.
    return packet[1] & (packet[0] >> 4 == 6 ? 0x30 : 0x03) != 0
  }
}
