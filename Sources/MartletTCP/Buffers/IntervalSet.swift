import MartletWire

/// Ranges of sequence space, sorted, disjoint and not adjacent: what a receiver holds
/// beyond a hole, or what a sender knows to have arrived (RFC 2018, RFC 6675 scoreboard).
///
/// Four ranges are inline; more move into one chunk of the pool, up to `maximum`, and back
/// when four are left. All ranges lie within 2^31 of each other and of every number passed
/// in, so "precedes" orders them. Lookups are binary searches: O(log n) per segment or
/// SACK block (rules E2, E3).
///
/// As with `ByteQueue`, the value means nothing without its pool, and one value owns the chunk.
public struct IntervalSet: BitwiseCopyable, Sendable {
  /// The most ranges that a set holds, whatever limit the caller passes.
  package static var maximum: Int { 256 }
  /// Ranges that need no memory.
  package static var inlineCapacity: Int { 4 }

  private static var empty: SequenceRange {
    SequenceRange(start: SequenceNumber(0), end: SequenceNumber(0))
  }

  private var inline: InlineArray<4, SequenceRange> = InlineArray(repeating: IntervalSet.empty)
  /// The chunk that holds the ranges when they are more than four; 0: they are inline.
  private var chunk: UInt32 = 0
  /// The octets in all ranges together.
  public private(set) var totalBytes: UInt32 = 0
  private var ranges: UInt16 = 0

  /// An empty set.
  public init() {}

  /// The number of ranges.
  public var count: Int { Int(ranges) }
  public var isEmpty: Bool { ranges == 0 }
  /// Chunks held: 0 or 1.
  public var chunksHeld: Int { chunk == 0 ? 0 : 1 }

  /// What became of a range that was inserted.
  package enum Insertion {
    /// It stands alone: one range more.
    case added
    /// It touched or overlapped others, and is one with them now.
    case merged
    /// All of it was in the set already.
    case covered
    /// At the cap, or the budget refused: nothing changed.
    case refused
  }

  // MARK: Looking up

  /// The `i`th range in sequence order.
  package func range(at i: Int, _ pool: borrowing ChunkPool) -> SequenceRange {
    precondition(i >= 0 && i < Int(ranges), "no such range")
    if chunk == 0 { return inline[i] }
    return SequenceRange(
      start: SequenceNumber(pool.word(2 &* i, of: chunk)),
      end: SequenceNumber(pool.word(2 &* i &+ 1, of: chunk)))
  }

  /// The range that holds `s`.
  package func range(containing s: SequenceNumber, _ pool: borrowing ChunkPool) -> SequenceRange? {
    let i = firstIndex(endingAfter: s, pool)
    guard i < Int(ranges) else { return nil }
    let found = range(at: i, pool)
    return found.start.precedesOrEquals(s) ? found : nil
  }

  /// Calls `body` with each part of `r` that is not in the set, in order. Of a segment that
  /// arrives, only these parts may be written: first arrival wins (rule R5).
  package func forEachHole(
    in r: SequenceRange, _ pool: borrowing ChunkPool, _ body: (SequenceRange) -> Void
  ) {
    var start = r.start
    var i = firstIndex(endingAfter: r.start, pool)
    while i < Int(ranges) && start.precedes(r.end) {
      let held = range(at: i, pool)
      guard held.start.precedes(r.end) else { break }
      if start.precedes(held.start) { body(SequenceRange(start: start, end: held.start)) }
      start = held.end
      i &+= 1
    }
    if start.precedes(r.end) { body(SequenceRange(start: start, end: r.end)) }
  }

  /// How many octets of `r` are in the set.
  package func bytes(in r: SequenceRange, _ pool: borrowing ChunkPool) -> UInt32 {
    var total: UInt32 = 0
    var i = firstIndex(endingAfter: r.start, pool)
    while i < Int(ranges) {
      let held = range(at: i, pool)
      guard held.start.precedes(r.end) else { break }
      let start = SequenceNumber.latest(held.start, r.start)
      total &+= SequenceNumber.earliest(held.end, r.end).distance(from: start)
      i &+= 1
    }
    return total
  }

  /// The index of the first range whose end follows `s`; `count` when there is none.
  package func firstIndex(endingAfter s: SequenceNumber, _ pool: borrowing ChunkPool) -> Int {
    var low = 0
    var high = Int(ranges)
    while low < high {
      let middle = (low &+ high) >> 1
      if range(at: middle, pool).end.precedesOrEquals(s) { low = middle &+ 1 } else { high = middle }
    }
    return low
  }

  // MARK: Changing

