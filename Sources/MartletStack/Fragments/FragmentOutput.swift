import MartletTCP
import MartletWire

// A datagram that does not fit the path is cut here, when it is pulled, and not before: one that waits takes no more
// than its octets, and the path's MTU may have changed meanwhile. TCP is never cut; its segments fit.

extension NetworkStack {
  /// The next packet of UDP or ICMP: a datagram, or a fragment of the first that waits.
  mutating func nextDatagram(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    guard let header = firstDatagram(on: interface) else { return nil }
    if header.isHandedOver { return nextHandedOver(header, on: interface, into: &buffer) }
    let mtu = largest(header, on: interface)
    if header.segmentSize > 0 { return nextOfTrain(header, mtu: mtu, on: interface, into: &buffer) }
    if isCut(header, mtu: mtu, on: interface) {
      return nextFragment(of: header, mtu: mtu, on: interface, into: &buffer)
    }
    let place = header.writeIP(into: &buffer, hopLimit: configuration.hopLimit(header.fields.hopLimit))
    let sum = interfaces[interface].datagrams.emitFirst(header.count, into: &buffer, at: place, around.pool)
    header.storeChecksum(sum, into: &buffer, at: place)
    if !header.isAnswer { noteSent(header, buffer.be64(place)) }
    finishFirst(header, on: interface)
    return OutgoingPacket(count: place &+ Int(header.count))
  }

  /// The largest packet in which a datagram leaves.
  ///
  /// An answer says what another has chosen, who may have forged the question and may forge what a router says of the
  /// answer. So nothing is learned from answers, and they have to arrive without: those of IPv6 leave in packets that
  /// every path takes (RFC 8200 §5), those of IPv4 may be cut on their way.
  private mutating func largest(_ header: DatagramHeader, on interface: Int) -> Int {
    let mtu = Int(pathMTU(of: header.remote, on: interface))
    return header.isAnswer && !header.local.isIPv4 ? min(mtu, 1_280) : mtu
  }

