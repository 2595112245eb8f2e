import MartletTCP
import MartletWire

// A fragment's way: its headers have been looked at like any packet's when it comes here. Its lengths are looked at,
// then it waits; the one that completes its datagram sends the whole through the ordinary input path, where nobody
// has verified any checksum of it.

extension NetworkStack {
  /// RFC 791 §3.2, RFC 1122 §3.3.2.
  @inline(never)
  mutating func ipv4FragmentArrives(
    _ packet: borrowing IPv4HeaderView, isUnicast: Bool, on interface: InterfaceID
  ) {
    counts.ipReasmReqds &+= 1
    let (start, payload) = (packet.fragmentOffset, packet.payload)
    let count = payload.byteCount
    // The ping of death ends beyond what a datagram can hold.
    guard count > 0, !packet.moreFragments || count & 7 == 0,
      Int(start) &+ count &+ packet.headerCount <= Int(UInt16.max)
    else { return dropFragment(.badFragment) }
    guard start > 0 || Self.beginsWhole(packet.proto, payload) else { return dropFragment(.badFragment) }
    let source = IPAddress.v4(packet.source)
    let zone = packet.source.isLinkLocal ? interface.zone : 0
    let fragment = Fragment(
      key: FragmentKey(
        source: source, destination: .v4(packet.destination), identification: UInt32(packet.identification),
        zone: zone, proto: packet.proto.rawValue),
      start: start, count: UInt16(truncatingIfNeeded: count), isLast: !packet.moreFragments,
      isUnicast: isUnicast, interface: interface, ecn: packet.ecn, hopLimit: packet.timeToLive,
      dscp: packet.dscp, proto: packet.proto)
    if let i = add(fragment, payload) { deliverWhole(i, on: interface) }
  }

  /// RFC 8200 §4.5. What stands before the fragment header has been looked at.
  @inline(never)
  mutating func ipv6FragmentArrives(
    _ packet: borrowing IPv6HeaderView, _ header: IPv6Fragment, _ arrival: Arrival
  ) {
    counts.ipReasmReqds &+= 1
    let payload = packet.payload(from: header.payloadAt)
    let count = payload.byteCount
    guard count > 0 else { return dropFragment(.badFragment) }
    guard !header.moreFragments || count & 7 == 0 else {
      dropFragment(.badFragment)
      return answerBadFragment(0, pointer: 4, packet, header, arrival)
    }
    let before = header.headerAt &- IPv6Header.encodedCount
    guard before &+ Int(header.fragmentOffset) &+ count <= Int(UInt16.max) else {
      dropFragment(.badFragment)
      let pointer = UInt32(truncatingIfNeeded: header.headerAt &+ 2)
      return answerBadFragment(0, pointer: pointer, packet, header, arrival)
    }
    // RFC 8200 §4.1: nothing goes before hop-by-hop options.
    guard header.fragmentOffset > 0 || header.nextHeader != .hopByHop else {
      dropFragment(.badExtensionHeader)
      let pointer = UInt32(truncatingIfNeeded: header.headerAt)
      return answerBadFragment(1, pointer: pointer, packet, header, arrival)
    }
    // RFC 7112 §5: all headers are in the first.
    guard header.fragmentOffset > 0 || Self.hasWholeChain(packet, header) else {
      dropFragment(.badFragment)
      return answerBadFragment(3, pointer: 0, packet, header, arrival)
    }
    let fragment = Fragment(
      key: FragmentKey(
        source: arrival.source, destination: arrival.destination, identification: header.identification,
        zone: arrival.zone, proto: 0),
      start: header.fragmentOffset, count: UInt16(truncatingIfNeeded: count), isLast: !header.moreFragments,
      isUnicast: arrival.isUnicast, interface: arrival.interface, ecn: packet.ecn, hopLimit: packet.hopLimit,
      dscp: packet.dscp, proto: header.nextHeader)
    if let i = add(fragment, payload) { deliverWhole(i, on: arrival.interface) }
  }

  /// RFC 4443 §2.4 (e.1): nothing is said about an error, nor about what may be one.
  private mutating func answerBadFragment(
    _ code: UInt8, pointer: UInt32, _ packet: borrowing IPv6HeaderView, _ header: IPv6Fragment,
    _ arrival: Arrival
  ) {
    var (proto, offset) = (header.nextHeader, header.payloadAt)
    let rest = IPv6ExtensionHeaders.walk(
      packet.bytes, from: header.nextHeader, at: header.payloadAt, nextHeaderAt: header.headerAt)
    if header.fragmentOffset == 0, case .upper(let upper, let place, _) = rest {
      (proto, offset) = (upper, place)
    }
    if proto == .icmpv6 {
      let isFirst = header.fragmentOffset == 0 && offset < packet.bytes.byteCount
      guard isFirst, packet.bytes.u8(offset) >= 128 else { return }
    }
    queueParameterProblem(code, pointer: pointer, packet.bytes, arrival)
  }