  /// Adds a range and merges it with those it touches or overlaps. `limit` is the most
  /// ranges the caller wants to keep; a merge is never refused.
  package mutating func insert(
    _ r: SequenceRange, limit: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Insertion {
    guard !r.isEmpty else { return .covered }
    // The first range that is not wholly before `r`, adjacency counting as touching.
    let first = firstIndex(endingAfter: r.start.retreated(by: 1), pool)
    var merged = r
    var absorbed: UInt32 = 0
    var i = first
    while i < Int(ranges) {
      let held = range(at: i, pool)
      guard held.start.precedesOrEquals(r.end) else { break }
      if held.start.precedesOrEquals(r.start) && held.end.followsOrEquals(r.end) { return .covered }
      merged.start = SequenceNumber.earliest(merged.start, held.start)
      merged.end = SequenceNumber.latest(merged.end, held.end)
      absorbed &+= held.count
      i &+= 1
    }
    if i == first {
      guard Int(ranges) < min(limit, IntervalSet.maximum), openGap(at: first, &pool, &budget)
      else { return .refused }
      setRange(at: first, merged, &pool)
      totalBytes &+= merged.count
      return .added
    }
    setRange(at: first, merged, &pool)
    totalBytes = totalBytes &- absorbed &+ merged.count
    remove(from: first &+ 1, upTo: i, &pool, &budget)
    return .merged
  }

  /// Removes the ranges that begin at or before `p`, and returns `p` moved to the end of
  /// the last of them if that is farther: the hole before it was filled.
  package mutating func advance(
    _ p: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> SequenceNumber {
    var p = p
    var removed = 0
    while removed < Int(ranges) {
      let held = range(at: removed, pool)
      guard held.start.precedesOrEquals(p) else { break }
      p = SequenceNumber.latest(p, held.end)
      totalBytes &-= held.count
      removed &+= 1
    }
    remove(from: 0, upTo: removed, &pool, &budget)
    return p
  }

  /// Removes all that lies before `p`; a range that `p` cuts keeps its part from `p` on.
  package mutating func removeAll(
    before p: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    let kept = firstIndex(endingAfter: p, pool)
    for i in 0..<kept { totalBytes &-= range(at: i, pool).count }
    remove(from: 0, upTo: kept, &pool, &budget)
    guard ranges > 0 else { return }
    var first = range(at: 0, pool)
    guard first.start.precedes(p) else { return }
    totalBytes &-= p.distance(from: first.start)
    first.start = p
    setRange(at: 0, first, &pool)
  }

  /// Takes `r` out. A range that `r` cuts in two keeps both parts; where there is no room for one more, it
  /// keeps the front.
  package mutating func subtract(
    _ r: SequenceRange, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    guard !r.isEmpty else { return }
    var i = firstIndex(endingAfter: r.start, pool)
    guard i < Int(ranges) else { return }
    var held = range(at: i, pool)
    if held.start.precedes(r.start) {
      let end = held.end
      totalBytes &-= end.distance(from: r.start)
      held.end = r.start
      setRange(at: i, held, &pool)
      i &+= 1
      if end.follows(r.end) {
        guard Int(ranges) < IntervalSet.maximum, openGap(at: i, &pool, &budget) else { return }
        setRange(at: i, SequenceRange(start: r.end, end: end), &pool)
        totalBytes &+= end.distance(from: r.end)
        return
      }
    }
    var last = i
    while last < Int(ranges) {
      held = range(at: last, pool)
      guard held.end.precedesOrEquals(r.end) else { break }
      totalBytes &-= held.count
      last &+= 1
    }
    if last < Int(ranges), held.start.precedes(r.end) {
      totalBytes &-= r.end.distance(from: held.start)
      held.start = r.end
      setRange(at: last, held, &pool)
    }
    remove(from: i, upTo: last, &pool, &budget)
  }

  /// Empties the set and gives its chunk back.
  package mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    if chunk != 0 { pool.release(chunk, &budget) }
    self = IntervalSet()
  }

  // MARK: Storage

  private mutating func setRange(at i: Int, _ r: SequenceRange, _ pool: inout ChunkPool) {
    if chunk == 0 {
      inline[i] = r
    } else {
      pool.setWord(2 &* i, of: chunk, to: r.start.rawValue)
      pool.setWord(2 &* i &+ 1, of: chunk, to: r.end.rawValue)
    }
  }

  /// Makes room for one range at index `i`; its value is the caller's to set.
  private mutating func openGap(
    at i: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    if chunk == 0 && Int(ranges) == IntervalSet.inlineCapacity {
      let taken = pool.allocate(&budget)
      guard taken != 0 else { return false }
      let spilled = inline
      chunk = taken
      for j in 0..<IntervalSet.inlineCapacity { setRange(at: j, spilled[j], &pool) }
    }
    if chunk == 0 {
      var j = Int(ranges)
      while j > i {
        inline[j] = inline[j &- 1]
        j &-= 1
      }
    } else {
      pool.move(in: chunk, from: 8 &* i, to: 8 &* (i &+ 1), count: 8 &* (Int(ranges) &- i))
    }
    ranges &+= 1
    return true
  }

  /// Removes the ranges with indices in `[first, end)`; `totalBytes` is the caller's.
  private mutating func remove(
    from first: Int, upTo end: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    let n = end &- first
    guard n > 0 else { return }
    let after = Int(ranges) &- end
    if chunk == 0 {
      for j in 0..<after { inline[first &+ j] = inline[end &+ j] }
    } else {
      pool.move(in: chunk, from: 8 &* end, to: 8 &* first, count: 8 &* after)
    }
    ranges &-= UInt16(truncatingIfNeeded: n)
    guard chunk != 0 && Int(ranges) <= IntervalSet.inlineCapacity else { return }
    for j in 0..<Int(ranges) { inline[j] = range(at: j, pool) }
    pool.release(chunk, &budget)
    chunk = 0
  }
}
