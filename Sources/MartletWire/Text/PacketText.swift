/// What a packet's first octet belongs to.
@frozen
public enum PacketFraming: Equatable, BitwiseCopyable, Sendable {
  /// An IPv4 or IPv6 header; the version nibble tells which.
  case ip
  /// An Ethernet II header.
  case ethernet
}

/// Numbers to be subtracted from what is printed, so that a connection's text begins at zero.
@frozen
public struct SequenceBase: Equatable, BitwiseCopyable, Sendable {
  /// The initial sequence number of the segment's sender.
  public var seq: SequenceNumber
  /// The initial sequence number of its receiver: acknowledgments and SACK blocks count from there.
  public var ack: SequenceNumber

  @inlinable
  public init(seq: SequenceNumber, ack: SequenceNumber) {
    self.seq = seq
    self.ack = ack
  }
}

/// One line about a packet, in the style of tcpdump:
///
///     IP 10.0.0.1.1234 > 10.0.0.2.80: Flags [S], seq 123, win 64240, options [mss 1460], length 0
///
/// Takes any octets whatsoever. Where they end too soon, or their lengths disagree, the line
/// says so in brackets. Sequence numbers are as on the wire, unless `base` is given; a segment
/// with SYN shows its own as it is.
public func packetText(
  _ packet: RawSpan, framing: PacketFraming = .ip, relativeTo base: SequenceBase? = nil
) -> String {
  var text = PacketText(base: base)
  switch framing {
  case .ip: text.appendIP(packet)
  case .ethernet: text.appendEthernet(packet)
  }
  return text.line
}

/// The line while it grows. One method for each header, outermost first.
struct PacketText {
  var line = ""
  let base: SequenceBase?

  init(base: SequenceBase?) {
    self.base = base
  }

  mutating func appendEthernet(_ frame: RawSpan) {
    guard let header = EthernetHeaderView(validating: frame) else {
      line += "Ethernet [truncated], length " + String(frame.byteCount)
      return
    }
    switch header.etherType {
    case .ipv4, .ipv6: appendIP(header.payload)
    case .arp: appendARP(header.payload)
    default:
      line += header.source.description + " > " + header.destination.description + ", ethertype 0x"
      line += String(header.etherType.rawValue, radix: 16) + ", length " + String(frame.byteCount)
    }
  }

  mutating func appendARP(_ bytes: RawSpan) {
    line += "ARP, "
    guard let packet = ARPPacket(parsing: bytes) else {
      line += "[truncated or not Ethernet], length " + String(bytes.byteCount)
      return
    }
    switch packet.operation {
    case .request:
      line += "Request who-has " + packet.targetProtocol.description
      line += " tell " + packet.senderProtocol.description
    case .reply:
      line += "Reply " + packet.senderProtocol.description
      line += " is-at " + packet.senderHardware.description
    default:
      line += "operation " + String(packet.operation.rawValue)
    }
    line += ", length " + String(bytes.byteCount)
  }

  mutating func appendIP(_ bytes: RawSpan) {
    guard bytes.byteCount > 0 else {
      line += "IP [truncated], length 0"
      return
    }
    switch bytes.u8(0) >> 4 {
    case 4: appendIPv4(bytes)
    case 6: appendIPv6(bytes)
    case let version: line += "IP [version " + String(version) + "], length " + String(bytes.byteCount)
    }
  }

  private mutating func appendIPv4(_ bytes: RawSpan) {
    line += "IP "
    guard let packet = IPv4HeaderView(validating: bytes) else {
      appendDefect(IPv4HeaderView.defect(in: bytes))
      line += ", length " + String(bytes.byteCount)
      return
    }
    let source = IPAddress.v4(packet.source)
    let destination = IPAddress.v4(packet.destination)
    if packet.isFragment {
      appendEnds(source, destination)
      appendFragment(
        packet.proto, identification: UInt32(packet.identification), offset: packet.fragmentOffset,
        count: packet.payload.byteCount, more: packet.moreFragments)
      return
    }
    appendTransport(packet.proto, packet.payload, source, destination)
  }

