import MartletTCP
import Testing

@Suite struct ChunkPoolTests {
  @Test("arenas are charged when taken, and given back but for a few spares", arguments: [1, 2, 16])
  func arenas(chunksPerArena: Int) {
    var pool = ChunkPool(chunksPerArena: chunksPerArena)
    var budget = MemoryBudget(limit: 1 << 20)
    // A sixteenth of the budget, and one at least.
    let spares = 16 / chunksPerArena
    let chunks = (0..<100).map { _ in pool.allocate(&budget) }
    #expect(Set(chunks).count == 100 && !chunks.contains(0))
    #expect(pool.inUse == 100 && budget.held == pool.heldBytes)
    let arenas = (100 + chunksPerArena - 1) / chunksPerArena
    #expect(pool.heldBytes / 4096 == arenas * chunksPerArena)
    for chunk in chunks { pool.release(chunk, &budget) }
    #expect(pool.inUse == 0 && pool.freeChunks == spares * chunksPerArena)
    #expect(budget.held == pool.heldBytes)
    pool.trim(&budget)
    #expect(budget.held == 0 && budget.highWater >= 100 * 4096)
  }

  @Test func `the chunk released last is the next one`() {
    var pool = ChunkPool()
    var budget = MemoryBudget()
    let chunks = (0..<48).map { _ in pool.allocate(&budget) }
    for chunk in [chunks[20], chunks[3], chunks[40]] {
      pool.release(chunk, &budget)
      #expect(pool.allocate(&budget) == chunk)
    }
  }

  @Test func `a reservation is all or nothing`() {
    var pool = ChunkPool(chunksPerArena: 1)
    var budget = MemoryBudget(limit: 10 * 4096 + 1024)
    #expect(pool.reserve(8, &budget) == true)
    #expect(pool.reserve(20, &budget) == false)
    #expect(pool.freeChunks <= 8 && budget.held == pool.heldBytes)
    #expect(pool.reserve(10, &budget) == true)
    let chunks = (0..<10).map { _ in pool.allocate(&budget) }
    #expect(!chunks.contains(0))
    #expect(pool.allocate(&budget) == 0)
    #expect(budget.refusals == 2)
  }

  @Test func `a copy has the same bytes and goes its own way`() {
    var pool = ChunkPool()
    var budget = MemoryBudget()
    let chunks = (0..<40).map { _ in pool.allocate(&budget) }
    for chunk in chunks { pool.setWord(7, of: chunk, to: chunk) }
    for chunk in chunks where chunk % 3 == 0 { pool.release(chunk, &budget) }
    var copy = pool.copy()
    for chunk in chunks where chunk % 3 != 0 {
      #expect(copy.word(7, of: chunk) == chunk)
      copy.setWord(7, of: chunk, to: 0)
      #expect(pool.word(7, of: chunk) == chunk)
    }
    var copiedBudget = budget
    #expect(copy.allocate(&copiedBudget) == pool.allocate(&budget))
    #expect(copy.inUse == pool.inUse && copy.heldBytes == pool.heldBytes)
  }

  @Test("random use keeps the figures true", arguments: 1...8 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    let limit = 40 * 65_536
    var pool = ChunkPool(chunksPerArena: 1 << random.below(5))
    var budget = MemoryBudget(limit: limit)
    var held: [UInt32] = []
    for step in 0..<4000 {
      let growing = (step / 500) % 2 == 0
      if random.below(10) < (growing ? 7 : 3) {
        let chunk = pool.allocate(&budget)
        guard chunk != 0 else { continue }
        #expect(!held.contains(chunk), "seed \(seed) step \(step)")
        pool.setWord(0, of: chunk, to: chunk)
        pool.setWord(1023, of: chunk, to: ~chunk)
        held.append(chunk)
      } else if !held.isEmpty {
        let chunk = held.remove(at: random.below(held.count))
        #expect(pool.word(0, of: chunk) == chunk && pool.word(1023, of: chunk) == ~chunk)
        pool.release(chunk, &budget)
      }
      #expect(pool.inUse == held.count && budget.held == pool.heldBytes, "seed \(seed) step \(step)")
      #expect(budget.held <= limit, "seed \(seed) step \(step)")
    }
    for chunk in held { pool.release(chunk, &budget) }
    pool.trim(&budget)
    #expect(budget.held == 0, "seed \(seed)")
  }
}
