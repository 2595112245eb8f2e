import MartletTCP

/// The answers of all interfaces, and places for some that are to come.
///
/// Taking a place from a slab and giving it back costs as much as writing the answer. So those of the first page that
/// become free are kept: a slab keeps an empty page anyway.
struct ReplyStore: ~Copyable {
  var records = Slab<Reply>()
  /// A bit for each place of the first page that is kept free. To the slab these are live.
  private var spare: UInt64 = 0

  /// Answers that wait to be pulled.
  var queued: Int { records.live &- spare.nonzeroBitCount }
  var heldBytes: Int { records.heldBytes }

  /// A place with whatever was in it before. Nil: there are `limit` answers, or the budget refused.
  @inline(__always)
  mutating func take(limit: UInt32, _ budget: inout MemoryBudget) -> UInt32? {
    guard spare == 0 else {
      let r = spare.trailingZeroBitCount
      spare &= spare &- 1
      return UInt32(truncatingIfNeeded: r)
    }
    guard records.live < Int(limit) else { return nil }
    return records.allocateAsItIs(&budget)?.index
  }

  /// The answer has left.
  @inline(__always)
  mutating func giveBack(_ r: UInt32, _ budget: inout MemoryBudget) {
    if r < 64 { spare |= 1 &<< UInt64(r) } else { records.free(r, &budget) }
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
    var copy = ReplyStore()
    copy.records = records.copy()
    copy.spare = spare
    return copy
  }
}
