internal import MartletWire

extension CapturedInterface {
  /// Where in a packet of this interface its IP packet begins: after whatever the link put before it. Nil: there is none, or the
  /// link is of a kind that is not known here.
  ///
  /// Known are, by the LINKTYPE registry: bare IP (12, 14, 101, 228, 229), Ethernet with up to two VLAN tags (1), what
  /// `tcpdump -i any` writes on Linux (113, 276), and the loopback devices of BSD systems (0, 108).
  public func startOfIP(in packet: RawSpan) -> Int? {
    switch linkType {
    case 12, 14, 101, 228, 229: startOfIP(packet, at: 0)
    case 0, 108: startOfIP(packet, at: 4)
    case 1: afterEthernet(packet)
    case 113: startOfIP(packet, at: 16, type: 14)
    case 276: startOfIP(packet, at: 20, type: 0)
    default: nil
    }
  }

  /// Whether `startOfIP` knows what its packets begin with.
  public var isOfKnownKind: Bool { [0, 1, 12, 14, 101, 108, 113, 228, 229, 276].contains(linkType) }

  private func afterEthernet(_ packet: RawSpan) -> Int? {
    var type = 12
    for _ in 0..<2 {
      guard packet.byteCount >= type + 2, [0x8100, 0x88a8].contains(packet.be16(type)) else { break }
      type += 4
    }
    return startOfIP(packet, at: type + 2, type: type)
  }

  /// - Parameter type: where an EtherType stands that has to be IP's.
  private func startOfIP(_ packet: RawSpan, at start: Int, type: Int? = nil) -> Int? {
    guard packet.byteCount > start else { return nil }
    if let type, ![0x0800, 0x86dd].contains(packet.be16(type)) { return nil }
    return [4, 6].contains(packet.u8(start) >> 4) ? start : nil
  }
}
