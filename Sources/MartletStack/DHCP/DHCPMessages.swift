import MartletTCP
import MartletWire

/// RFC 2131 §4.1.
private enum DHCPPort {
  static var server: UInt16 { 67 }
  static var client: UInt16 { 68 }
}

extension NetworkStack {
  // MARK: In

  /// Takes in a packet if it is from a DHCP server to a client. It may be for an address that we do not have yet. False: it
  /// is any other packet.
  mutating func isTakenByClient(_ bytes: RawSpan, _ metadata: PacketMetadata, on interface: InterfaceID)
    -> Bool
  {
    guard let packet = IPv4HeaderView(validating: bytes), packet.isWhole(.udp),
      let datagram = UDPHeaderView(validating: packet.payload), datagram.destinationPort == DHCPPort.client,
      datagram.sourcePort == DHCPPort.server
    else { return false }
    guard packet.isChecksumValid else {
      counts.drop(.badIPChecksum)
      return true
    }
    let (source, destination) = (packet.source, packet.destination)
    guard source.isValidSource, destination.isBroadcast || (destination.isUnicast && !metadata.isGroupFrame)
    else {
      counts.drop(source.isValidSource ? .groupFrame : .martianSource)
      return true
    }
    guard metadata.isVerified || datagram.isChecksumValid(source: source, destination: destination) else {
      counts.drop(.badUDPChecksum)
      return true
    }
    messageArrives(datagram.payload, to: destination, on: interface)
    return true
  }

  private mutating func messageArrives(
    _ bytes: RawSpan, to destination: IPv4Address, on interface: InterfaceID
  ) {
    guard let message = DHCPMessage(parsing: bytes) else { return counts.drop(.badDHCP) }
    guard let c = dhcp.index(on: interface),
      destination.isBroadcast || destination == message.yiaddr
        || routing.isOurs(.v4(destination), on: interface)
    else { return counts.drop(.dhcpIgnored) }
    let step = dhcp.change(c) { [clock, caller, draw = secrets.drawDHCP()] in
      $0.answerArrives(message, from: caller, at: clock, draw)
    }
    guard let step else { return counts.drop(.dhcpIgnored) }
    counts.udpInDatagrams &+= 1
    take(step, of: c)
  }

  // MARK: Out

  /// What the client of an interface has to say, whole: it is made when it is pulled, and waits nowhere. Nobody has to be
  /// looked for: it goes to everybody, or to the station that the lease came from.
  mutating func nextDHCPFrame(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    let id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface))
    guard let c = dhcp.index(on: id), let kind = dhcp.clients[c].outgoing else { return nil }
    let mtu = interfaces[interface].mtu
    let message = dhcp.clients[c].message(kind, mtu: mtu)
    let target = dhcp.clients[c].destination(of: kind)
    dhcp.change(c) { $0.sent() }
    let length = UDPHeader.encodedCount &+ message.encodedCount
    // An MTU that was lowered below what a host must have.
    guard IPv4Header.encodedCount &+ length <= Int(mtu) else {
      counts.drop(.outputQueueFull)
      return nil
    }
    let link = interfaces[interface].link
    link.writeHeader(to: target.hardware, .ipv4, into: &buffer)
    let start = Int(link.headerCount)
    let place = start &+ IPv4Header.encodedCount
    // RFC 2131 §4.1: nobody's, before there is an address.
    let source = message.ciaddr
    IPv4Header(
      totalCount: UInt16(truncatingIfNeeded: IPv4Header.encodedCount &+ length),
      timeToLive: configuration.hopLimit(0), proto: .udp, source: source, destination: target.address
    ).write(into: &buffer, at: start)
    UDPHeader(
      sourcePort: DHCPPort.client, destinationPort: DHCPPort.server,
      totalCount: UInt16(truncatingIfNeeded: length)
    ).write(into: &buffer, at: place)
    message.write(into: &buffer, at: place &+ UDPHeader.encodedCount)
    var sum = InternetChecksum.pseudoHeader(
      source: source, destination: target.address, proto: .udp, length: length)
    sum.add(buffer.checksum(from: place, count: length))
    buffer.store16be(UDPHeader.checksumField(sum), at: place &+ UDPHeader.checksumOffset)
    counts.udpOutDatagrams &+= 1
    return OutgoingPacket(count: place &+ length)
  }
}
