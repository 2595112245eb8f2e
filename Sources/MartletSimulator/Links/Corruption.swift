import MartletWire

/// Flipping bits, and knowing whether anybody can notice.
enum Corruption {
  /// Flips `count` different bits of a packet.
  static func flip(_ count: Int, of packet: inout [UInt8], _ random: inout SimulatorRandom) {
    let bits = packet.count &* 8
    guard count > 0, count < bits else { return }
    var chosen: [Int] = []
    while chosen.count < count {
      let bit = Int(truncatingIfNeeded: random.below(UInt64(bits)))
      if chosen.contains(bit) { continue }
      chosen.append(bit)
      packet[bit >> 3] ^= 0x80 >> UInt8(bit & 7)
    }
  }

  /// Whether a changed packet passes every checksum that covers it, and means something else than
  /// `original`. What no checksum covers and nobody reads (an IPv6 flow label) is no change.
  static func isUndetected(_ changed: [UInt8], from original: [UInt8]) -> Bool {
    let bytes = changed.rawSpan
    if let ip = IPv4HeaderView(validating: bytes) {
      guard ip.isChecksumValid else { return false }
      return passes(ip.proto, ip.payload, .v4(ip.source), .v4(ip.destination))
    }
    guard let ip = IPv6HeaderView(validating: bytes), !differsOnlyInTrafficFields(changed, original)
    else { return false }
    return passes(ip.nextHeader, ip.payload, .v6(ip.source), .v6(ip.destination))
  }

  private static func passes(
    _ proto: IPProtocol, _ payload: RawSpan, _ source: IPAddress, _ destination: IPAddress
  ) -> Bool {
    var sum = InternetChecksum()
    switch proto {
    case .tcp, .udp, .icmpv6:
      sum = .pseudoHeader(source: source, destination: destination, proto: proto, length: payload.byteCount)
    case .icmp:
      break
    default:
      // Whoever gets it cannot know that it was something else.
      return true
    }
    sum.add(payload)
    return sum.isValid
  }

  /// Traffic class, flow label and hop limit.
  private static func differsOnlyInTrafficFields(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    guard a.count == b.count else { return false }
    for index in a.indices where a[index] != b[index] {
      if index == 0, a[0] >> 4 == b[0] >> 4 { continue }
      if index < 4 && index > 0 || index == 7 { continue }
      return false
    }
    return true
  }
}
