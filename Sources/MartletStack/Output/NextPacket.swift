public import MartletTCP
import MartletWire

extension NetworkStack {
  /// Whether `nextPacket` may have something. It may be wrong in saying yes.
  public func hasOutput(on interface: InterfaceID) -> Bool {
    guard isPresent(interface) else { return false }
    let i = interface.index
    return !interfaces[i].replies.isEmpty || !interfaces[i].datagrams.isEmpty
      || !interfaces[i].senders.isEmpty
  }

  /// Writes the next packet that leaves through an interface, from the IP header on, to the start of
  /// `buffer`. Nil: nothing is to be sent now. Call until nil; calling again is harmless.
  ///
  /// - Parameter buffer: at least the interface's MTU, or nothing is written; 65,535 octets where the device
  ///   cuts segments, to make use of it.
  public mutating func nextPacket(
    on interface: InterfaceID, into buffer: inout MutableRawSpan, now: Instant
  ) -> OutgoingPacket? {
    tell(now)
    guard isPresent(interface), buffer.byteCount >= Int(interfaces[interface.index].mtu) else { return nil }
    let i = interface.index
    let packet =
      nextReply(on: i, into: &buffer) ?? nextDatagram(on: i, into: &buffer)
      ?? nextSegment(on: i, into: &buffer)
    guard let packet else { return nil }
    counts.outPackets &+= 1
    counts.outOctets &+= UInt64(packet.count)
    return packet
  }

  private mutating func nextReply(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    guard let r = popReply(on: interface) else { return nil }
    let reply = replies[r]
    replies.free(r, &around.budget)
    let header = SegmentHeader(
      flow: reply.flow, plan: reply.plan, hopLimit: hopLimit(reply.hopLimit), dscp: reply.dscp,
      offload: interfaces[interface].offload)
    return header.write(into: &buffer, text: ByteQueue(), around.pool)
  }

  /// Asks the first connection that may have something; one that has nothing leaves the list.
  private mutating func nextSegment(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    while let i = firstSender(on: interface) {
      if connections[i].marks.contains(.onWire), let j = coldIndex(of: i, needed: false) {
        around.recorder.flow = i
        let limit = textLimit(on: interface, room: buffer.byteCount, isIPv4: connections[i].isIPv4)
        let plan = connections[i].tcb.nextSegment(limit: limit, cold: &cold[j], &around, now: clock)
        if let plan {
          let header = SegmentHeader(
            flow: flow(of: i), plan: plan, hopLimit: hopLimit(connections[i].hopLimit),
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

  /// How much text one packet may hold: 0, one MSS, unless the device cuts segments.
  @inline(__always)
  private func textLimit(on interface: Int, room: Int, isIPv4: Bool) -> UInt32 {
    guard interfaces[interface].offload.contains(.segmentation) else { return 0 }
    // The largest headers: IP without options, TCP with 40 octets of them. The IP length has 16 bits.
    let headers = (isIPv4 ? 20 : 40) &+ TCPHeader.maximumCount
    return UInt32(truncatingIfNeeded: max(0, min(room, Int(UInt16.max)) &- headers))
  }

  @inline(__always)
  private func hopLimit(_ own: UInt8) -> UInt8 { own == 0 ? configuration.hopLimit : own }

  private mutating func nextDatagram(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket?
  {
    guard let header = interfaces[interface].datagrams.first(around.pool) else { return nil }
    let place = header.writeIP(into: &buffer, hopLimit: hopLimit(header.hopLimit))
    let sum = interfaces[interface].datagrams.emitFirst(header.count, into: &buffer, at: place, around.pool)
    interfaces[interface].datagrams.removeFirst(header, &around.pool, &around.budget)
    header.storeChecksum(sum, into: &buffer, at: place)
    if header.proto == .udp { counts.udpOutDatagrams &+= 1 }
    return OutgoingPacket(count: place &+ Int(header.count))
  }
}
