import MartletTCP
import MartletWire

/// A datagram of which fragments are missing.
///
/// The octets stand back to back in the order of their coming, so that small fragments take little; `pieces` tells
/// where each of them belongs.
struct PartialDatagram: BitwiseCopyable {
  var key: FragmentKey
  /// Index of its source's share.
  var share: UInt32
  /// Its neighbours in the order of coming: among those of its family, and among those of its source.
  var age = AgeLinks()
  var ageInShare = AgeLinks()
  var deadline: Tick
  private(set) var octets = ByteQueue()
  /// By their place in the datagram.
  private var pieces: InlineArray<64, FragmentPiece>
  private var count: UInt8 = 0
  /// Octets of the whole; 0: the last fragment has not come.
  private(set) var total: UInt32 = 0
  /// A bit for each value of `ECN` that came.
  private var marks: UInt8 = 0

  // Of the fragment that came first, and then of the first fragment.
  var interface: InterfaceID
  private(set) var isUnicast = false
  private(set) var hopLimit: UInt8 = 0
  private(set) var dscp: UInt8 = 0
  private(set) var proto: IPProtocol

  /// Nothing is taken in any more, for this reason: what belongs to it is dropped until its time is over.
  private(set) var refusal: DropReason?

  var hasFirst: Bool { count > 0 && pieces[0].start == 0 }
  /// No two pieces overlap, so all octets are there when there are enough.
  var isComplete: Bool { total > 0 && octets.count == total }
  var heldBytes: Int { octets.chunksHeld &* ChunkPool.chunkSize }

  /// Octets of the first fragment.
  var firstCount: UInt16 { hasFirst ? pieces[0].count : 0 }

  /// A record that was another's becomes that of a datagram of which nothing has come; its pieces mean nothing.
  mutating func begin(_ fragment: Fragment, share: UInt32, deadline: Tick) {
    key = fragment.key
    self.share = share
    age = AgeLinks()
    ageInShare = AgeLinks()
    self.deadline = deadline
    octets = ByteQueue()
    count = 0
    total = 0
    marks = 0
    interface = fragment.interface
    isUnicast = fragment.isUnicast
    proto = fragment.proto
    refusal = nil
  }

