import MartletTCP
import MartletWire
import Testing

@Suite struct ByteQueueTests {
  @Test func `layout stays small`() {
    #expect(MemoryLayout<ByteQueue>.stride == 28)
  }

  @Test func `holds nothing when idle, one chunk for one byte`() {
    let store = Store()
    #expect(store.queue.chunksHeld == 0)
    #expect(store.append([7]))
    #expect(store.queue.chunksHeld == 1)
    #expect(store.read(0, 1) == [7])
    store.consume(1)
    #expect(store.queue.isEmpty && store.queue.chunksHeld == 0)
    #expect(store.releasedEverything())
  }

  @Test("E3 one byte at the far end of 6 MB holds 12 KB at most")
  func farByte() {
    let store = Store()
    #expect(store.append([1]))
    #expect(store.write([9], at: 6_000_000 - 2))
    #expect(store.queue.chunksHeld == 4)  // two chunks, two tables
    store.consume(1, anchored: true)
    #expect(store.queue.chunksHeld == 4)
    store.removeOutOfOrder()
    #expect(store.queue.chunksHeld == 0)
    #expect(store.write([9], at: 6_000_000))
    #expect(store.queue.chunksHeld == 2)
    store.removeAll()
    #expect(store.releasedEverything())
  }

  @Test func `an anchored queue keeps early bytes while nothing is in order`() {
    let store = Store()
    #expect(store.append(Array(repeating: 1, count: 5000)))
    #expect(store.write(Array(repeating: 3, count: 100), at: 100))
    store.consume(5000, anchored: true)
    #expect(store.queue.isEmpty && store.queue.chunksHeld == 1)
    #expect(store.write(Array(repeating: 2, count: 100), at: 0))
    store.queue.commit(200)
    #expect(store.read(0, 200) == Array(repeating: 2, count: 100) + Array(repeating: 3, count: 100))
    store.consume(200)
    #expect(store.releasedEverything())
  }

  @Test func `a drained deep queue folds back to a single chunk`() {
    let store = Store()
    #expect(store.append(Array(repeating: 1, count: 100_000)))
    #expect(store.queue.chunksHeld == 26)
    store.consume(99_999)
    #expect(store.queue.chunksHeld == 1)
    #expect(store.read(0, 1) == [1])
    store.consume(1)
    #expect(store.releasedEverything())
  }

  @Test func `nothing is written beyond the capacity`() {
    let store = Store()
    #expect(!store.write([1], at: ByteQueue.capacity))
    #expect(store.write([1], at: ByteQueue.capacity - 1))
    #expect(!store.write([1, 2], at: ByteQueue.capacity - 1))
    #expect(!store.write([1], at: .max))
    store.removeAll()
    #expect(store.releasedEverything())
  }

  @Test("a refused write takes no chunk and changes no byte", arguments: [1, 16])
  func refused(chunksPerArena: Int) {
    for limit in 0..<14 {
      let store = Store(limit: limit * 4096 + 1024, chunksPerArena: chunksPerArena)
      let first = store.append(Array(repeating: 5, count: 4000))
      let (chunks, inUse) = (store.queue.chunksHeld, store.pool.inUse)
      if !store.append(Array(repeating: 6, count: 40_000)) {
        #expect(store.queue.chunksHeld == chunks && store.pool.inUse == inUse)
        #expect(store.queue.count == (first ? 4000 : 0))
        #expect(store.budget.refusals > 0)
        if first { #expect(store.read(0, 4000) == Array(repeating: 5, count: 4000)) }
      }
      #expect(store.budget.held <= store.budget.limit)
      store.removeAll()
      #expect(store.releasedEverything())
    }
  }

  @Test func `a piece of odd length turns the sum of the next round`() {
    let store = Store()
    let bytes = (0..<9000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ 5) }
    #expect(store.append(bytes))
    for (offset, count) in [(0, 9000), (1, 8999), (3, 4096), (4095, 2), (4095, 4099), (1, 1), (5, 0)] {
      #expect(store.emitted(offset, count) == Array(bytes[offset..<offset + count]))
    }
    store.removeAll()
  }

  @Test("random writes, reads and releases agree with an array", arguments: 1...16 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var random = StorageRandom(seed: seed)
    let start: UInt32 = [0, 0xFFFF_FF00, 0xFFC0_0000, 0x7FFF_F001][random.below(4)]
    let limit = random.oneIn(3) ? 600_000 : 64_000_000
    let store = Store(startingAt: start, limit: limit, chunksPerArena: random.oneIn(2) ? 1 : 16)
    var model = QueueModel()
    let span = [200, 9000, 60_000, 1_000_000][random.below(4)]
    for step in 0..<400 {
      switch random.below(10) {
      case 0...3:
        let bytes = random.bytes(1 + random.below(min(span, 9000)))
        model.write(bytes, at: 0, accepted: store.write(bytes, at: 0))
      case 4...5:
        let offset = random.below(span)
        let bytes = random.bytes(1 + random.below(3000))
        model.write(bytes, at: offset, accepted: store.write(bytes, at: UInt32(offset)))
      case 6:
        store.queue.commit(UInt32(model.commit()))
      case 7...8:
        let n = random.oneIn(4) ? model.count : random.below(model.count + 1)
        model.consume(n)
        store.consume(n, anchored: model.hasEarly)
      default:
        model.verify(store, &random, "seed \(seed) step \(step)")
      }
      #expect(Int(store.queue.count) == model.count, "seed \(seed) step \(step)")
      #expect(store.pool.inUse == store.queue.chunksHeld, "seed \(seed) step \(step)")
      #expect(store.budget.held == store.pool.heldBytes, "seed \(seed) step \(step)")
      #expect(store.budget.held <= limit, "seed \(seed) step \(step)")
    }
    model.verify(store, &random, "seed \(seed) end")
    store.removeAll()
    #expect(store.releasedEverything(), "seed \(seed)")
  }

