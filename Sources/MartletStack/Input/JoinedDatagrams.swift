import MartletTCP
import MartletWire

// A packet of UDP that a device has joined (GRO): datagrams of one size, the last of them perhaps shorter, behind one header.

extension NetworkStack {
  /// Puts what a packet of UDP brought into a socket's queue: one datagram, or those of a train that a device has joined.
  mutating func queueArrived(
    _ view: borrowing UDPHeaderView, from remote: Endpoint, _ arrival: Arrival, to s: UInt32
  ) {
    let octets = view.payload
    var done = 0
    repeat {
      let count = DatagramTrain.count(
        of: octets.byteCount &- done, segmentSize: Int(arrival.segmentSize))
      let header = DatagramHeader(
        count: UInt16(truncatingIfNeeded: count), proto: .udp, fields: arrival.fields, port: remote.port,
        interface: arrival.interface, local: arrival.destination, remote: remote.address)
      if sockets[s].queue.append(
        header, RawSpan(), octets.extracting(done..<done &+ count),
        limit: configuration.datagramReceiveBuffer,
        &around.pool, &around.budget)
      {
        counts.udpInDatagrams &+= 1
        raise(.readable, ofSocket: s)
      } else {
        sockets[s].drops &+= 1
        counts.drop(.receiveQueueFull)
      }
      done &+= count
    } while done < octets.byteCount
  }

  /// An error about the first of them, as it was on the wire: nobody has sent the whole, and nobody would know it again.
  ///
  /// - Parameter start: where UDP begins in the packet.
  mutating func queueICMPError(
    _ header: ScratchBytes<8>, quotingFirstOf packet: RawSpan, transportAt start: Int, _ arrival: Arrival
  ) -> Bool {
    // As much as any error quotes.
    var quote = ScratchBytes<1_232>()
    var count = 0
    quote.fill { count = arrival.writeFirst(of: packet, transportAt: start, into: &$0) }
    guard count > 0 else { return false }
    return queueICMPError(header, quoting: quote.bytes.extracting(0..<count), arrival)
  }
}

extension Arrival {
  /// A device has joined several into it.
  func isJoined(_ packet: RawSpan, transportAt start: Int) -> Bool {
    let text = Int(packet.be16(start &+ UDPHeader.lengthOffset)) &- UDPHeader.encodedCount
    return segmentSize > 0 && text > Int(segmentSize)
  }

  /// Writes the first datagram of a packet, or as much of it as there is room for, with lengths and sums of its own;
  /// returns how much.
  fileprivate func writeFirst(
    of packet: RawSpan, transportAt start: Int, into out: inout MutableRawSpan
  ) -> Int {
    let text = start &+ UDPHeader.encodedCount
    let end = text &+ Int(segmentSize)
    // More extension headers than an error quotes.
    guard text <= out.byteCount, end <= packet.byteCount else { return 0 }
    let count = min(end, out.byteCount)
    out.copy(packet.extracting(0..<count))
    let length = end &- start
    out.store16be(UInt16(truncatingIfNeeded: length), at: start &+ UDPHeader.lengthOffset)
    // Zero says that there is none.
    if packet.be16(start &+ UDPHeader.checksumOffset) != 0 {
      out.store16be(0, at: start &+ UDPHeader.checksumOffset)
      var sum = InternetChecksum.pseudoHeader(
        source: source, destination: destination, proto: .udp, length: length)
      sum.add(out.checksum(from: start, count: UDPHeader.encodedCount))
      sum.add(packet.extracting(text..<end))
      out.store16be(UDPHeader.checksumField(sum), at: start &+ UDPHeader.checksumOffset)
    }
    // RFC 791 §3.1: total length; RFC 8200 §3: payload length.
    if isIPv4 {
      out.store16be(UInt16(truncatingIfNeeded: end), at: 2)
      out.store16be(0, at: IPv4Header.checksumOffset)
      out.store16be(out.checksum(from: 0, count: start).field, at: IPv4Header.checksumOffset)
    } else {
      out.store16be(UInt16(truncatingIfNeeded: end &- IPv6Header.encodedCount), at: 4)
    }
    return count
  }
}
