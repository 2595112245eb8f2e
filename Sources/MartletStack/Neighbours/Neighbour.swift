import MartletTCP
import MartletWire

/// What is known of a host on one of our links, of either family (RFC 4861 §5.1; for ARP alike).
struct Neighbour: BitwiseCopyable {
  var address: IPAddress
  /// Meaningless while it is looked for.
  var hardware = MACAddress.zero
  /// When something showed last that it hears us.
  var confirmed = Instant.origin
  /// REACHABLE: what is known is old from then on. INCOMPLETE, DELAY, PROBE: the timer.
  var deadline = Instant.origin
  /// When a packet last asked for it, or, before the first, when it was entered.
  var used: Instant
  /// What waits for its hardware address: an index in `NeighbourTable.waiting`.
  var waiting = IndexList.none
  var interface: InterfaceID
  var state: State
  /// Solicitations without an answer.
  var tries: UInt8 = 0
  /// The best reason for which it was looked for.
  var wish = SearchWish.answer
  /// It answered us once, or acknowledged something: not only somebody's word.
  var isProven = false
  /// Its hardware address is known, and what waited has yet to be pulled.
  var isReleased = false
  /// It is in the table's list of strangers, between these.
  var isListed = false
  var age = AgeLinks()

  /// RFC 4861 §7.3.2.
  enum State: UInt8, BitwiseCopyable {
    case incomplete
    case reachable
    case stale
    case delay
    case probe
  }

  init(_ address: IPAddress, on interface: InterfaceID, _ state: State, at now: Instant) {
    self.address = address
    self.interface = interface
    self.state = state
    used = now
  }

  /// A timer runs.
  var isTimed: Bool { state == .incomplete || state == .delay || state == .probe }

  /// It is looked for, and on no better grounds.
  func isLookedFor(atMost wish: SearchWish) -> Bool { state == .incomplete && self.wish <= wish }

  /// Somebody's word, and nobody needs it: the first to make room.
  var isStranger: Bool { state == .stale && !isProven && !isReleased }

  /// We have asked, and an answer would be one.
  var isAsked: Bool { state == .incomplete || state == .probe }
}

/// The constants of RFC 4861 §10.
enum NeighbourTiming {
  static var retransmission: TimeAmount { .seconds(1) }
  static var firstProbeDelay: TimeAmount { .seconds(5) }
  static var multicastSolicitations: UInt8 { 3 }
  static var unicastSolicitations: UInt8 { 3 }
  /// Milliseconds; half of it to one and a half times as much, drawn anew each time.
  static var reachable: UInt64 { 30_000 }
  /// An address that was confirmed so lately does not move on somebody's word alone.
  static var steadfastness: TimeAmount { .seconds(1) }
}

/// Packets that wait for a neighbour's hardware address, back to back (robustness rule E13).
struct WaitingPackets: BitwiseCopyable {
  static var most: Int { 3 }

  private(set) var octets = ByteQueue()
  /// Places taken: by a packet, or by the fragments of a datagram.
  private(set) var count: UInt8 = 0
  /// Octets of the packet in each place: of every fragment but the last.
  private var counts = InlineArray<3, UInt16>(repeating: 0)
  private var totals = InlineArray<3, UInt32>(repeating: 0)
  /// Where a device completes a checksum: start and offset; 0: nowhere.
  private var partials = InlineArray<3, UInt16>(repeating: 0)
  /// Of the datagram whose first fragments have the last place; nil: there is none.
  private var identification: UInt32?

  var isEmpty: Bool { count == 0 }
  var heldBytes: Int { octets.chunksHeld &* ChunkPool.chunkSize }

  /// Octets of the first packet.
  var firstCount: UInt16 { count == 0 ? 0 : UInt16(truncatingIfNeeded: min(UInt32(counts[0]), totals[0])) }

  /// Puts a packet behind the others; the oldest goes when there are three (RFC 4861 §7.2.2). Fragments count as the one
  /// datagram that they are of, since none is worth anything without the others. False: no memory, or those that came
  /// before it are not here.
  mutating func append(
    _ packet: RawSpan, _ metadata: PacketMetadata, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    let fragment = FragmentOnItsWay(packet)
    if let fragment, !fragment.isFirst { return join(packet, fragment, &pool, &budget) }
    if Int(count) >= Self.most { removeFirstPlace(&pool, &budget) }
    guard octets.append(packet, &pool, &budget) else { return false }
    counts[Int(count)] = UInt16(truncatingIfNeeded: packet.byteCount)
    totals[Int(count)] = UInt32(truncatingIfNeeded: packet.byteCount)
    if case .partial(let start, let offset) = metadata.checksum {
      partials[Int(count)] = start << 8 | offset & 0xff
    } else {
      partials[Int(count)] = 0
    }
    identification = fragment?.identification
    count &+= 1
    return true
  }

  /// One was refused: what follows it is of no use.
  mutating func breakOff() { identification = nil }

  private mutating func join(
    _ packet: RawSpan, _ fragment: FragmentOnItsWay, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    guard count > 0, identification == fragment.identification else { return false }
    let last = Int(count) &- 1
    guard packet.byteCount <= Int(counts[last]), totals[last] % UInt32(counts[last]) == 0,
      octets.append(packet, &pool, &budget)
    else {
      identification = nil
      return false
    }
    totals[last] &+= UInt32(truncatingIfNeeded: packet.byteCount)
    return true
  }

  /// Copies the first packet, or as much of it as `n` says, to `out` at `place`.
  func copyFirst(_ n: UInt16, into out: inout MutableRawSpan, at place: Int, _ pool: borrowing ChunkPool) {
    octets.copy(at: 0, count: UInt32(min(n, firstCount)), into: &out, at: place, pool)
  }

  /// What is known of the first packet, where `link` octets stand before it.
  func firstMetadata(link: UInt16) -> PacketMetadata {
    var metadata = PacketMetadata()
    if partials[0] > 0 {
      metadata.checksum = .partial(start: partials[0] >> 8 &+ link, offset: partials[0] & 0xff)
    }
    return metadata
  }

  mutating func removeFirst(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    guard count > 0 else { return }
    let n = UInt32(firstCount)
    if n == totals[0] { return removeFirstPlace(&pool, &budget) }
    octets.consume(n, anchored: false, &pool, &budget)
    totals[0] &-= n
  }

  private mutating func removeFirstPlace(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    octets.consume(totals[0], anchored: false, &pool, &budget)
    for i in 1..<Self.most {
      counts[i &- 1] = counts[i]
      totals[i &- 1] = totals[i]
      partials[i &- 1] = partials[i]
    }
    count &-= 1
  }

  mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    octets.removeAll(&pool, &budget)
    count = 0
  }
}

/// A fragment that we made.
private struct FragmentOnItsWay {
  let identification: UInt32
  let isFirst: Bool

  /// Nil: it is a whole packet.
  init?(_ packet: RawSpan) {
    guard packet.byteCount >= IPv4Header.encodedCount else { return nil }
    if packet.u8(0) >> 4 == 4 {
      let flags = packet.be16(6)
      guard flags & 0x3fff != 0 else { return nil }
      identification = UInt32(packet.be16(4))
      isFirst = flags & 0x1fff == 0
    } else {
      guard packet.byteCount >= IPv6Header.encodedCount &+ IPv6Fragment.encodedCount,
        packet.u8(6) == IPProtocol.fragment.rawValue
      else { return nil }
      identification = packet.be32(44)
      isFirst = packet.be16(42) & 0xfff8 == 0
    }
  }
}
