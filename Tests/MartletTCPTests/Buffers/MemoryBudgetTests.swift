import MartletTCP
import Testing

@Suite("The memory budget")
struct MemoryBudgetTests {
  @Test("E5 until half of the limit is held all queues may grow; then those that have less than their share")
  func growth() {
    var budget = MemoryBudget(limit: 1_000)
    budget.share = 4
    let half = budget.take(499)
    #expect(half)
    #expect(budget.lets(grow: 1_000))
    #expect(budget.roomToGrow == 501 / 4)
    #expect(budget.pressure == .none)
    let one = budget.take(1)
    #expect(one)
    #expect(budget.lets(grow: 4) && !budget.lets(grow: 5))
    #expect(budget.roomToGrow == 0)
    #expect(budget.pressure == .growth)
  }

  @Test("E5 each level of scarcity begins where it says")
  func levels() {
    var budget = MemoryBudget(limit: 1_600)
    for (held, pressure) in [
      (1_199, MemoryPressure.growth), (1_200, .outOfOrder), (1_399, .outOfOrder), (1_400, .records),
      (1_499, .records), (1_500, .connections),
    ] {
      let isTaken = budget.take(held - budget.held)
      #expect(isTaken)
      #expect(budget.pressure == pressure, "\(held)")
      #expect(budget.takesOutOfOrder == (held < 1_200), "\(held)")
    }
    #expect(!budget.take(101) && budget.refusals == 1)
    budget.give(1_500)
    #expect(budget.held == 0 && budget.highWater == 1_500)
  }
}
