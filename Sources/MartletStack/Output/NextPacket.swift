public import MartletTCP
import MartletWire

extension NetworkStack {
  /// Whether `nextPacket` may have something. It may be wrong in saying yes.
  public func hasOutput(on interface: InterfaceID) -> Bool {
    guard isPresent(interface) else { return false }
    let i = interface.index
    return !interfaces[i].replies.isEmpty || !interfaces[i].datagrams.isEmpty
      || !interfaces[i].senders.isEmpty || neighbours.released > 0 || dhcp.isSending
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

  /// The same from the IP header on, whatever the interface.
  @inline(__always)
  mutating func nextIPPacket(on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    // Most of the time only connections have something; under a flood, only replies.
    if !interfaces[i].replies.isEmpty { return nextReply(on: i, into: &buffer) }
    var next: OutgoingPacket?
    if !interfaces[i].datagrams.isEmpty { next = nextDatagram(on: i, into: &buffer) }
    if next == nil { next = nextSegment(on: i, into: &buffer) }
    return next
  }

  /// The first reply. One that has no room in `buffer` is lost.
  private mutating func nextReply(on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    let r = interfaces[i].replies.first
    let (next, packet) = replies.records[r].leave(into: &buffer)
    interfaces[i].removeFirstReply(next: next)
    giveBackReply(r, on: i)
    return packet ?? nextAfterLoss(on: i, into: &buffer)
  }

  @inline(never)
  private mutating func nextAfterLoss(on i: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    nextIPPacket(on: i, into: &buffer)
  }

  /// Asks the first connection that may have something; one that has nothing leaves the list.
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
