import MartletTCP
import MartletWire

extension NetworkStack {
  /// Datagrams whose time is over are given up.
  @inline(never)
  mutating func fragmentsAreDue(at now: Tick) {
    while let i = fragments.due(at: now) {
      if fragments.records[i].refusal == nil {
        counts.ipReasmTimeout &+= 1
        counts.ipReasmFails &+= 1
        if fragments.records[i].hasFirst, fragments.records[i].isUnicast { queueReassemblyTimeExceeded(i) }
      }
      fragments.remove(i, &around.pool, &around.budget)
    }
  }

  /// RFC 792, RFC 1122 §3.3.2, RFC 4443 §3.3: time exceeded, code 1, quotes the first fragment.
  private mutating func queueReassemblyTimeExceeded(_ i: UInt32) {
    let key = fragments.records[i].key
    guard !isError(i) else { return }
    guard mayAnswer(.icmpError, to: key.source, zone: key.zone) else { return counts.drop(.icmpLimited) }
    guard var room = fragments.takeRoom(1_280, &around.budget) else { return counts.drop(.fragmentLimited) }
    var count = 0
    room.fill { count = writeFirst(of: i, into: &$0) }
    let arrival = Arrival(
      interface: fragments.records[i].interface, source: key.source, destination: key.destination,
      isUnicast: true, isVerified: false, segmentSize: 0, ecn: .notECT)
    let quote = room.bytes.extracting(0..<count)
    var header = ScratchBytes<8>()
    if key.source.isIPv4 {
      header.fill { ICMPv4Message.timeExceeded(code: 1).write(into: &$0, at: 0) }
    } else {
      header.fill { ICMPv6Message.timeExceeded(code: 1).write(into: &$0, at: 0) }
    }
    if queueICMPError(header, quoting: quote, arrival) { counts.icmpOutTimeExcds &+= 1 }
    fragments.giveBackRoom(room)
  }

  /// Whether the datagram is an ICMP error: nothing is said about those (RFC 1122 §3.2.2, RFC 4443 §2.4 (e.1)).
  private mutating func isError(_ i: UInt32) -> Bool {
    let proto = fragments.records[i].proto
    guard proto == .icmp || proto == .icmpv6 else { return false }
    var octets = ScratchBytes<8>()
    let count = min(Int(fragments.records[i].firstCount), 1)
    octets.fill { fragments.records[i].copyFirst(count, into: &$0, at: 0, around.pool) }
    let type = octets.bytes.u8(0)
    if proto == .icmpv6 { return type < 128 }
    return type == 3 || type == 4 || type == 5 || type == 11 || type == 12
  }

  /// The first fragment as it came, but for options and extension headers: as much of it as may be of use. Returns
  /// its length.
  private mutating func writeFirst(of i: UInt32, into out: inout MutableRawSpan) -> Int {
    let key = fragments.records[i].key
    let first = fragments.records[i].firstCount
    let most = min(Int(first), 1_200)
    var start = 0
    switch (key.source, key.destination) {
    case (.v4(let source), .v4(let destination)):
      IPv4Header(
        dscp: fragments.records[i].dscp, totalCount: first &+ 20,
        identification: UInt16(truncatingIfNeeded: key.identification), dontFragment: false,
        moreFragments: true, timeToLive: fragments.records[i].hopLimit, proto: fragments.records[i].proto,
        source: source, destination: destination
      ).write(into: &out, at: 0)
      start = IPv4Header.encodedCount
    case (.v6(let source), .v6(let destination)):
      IPv6Header(
        dscp: fragments.records[i].dscp, payloadCount: first &+ 8, nextHeader: .fragment,
        hopLimit: fragments.records[i].hopLimit, source: source, destination: destination
      ).write(into: &out, at: 0)
      IPv6Fragment(
        nextHeader: fragments.records[i].proto, fragmentOffset: 0, moreFragments: true,
        identification: key.identification, headerAt: IPv6Header.encodedCount, nextHeaderAt: 6
      ).write(into: &out, at: IPv6Header.encodedCount)
      start = IPv6Header.encodedCount &+ IPv6Fragment.encodedCount
    default: return 0
    }
    fragments.records[i].copyFirst(most, into: &out, at: start, around.pool)
    return start &+ most
  }

  /// Memory is short: unfinished datagrams are worth less than any record. A page's worth at most.
  mutating func discardOldestFragments() {
    var left = 64
    while left > 0, let i = fragments.oldest {
      counts.fragmentsEvicted &+= 1
      counts.ipReasmFails &+= 1
      fragments.remove(i, &around.pool, &around.budget)
      left &-= 1
    }
  }

  /// The interface is gone, and what came through it.
  mutating func removeFragments(on interface: InterfaceID) {
    var next = fragments.records.nextLive(from: 0)
    while let i = next {
      next = fragments.records.nextLive(from: i &+ 1)
      if fragments.records[i].interface == interface { fragments.remove(i, &around.pool, &around.budget) }
    }
  }
}
