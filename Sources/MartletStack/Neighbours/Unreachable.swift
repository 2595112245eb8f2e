import MartletTCP
import MartletWire

extension NetworkStack {
  /// A packet of ours found nobody at its next hop: its flow hears of it as of a router's word (RFC 4861 §7.2.2;
  /// RFC 1122 §2.3.2.2, §4.2.3.9). A connection takes it for a soft error.
  mutating func neighbourUnreachable(_ packet: RawSpan, on interface: InterfaceID) {
    let isIPv4 = packet.byteCount > 0 && packet.u8(0) >> 4 == 4
    let quoted = isIPv4 ? QuotedPacket(parsingIPv4: packet) : QuotedPacket(parsingIPv6: packet)
    guard let quoted, quoted.hasTransport else { return }
    let arrival = Arrival(
      interface: interface, source: quoted.source, destination: quoted.source, isUnicast: true,
      isVerified: true, segmentSize: 0, ecn: .notECT)
    errorArrives(.hostUnreachable, isHard: false, quoted, arrival)
  }
}
