import MartletTCP
import MartletWire

/// A segment without text that waits to be pulled: resets, SYN-ACKs, challenge and
/// TIME-WAIT acknowledgments, and acknowledgments that must not merge. All of them
/// may be lost: what they answer comes again.
///
/// It is written when it is decided on, since its octets take less room than the plan that they were written
/// from, and a pull then is a copy.
struct Reply: BitwiseCopyable {
  /// From the IP header on. Forty octets of IPv6 and sixty of TCP are the most.
  var octets = ScratchBytes<100>()
  var count: UInt8 = 0
  /// Where the TCP header begins if a device completes the checksum; 0: it is complete.
  var partialStart: UInt8 = 0
  var kind = Kind.packet
  /// The next of its interface.
  var next = IndexList.none

  enum Kind: UInt8, BitwiseCopyable {
    case packet
    /// No IP packet, but whom it goes to on the link, six octets, and an ARP packet.
    case arp
    /// A packet that answers a SYN, and in the last octets the station that the SYN came from.
    case synAck
    /// A packet that answers a neighbour, and in the last octets the station that he says he has.
    case advertisement
  }

  /// Where `octets` has room for a station, behind all that a SYN-ACK mostly is, and an advertisement always.
  static var stationPlace: Int { 92 }
}

extension NetworkStack {
  /// Queues a segment of a flow that has no connection, an answer to whoever asked.
  mutating func queueReply(_ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8, dscp: UInt8) {
    guard let interface = routing.interface(to: flow.remote, zone: flow.zone) else {
      return counts.drop(.noRoute)
    }
    queueReply(plan, flow, hopLimit: hopLimit, dscp: dscp, on: interface)
  }

  /// Likewise, where it is known which way. False: there was no room for it.
  @discardableResult
  mutating func queueReply(
    _ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8, dscp: UInt8, on interface: InterfaceID
  ) -> Bool {
    let isQueued = append(
      plan, flow, hopLimit: hopLimit, dscp: dscp, on: interface.index, isOwn: false)
    guard isQueued else { return false }
    // What a connection plans it has counted itself, but for resets.
    if !plan.flags.contains(.rst) { around.counters.outSegs &+= 1 }
    return true
  }

  /// Queues a segment of a connection: by its interface, with its options (MUST-45, MUST-48, MUST-49).
  mutating func queueReply(_ plan: SegmentPlan, of i: UInt32) {
    _ = append(
      plan, connections.flow(of: i, keys6), hopLimit: connections[i].hopLimit, dscp: connections[i].dscp,
      on: Int(connections[i].interface), isOwn: true)
  }

  /// Queues a reset in answer to a segment that fits no connection, within the limits (S5.1).
  mutating func queueReset(_ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8 = 0, dscp: UInt8 = 0) {
    guard mayAnswer(.reset, to: flow.remote, zone: flow.zone) else { return counts.drop(.resetLimited) }
    queueReply(plan, flow, hopLimit: hopLimit, dscp: dscp)
  }

  /// Answers a segment that fits no connection with a reset, within the limits, unless it is one (RFC 9293
  /// §3.10.7.1).
  mutating func reset(_ seg: Segment, _ flow: Flow) {
    guard !seg.flags.contains(.rst) else { return }
    guard mayAnswer(.reset, to: flow.remote, zone: flow.zone) else { return counts.drop(.resetLimited) }
    noteStranger(.closedReset, seg.seq.rawValue, UInt32(seg.flags.rawValue), of: flow)
    if let plan = segmentArrivesClosed(seg) { queueReply(plan, flow, hopLimit: 0, dscp: 0) }
  }

  /// The same to a segment that does not fit the connection it is for.
  mutating func queueReset(_ plan: SegmentPlan, of i: UInt32) {
    let flow = connections.flow(of: i, keys6)
    guard mayAnswer(.reset, to: flow.remote, zone: flow.zone) else {
      return counts.drop(.resetLimited)
    }
    queueReply(plan, of: i)
  }

