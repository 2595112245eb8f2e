/// Octets of IP and TCP, read and written by the letter of RFC 791, RFC 8200 and RFC 9293 §3.1.
enum Wire {
  /// The first twelve octets of every address of IPv6 here: fd00::/96.
  static let prefix: [UInt8] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

  struct Options {
    var mss: UInt16?
    var windowScale: UInt8?
    var sackPermitted = false
    var stamps: (value: UInt32, echo: UInt32)?
    var sack: [(UInt32, UInt32)] = []
  }

  struct Segment {
    var sourcePort: UInt16
    var destinationPort: UInt16
    var seq: UInt32
    var ack: UInt32
    var flags: UInt8
    var window: UInt16
    var urgent: UInt16
    /// Of the text.
    var length: Int
    var options: Options
  }

  /// Nil: no TCP segment, or one with a wrong checksum.
  static func segment(_ packet: [UInt8]) -> Segment? {
    guard packet.count >= 40 else { return nil }
    let isIPv6 = packet[0] >> 4 == 6
    guard isIPv6 ? packet[6] == 6 : packet[0] >> 4 == 4 && packet[9] == 6 else { return nil }
    let start = isIPv6 ? 40 : Int(packet[0] & 15) * 4
    let total = isIPv6 ? 40 + Int(u16(packet, 4)) : Int(u16(packet, 2))
    guard total <= packet.count, total >= start + 20 else { return nil }
    let tcp = Array(packet[start..<total])
    let addresses = Array(isIPv6 ? packet[8..<40] : packet[12..<20])
    guard sum(tcp, UInt32(sum(addresses, 6 + UInt32(tcp.count)))) == 0xffff else { return nil }
    let header = Int(tcp[12] >> 4) * 4
    guard header >= 20, header <= tcp.count else { return nil }
    return Segment(
      sourcePort: u16(tcp, 0), destinationPort: u16(tcp, 2),
      seq: u32(tcp, 4), ack: u32(tcp, 8), flags: tcp[13], window: u16(tcp, 14), urgent: u16(tcp, 18),
      length: tcp.count - header, options: options(Array(tcp[20..<header])))
  }

  private static func options(_ octets: [UInt8]) -> Options {
    var options = Options()
    var at = 0
    while at < octets.count, octets[at] != 0 {
      if octets[at] == 1 {
        at += 1
        continue
      }
      guard at + 1 < octets.count else { break }
      let length = Int(octets[at + 1])
      guard length >= 2, at + length <= octets.count else { break }
      switch (octets[at], length) {
      case (2, 4): options.mss = u16(octets, at + 2)
      case (3, 3): options.windowScale = octets[at + 2]
      case (4, 2): options.sackPermitted = true
      case (8, 10): options.stamps = (u32(octets, at + 2), u32(octets, at + 6))
      case (5, _):
        for block in stride(from: at + 2, to: at + length - 7, by: 8) {
          options.sack.append((u32(octets, block), u32(octets, block + 4)))
        }
      default: break
      }
      at += length
    }
    return options
  }

  static func ipHeader(_ ends: Peer.Ends, payload: Int) -> [UInt8] {
    if ends.isIPv6 {
      return [0x60, 0, 0, 0, UInt8(payload >> 8), UInt8(payload & 255), 6, 64] + addresses(ends)
    }
    let total = UInt16(20 + payload)
    var header: [UInt8] = [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 0, 0x40, 0, 64, 6, 0, 0]
    header += addresses(ends)
    let field = ~sum(header, 0)
    header[10] = UInt8(field >> 8)
    header[11] = UInt8(field & 255)
    return header
  }

  private static func addresses(_ ends: Peer.Ends) -> [UInt8] {
    octets(ends.peerAddress, ends.isIPv6) + octets(ends.stackAddress, ends.isIPv6)
  }

  /// An address as on the wire.
  static func octets(_ address: UInt32, _ isIPv6: Bool) -> [UInt8] {
    (isIPv6 ? prefix : [])
      + [UInt8(address >> 24), UInt8(address >> 16 & 255), UInt8(address >> 8 & 255), UInt8(address & 255)]
  }

  /// RFC 1071: the one's complement sum, folded.
  static func sum(_ octets: [UInt8], _ start: UInt32) -> UInt16 {
    var sum = UInt64(start)
    var at = 0
    while at + 1 < octets.count {
      sum += UInt64(octets[at]) << 8 | UInt64(octets[at + 1])
      at += 2
    }
    if at < octets.count { sum += UInt64(octets[at]) << 8 }
    while sum >> 16 != 0 { sum = sum & 0xffff + sum >> 16 }
    return UInt16(sum)
  }

  static func pseudoHeader(_ ends: Peer.Ends, _ length: Int) -> UInt32 {
    UInt32(sum(addresses(ends), 6 + UInt32(length)))
  }

  private static func u16(_ octets: [UInt8], _ at: Int) -> UInt16 {
    UInt16(octets[at]) << 8 | UInt16(octets[at + 1])
  }
  private static func u32(_ octets: [UInt8], _ at: Int) -> UInt32 {
    UInt32(u16(octets, at)) << 16 | UInt32(u16(octets, at + 2))
  }
}