  private mutating func dropFragment(_ reason: DropReason) {
    counts.ipReasmFails &+= 1
    counts.drop(reason)
  }

  /// The datagram that a fragment completes; nil: it waits, or was dropped.
  private mutating func add(_ fragment: Fragment, _ payload: RawSpan) -> UInt32? {
    let source = routing.source(fragment.key.source, zone: fragment.key.zone)
    var evicted: UInt64 = 0
    // Half a datagram helps nobody: where text behind a hole is refused, so is this (Documentation/Memory.md).
    let mayBegin = around.budget.takesOutOfOrder
    let outcome = fragments.add(
      fragment, payload, of: source, mayBegin: mayBegin, at: Tick(roundingUp: clock), &evicted, &around.pool,
      &around.budget)
    counts.fragmentsEvicted &+= evicted
    counts.ipReasmFails &+= evicted
    switch outcome {
    case .waits: return nil
    case .completes(let i): return i
    case .dropped(let reason):
      dropFragment(reason)
      return nil
    }
  }

  // MARK: The first fragment

  /// RFC 1858 §3, RFC 3128 §4: whoever filters looks at the first fragment alone, so the header of the transport has
  /// to be in it. No fragment can write over it, because none may overlap.
  private static func beginsWhole(_ proto: IPProtocol, _ payload: RawSpan) -> Bool {
    switch proto {
    case .tcp:
      guard payload.byteCount >= TCPHeader.minimumCount else { return false }
      return payload.byteCount >= Int(payload.u8(12) >> 4) &* 4
    case .udp, .icmp, .icmpv6: return payload.byteCount >= 8
    default: return true
    }
  }

  private static func hasWholeChain(
    _ packet: borrowing IPv6HeaderView, _ header: IPv6Fragment
  ) -> Bool {
    let outcome = IPv6ExtensionHeaders.walk(
      packet.bytes, from: header.nextHeader, at: header.payloadAt, nextHeaderAt: header.headerAt)
    // What else is wrong with a header is said when the whole is looked at; a fragment in a fragment is nothing.
    switch outcome {
    case .upper(let proto, let offset, _): return beginsWhole(proto, packet.payload(from: offset))
    case .fragment: return false
    case .drop(let error): return error != .truncated
    case .parameterProblem: return true
    }
  }

  // MARK: The whole

  /// Nothing is missing any more: what was cut is one packet again, without options or extension headers that stood
  /// in each fragment, and goes the way of all packets.
  private mutating func deliverWhole(_ i: UInt32, on interface: InterfaceID) {
    let isIPv4 = fragments.records[i].key.source.isIPv4
    let start = isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    let count = start &+ Int(fragments.records[i].total)
    guard let ecn = fragments.records[i].ecn else {
      // RFC 3168 §5.3: a mark where there must be none.
      fragments.remove(i, &around.pool, &around.budget)
      return dropFragment(.badFragment)
    }
    guard var room = fragments.takeRoom(count, &around.budget) else {
      fragments.remove(i, &around.pool, &around.budget)
      return dropFragment(.fragmentLimited)
    }
    room.fill { out in
      writeHeader(of: i, ecn, into: &out)
      fragments.records[i].copy(into: &out, at: start, around.pool)
    }
    let isUnicast = fragments.records[i].isUnicast
    fragments.remove(i, &around.pool, &around.budget)
    counts.ipReasmOKs &+= 1
    let packet = room.bytes.extracting(0..<count)
    if let shard = configuration.shard, shard.steering.owner(of: packet) != shard.index {
      handOver(packet, to: shard.steering.owner(of: packet), on: interface)
    } else if isIPv4 {
      ipv4Arrives(packet, PacketMetadata(), on: interface)
    } else if let view = IPv6HeaderView(validating: packet) {
      let outcome = IPv6ExtensionHeaders.walk(view)
      let arrival = Arrival(
        interface: interface, source: .v6(view.source), destination: .v6(view.destination),
        isUnicast: isUnicast, isVerified: false, segmentSize: 0, ecn: ecn, hops: view.hopLimit,
        dscp: view.dscp)
      chainArrives(view, outcome, arrival)
    }
    fragments.giveBackRoom(room)
  }

  private mutating func writeHeader(of i: UInt32, _ ecn: ECN, into out: inout MutableRawSpan) {
    let record = fragments.records[i]
    let total = UInt16(truncatingIfNeeded: record.total)
    switch (record.key.source, record.key.destination) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        dscp: record.dscp, ecn: ecn, totalCount: total &+ 20,
        identification: UInt16(truncatingIfNeeded: record.key.identification), dontFragment: false,
        timeToLive: record.hopLimit, proto: record.proto, source: source, destination: destination
      ).write(into: &out, at: 0)
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        dscp: record.dscp, ecn: ecn, payloadCount: total, nextHeader: record.proto,
        hopLimit: record.hopLimit,
        source: source, destination: destination
      ).write(into: &out, at: 0)
    default: break
    }
  }
}