  /// Takes a fragment in. Nil: it was. Else it was not, and unless it is a duplicate the datagram can never be whole.
  mutating func add(
    _ fragment: Fragment, _ payload: RawSpan, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> DropReason? {
    if let refusal { return refusal }
    guard agreesOnEnd(fragment) else { return .fragmentOverlap }
    let place = place(for: fragment.start)
    if let reason = conflict(of: fragment, payload, at: place, pool) { return reason }
    guard Int(count) < FragmentLimits.perDatagram else { return .fragmentLimited }
    let piece = FragmentPiece(
      start: fragment.start, count: fragment.count, place: UInt16(truncatingIfNeeded: octets.count))
    guard octets.append(payload, &pool, &budget) else { return .fragmentLimited }
    insert(piece, at: place)
    marks |= 1 << fragment.ecn.rawValue
    if fragment.isLast { total = fragment.end }
    if fragment.isFirst {
      hopLimit = fragment.hopLimit
      dscp = fragment.dscp
      proto = fragment.proto
    }
    return nil
  }

  /// There is one end, and nothing beyond it.
  private func agreesOnEnd(_ fragment: Fragment) -> Bool {
    if total > 0 { return fragment.isLast ? fragment.end == total : fragment.end < total }
    return !fragment.isLast || count == 0 || pieces[Int(count) &- 1].end <= fragment.end
  }

  /// The first piece that does not begin before `start`. Most fragments come in order.
  private func place(for start: UInt16) -> Int {
    var place = Int(count)
    while place > 0, pieces[place &- 1].start >= start { place &-= 1 }
    return place
  }

  /// RFC 5722 §4, RFC 8200 §4.5: octets that are there already. The network may double a fragment; that is one only
  /// if every octet is the same.
  private func conflict(
    of fragment: Fragment, _ payload: RawSpan, at place: Int, _ pool: borrowing ChunkPool
  ) -> DropReason? {
    if place > 0, pieces[place &- 1].end > UInt32(fragment.start) { return .fragmentOverlap }
    guard place < Int(count), UInt32(pieces[place].start) < fragment.end else { return nil }
    guard pieces[place].start == fragment.start, pieces[place].count == fragment.count,
      fragment.isLast == (fragment.end == total), holds(payload, at: pieces[place].place, pool)
    else { return .fragmentOverlap }
    return .fragmentDuplicate
  }

  private func holds(_ payload: RawSpan, at place: UInt16, _ pool: borrowing ChunkPool) -> Bool {
    var done = 0
    while done < payload.byteCount {
      let offset = UInt32(place) &+ UInt32(truncatingIfNeeded: done)
      let same = octets.withReadable(at: offset, pool) { held in
        let count = min(held.byteCount, payload.byteCount &- done)
        for i in 0..<count where held.u8(i) != payload.u8(done &+ i) { return 0 }
        return count
      }
      if same == 0 { return false }
      done &+= same
    }
    return true
  }

  private mutating func insert(_ piece: FragmentPiece, at place: Int) {
    var i = Int(count)
    while i > place {
      pieces[i] = pieces[i &- 1]
      i &-= 1
    }
    pieces[place] = piece
    count &+= 1
  }

  /// Gives the octets back, and takes no others.
  mutating func refuse(
    because reason: DropReason, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    octets.removeAll(&pool, &budget)
    count = 0
    total = 0
    refusal = reason
  }

  /// Writes the datagram, which is complete, to `out` from `start` on.
  func copy(into out: inout MutableRawSpan, at start: Int, _ pool: borrowing ChunkPool) {
    for i in 0..<Int(count) {
      octets.copy(
        at: UInt32(pieces[i].place), count: UInt32(pieces[i].count), into: &out,
        at: start &+ Int(pieces[i].start), pool)
    }
  }

  /// Writes as much of the first fragment as `n` says.
  func copyFirst(_ n: Int, into out: inout MutableRawSpan, at start: Int, _ pool: borrowing ChunkPool) {
    guard hasFirst else { return }
    let count = min(UInt32(truncatingIfNeeded: n), UInt32(pieces[0].count))
    octets.copy(at: UInt32(pieces[0].place), count: count, into: &out, at: start, pool)
  }

  /// RFC 3168 §5.3: a mark on one fragment is one on the whole. Nil: some say that no mark may be set, and one is.
  var ecn: ECN? {
    if marks & 1 << ECN.ce.rawValue == 0 {
      if marks & 1 << ECN.notECT.rawValue != 0 { return .notECT }
      return marks & 1 << ECN.ect0.rawValue != 0 ? .ect0 : .ect1
    }
    return marks & 1 << ECN.notECT.rawValue == 0 ? .ce : nil
  }

  /// Nil: all is well.
  func check() -> StaticString? {
    var sum: UInt32 = 0
    var end: UInt32 = 0
    for i in 0..<Int(count) {
      if UInt32(pieces[i].start) < end { return "fragments do not overlap" }
      end = pieces[i].end
      sum &+= UInt32(pieces[i].count)
    }
    if sum != octets.count { return "fragments are as long as what is held of them" }
    if total > 0, end > total { return "no fragment lies beyond the last" }
    if refusal != nil, octets.chunksHeld > 0 { return "a refused datagram holds nothing" }
    return isComplete ? "a complete datagram does not wait" : nil
  }
}

/// Where a fragment's octets belong, and where they are held.
struct FragmentPiece: BitwiseCopyable {
  var start: UInt16
  var count: UInt16
  /// In the order of coming.
  var place: UInt16

  var end: UInt32 { UInt32(start) &+ UInt32(count) }
}
