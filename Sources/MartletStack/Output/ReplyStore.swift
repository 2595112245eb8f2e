import MartletTCP

/// The answers of all interfaces, and places for some that are to come.
///
/// Taking a place from a slab and giving it back costs as much as writing the answer. So those of the first places that
/// become free are kept: a slab keeps an empty page anyway. They are for whoever comes first. Of the others an
/// interface may have as many as are free, so that one whose link takes no packets leaves some to all others
/// (robustness rule E1).
struct ReplyStore: ~Copyable {
  var records = Slab<Reply>()
  /// A bit for each of the first places that is kept free. To the slab these are live.
  private var spare: UInt64 = 0
  /// The places below are for whoever comes first: a quarter, and no more than `spare` has bits for.
  private let sharedEnd: UInt32
  private let limit: UInt32

  init(limit: UInt32) {
    self.limit = limit
    sharedEnd = min(limit / 4, 64)
  }

  /// Answers that wait to be pulled.
  var queued: Int { records.live &- spare.nonzeroBitCount }
  var heldBytes: Int { records.heldBytes }

  /// A place with whatever was in it before, of those that are kept. Nil: there is none.
  @inline(__always)
  mutating func takeSpare() -> UInt32? {
    guard spare != 0 else { return nil }
    let r = spare.trailingZeroBitCount
    spare &= spare &- 1
    return UInt32(truncatingIfNeeded: r)
  }

  /// Places that are left when none is kept.
  @inline(__always)
  var free: Int { Int(limit) &- records.live }

  /// Likewise any other, of which some are free. Nil: the budget refused.
  @inline(__always)
  mutating func takeFree(_ budget: inout MemoryBudget) -> UInt32? {
    records.allocateAsItIs(&budget)?.index
  }

  /// Whether a place counts for the interface that has it.
  @inline(__always)
  func isCounted(_ r: UInt32) -> Bool { r >= sharedEnd }

  /// The answer has left. True: its place was counted.
  @inline(__always)
  mutating func giveBack(_ r: UInt32, _ budget: inout MemoryBudget) -> Bool {
    if isCounted(r) {
      records.free(r, &budget)
      return true
    }
    spare |= 1 &<< UInt64(r)
    return false
  }

  /// Memory is short.
  mutating func trim(_ budget: inout MemoryBudget) {
    while spare != 0 {
      records.free(UInt32(truncatingIfNeeded: spare.trailingZeroBitCount), &budget)
      spare &= spare &- 1
    }
    records.trim(&budget)
  }

  borrowing func copy() -> ReplyStore {
    var copy = ReplyStore(limit: limit)
    copy.records = records.copy()
    copy.spare = spare
    return copy
  }
}