  /// The largest packet that gets to a destination through this interface, if it is a datagram.
  mutating func pathMTU(of remote: IPAddress, on interface: Int) -> UInt16 {
    let mtu = remote.isIPv4 ? interfaces[interface].mtu4 : interfaces[interface].mtu6
    if destinations.isEmpty { return mtu }
    let zone = remote.hasZone ? InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface)).zone : 0
    let segments = destinations.find(remote, zone: zone, .segment, now: clock)
    let datagrams = destinations.find(remote, zone: zone, .datagram, now: clock)
    return min(mtu, segments?.pathMTU ?? mtu, datagrams?.pathMTU ?? mtu)
  }

  /// Whether the datagram whose turn it is has to leave in fragments, or does already.
  mutating func isCut(_ datagram: DatagramHeader, mtu: Int, on interface: Int) -> Bool {
    let headers = datagram.local.isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    // Without DF, as a fragment has none; what every host takes (RFC 791 §3.1) needs no such care.
    let mayBeCut = datagram.isAnswer && datagram.local.isIPv4 && headers &+ Int(datagram.count) > 576
    return headers &+ Int(datagram.count) > mtu || mayBeCut || interfaces[interface].datagrams.firstIsCut
  }

  /// RFC 791 §3.2, RFC 8200 §4.5. Each fragment but the last has a multiple of eight octets.
  ///
  /// - Parameter header: of the first datagram that waits, or of that of a first train whose turn it is.
  @inline(never)
  mutating func nextFragment(
    of header: DatagramHeader, mtu: Int, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    if !interfaces[interface].datagrams.firstIsCut {
      let id = secrets.drawIdentification(from: header.local, to: header.remote)
      interfaces[interface].datagrams.beginCutting(id)
    }
    let start = interfaces[interface].datagrams.cutSent
    // Of a train its other datagrams, between the header that all of them have and this one.
    let before = interfaces[interface].datagrams.firstSent
    let id = interfaces[interface].datagrams.identification
    let isIPv4 = header.local.isIPv4
    let headers =
      isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount &+ IPv6Fragment.encodedCount
    let room = max(8, (mtu &- headers) & ~7)
    let left = Int(header.count &- start)
    let isLast = left <= mtu &- headers
    let count = isLast ? left : room
    let place = header.writeFragment(
      start, UInt16(truncatingIfNeeded: count), isLast: isLast, identification: id,
      hopLimit: configuration.hopLimit(header.fields.hopLimit), into: &buffer)
    interfaces[interface].datagrams.copyFirst(
      from: before &+ start, UInt16(truncatingIfNeeded: count), into: &buffer, at: place, around.pool)
    if start == 0 {
      if header.segmentSize > 0 { copyUDPHeader(of: header, on: interface, into: &buffer, at: place) }
      // The transport's sum is over what this fragment has, and all others will have.
      let udp = UInt16(truncatingIfNeeded: UDPHeader.encodedCount)
      var sum = interfaces[interface].datagrams.sumFirst(
        from: before &+ udp, header.count &- udp, around.pool)
      sum.add(buffer.checksum(from: place, count: UDPHeader.encodedCount))
      header.storeChecksum(sum, into: &buffer, at: place)
      if !header.isAnswer { noteSent(header, buffer.be64(place)) }
      if !isLast { counts.ipFragOKs &+= 1 }
    }
    if start > 0 || !isLast { counts.ipFragCreates &+= 1 }
    if !isLast {
      interfaces[interface].datagrams.advanceCut(by: UInt16(truncatingIfNeeded: count))
    } else if header.segmentSize > 0 {
      finishCar(header, on: interface)
    } else {
      finishFirst(header, on: interface)
    }
    return OutgoingPacket(count: place &+ count)
  }

  /// The first datagram that is from an address which is still ours.
  private mutating func firstDatagram(on interface: Int) -> DatagramHeader? {
    while let header = interfaces[interface].datagrams.first(around.pool) {
      if routing.isOurs(header.local) { return header }
      removeFirst(header, on: interface)
      counts.drop(.lostAddress)
    }
    return nil
  }

  mutating func finishFirst(_ header: DatagramHeader, on interface: Int) {
    removeFirst(header, on: interface)
    if header.proto == .udp { counts.udpOutDatagrams &+= 1 }
  }

  private mutating func removeFirst(_ header: DatagramHeader, on interface: Int) {
    interfaces[interface].datagrams.removeFirst(header, &around.pool, &around.budget)
    if interfaces[interface].waitingSockets > 0 { wakeSockets(on: interface) }
  }

  /// - Parameter transport: the first eight octets of the datagram.
  mutating func noteSent(_ header: DatagramHeader, _ transport: UInt64) {
    sentDatagrams.note(transport, to: header.remote, &around.budget)
  }
}

extension DatagramHeader {
  /// Writes the headers of a fragment with `count` octets from `start` on; returns where these begin.
  ///
  /// Of IPv4 it may be cut again on its way: without DF, and so with an identification (RFC 6864 §4.1).
  fileprivate func writeFragment(
    _ start: UInt16, _ count: UInt16, isLast: Bool, identification: UInt32, hopLimit: UInt8,
    into out: inout MutableRawSpan
  ) -> Int {
    switch (local, remote) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        dscp: fields.dscp & 0x3f, ecn: fields.ecn,
        totalCount: count &+ UInt16(truncatingIfNeeded: IPv4Header.encodedCount),
        identification: UInt16(truncatingIfNeeded: identification), dontFragment: false,
        moreFragments: !isLast, fragmentOffset: start, timeToLive: hopLimit, proto: proto, source: source,
        destination: destination
      ).write(into: &out, at: 0)
      return IPv4Header.encodedCount
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        dscp: fields.dscp & 0x3f, ecn: fields.ecn,
        payloadCount: count &+ UInt16(truncatingIfNeeded: IPv6Fragment.encodedCount),
        nextHeader: .fragment, hopLimit: hopLimit, source: source, destination: destination
      ).write(into: &out, at: 0)
      IPv6Fragment(
        nextHeader: proto, fragmentOffset: start, moreFragments: !isLast, identification: identification
      ).write(into: &out, at: IPv6Header.encodedCount)
      return IPv6Header.encodedCount &+ IPv6Fragment.encodedCount
    default: return 0
    }
  }
}