  @Test func `positions wrap on a queue that never empties`() {
    // Starting points just before each wrap: of 32 bits, of a table, of the four tables.
    for start: UInt32 in [.max - 5000, .max - 40_000, (4 << 20) - 9000, (16 << 20) - 9000] {
      let store = Store(startingAt: start)
      var sent: UInt8 = 0
      var seen: UInt8 = 0
      for _ in 0..<40 {
        let bytes = (0..<3001).map { _ in
          defer { sent &+= 1 }
          return sent
        }
        #expect(store.append(bytes))
        guard store.queue.count > 30_000 else { continue }
        let expected = (0..<2500).map { _ in
          defer { seen &+= 1 }
          return seen
        }
        #expect(store.read(0, 2500) == expected)
        store.consume(2500)
      }
      store.removeAll()
      #expect(store.releasedEverything())
    }
  }

  @Test func `four gigabytes pass through a queue that never empties`() {
    // A step of 15 MiB at a time, written sparsely: positions, not bytes, are what counts.
    let store = Store()
    #expect(store.append([1]))
    let step = UInt32(15 << 20)
    for round in 0..<300 {
      let mark = UInt8(truncatingIfNeeded: round)
      #expect(store.write([mark], at: step - 1))
      store.queue.commit(step)
      store.consume(Int(step), anchored: false)
      #expect(store.queue.count == 1)
      #expect(store.read(0, 1) == [mark])
      #expect(store.queue.chunksHeld == 1)
    }
    store.removeAll()
    #expect(store.releasedEverything())
  }
}

/// A queue with its pool and budget, spoken to in arrays.
final class Store {
  var queue: ByteQueue
  var pool: ChunkPool
  var budget: MemoryBudget

  init(startingAt position: UInt32 = 0, limit: Int = .max, chunksPerArena: Int = 16) {
    queue = ByteQueue(startingAt: position)
    pool = ChunkPool(chunksPerArena: chunksPerArena)
    budget = MemoryBudget(limit: limit)
  }

  func append(_ bytes: [UInt8]) -> Bool {
    queue.append(bytes.span.bytes, &pool, &budget)
  }

  func write(_ bytes: [UInt8], at offset: UInt32) -> Bool {
    queue.write(bytes.span.bytes, at: offset, &pool, &budget)
  }

  func consume(_ n: Int, anchored: Bool = false) {
    queue.consume(UInt32(n), anchored: anchored, &pool, &budget)
  }

  func removeAll() {
    queue.removeAll(&pool, &budget)
  }

  func removeOutOfOrder() {
    queue.removeOutOfOrder(&pool, &budget)
  }

  /// The bytes, read in both ways.
  func read(_ offset: Int, _ n: Int) -> [UInt8] {
    var copied = [UInt8](repeating: 0, count: n + 2)
    var span = copied.mutableSpan
    var out = span.mutableBytes
    queue.copy(at: UInt32(offset), count: UInt32(n), into: &out, at: 1, pool)
    #expect(copied.first == 0 && copied.last == 0)
    var pieces: [UInt8] = []
    while pieces.count < n {
      let more = queue.withReadable(at: UInt32(offset + pieces.count), pool) { piece in
        piece.withUnsafeBytes { [UInt8]($0) }
      }
      guard !more.isEmpty else { break }
      pieces += more
    }
    #expect(Array(pieces.prefix(n)) == Array(copied[1..<n + 1]))
    return Array(copied[1..<n + 1])
  }

  /// The bytes as a packet gets them; their sum is checked here.
  func emitted(_ offset: Int, _ n: Int) -> [UInt8] {
    var packet = [UInt8](repeating: 0, count: n + 7)
    var span = packet.mutableSpan
    var out = span.mutableBytes
    let sum = queue.emit(at: UInt32(offset), count: UInt32(n), into: &out, at: 5, pool)
    let bytes = Array(packet[5..<5 + n])
    var expected: UInt64 = 0
    for (i, byte) in bytes.enumerated() { expected += i % 2 == 0 ? UInt64(byte) << 8 : UInt64(byte) }
    while expected >> 16 != 0 { expected = (expected & 0xffff) + (expected >> 16) }
    #expect(UInt64(sum.folded) == expected)
    #expect(packet.last == 0)
    return bytes
  }

  func releasedEverything() -> Bool {
    pool.trim(&budget)
    return pool.inUse == 0 && pool.heldBytes == 0 && budget.held == 0
  }
}

/// What a queue should hold: an array with holes.
struct QueueModel {
  private var bytes: [UInt8?] = []
  private(set) var count = 0

  var hasEarly: Bool { bytes.count > count }

  mutating func write(_ new: [UInt8], at offset: Int, accepted: Bool) {
    guard accepted else { return }
    let first = count + offset
    while bytes.count < first + new.count { bytes.append(nil) }
    for (i, byte) in new.enumerated() { bytes[first + i] = byte }
  }

  /// Commits what reaches to the next hole.
  mutating func commit() -> Int {
    let old = count
    while count < bytes.count && bytes[count] != nil { count += 1 }
    return count - old
  }

  mutating func consume(_ n: Int) {
    bytes.removeFirst(n)
    count -= n
    if count == 0 && bytes.allSatisfy({ $0 == nil }) { bytes = [] }
  }

  func verify(_ store: Store, _ random: inout StorageRandom, _ comment: Comment) {
    let offset = random.below(count + 1)
    let n = min(count - offset, 8000)
    let expected = bytes[offset..<offset + n].map { $0 ?? 0 }
    #expect(store.read(offset, n) == expected, comment)
    #expect(store.emitted(offset, n) == expected, comment)
  }
}