  private mutating func appendIPv6(_ bytes: RawSpan) {
    line += "IP6 "
    guard let packet = IPv6HeaderView(validating: bytes) else {
      appendDefect(IPv6HeaderView.defect(in: bytes))
      line += ", length " + String(bytes.byteCount)
      return
    }
    let source = IPAddress.v6(packet.source)
    let destination = IPAddress.v6(packet.destination)
    switch IPv6ExtensionHeaders.walk(packet) {
    case .upper(let proto, let offset, _):
      appendTransport(proto, packet.payload(from: offset), source, destination)
    case .fragment(let fragment):
      appendEnds(source, destination)
      appendFragment(
        fragment.nextHeader, identification: fragment.identification, offset: fragment.fragmentOffset,
        count: packet.payload(from: fragment.payloadAt).byteCount, more: fragment.moreFragments)
    case .drop(let defect):
      appendEnds(source, destination)
      appendDefect(defect)
      line += ", length " + String(packet.payloadCount)
    case .parameterProblem(let code, let pointer, _):
      appendEnds(source, destination)
      line += "[parameter problem " + String(code) + " at octet " + String(pointer) + "], length "
      line += String(packet.payloadCount)
    }
  }

  private mutating func appendTransport(
    _ proto: IPProtocol, _ bytes: RawSpan, _ source: IPAddress, _ destination: IPAddress
  ) {
    switch (proto, source) {
    case (.tcp, _):
      appendTCP(bytes, source, destination)
    case (.udp, _):
      appendUDP(bytes, source, destination)
    case (.icmp, .v4):
      appendEnds(source, destination)
      appendICMPv4(bytes)
    case (.icmpv6, .v6):
      appendEnds(source, destination)
      appendICMPv6(bytes)
    default:
      appendEnds(source, destination)
      line += Self.name(proto) + ", length " + String(bytes.byteCount)
    }
  }

  private mutating func appendUDP(_ bytes: RawSpan, _ source: IPAddress, _ destination: IPAddress) {
    guard let datagram = UDPHeaderView(validating: bytes) else {
      appendEnds(source, destination)
      line += "UDP "
      appendDefect(UDPHeaderView.defect(in: bytes))
      line += ", length " + String(bytes.byteCount)
      return
    }
    appendEnds(source, destination, ports: (datagram.sourcePort, datagram.destinationPort))
    line += "UDP, length " + String(datagram.payload.byteCount)
  }

  /// "10.0.0.1.1234 > 10.0.0.2.80: "
  mutating func appendEnds(
    _ source: IPAddress, _ destination: IPAddress, ports: (source: UInt16, destination: UInt16)? = nil
  ) {
    line += source.description
    if let ports { line += "." + String(ports.source) }
    line += " > " + destination.description
    if let ports { line += "." + String(ports.destination) }
    line += ": "
  }

  /// "udp frag 7 (1480|520+)": identification, offset, octets, and whether more follow.
  private mutating func appendFragment(
    _ proto: IPProtocol, identification: UInt32, offset: UInt16, count: Int, more: Bool
  ) {
    line += Self.name(proto) + " frag " + String(identification) + " (" + String(offset) + "|"
    line += String(count) + (more ? "+)" : ")")
  }

  mutating func appendDefect(_ defect: WireError?) {
    switch defect {
    case .truncated: line += "[truncated]"
    case .badVersion: line += "[bad-version]"
    case .badHeaderLength: line += "[bad-hlen]"
    case .badTotalLength: line += "[bad-len]"
    case .badChecksum: line += "[bad-cksum]"
    case .jumbogram: line += "[jumbogram]"
    case .unsupportedHardware: line += "[bad-hardware]"
    case .tooManyExtensionHeaders: line += "[too-many-headers]"
    case .tooManyOptions: line += "[too-many-options]"
    case .excessivePadding: line += "[bad-padding]"
    case .unrecognizedOption: line += "[unknown-option]"
    case nil: break
    }
  }

  static func name(_ proto: IPProtocol) -> String {
    switch proto {
    case .icmp: return "icmp"
    case .igmp: return "igmp"
    case .tcp: return "tcp"
    case .udp: return "udp"
    case .encapsulatingSecurity: return "esp"
    case .authentication: return "ah"
    case .icmpv6: return "icmp6"
    case .noNextHeader: return "no next header"
    default: return "ip-proto-" + String(proto.rawValue)
    }
  }
}
