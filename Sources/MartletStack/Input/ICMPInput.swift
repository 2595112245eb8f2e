import MartletTCP
import MartletWire

extension NetworkStack {
  /// An ICMP message for us, of the IP version that it came by.
  mutating func icmpArrives(_ bytes: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    switch (arrival.source, arrival.destination) {
    case (.v6(let source), .v6(let destination)):
      guard let view = ICMPv6MessageView(validating: bytes) else { return counts.drop(.badICMP) }
      guard view.isChecksumValid(source: source, destination: destination) else {
        return counts.drop(.badICMPChecksum)
      }
      // RFC 2710 §3: a multicast listener query.
      if bytes.u8(0) == 130 { return mldQueryArrives(bytes, arrival, packet: packet) }
      icmpv6Arrives(view.message, view.body, view.quoted, arrival)
    default:
      guard let view = ICMPv4MessageView(validating: bytes) else { return counts.drop(.badICMP) }
      guard view.isChecksumValid else { return counts.drop(.badICMPChecksum) }
      icmpv4Arrives(view.message, view.body, view.quoted, arrival)
    }
  }

  private mutating func icmpv4Arrives(
    _ message: ICMPv4Message, _ body: RawSpan, _ quoted: QuotedPacket?, _ arrival: Arrival
  ) {
    switch message {
    case .echoRequest(let identifier, let sequence):
      // RFC 1122 §3.2.2.6: an echo request to a broadcast may be discarded.
      guard arrival.isUnicast else { return counts.drop(.icmpIgnored) }
      let reply = ICMPv4Message.echoReply(identifier: identifier, sequence: sequence)
      var header = ScratchBytes<8>()
      header.fill { reply.write(into: &$0, at: 0) }
      queueEchoReply(header, body, .icmp, arrival)
    case .sourceQuench:
      counts.drop(.sourceQuench)
    case .destinationUnreachable(.fragmentationNeeded, let mtu):
      packetTooBig(UInt32(mtu), quoted, arrival)
    case .destinationUnreachable(let code, _):
      icmpErrorArrives(SoftError(code), isHard: code.isHard, quoted, arrival)
    case .timeExceeded:
      icmpErrorArrives(.timeExceeded, isHard: false, quoted, arrival)
    case .parameterProblem:
      icmpErrorArrives(.parameterProblem, isHard: false, quoted, arrival)
    case .echoReply(let identifier, let sequence):
      echoReplyArrives(identifier, sequence, body, arrival)
    case .redirect, .other:
      counts.drop(.icmpIgnored)
    }
  }

  private mutating func icmpv6Arrives(
    _ message: ICMPv6Message, _ body: RawSpan, _ quoted: QuotedPacket?, _ arrival: Arrival
  ) {
    switch message {
    case .echoRequest(let identifier, let sequence):
      // RFC 4443 §4.2: one to a group may be discarded.
      guard arrival.isUnicast else { return counts.drop(.icmpIgnored) }
      let reply = ICMPv6Message.echoReply(identifier: identifier, sequence: sequence)
      var header = ScratchBytes<8>()
      header.fill { reply.write(into: &$0, at: 0) }
      queueEchoReply(header, body, .icmpv6, arrival)
    case .packetTooBig(let mtu):
      packetTooBig(mtu, quoted, arrival)
    case .destinationUnreachable(let code):
      icmpErrorArrives(SoftError(code), isHard: code == .port, quoted, arrival)
    case .timeExceeded:
      icmpErrorArrives(.timeExceeded, isHard: false, quoted, arrival)
    case .parameterProblem(let code, _):
      // RFC 5927 §4.1 lists code 1, "unrecognized next header", among the hard ones.
      icmpErrorArrives(
        code == 1 ? .protocolUnreachable : .parameterProblem, isHard: code == 1, quoted, arrival)
    case .other(let type, _, _) where type < 128:
      // RFC 4443 §2.4 (a).
      icmpErrorArrives(.unknown, isHard: false, quoted, arrival)
    case .other(let type, let code, let flags):
      guard let type = NeighborMessageType(rawValue: type) else { return counts.drop(.icmpIgnored) }
      neighbourMessageArrives(type, code: code, flags: flags, body, arrival)
    case .echoReply(let identifier, let sequence):
      echoReplyArrives(identifier, sequence, body, arrival)
    }
  }

