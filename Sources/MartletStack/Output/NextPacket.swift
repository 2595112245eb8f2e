public import MartletTCP
import MartletWire

extension NetworkStack {
  /// Whether `nextPacket` may have something. It may be wrong in saying yes.
  public func hasOutput(on interface: InterfaceID) -> Bool {
    guard isPresent(interface) else { return false }
    let i = interface.index
    return !interfaces[i].ownReplies.isEmpty || !interfaces[i].answers.isEmpty
      || !interfaces[i].datagrams.isEmpty || !interfaces[i].senders.isEmpty
      || interfaces[i].link.isEthernet && (neighbours.released > 0 || dhcp.isSending)
  }

  /// Writes the next packet that leaves through an interface, from the IP header on, or on an Ethernet from the
  /// frame's, to the start of `buffer`. Nil: nothing is to be sent now. Call until nil; calling again is harmless.
  ///
  /// - Parameter buffer: at least the interface's MTU, and 18 octets more on an Ethernet, or nothing is written;
  ///   65,535 octets where the device cuts segments, to make use of it.
  public mutating func nextPacket(
    on interface: InterfaceID, into buffer: inout MutableRawSpan, now: Instant
  ) -> OutgoingPacket? {
    tell(now)
    guard isPresent(interface), buffer.byteCount >= Int(interfaces[interface.index].mtu) else { return nil }
    let i = interface.index
    let isEthernet = interfaces[i].link.isEthernet
    let next = isEthernet ? nextFrame(on: i, into: &buffer) : nextIPPacket(on: i, into: &buffer)
    guard let packet = next else { return nil }
    counts.outPackets &+= 1
    counts.outOctets &+= UInt64(truncatingIfNeeded: packet.count)
    return packet
  }

  /// The same from the IP header on, of an interface without a link's header.
  @inline(__always)
  mutating func nextIPPacket(on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    // Most of the time only connections have something.
    if interfaces[i].isFreeForText {
      if interfaces[i].hasTextWaited { interfaces[i].hasTextWaited = false }
      return nextSegment(on: i, into: &buffer)
    }
    while true {
      let r = interfaces[i].nextReply
      if r != IndexList.none {
        if let packet = leave(r, on: i, into: &buffer) { return packet }
        continue
      }
      let isTextsTurn = interfaces[i].isTextsTurn
      if let packet = nextText(on: i, into: &buffer) { return packet }
      guard isTextsTurn else { return nil }
    }
  }

  /// The reply that leaves next. Nil: it has no room in `buffer`, and is lost.
  @inline(__always)
  mutating func leave(_ r: UInt32, on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    let (next, packet) = replies.records[r].leave(into: &buffer)
    interfaces[i].removeReply(r, next: next)
    giveBackReply(r, on: i)
    return packet
  }

  /// A datagram or a segment. Nil: none leaves now, or only text's turn is over.
  @inline(never)
  mutating func nextText(on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    if !interfaces[i].datagrams.isEmpty, !interfaces[i].isTextsTurn || interfaces[i].datagrams.firstIsCut,
      let datagram = nextDatagram(on: i, into: &buffer)
    {
      interfaces[i].hasTextWaited = true
      return datagram
    }
    interfaces[i].hasTextWaited = false
    return nextSegment(on: i, into: &buffer)
  }

  /// Asks the first connection that may have something; one that has nothing leaves the list.
  @inline(__always)
  private mutating func nextSegment(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    while let i = interfaces[interface].firstSender {
      if connections[i].marks.contains(.onWire), let j = coldIndex(of: i, needed: false) {
        around.recorder.flow = i
        let limit = interfaces[interface].textLimit(
          room: buffer.byteCount, isIPv4: connections[i].isIPv4)
        let next = connections[i].tcb.nextSegment(limit: limit, cold: &cold[j], &around, now: clock)
        if var plan = next {
          if plan.options.present.contains(.fastOpen) { fillCookie(&plan, of: i) }
          let header = SegmentHeader(
            flow: connections.flow(of: i, keys6), plan: plan,
            hopLimit: configuration.hopLimit(connections[i].hopLimit),
            dscp: connections[i].dscp, offload: interfaces[interface].offload)
          let packet = header.write(into: &buffer, text: cold[j].send, around.pool)
          settleCold(i, j)
          return packet
        }
        settleCold(i, j)
        rearmTimer(of: i)
      }
      dropFirstSender(i, on: interface)
    }
    return nil
  }
}
