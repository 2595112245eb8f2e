import MartletStack
import MartletTCP
import Testing

@Suite struct FlowTableTests {
  @Test("Empty holds nothing, few flows little")
  func emptyHoldsNothingFewFlowsLittle() {
    var table = FlowTable()
    var budget = MemoryBudget()
    #expect(table.heldBytes == 0 && table.count == 0)
    #expect(table.find(1) { _ in true } == nil)
    #expect(table.insert(1, 0, &budget) == true)
    #expect(table.find(1) { $0 == 0 } == 0)
    #expect(table.heldBytes == budget.held && budget.held < 100)
  }

  @Test("A hundred thousand flows cost less than 21 bytes each, and go away")
  func aHundredThousandFlowsCostLessThan21BytesEachAndGoAway() {
    var table = FlowTable()
    var budget = MemoryBudget()
    var random = StorageRandom(seed: 3)
    let hashes = (0..<100_000).map { _ in random.next() }
    var worst = 0.0
    for (i, hash) in hashes.enumerated() {
      #expect(table.insert(hash, UInt32(i), &budget) == true)
      if i > 1000 { worst = max(worst, Double(budget.held) / Double(i + 1)) }
    }
    #expect(worst < 21)
    for (i, hash) in hashes.enumerated() {
      #expect(table.find(hash) { $0 == UInt32(i) } == UInt32(i))
    }
    for (i, hash) in hashes.enumerated() {
      #expect(table.remove(hash, value: UInt32(i), &budget) == true)
    }
    #expect(table.count == 0 && budget.held < 200 && budget.held == table.heldBytes)
  }

  @Test("A stranger's key is hardly ever compared")
  func aStrangerKeyIsHardlyEverCompared() {
    var table = FlowTable()
    var budget = MemoryBudget()
    var random = StorageRandom(seed: 4)
    for i: UInt32 in 0..<50_000 { _ = table.insert(random.next(), i, &budget) }
    var compared = 0
    for _ in 0..<50_000 {
      _ = table.find(random.next()) { _ in
        compared += 1
        return false
      }
    }
    #expect(compared < 20)
  }

  @Test(
    "E10 hashes that share their low, high or outer bits are kept apart", arguments: [32, 0, 16] as [UInt64])
  func sharedBits(shift: UInt64) {
    var table = FlowTable()
    var budget = MemoryBudget()
    var random = StorageRandom(seed: shift)
    let hashes = (0..<20_000).map { _ in 0xABCD_EF01_2345_6789 ^ (random.next() >> 32) << shift }
    for (i, hash) in hashes.enumerated() { #expect(table.insert(hash, UInt32(i), &budget) == true) }
    for (i, hash) in hashes.enumerated() {
      #expect(table.find(hash) { $0 == UInt32(i) } == UInt32(i))
    }
    #expect(table.count == 20_000 && budget.held < 20_000 * 21)
  }

  @Test("E10 a flood of one hash is refused within bounds, and others go on")
  func oneHash() {
    var table = FlowTable()
    var budget = MemoryBudget()
    var taken: UInt32 = 0
    while table.insert(42, taken, &budget), taken < 10_000 { taken += 1 }
    #expect(taken > 400 && taken < 513)
    #expect(budget.held < 100_000)
    #expect(table.find(42) { $0 == taken - 1 } == taken - 1)
    #expect(table.insert(0x8000_0000_0000_0000, 7, &budget) == true)
    for i in 0..<taken { #expect(table.remove(42, value: i, &budget) == true) }
    #expect(table.count == 1 && budget.held == table.heldBytes)
  }

  @Test("A budget that is used up refuses and keeps what is there")
  func aBudgetThatIsUsedUpRefusesAndKeepsWhatIsThere() {
    var table = FlowTable()
    var budget = MemoryBudget(limit: 20_000)
    var random = StorageRandom(seed: 9)
    var kept: [UInt64] = []
    while true {
      let hash = random.next()
      guard table.insert(hash, UInt32(kept.count), &budget) else { break }
      kept.append(hash)
    }
    #expect(kept.count > 800 && budget.held <= 20_000 && budget.refusals > 0)
    #expect(budget.held == table.heldBytes && table.count == kept.count)
    for (i, hash) in kept.enumerated() { #expect(table.find(hash) { $0 == UInt32(i) } == UInt32(i)) }
  }

  @Test("random use agrees with a dictionary", arguments: 1...16 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    var table = FlowTable()
    var budget = MemoryBudget()
    // Few distinct hashes, so that several values share one; or all distinct.
    let variety = [40, 2000, Int.max][random.below(3)]
    var model: [UInt32: UInt64] = [:]
    var nextValue: UInt32 = 0
    for step in 0..<12_000 {
      let comment: Comment = "seed \(seed) step \(step)"
      let growing = (step / 3000) % 2 == 0
      let draw = random.below(10)
      if draw < (growing ? 6 : 2) {
        let hash = UInt64(random.below(variety)) &* 0x9E37_79B9_7F4A_7C15
        guard table.insert(hash, nextValue, &budget) else { continue }
        model[nextValue] = hash
        nextValue += 1
      } else if draw < 8, let (value, hash) = model.first {
        #expect(table.remove(hash, value: value, &budget) == true, comment)
        #expect(table.remove(hash, value: value, &budget) == false, comment)
        model[value] = nil
      } else if draw == 8, let (value, hash) = model.first {
        #expect(table.replace(hash, value, with: nextValue) == true, comment)
        model[value] = nil
        model[nextValue] = hash
        nextValue += 1
      } else {
        let absent = random.next()
        #expect(table.find(absent) { model[$0] == absent } == nil, comment)
        if let (value, hash) = model.first { #expect(table.find(hash) { $0 == value } == value, comment) }
      }
      #expect(table.count == model.count && budget.held == table.heldBytes, comment)
      guard random.oneIn(500) else { continue }
      if random.oneIn(2) { table = table.copy() }
      for (value, hash) in model { #expect(table.find(hash) { $0 == value } == value, comment) }
      var all: [UInt32] = []
      table.forEachValue { all.append($0) }
      #expect(all.sorted() == model.keys.sorted(), comment)
    }
    for (value, hash) in model { #expect(table.remove(hash, value: value, &budget) == true) }
    #expect(budget.held < 200, "seed \(seed)")
  }
}
