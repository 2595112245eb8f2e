import MartletTCP
import MartletWire

extension NetworkStack {
  /// A UDP datagram for one of our addresses, a broadcast, or a group.
  mutating func udpArrives(_ bytes: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    guard let view = UDPHeaderView(validating: bytes) else { return counts.drop(.badUDPHeader) }
    guard arrival.isVerified || isIntact(view, arrival) else { return counts.drop(.badUDPChecksum) }
    let remote = Endpoint(address: arrival.source, port: view.sourcePort)
    if arrival.destination.isMulticast { return groupDatagramArrives(view, from: remote, arrival) }
    let local = Endpoint(address: arrival.destination, port: view.destinationPort)
    guard let s = socket(at: local, from: remote, zone: arrival.zone) else {
      counts.drop(.noSocket)
      // RFC 1122 §4.1.3.1, and §3.2.2 for whom it is never sent to.
      if arrival.isUnicast {
        queuePortUnreachable(packet, transportAt: packet.byteCount &- bytes.byteCount, arrival)
      }
      return
    }
    if sockets[s].peer != nil, socket(at: local, from: nil, zone: arrival.zone) == nil {
      countStrayDatagram(arrival)
    }
    queueArrived(view, from: remote, arrival, to: s)
  }

  private func isIntact(_ view: borrowing UDPHeaderView, _ arrival: Arrival) -> Bool {
    switch (arrival.source, arrival.destination) {
    case (.v4(let source), .v4(let destination)):
      view.isChecksumValid(source: source, destination: destination)
    case (.v6(let source), .v6(let destination)):
      view.isChecksumValid(source: source, destination: destination)
    default: false
    }
  }

  /// The socket that fits best: connected to this peer, bound to this address, bound to any. One that is on a
  /// link hears no link-local address of another.
  ///
  /// - Parameter remote: nil: among those that are connected to nobody.
  mutating func socket(at local: Endpoint, from remote: Endpoint?, zone: UInt16) -> UInt32? {
    socketPorts.best(local.port) { i in
      if zone > 0, sockets[i].zone > 0, zone != sockets[i].zone { return 0 }
      var score = 1
      if let address = sockets[i].local.address {
        if address != local.address { return 0 }
        score &+= 1
      }
      if let peer = sockets[i].peer {
        if peer != remote { return 0 }
        score &+= 2
      }
      return score
    }
  }
}