  /// Whether one more answer of a kind may leave for whoever asks (robustness rule O8). Each call counts as a
  /// question, whatever becomes of it.
  mutating func mayAnswer(_ answer: Answer, to remote: IPAddress, zone: UInt16) -> Bool {
    answerLimits.take(
      answer, to: routing.source(remote, zone: zone), draw: secrets.drawJitter(), at: clock, &around.budget)
  }

  /// False: there was no room for it.
  private mutating func append(
    _ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8, dscp: UInt8, on interface: Int, isOwn: Bool
  ) -> Bool {
    guard let r = makeReply(on: interface, isOwn: isOwn) else { return false }
    if plan.flags.contains(.rst) {
      around.counters.outRsts &+= 1
      around.counters.outSegs &+= 1
    }
    let header = SegmentHeader(
      flow: flow, plan: plan, hopLimit: configuration.hopLimit(hopLimit), dscp: dscp,
      offload: interfaces[interface].offload)
    replies.records[r].write(header)
    if plan.flags.contains(.syn) { replies.records[r].answer(caller, as: .synAck) }
    return true
  }

  /// A reply to be written, at the end of one of an interface's lists; nil: there is no room, and it is counted.
  ///
  /// - Parameter isOwn: a connection says it.
  mutating func makeReply(on interface: Int, isOwn: Bool = false) -> UInt32? {
    guard interface < interfaces.count, interfaces[interface].isPresent else {
      counts.drop(.noRoute)
      return nil
    }
    guard let r = appendReply(on: interface, isOwn: isOwn) else { return nil }
    replies.records[r].begin()
    return r
  }

  /// Likewise where it is known that there is such an interface, and with whatever was there before.
  @inline(__always)
  mutating func appendReply(on interface: Int, isOwn: Bool = false) -> UInt32? {
    guard let r = replies.takeSpare() ?? takeReply(on: interface) else { return nil }
    link(r, on: interface, isOwn: isOwn)
    return r
  }

  @inline(__always)
  private mutating func link(_ r: UInt32, on interface: Int, isOwn: Bool) {
    let last = interfaces[interface].appendReply(r, isOwn: isOwn)
    if last != IndexList.none { replies.records[last].next = r }
  }

  /// A place that is none of the spare ones; nil: there is no room, and it is counted.
  @inline(never)
  private mutating func takeReply(on interface: Int) -> UInt32? {
    let isWithinShare = Int(interfaces[interface].heldReplies) < replies.free
    guard isWithinShare || (replies.free > 0 && !hasSeveralInterfaces),
      let r = replies.takeFree(&around.budget)
    else {
      counts.drop(.outputQueueFull)
      return nil
    }
    if replies.isCounted(r) { interfaces[interface].heldReplies &+= 1 }
    return r
  }

  private var hasSeveralInterfaces: Bool {
    var count = 0
    for i in interfaces.indices where interfaces[i].isPresent {
      count &+= 1
      if count > 1 { return true }
    }
    return false
  }

  /// A reply that was taken off the list is no more.
  @inline(__always)
  mutating func giveBackReply(_ r: UInt32, on interface: Int) {
    if replies.giveBack(r, &around.budget) { interfaces[interface].heldReplies &-= 1 }
  }

  /// Drops what waits for an interface, or of that only what says it is from an address; the others stay as they stand.
  mutating func dropReplies(from address: IPAddress? = nil, on interface: Int) {
    let starts = interfaces[interface].replyLists
    interfaces[interface].ownReplies = IndexList()
    interfaces[interface].answers = IndexList()
    for list in starts.indices {
      var next = starts[list]
      while next != IndexList.none {
        let r = next
        next = replies.records[r].next
        replies.records[r].next = IndexList.none
        if let address, replies.records[r].source != address {
          link(r, on: interface, isOwn: list == 0)
        } else {
          giveBackReply(r, on: interface)
          if address != nil { counts.drop(.lostAddress) }
        }
      }
    }
  }
}

