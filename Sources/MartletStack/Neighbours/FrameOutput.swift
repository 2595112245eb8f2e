import MartletTCP
import MartletWire

/// The neighbour that packets for a destination went to last: most packets of an interface go where the one
/// before went.
struct LastHop: BitwiseCopyable {
  var destination: IPAddress
  var neighbour: Handle
}

/// Where a frame goes.
private enum FrameTarget {
  case station(MACAddress)
  /// An index: it is looked for.
  case unresolved(UInt32)
  case nowhere(DropReason)
}

/// What a frame is for.
private struct FramePurpose: BitwiseCopyable {
  var wish: SearchWish
  /// The station whose SYN it answers; zero: it does not.
  var caller: MACAddress
  /// The caller has said where he wants the answer: nobody is looked for.
  var isIntroduced: Bool
}

extension NetworkStack {
  /// `nextPacket` of an Ethernet: the packet that any interface would send, behind a header to the neighbour
  /// that it goes to. What goes to one that is still looked for waits, and the next packet is asked for.
  mutating func nextFrame(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket? {
    let headerCount = Int(interfaces[interface].link.headerCount)
    guard buffer.byteCount >= Int(interfaces[interface].mtu) &+ headerCount else { return nil }
    if neighbours.released > 0, let frame = nextReleased(on: interface, into: &buffer) { return frame }
    if dhcp.isSending, let frame = nextDHCPFrame(on: interface, into: &buffer) { return frame }
    while true {
      let reply = interfaces[interface].nextReply
      var caller: MACAddress?
      var isIntroduced = false
      if reply != IndexList.none {
        if replies.records[reply].kind == .arp { return nextARP(reply, on: interface, into: &buffer) }
        caller = replies.records[reply].station
        isIntroduced = replies.records[reply].kind == .advertisement
      }
      var target = FrameTarget.nowhere(.noRoute)
      var isIPv4 = true
      var next: OutgoingPacket?
      framed: do {
        var room = buffer._mutatingExtracting(headerCount..<buffer.byteCount)
        let mayHaveMore = reply != IndexList.none || interfaces[interface].isTextsTurn
        next =
          reply != IndexList.none
          ? leave(reply, on: interface, into: &room) : nextText(on: interface, into: &room)
        guard let packet = next else {
          if mayHaveMore { continue }
          return nil
        }
        guard packet.metadata.shard == 0 else { break framed }
        isIPv4 = room.u8(0) >> 4 == 4
        let proto = IPProtocol(room.u8(isIPv4 ? 9 : 6))
        let wish: SearchWish =
          caller != nil ? .answer : proto == .tcp ? .connection : proto == .udp ? .datagram : .answer
        let purpose = FramePurpose(wish: wish, caller: caller ?? .zero, isIntroduced: isIntroduced)
        target =
          isIPv4
          ? self.target(of: room.bytes.v4(at: 16), purpose, on: interface)
          : self.target(of: room.bytes.v6(at: 24), purpose, on: interface)
        switch target {
        case .station: break
        case .unresolved(let n): hold(room.bytes.extracting(0..<packet.count), packet.metadata, for: n, wish)
        case .nowhere(let reason): counts.drop(reason)
        }
      }
      if let packet = next, packet.metadata.shard > 0 {
        buffer.moveToStart(from: headerCount, count: packet.count)
        return packet
      }
      if case .station(let hardware) = target, let packet = next {
        return frame(packet, to: hardware, isIPv4: isIPv4, on: interface, into: &buffer)
      }
    }
  }

  /// Writes the header before a packet that stands behind the room for it.
  private mutating func frame(
    _ packet: OutgoingPacket, to hardware: MACAddress, isIPv4: Bool, on interface: Int,
    into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let link = interfaces[interface].link
    link.writeHeader(to: hardware, isIPv4 ? .ipv4 : .ipv6, into: &buffer)
    var frame = packet
    frame.count &+= Int(link.headerCount)
    // Devices count from the start of the frame.
    if case .partial(let start, let offset) = packet.metadata.checksum {
      frame.metadata.checksum = .partial(start: start &+ UInt16(link.headerCount), offset: offset)
    }
    if packet.metadata.segmentSize > 0 { frame.metadata.headerCount &+= UInt16(link.headerCount) }
    return frame
  }

  private mutating func nextARP(
    _ r: UInt32, on interface: Int, into buffer: inout MutableRawSpan
  ) -> OutgoingPacket {
    let link = interfaces[interface].link
    let count = Int(link.headerCount) &+ ARPPacket.encodedCount
    let target = MACAddress(bits: replies.records[r].octets.bytes.be64(0) >> 16)
    link.writeHeader(to: target, .arp, into: &buffer)
    replies.records[r].octets.copy(
      from: 6, count: ARPPacket.encodedCount, into: &buffer, at: Int(link.headerCount))
    interfaces[interface].removeReply(r, next: replies.records[r].next)
    giveBackReply(r, on: interface)
    return OutgoingPacket(count: count)
  }

  /// What waited for a neighbour that was found goes first.
  private mutating func nextReleased(on interface: Int, into buffer: inout MutableRawSpan) -> OutgoingPacket?
  {
    let id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface))
    let link = interfaces[interface].link
    let start = Int(link.headerCount)
    while let n = neighbours.firstReleased(on: id) {
      let w = neighbours[n].waiting
      let count = Int(neighbours.waiting[w].firstCount)
      let metadata = neighbours.waiting[w].firstMetadata(link: UInt16(link.headerCount))
      let (hardware, isIPv4) = (neighbours[n].hardware, neighbours[n].address.isIPv4)
      // An MTU that was lowered meanwhile.
      let fits = count <= Int(interfaces[interface].mtu)
      if fits {
        neighbours.waiting[w].copyFirst(
          UInt16(truncatingIfNeeded: count), into: &buffer, at: start, around.pool)
      }
      neighbours.removeFirstWaiting(of: n, &around.pool, &around.budget)
      guard fits else {
        counts.drop(.outputQueueFull)
        continue
      }
      guard routing.isOurs(buffer.bytes.extracting(start..<start &+ count).ipSource) else {
        counts.drop(.lostAddress)
        continue
      }
      link.writeHeader(to: hardware, isIPv4 ? .ipv4 : .ipv6, into: &buffer)
      return OutgoingPacket(count: start &+ count, metadata: metadata)
    }
    return nil
  }

  // MARK: Whom to

  @inline(__always)
  private mutating func target(
    of destination: IPAddress, _ purpose: FramePurpose, on interface: Int
  ) -> FrameTarget {
    if purpose.isIntroduced { return .station(purpose.caller) }
    if let last = interfaces[interface].lastHop, last.destination == destination,
      neighbours.contains(last.neighbour)
    {
      return target(at: last.neighbour.index, purpose.wish)
    }
    return findTarget(
      of: destination, purpose, on: InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface)))
  }

  /// Where there are too many to be looked for, whoever sent a SYN is answered at the station that it came from, and
  /// nothing is learned of him: a flood then costs no searches, and keeps nobody out. Behind a router that let a
  /// neighbour's address pass, the answer goes to that router.
  private mutating func findTarget(
    of destination: IPAddress, _ purpose: FramePurpose, on interface: InterfaceID
  ) -> FrameTarget {
    if let group = routing.group(destination, on: interface) { return .station(group) }
    guard let hop = routing.nextHop(to: destination, on: interface) else { return .nowhere(.noRoute) }
    let wish = hop == destination ? purpose.wish : .connection
    guard let n = neighbours.find(hop, on: interface) ?? lookFor(hop, on: interface, for: wish) else {
      let isKnown = purpose.caller != .zero && hop == destination
      return isKnown ? .station(purpose.caller) : .nowhere(.neighbourLimited)
    }
    interfaces[interface.index].lastHop = neighbours.handle(at: n).map {
      LastHop(destination: destination, neighbour: $0)
    }
    return target(at: n, wish)
  }

  /// RFC 4861 §7.3.3: a packet for it is what makes an old entry be asked about.
  @inline(__always)
  private mutating func target(at n: UInt32, _ wish: SearchWish) -> FrameTarget {
    let neighbour = neighbours[n]
    neighbours.use(n, at: clock)
    switch neighbour.state {
    case .incomplete:
      neighbours.raise(n, to: wish)
      return .unresolved(n)
    case .reachable where clock < neighbour.deadline: break
    case .reachable, .stale: doubt(n)
    case .delay, .probe: break
    }
    return .station(neighbour.hardware)
  }

  /// Whether a packet for `destination` would leave at once, or nowhere: it waits for nobody.
  mutating func isStationKnown(_ destination: IPAddress, on interface: Int) -> Bool {
    let id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface))
    guard interfaces[interface].link.isEthernet, routing.group(destination, on: id) == nil,
      let hop = routing.nextHop(to: destination, on: id)
    else { return true }
    guard let n = neighbours.find(hop, on: id) else { return false }
    return neighbours[n].state != .incomplete
  }

  /// Of all the room answers have a half, as of searches: anybody can ask in any neighbour's name, and for as much as a
  /// datagram holds.
  private mutating func hold(
    _ packet: RawSpan, _ metadata: PacketMetadata, for n: UInt32, _ wish: SearchWish
  ) {
    let limit = Int(configuration.neighbourQueueLimit) / (wish == .answer ? 2 : 1)
    // What a device is to cut is too long to wait: TCP says it again, and trains of datagrams are not handed out whole
    // before somebody is known.
    guard metadata.segmentSize == 0,
      neighbours.wait(for: n, packet, metadata, limit: limit, &around.pool, &around.budget)
    else { return counts.drop(.neighbourLimited) }
  }

  /// What leads where has changed.
  mutating func forgetLastHops() {
    for i in interfaces.indices { interfaces[i].lastHop = nil }
  }
}

extension LinkLayer {
  @inline(__always)
  func writeHeader(to destination: MACAddress, _ type: EtherType, into out: inout MutableRawSpan) {
    EthernetHeader(destination: destination, source: hardware, etherType: vlan > 0 ? .vlan : type)
      .write(into: &out, at: 0)
    if vlan > 0 {
      VLANTag(identifier: vlan, etherType: type).write(into: &out, at: EthernetHeader.encodedCount)
    }
  }
}

extension MutableRawSpan {
  fileprivate mutating func moveToStart(from start: Int, count: Int) {
    for offset in 0..<count { store8(bytes.u8(start &+ offset), at: offset) }
  }
}

extension RawSpan {
  @inline(__always)
  fileprivate func v4(at offset: Int) -> IPAddress { .v4(ipv4Address(offset)) }

  @inline(__always)
  fileprivate func v6(at offset: Int) -> IPAddress { .v6(ipv6Address(offset)) }
}
