import MartletTCP
import MartletWire

extension NetworkStack {
  /// RFC 1122 §3.2.2.6, RFC 4443 §4.2: the same octets back, from the address that was asked.
  mutating func queueEchoReply(
    _ header: ScratchBytes<8>, _ body: RawSpan, _ proto: IPProtocol, _ arrival: Arrival
  ) {
    counts.icmpInEchos &+= 1
    guard mayAnswer(.echoReply, to: arrival.source, zone: arrival.zone) else {
      return counts.drop(.icmpLimited)
    }
    if queueICMP(header, body, proto, dscp: arrival.dscp, arrival) { counts.icmpOutEchoReps &+= 1 }
  }

  /// - Parameter start: where UDP begins in the packet.
  mutating func queuePortUnreachable(_ packet: RawSpan, transportAt start: Int, _ arrival: Arrival) {
    let joined = arrival.isJoined(packet, transportAt: start) ? start : nil
    queueUnreachable(.port, .port, packet, joinedAt: joined, arrival)
  }

  /// Tells a sender that nobody has the port, or knows the protocol. Callers have made sure that the packet was for us
  /// alone.
  ///
  /// - Parameter start: where UDP begins in a packet that a device has joined.
  mutating func queueUnreachable(
    _ code4: ICMPv4UnreachableCode, _ code6: ICMPv6UnreachableCode, _ packet: RawSpan,
    joinedAt start: Int? = nil, _ arrival: Arrival
  ) {
    guard mayAnswer(.icmpError, to: arrival.source, zone: arrival.zone) else {
      return counts.drop(.icmpLimited)
    }
    var header = ScratchBytes<8>()
    if arrival.isIPv4 {
      header.fill { ICMPv4Message.destinationUnreachable(code4, nextHopMTU: 0).write(into: &$0, at: 0) }
    } else {
      header.fill { ICMPv6Message.destinationUnreachable(code6).write(into: &$0, at: 0) }
    }
    let isQueued =
      if let start {
        queueICMPError(header, quotingFirstOf: packet, transportAt: start, arrival)
      } else {
        queueICMPError(header, quoting: packet, arrival)
      }
    if isQueued { counts.icmpOutDestUnreachs &+= 1 }
  }

  /// RFC 4443 §3.4: tells a sender which octet of its packet, which was for us alone, cannot be.
  mutating func queueParameterProblem(
    _ code: UInt8, pointer: UInt32, _ packet: RawSpan, _ arrival: Arrival
  ) {
    guard mayAnswer(.icmpError, to: arrival.source, zone: arrival.zone) else {
      return counts.drop(.icmpLimited)
    }
    var header = ScratchBytes<8>()
    header.fill { ICMPv6Message.parameterProblem(code: code, pointer: pointer).write(into: &$0, at: 0) }
    if queueICMPError(header, quoting: packet, arrival) { counts.icmpOutParmProbs &+= 1 }
  }

  /// An error about a packet, within the limits. False: there was no room for it.
  mutating func queueICMPError(
    _ header: ScratchBytes<8>, quoting packet: RawSpan, _ arrival: Arrival
  ) -> Bool {
    // RFC 1812 §4.3.2.3: as much as fits 576 octets; RFC 4443 §2.4 (c): as much as fits 1,280.
    let headers = arrival.isIPv4 ? 28 : 48
    let room = (arrival.isIPv4 ? 576 : 1_280) &- headers
    // An error is not worth being cut.
    let way = path(to: arrival.source, zone: arrival.isIPv4 ? 0 : arrival.zone)
    let mtu = way.map { pathMTU(of: arrival.source, on: $0.interface.index) } ?? 0
    let most = min(room, Int(mtu) &- headers)
    let quote = packet.extracting(0..<min(packet.byteCount, max(0, most)))
    return queueICMP(header, quote, arrival.isIPv4 ? .icmp : .icmpv6, arrival)
  }

  /// RFC 4443 §3.1, RFC 1122 §3.2.2.1: what `answer(_:.unreachable)` sends; the SYN itself is gone, so its
  /// headers are written anew.
  mutating func queueHostUnreachable(_ flow: Flow, irs: SequenceNumber) {
    guard mayAnswer(.icmpError, to: flow.remote, zone: flow.zone) else { return counts.drop(.icmpLimited) }
    var header = ScratchBytes<8>()
    var quote = ScratchBytes<60>()
    let tcp = TCPHeader(sourcePort: flow.remotePort, destinationPort: flow.localPort, seq: irs, flags: .syn)
    if flow.local.isIPv4 {
      header.fill { ICMPv4Message.destinationUnreachable(.host, nextHopMTU: 0).write(into: &$0, at: 0) }
    } else {
      header.fill { ICMPv6Message.destinationUnreachable(.address).write(into: &$0, at: 0) }
    }
    let seen = Flow(local: flow.remote, remote: flow.local, localPort: 0, remotePort: 0)
    quote.fill { raw in
      let place = seen.writeIP(.tcp, TCPHeader.minimumCount, 64, 0, .notECT, into: &raw)
      tcp.write(into: &raw, at: place)
    }
    let count = (flow.local.isIPv4 ? 20 : 40) &+ TCPHeader.minimumCount
    // Where the SYN came from matters only to a link-local flow, and its zone tells.
    let arrival = Arrival(
      interface: InterfaceID(rawValue: max(flow.zone, 1) &- 1), source: flow.remote, destination: flow.local,
      isUnicast: true,
      isVerified: true, segmentSize: 0, ecn: .notECT)
    let body = quote.bytes.extracting(0..<count)
    if queueICMP(header, body, flow.local.isIPv4 ? .icmp : .icmpv6, arrival) {
      counts.icmpOutDestUnreachs &+= 1
    }
  }

  private mutating func queueICMP(
    _ header: ScratchBytes<8>, _ body: RawSpan, _ proto: IPProtocol, dscp: UInt8 = 0, _ arrival: Arrival
  ) -> Bool {
    let zone = arrival.isIPv4 ? 0 : arrival.zone
    guard let path = path(to: arrival.source, zone: zone) else {
      counts.drop(.noRoute)
      return false
    }
    let record = DatagramHeader(
      count: UInt16(truncatingIfNeeded: 8 &+ body.byteCount), proto: proto,
      fields: IPFields(dscp: dscp), isAnswer: true, local: arrival.destination, remote: arrival.source)
    // What came in a packet, or was put together, fits one that may be cut again.
    guard 8 &+ body.byteCount <= Int(UInt16.max) &- (arrival.isIPv4 ? IPv4Header.encodedCount : 0),
      interfaces[path.interface.index].datagrams.append(
        record, header.bytes, body, limit: configuration.datagramQueueLimit, &around.pool, &around.budget)
    else {
      counts.drop(.outputQueueFull)
      return false
    }
    return true
  }
}