  /// RFC 9293 MUST-54: an error reaches the flow that it quotes, or nobody.
  private mutating func icmpErrorArrives(
    _ error: SoftError, isHard: Bool, _ quoted: QuotedPacket?, _ arrival: Arrival
  ) {
    counts.icmpInErrors &+= 1
    guard let quoted, quoted.hasTransport else { return counts.drop(.icmpUnmatched) }
    errorArrives(error, isHard: isHard, quoted, arrival)
  }

  /// Likewise, whoever found it out.
  mutating func errorArrives(
    _ error: SoftError, isHard: Bool, _ quoted: QuotedPacket, _ arrival: Arrival
  ) {
    if quoted.proto == .icmp || quoted.proto == .icmpv6 { return echoErrorArrives(error, quoted, arrival) }
    guard let flow = flow(of: quoted, arrival) else { return counts.drop(.icmpUnmatched) }
    if quoted.proto == .udp {
      guard let s = socket(at: flow.localEndpoint, from: flow.remoteEndpoint, zone: flow.zone),
        sockets[s].hearsErrors && sentDatagrams.contains(quoted)
      else { return counts.drop(.icmpUnmatched) }
      sockets[s].error = error
      sockets[s].errorRemote = flow.remoteEndpoint
      sockets[s].errorReporter = arrival.source
      raise([.error, .readable], ofSocket: s)
      return
    }
    guard let seq = quoted.seq, let reference = find(flow), reference.entry.phase == .connection,
      let j = coldIndex(of: reference.entry.index, needed: false)
    else { return counts.drop(.icmpUnmatched) }
    let i = reference.entry.index
    around.recorder.flow = i
    let old = connections[i].tcb.softError
    let isFastOpening = connections[i].tcb.offersFastOpen && connections[i].tcb.state == .synSent
    let reaction = connections[i].tcb.networkError(
      error, isHard: isHard, quoted: seq, cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    if isFastOpening, connections[i].tcb.softError != old { failFastOpen(of: i) }
    if connections[i].tcb.softError != old { raise(.error, of: i) }
    apply(reaction, to: i)
  }

  /// The local end of a quoted packet is its source: we sent it. What goes to a link-local address stays on its
  /// link, and so does what is said of it.
  private mutating func flow(of quoted: QuotedPacket, _ arrival: Arrival) -> Flow? {
    guard quoted.proto == .tcp || quoted.proto == .udp, routing.isOurs(quoted.source),
      quoted.destination.isUnicastDestination
    else { return nil }
    return Flow(
      local: quoted.source, remote: quoted.destination, localPort: quoted.sourcePort,
      remotePort: quoted.destinationPort,
      zone: quoted.destination.hasZone ? arrival.interface.zone : 0)
  }

  /// A router could not pass a packet on (RFC 1191; RFC 8201). Believed when it quotes something in flight
  /// (robustness rules O5, O6); then the destination is remembered with the smaller size.
  private mutating func packetTooBig(_ mtu: UInt32, _ quoted: QuotedPacket?, _ arrival: Arrival) {
    counts.icmpInErrors &+= 1
    // RFC 8201 §4: no link of IPv6 has less.
    guard arrival.isIPv4 || mtu >= 1_280 else { return counts.drop(.icmpIgnored) }
    if let quoted, quoted.proto != .tcp { return datagramTooBig(mtu, quoted, arrival) }
    guard let quoted, quoted.proto == .tcp, let seq = quoted.seq, let flow = flow(of: quoted, arrival),
      let reference = find(flow), reference.entry.phase == .connection
    else { return counts.drop(.icmpUnmatched) }
    let i = reference.entry.index
    guard connections[i].tcb.isInFlight(seq), let known = path(to: flow.remote, zone: flow.zone)
    else {
      return counts.drop(.icmpUnmatched)
    }
    let lower = Self.believable(mtu, isIPv4: arrival.isIPv4)
    let mss = Path(interface: known.interface, mtu: lower).mss(isIPv4: arrival.isIPv4)
    // Another connection may have taught it before.
    guard lower < known.mtu || mss < connections[i].tcb.pathMSS else { return counts.drop(.icmpIgnored) }
    guard let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let reaction = connections[i].tcb.pathMTUFell(toMSS: mss, cold: &cold[j], &around, now: clock)
    // A claim that the connection does not believe yet is nothing that others should start from; nor is one that
    // is smaller than its own size only, since what another was told of the same path holds too.
    let isDoubted = cold[j].search.claimed != 0
    settleCold(i, j)
    if !isDoubted && lower < known.mtu {
      _ = destinations.lower(flow.remote, zone: flow.zone, to: lower, now: clock, &around.budget)
    }
    apply(reaction, to: i)
  }

  /// A floor for IPv4: 552 octets (RFC 1191 §6.3 has no lower plateau worth keeping).
  private static func believable(_ mtu: UInt32, isIPv4: Bool) -> UInt16 {
    let floor: UInt32 = isIPv4 ? 552 : 1_280
    return UInt16(truncatingIfNeeded: min(max(mtu, floor), UInt32(UInt16.max)))
  }

  /// Likewise of UDP and echo requests: believed when it quotes what has left, and that was larger. The datagrams that
  /// come next are cut; what was lost stays lost.
  private mutating func datagramTooBig(_ mtu: UInt32, _ quoted: QuotedPacket, _ arrival: Arrival) {
    let zone = quoted.destination.hasZone ? arrival.interface.zone : 0
    guard routing.isOurs(quoted.source) && sentDatagrams.contains(quoted),
      quoted.destination.isUnicastDestination, let path = path(to: quoted.destination, zone: zone)
    else { return counts.drop(.icmpUnmatched) }
    let lower = Self.believable(mtu, isIPv4: arrival.isIPv4)
    guard lower < pathMTU(of: quoted.destination, on: path.interface.index) else {
      return counts.drop(.icmpIgnored)
    }
    // RFC 768: the length stands behind the ports.
    let length = UInt32(truncatingIfNeeded: quoted.transport >> 16 & 0xffff)
    guard quoted.proto != .udp || length &+ (arrival.isIPv4 ? 20 : 40) > UInt32(lower) else {
      return counts.drop(.icmpUnmatched)
    }
    _ = destinations.lower(quoted.destination, zone: zone, .datagram, to: lower, now: clock, &around.budget)
  }
}

extension SoftError {
  init(_ code: ICMPv4UnreachableCode) {
    switch code {
    case .network: self = .networkUnreachable
    case .host: self = .hostUnreachable
    case .proto: self = .protocolUnreachable
    case .port: self = .portUnreachable
    case .sourceRouteFailed: self = .sourceRouteFailed
    case .networkProhibited, .hostProhibited, .prohibited: self = .administrativelyProhibited
    default: self = .hostUnreachable
    }
  }

  init(_ code: ICMPv6UnreachableCode) {
    switch code {
    case .noRoute, .rejectRoute: self = .networkUnreachable
    case .prohibited, .policy: self = .administrativelyProhibited
    case .port: self = .portUnreachable
    default: self = .hostUnreachable
    }
  }
}

extension ICMPv4UnreachableCode {
  /// RFC 9293 §3.9.2.2: codes 2 to 4 are "hard"; what that is worth the TCB decides (RFC 5927 §5).
  var isHard: Bool { self == .proto || self == .port }
}

extension TCB {
  /// RFC 5927 §4: SND.UNA =< SEQ < SND.MAX.
  func isInFlight(_ seq: SequenceNumber) -> Bool {
    seq.isWithin(from: snd.una, length: snd.max.distance(from: snd.una))
  }
}