extension Reply {
  /// Whatever it was before, it is the last of its interface.
  @inline(__always)
  mutating func begin() {
    partialStart = 0
    kind = .packet
    next = IndexList.none
  }

  mutating func write(_ header: SegmentHeader) {
    var packet = OutgoingPacket(count: 0, metadata: PacketMetadata())
    octets.fill { packet = header.writeAlone(into: &$0) }
    count = UInt8(truncatingIfNeeded: packet.count)
    if case .partial(let start, _) = packet.metadata.checksum {
      partialStart = UInt8(truncatingIfNeeded: start)
    }
  }

  /// It answers a station, if there is room to say which.
  mutating func answer(_ station: MACAddress, as kind: Kind) {
    guard Int(count) <= Self.stationPlace else { return }
    octets.fill { $0.store64be(station.bits, at: Self.stationPlace) }
    self.kind = kind
  }

  /// Whom it is from.
  var source: IPAddress {
    // RFC 826: the sender's protocol address, behind the station that the packet goes to.
    if kind == .arp { return .v4(octets.bytes.ipv4Address(6 &+ 14)) }
    return octets.bytes.ipSource
  }

  /// The station that it answers; zero: none in particular.
  var station: MACAddress {
    kind == .synAck || kind == .advertisement ? MACAddress(bits: octets.bytes.be64(Self.stationPlace)) : .zero
  }

  /// Writes a SYN-ACK over IPv4 straight from values: a flood of SYNs comes here.
  @inline(__always)
  mutating func writeSynAck(
    _ tcb: EmbryonicTCB, _ key: IPv4FlowKey, _ window: UnscaledWindow, _ options: HandshakeOptions,
    _ hopLimit: UInt8, _ dscp: UInt8, to station: MACAddress, isPartial: Bool
  ) {
    let (source, destination) = (IPv4Address(bits: key.local), IPv4Address(bits: key.remote))
    let length = TCPHeader.minimumCount &+ options.encodedCount
    let total = length &+ IPv4Header.encodedCount
    var sum = NumberSum()
    sum.addPseudoHeader(source: source, destination: destination, proto: .tcp, length: length)
    let pseudoHeader = sum
    octets.fill { out in
      IPv4Header(
        dscp: dscp & 0x3f, totalCount: UInt16(truncatingIfNeeded: total), timeToLive: hopLimit, proto: .tcp,
        source: source, destination: destination
      ).write(into: &out, at: 0)
      TCPHeader.write(
        from: key.localPort, to: key.remotePort, seq: tcb.iss, ack: tcb.irs.advanced(by: 1), tcb.synAckFlags,
        window, options, into: &out, at: IPv4Header.encodedCount, addingTo: &sum)
      out.store16be(
        isPartial ? pseudoHeader.folded : sum.field, at: IPv4Header.encodedCount &+ TCPHeader.checksumOffset)
      // Forty octets of headers and forty of options are the most.
      out.store64be(station.bits, at: Self.stationPlace)
    }
    count = UInt8(truncatingIfNeeded: total)
    begin()
    kind = .synAck
    if isPartial { partialStart = UInt8(truncatingIfNeeded: IPv4Header.encodedCount) }
  }

  /// Which is the next, and the packet, copied to the start of `out`; nil: there is no room. Mutating, so that it is
  /// not copied itself first.
  @inline(__always)
  mutating func leave(into out: inout MutableRawSpan) -> (next: UInt32, OutgoingPacket?) {
    guard Int(count) <= out.byteCount else { return (next, nil) }
    octets.copy(Int(count), into: &out)
    var metadata = PacketMetadata()
    if partialStart > 0 {
      metadata.checksum = .partial(
        start: UInt16(partialStart), offset: UInt16(truncatingIfNeeded: TCPHeader.checksumOffset))
    }
    return (next, OutgoingPacket(count: Int(count), metadata: metadata))
  }
}

extension RawSpan {
  /// Of an IP packet of ours.
  var ipSource: IPAddress { u8(0) >> 4 == 4 ? .v4(ipv4Address(12)) : .v6(ipv6Address(8)) }
}
