import MartletWire

/// Well-formed packets to print, to cut and to spoil.
enum Sample {
  static let client = IPv4Address(10, 0, 0, 1)
  static let server = IPv4Address(10, 0, 0, 2)
  static let client6 = IPv6Address(high: 0xfd00_0007_0000_0000, low: 1)
  static let server6 = IPv6Address(high: 0xfd00_0007_0000_0000, low: 2)

  /// An IPv4 packet from client to server.
  static func v4(_ proto: IPProtocol, _ payload: [UInt8], fragmentOffset: UInt16 = 0, more: Bool = false)
    -> [UInt8]
  {
    let header = IPv4Header(
      totalCount: UInt16(20 + payload.count), identification: 7, dontFragment: false, moreFragments: more,
      fragmentOffset: fragmentOffset, proto: proto, source: client, destination: server)
    return written(20) { header.write(into: &$0, at: 0) } + payload
  }

  /// An IPv6 packet from client to server.
  static func v6(_ next: IPProtocol, _ payload: [UInt8]) -> [UInt8] {
    let header = IPv6Header(
      payloadCount: UInt16(payload.count), nextHeader: next, source: client6, destination: server6)
    return written(40) { header.write(into: &$0, at: 0) } + payload
  }

  static func tcp(
    _ flags: TCPFlags, seq: UInt32 = 0, ack: UInt32 = 0, window: UInt16 = 502,
    options: TCPOptions = TCPOptions(),
    text: Int = 0
  ) -> [UInt8] {
    let header = TCPHeader(
      sourcePort: 1234, destinationPort: 80, seq: SequenceNumber(seq), ack: SequenceNumber(ack), flags: flags,
      window: UnscaledWindow(window), urgentPointer: 5, options: options)
    return written(header.encodedCount) { header.write(into: &$0, at: 0) }
      + [UInt8](repeating: 0x61, count: text)
  }

  static func udp(_ count: Int) -> [UInt8] {
    let header = UDPHeader(sourcePort: 53, destinationPort: 9999, totalCount: UInt16(8 + count))
    return written(8) { header.write(into: &$0, at: 0) } + [UInt8](repeating: 0, count: count)
  }

  static func icmp4(_ message: ICMPv4Message, _ body: [UInt8] = []) -> [UInt8] {
    v4(.icmp, written(8) { message.write(into: &$0, at: 0) } + body)
  }

  static func icmp6(_ message: ICMPv6Message, _ body: [UInt8] = []) -> [UInt8] {
    v6(.icmpv6, written(8) { message.write(into: &$0, at: 0) } + body)
  }

  static func ethernet(_ type: EtherType, _ payload: [UInt8]) -> [UInt8] {
    let header = EthernetHeader(
      destination: .broadcast, source: MACAddress(2, 0, 0, 0, 0, 1), etherType: type)
    return written(14) { header.write(into: &$0, at: 0) } + payload
  }

  static func arp(_ operation: ARPOperation) -> [UInt8] {
    let packet = ARPPacket(
      operation: operation, senderHardware: MACAddress(2, 0, 0, 0, 0, 1), senderProtocol: client,
      targetHardware: .zero, targetProtocol: server)
    return ethernet(.arp, written(28) { packet.write(into: &$0, at: 0) })
  }

  static var synOptions: TCPOptions {
    var options = TCPOptions()
    options.present = [.maximumSegmentSize, .sackPermitted, .timestamps, .windowScale]
    options.maximumSegmentSize = 1460
    options.tsval = 1
    options.windowScale = WindowScale(7)
    return options
  }

  static var sackOptions: TCPOptions {
    var options = TCPOptions()
    options.present = [.timestamps, .sack]
    options.tsval = 9
    options.tsecr = 8
    options.sackCount = 2
    options.sack[0] = SACKBlock(start: SequenceNumber(1200), end: SequenceNumber(1300))
    options.sack[1] = SACKBlock(start: SequenceNumber(1400), end: SequenceNumber(1500))
    return options
  }

  /// IP packets of every kind that is known here.
  static var all: [[UInt8]] {
    let padded: [UInt8] = [60, 0, 1, 4, 0, 0, 0, 0]
    return [
      v4(.tcp, tcp(.syn, seq: 123, window: 64_240, options: synOptions)),
      v4(.tcp, tcp([.ack, .psh], seq: 1, ack: 2, options: sackOptions, text: 40)),
      v4(.udp, udp(12)), v6(.udp, udp(0)), v6(.tcp, tcp([.fin, .ack], seq: 1, ack: 2, options: sackOptions)),
      v6(.hopByHop, padded + [43, 0, 1, 4, 0, 0, 0, 0] + [6, 0, 0, 0, 0, 0, 0, 0] + tcp(.rst)),
      v6(.fragment, [17, 0, 0, 1, 0, 0, 0, 9] + udp(30)),
      v6(.fragment, [60, 0, 0, 0, 0, 0, 0, 9, 17, 0, 1, 4, 0, 0, 0, 0] + udp(30)),
      icmp4(.echoRequest(identifier: 1, sequence: 2), [1, 2, 3]),
      icmp4(.destinationUnreachable(.fragmentationNeeded, nextHopMTU: 1400), v4(.tcp, tcp(.ack))),
      icmp6(.packetTooBig(mtu: 1280), v6(.destinationOptions, [6, 0, 1, 4, 0, 0, 0, 0] + tcp(.ack))),
      icmp6(.other(type: 135, code: 0, rest: 0), [UInt8](repeating: 0xfe, count: 24)),
      v4(.tcp, tcp(.ack, text: 1480), fragmentOffset: 1480, more: true), v4(.igmp, [1, 2, 3]),
    ]
  }
}
