import MartletStack
import MartletTCP
import Testing

@Suite struct SlabTests {
  private struct Record: BitwiseCopyable {
    var key: UInt64
    var extra: (UInt64, UInt32, UInt8) = (0, 0, 0)
  }

  @Test("The first page doubles, the others have 64 slots")
  func theFirstPageDoublesTheOthersHave64Slots() {
    var slab = Slab<Record>()
    var budget = MemoryBudget()
    var sizes: [Int] = []
    for i: UInt64 in 0..<130 {
      let handle = slab.allocate(Record(key: i), &budget)
      #expect(handle?.index == UInt32(i))
      if sizes.last != Int(slab.indexLimit) { sizes.append(Int(slab.indexLimit)) }
      #expect(budget.held == slab.heldBytes)
    }
    #expect(sizes == [4, 8, 16, 32, 64, 128, 192])
    for i: UInt32 in 0..<130 { #expect(slab[i].key == UInt64(i)) }
    #expect(slab.live == 130)
  }

  @Test("A stale handle never finds the next record")
  func aStaleHandleNeverFindsTheNextRecord() throws {
    var slab = Slab<Record>()
    var budget = MemoryBudget()
    let first = try #require(slab.allocate(Record(key: 1), &budget))
    #expect(slab.contains(first) && slab.isLive(first.index))
    slab.free(first.index, &budget)
    #expect(!slab.contains(first) && !slab.isLive(first.index))
    let second = try #require(slab.allocate(Record(key: 2), &budget))
    #expect(second.index == first.index && second != first)
    #expect(slab.contains(second) && !slab.contains(first))
    #expect(slab.handle(at: second.index) == second)
    #expect(slab.contains(Handle(index: 1_000_000, generation: 1)) == false)
    #expect(slab.contains(Handle(index: first.index, generation: first.generation &+ 1)) == false)
  }

  @Test("A page that came back keeps stale handles stale")
  func aPageThatCameBackKeepsStaleHandlesStale() throws {
    var slab = Slab<Record>()
    var budget = MemoryBudget()
    var old: [Handle] = []
    for round in 0..<5 {
      let handles = try (0..<200).map { try #require(slab.allocate(Record(key: $0), &budget)) }
      #expect(handles.allSatisfy { handle in slab.contains(handle) }, "round \(round)")
      #expect(!old.contains { handle in slab.contains(handle) }, "round \(round)")
      let full = budget.held
      for handle in handles { slab.free(handle.index, &budget) }
      #expect(budget.held < full / 2)
      slab.trim(&budget)
      old += handles
    }
    #expect(Set(old).count == 1000)
  }

  @Test("A refused page changes nothing")
  func aRefusedPageChangesNothing() {
    var slab = Slab<Record>()
    var budget = MemoryBudget(limit: 8 * 40 + 100)
    var count = 0
    while slab.allocate(Record(key: 0), &budget) != nil { count += 1 }
    #expect(count == slab.live && count > 0 && count < 16)
    #expect(budget.refusals == 1 && budget.held <= budget.limit && budget.held == slab.heldBytes)
    slab.free(2, &budget)
    #expect(slab.allocate(Record(key: 9), &budget)?.index == 2)
  }

  @Test("random use agrees with a dictionary", arguments: 1...16 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    var slab = Slab<Record>()
    var budget = MemoryBudget(limit: random.oneIn(2) ? .max : 30_000)
    var model: [UInt32: (handle: Handle, key: UInt64)] = [:]
    var stale: [Handle] = []
    for step in 0..<4000 {
      let comment: Comment = "seed \(seed) step \(step)"
      let growing = (step / 700) % 2 == 0
      if random.below(10) < (growing ? 7 : 2) {
        let key = random.next()
        guard let handle = slab.allocate(Record(key: key), &budget) else { continue }
        #expect(model[handle.index] == nil, comment)
        model[handle.index] = (handle, key)
      } else if let (index, entry) = model.first {
        #expect(slab[index].key == entry.key, comment)
        slab.free(index, &budget)
        model[index] = nil
        stale.append(entry.handle)
      }
      #expect(slab.live == model.count && budget.held == slab.heldBytes, comment)
      guard random.oneIn(100) else { continue }
      var seen: [UInt32] = []
      slab.forEachLive { seen.append($0) }
      #expect(seen == model.keys.sorted(), comment)
      #expect(!stale.contains { handle in slab.contains(handle) }, comment)
      #expect(model.allSatisfy { slab[$0].key == $1.key && slab.contains($1.handle) }, comment)
      if random.oneIn(4) { slab = slab.copy() }
    }
    for index in model.keys { slab.free(index, &budget) }
    slab.trim(&budget)
    #expect(slab.live == 0 && slab.nextLive(from: 0) == nil)
    #expect(budget.held < 1000, "only the directory is left")
  }

  @Test("A copy goes its own way")
  func aCopyGoesItsOwnWay() throws {
    var slab = Slab<Record>()
    var budget = MemoryBudget()
    for i: UInt64 in 0..<100 { _ = slab.allocate(Record(key: i), &budget) }
    slab.free(50, &budget)
    var copy = slab.copy()
    var copiedBudget = budget
    copy[7].key = 1000
    #expect(slab[7].key == 7 && copy[7].key == 1000 && copy.live == 99)
    let here = try #require(slab.allocate(Record(key: 1), &budget))
    let there = try #require(copy.allocate(Record(key: 2), &copiedBudget))
    #expect(here == there && slab[here.index].key == 1 && copy[there.index].key == 2)
  }
}
