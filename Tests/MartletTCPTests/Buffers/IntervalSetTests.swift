import MartletTCP
import MartletWire
import Testing

@Suite struct IntervalSetTests {
  private func range(_ a: UInt32, _ b: UInt32) -> SequenceRange {
    SequenceRange(start: SequenceNumber(a), end: SequenceNumber(b))
  }

  @Test func `four ranges need no memory, more take one chunk, and it comes back`() {
    var set = IntervalSet()
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget()
    for i: UInt32 in 0..<4 {
      #expect(set.insert(range(i * 10, i * 10 + 5), limit: 256, &pool, &budget) == .added)
    }
    #expect(pool.inUse == 0)
    for i: UInt32 in 4..<300 {
      let expected: IntervalSet.Insertion = i < 256 ? .added : .refused
      #expect(set.insert(range(i * 10, i * 10 + 5), limit: 1000, &pool, &budget) == expected)
    }
    #expect(set.count == 256 && pool.inUse == 1 && set.totalBytes == 256 * 5)
    // At the cap a range that touches is still welcome.
    #expect(set.insert(range(5, 10), limit: 16, &pool, &budget) == .merged)
    #expect(set.count == 255 && set.range(at: 0, pool) == range(0, 15))
    #expect(set.advance(SequenceNumber(2511), &pool, &budget) == SequenceNumber(2515))
    #expect(set.count == 4 && pool.inUse == 0 && set.totalBytes == 20)
    pool.trim(&budget)
    #expect(budget.held == 0)
  }

  @Test func `a refused chunk changes nothing`() {
    var set = IntervalSet()
    var pool = ChunkPool()
    var budget = MemoryBudget(limit: 100)
    for i: UInt32 in 0..<4 {
      #expect(set.insert(range(i * 10, i * 10 + 5), limit: 256, &pool, &budget) == .added)
    }
    #expect(set.insert(range(15, 18), limit: 256, &pool, &budget) == .merged)
    #expect(set.insert(range(100, 101), limit: 256, &pool, &budget) == .refused)
    #expect(set.count == 4 && budget.refusals == 1)
  }

  @Test func `a hole that is filled joins its neighbours`() {
    var set = IntervalSet()
    var pool = ChunkPool()
    var budget = MemoryBudget()
    let start: UInt32 = 0xFFFF_FFF0
    #expect(set.insert(range(start, start &+ 8), limit: 16, &pool, &budget) == .added)
    #expect(set.insert(range(start &+ 24, start &+ 32), limit: 16, &pool, &budget) == .added)
    #expect(set.range(containing: SequenceNumber(start &+ 26), pool) == range(start &+ 24, start &+ 32))
    #expect(set.range(containing: SequenceNumber(start &+ 8), pool) == nil)
    #expect(set.insert(range(start &+ 8, start &+ 24), limit: 16, &pool, &budget) == .merged)
    #expect(set.count == 1 && set.range(at: 0, pool) == range(start, start &+ 32))
    #expect(set.insert(range(start &+ 3, start &+ 30), limit: 16, &pool, &budget) == .covered)
    #expect(set.insert(range(start, start), limit: 16, &pool, &budget) == .covered)
    set.removeAll(before: SequenceNumber(start &+ 20), &pool, &budget)
    #expect(set.count == 1 && set.range(at: 0, pool) == range(start &+ 20, start &+ 32))
    #expect(set.totalBytes == 12)
  }

  @Test("random operations agree with a set of numbers", arguments: 1...24 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    var set = IntervalSet()
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget()
    let base = UInt32(truncatingIfNeeded: random.oneIn(2) ? 0xFFFF_FF00 : random.next())
    let width = [60, 600, 4000][random.below(3)]
    let longest = random.oneIn(2) ? 4 : 40
    var model = Set<Int>()
    var low = 0
    for step in 0..<1500 {
      let comment: Comment = "seed \(seed) step \(step)"
      let a = low + random.below(width)
      let b = a + random.below(longest)
      let r = range(base &+ UInt32(a), base &+ UInt32(b))
      let wanted = Set(a..<b)
      switch random.below(12) {
      case 0...6:
        let limit = [16, 100, 256][random.below(3)]
        let before = model
        let runs = Self.runs(model)
        let after = Self.runs(model.union(wanted))
        switch set.insert(r, limit: limit, &pool, &budget) {
        case .covered: #expect(wanted.isSubset(of: model), comment)
        case .refused: #expect(after > runs && runs >= min(limit, 256), comment)
        case .added:
          model.formUnion(wanted)
          #expect(after == runs + 1 && runs < limit, comment)
        case .merged:
          model.formUnion(wanted)
          #expect(after <= runs && model != before, comment)
        }
      case 7:
        var holes = Set<Int>()
        set.forEachHole(in: r, pool) { hole in
          let start = Int(hole.start.rawValue &- base)
          #expect(hole.count > 0 && holes.isDisjoint(with: start..<start + Int(hole.count)), comment)
          holes.formUnion(start..<start + Int(hole.count))
        }
        #expect(holes == wanted.subtracting(model), comment)
        #expect(Int(set.bytes(in: r, pool)) == wanted.intersection(model).count, comment)
      case 8:
        let found = set.range(containing: SequenceNumber(base &+ UInt32(a)), pool)
        #expect((found != nil) == model.contains(a), comment)
        #expect(found?.contains(SequenceNumber(base &+ UInt32(a))) ?? true, comment)
      case 9:
        let p = low + random.below(20)
        var end = p
        // Whole ranges that begin at or before p go.
        for x in model.sorted() where x <= end { end = max(end, x + 1) }
        #expect(
          set.advance(SequenceNumber(base &+ UInt32(p)), &pool, &budget).rawValue &- base == end, comment)
        model = model.filter { $0 >= end }
        low = end
      case 10:
        let p = low + random.below(20)
        set.removeAll(before: SequenceNumber(base &+ UInt32(p)), &pool, &budget)
        model = model.filter { $0 >= p }
        low = p
      default:
        if random.oneIn(40) {
          set.removeAll(&pool, &budget)
          model = []
        }
      }
      #expect(set.count == Self.runs(model), comment)
      #expect(Int(set.totalBytes) == model.count, comment)
      #expect(pool.inUse == (set.count > 4 ? 1 : 0), comment)
      if random.oneIn(10) { verify(set, pool, model, base, comment) }
    }
    set.removeAll(&pool, &budget)
    pool.trim(&budget)
    #expect(budget.held == 0, "seed \(seed)")
  }

  private func verify(
    _ set: IntervalSet, _ pool: borrowing ChunkPool, _ model: Set<Int>, _ base: UInt32, _ comment: Comment
  ) {
    var held = Set<Int>()
    for i in 0..<set.count {
      let r = set.range(at: i, pool)
      held.formUnion(Int(r.start.rawValue &- base)..<Int(r.end.rawValue &- base))
    }
    #expect(held == model, comment)
  }

  /// The number of runs of consecutive numbers.
  private static func runs(_ model: Set<Int>) -> Int {
    model.count { !model.contains($0 - 1) }
  }
}
