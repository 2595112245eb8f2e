import MartletTCP
import MartletWire

extension NetworkStack {
  /// A reply goes to who asked: identifier and both addresses are those of an echo socket.
  mutating func echoReplyArrives(
    _ identifier: UInt16, _ sequence: UInt16, _ body: RawSpan, _ arrival: Arrival
  ) {
    guard let s = echoSocket(identifier, at: arrival.destination, asking: arrival.source, arrival.zone) else {
      return counts.drop(.icmpIgnored)
    }
    counts.icmpInEchoReps &+= 1
    noteEcho(sequence, .none, body, arrival, inSocket: s)
  }

  /// An error about an echo request is believed only if it quotes one that has left, its checksum included.
  mutating func echoErrorArrives(_ error: SoftError, _ quoted: QuotedPacket, _ arrival: Arrival) {
    // RFC 792, RFC 4443 §4.1: type and code, checksum, identifier, sequence number.
    let request: UInt64 = quoted.destination.isIPv4 ? 8 << 8 : 128 << 8
    let identifier = UInt16(truncatingIfNeeded: quoted.transport >> 16)
    let zone = quoted.destination.hasZone ? arrival.interface.zone : 0
    guard quoted.transport >> 48 == request,
      let s = echoSocket(identifier, at: quoted.source, asking: quoted.destination, zone),
      sentDatagrams.contains(quoted)
    else { return counts.drop(.icmpUnmatched) }
    noteEcho(UInt16(truncatingIfNeeded: quoted.transport), error, RawSpan(), arrival, inSocket: s)
  }

  private func echoSocket(
    _ identifier: UInt16, at local: IPAddress, asking remote: IPAddress, _ zone: UInt16
  ) -> UInt32? {
    guard let s = echoIdentifiers.sole(identifier), sockets[s].local.address == local,
      sockets[s].peer?.address == remote, !remote.hasZone || sockets[s].zone == zone
    else { return nil }
    return s
  }

  private mutating func noteEcho(
    _ sequence: UInt16, _ error: SoftError, _ body: RawSpan, _ arrival: Arrival, inSocket s: UInt32
  ) {
    var front = ScratchBytes<12>()
    let note = EchoNote(time: clock, sequence: sequence, error: error)
    front.fill { note.write(into: &$0) }
    // Four octets less than the largest reply of IPv6 can have.
    let header = DatagramHeader(
      count: EchoNote.count &+ UInt16(clamping: min(body.byteCount, Int(UInt16.max &- EchoNote.count))),
      proto: .icmp, fields: arrival.fields, interface: arrival.interface,
      local: arrival.destination, remote: arrival.source)
    let kept = body.extracting(0..<Int(header.count &- EchoNote.count))
    guard
      sockets[s].queue.append(
        header, front.bytes, kept, limit: configuration.datagramReceiveBuffer, &around.pool, &around.budget)
    else {
      sockets[s].drops &+= 1
      return counts.drop(.receiveQueueFull)
    }
    raise(.readable, ofSocket: s)
  }
}
