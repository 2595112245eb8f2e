import MartletWire

/// The bytes of one direction of a connection: in order from the head, and beyond the
/// in-order tail wherever segments arrived early. Holds memory only while it holds bytes.
///
/// Positions are 32 bits and wrap. A position's chunk is found by shift and mask: at
/// depth 0 the four slots are chunks (a span of 16 KiB), at depth 1 they are tables, each
/// one chunk of 1,024 chunk numbers (16 MiB). 2^32 is a multiple of both, so wrapping
/// needs no code. The head goes back to position 0 whenever the queue holds nothing: a
/// short message always sits in one chunk.
///
/// The value holds numbers, not references: it means nothing without the `ChunkPool` that
/// it was filled from, and exactly one value may own the chunks.
public struct ByteQueue: BitwiseCopyable, Sendable {
  /// The most bytes between the head and the farthest byte that may be written.
  package static var capacity: UInt32 { (1 << 24) - 4096 }

  private var slots: InlineArray<4, UInt32> = [0, 0, 0, 0]
  /// The position of the first byte held.
  private var head: UInt32 = 0
  /// Bytes in order, from the head on.
  public private(set) var count: UInt32 = 0
  /// Chunks held, tables included.
  private var held: UInt16 = 0
  private var depth: UInt8 = 0

  /// A queue that holds nothing.
  public init() {}

  /// An empty queue whose first byte will have the given position, to test wrapping.
  package init(startingAt position: UInt32) {
    head = position
  }

  /// No byte is in order; bytes beyond a hole may still be held.
  public var isEmpty: Bool { count == 0 }

  /// Chunks held, tables included, whether their bytes are in order or not. Times
  /// `ChunkPool.chunkSize` this is what the connection is charged for.
  public var chunksHeld: Int { Int(held) }

  // MARK: Writing

  /// Stores bytes at `offset` past the in-order tail (0: in order) and commits nothing.
  /// All or nothing: false when the budget refused or the place is beyond `capacity`, and
  /// then no chunk was taken. The caller writes only into holes (first arrival wins).
  package mutating func write(
    _ bytes: RawSpan, at offset: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    let n = bytes.byteCount
    guard n > 0 else { return true }
    guard n <= ByteQueue.capacity,
      UInt64(count) + UInt64(offset) + UInt64(n) <= UInt64(ByteQueue.capacity)
    else { return false }
    var position = head &+ count &+ offset
    let last = position &+ UInt32(truncatingIfNeeded: n &- 1)
    guard provideChunks(from: chunkIndex(position), through: chunkIndex(last), &pool, &budget)
    else { return false }
    var done = 0
    while done < n {
      let within = Int(position & chunkMask)
      let piece = min(ChunkPool.chunkSize &- within, n &- done)
      let chunk = find(chunkIndex(position), pool)
      pool.store(bytes.extracting(done..<(done &+ piece)), in: chunk, at: within)
      done &+= piece
      position &+= UInt32(truncatingIfNeeded: piece)
    }
    return true
  }

  /// The `n` bytes past the tail become in order: written at offset 0, or a hole was filled.
  package mutating func commit(_ n: UInt32) {
    count &+= n
    assert(count <= ByteQueue.capacity)
  }

  /// Writes at the tail and commits. False: refused, nothing changed.
  package mutating func append(
    _ bytes: RawSpan, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    guard write(bytes, at: 0, &pool, &budget) else { return false }
    commit(UInt32(truncatingIfNeeded: bytes.byteCount))
    return true
  }

  // MARK: Reading

  /// One contiguous piece from `offset` on, at most a chunk, without copying; empty when
  /// `offset` is at or beyond the tail. The caller steps `offset` for the next piece.
  package func withReadable<R>(
    at offset: UInt32, _ pool: borrowing ChunkPool, _ body: (RawSpan) -> R
  ) -> R {
    guard offset < count else { return body(RawSpan()) }
    let position = head &+ offset
    let within = position & chunkMask
    let piece = min(chunkMask &+ 1 &- within, count &- offset)
    let start = Int(within)
    return body(
      pool.bytes(of: find(chunkIndex(position), pool)).extracting(start..<(start &+ Int(piece))))
  }

  /// Copies `[offset, offset + n)` of the bytes in order to `out` at `o`, summing on the
  /// way, and returns the sum as if the first byte were at an even place of the packet.
  package func emit(
    at offset: UInt32, count n: UInt32, into out: inout MutableRawSpan, at o: Int,
    _ pool: borrowing ChunkPool
  ) -> InternetChecksum {
    precondition(offset <= count && n <= count &- offset, "bytes that are not in order")
    var sum = InternetChecksum()
    var position = head &+ offset
    var done = 0
    while done < Int(truncatingIfNeeded: n) {
      let within = Int(position & chunkMask)
      let piece = min(ChunkPool.chunkSize &- within, Int(truncatingIfNeeded: n) &- done)
      let source = pool.bytes(of: find(chunkIndex(position), pool))
        .extracting(within..<(within &+ piece))
      let part = InternetChecksum.copying(source, into: &out, at: o &+ done)
      sum.add(part, oddOffset: done & 1 != 0)
      done &+= piece
      position &+= UInt32(truncatingIfNeeded: piece)
    }
    return sum
  }

  /// Copies `[offset, offset + n)` of the bytes in order to `out` at `o`.
  package func copy(
    at offset: UInt32, count n: UInt32, into out: inout MutableRawSpan, at o: Int,
    _ pool: borrowing ChunkPool
  ) {
    precondition(offset <= count && n <= count &- offset, "bytes that are not in order")
    var position = head &+ offset
    var done = 0
    while done < Int(truncatingIfNeeded: n) {
      let within = Int(position & chunkMask)
      let piece = min(ChunkPool.chunkSize &- within, Int(truncatingIfNeeded: n) &- done)
      pool.load(
        from: find(chunkIndex(position), pool), at: within, count: piece, into: &out, at: o &+ done)
      done &+= piece
      position &+= UInt32(truncatingIfNeeded: piece)
    }
  }

  // MARK: Releasing

  /// Drops the first `n` bytes (at most `count`) and gives back the chunks behind them.
  /// `anchored`: out-of-order bytes are held beyond the tail, so positions must stay.
  /// Empty and not anchored the queue holds nothing.
  package mutating func consume(
    _ n: UInt32, anchored: Bool, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    let n = min(n, count)
    let first = chunkIndex(head)
    head &+= n
    count &-= n
    if count == 0 && !anchored {
      // What was held lies behind the head, not before it.
      releaseChunks(from: first, upTo: chunkIndex(head) &+ 1, &pool, &budget)
      removeAll(&pool, &budget)
    } else if chunkIndex(head) != first {
      releaseChunks(from: first, upTo: chunkIndex(head), &pool, &budget)
      foldTables(holdingAtMost: 2, &pool, &budget)
    }
  }

  /// Gives back every chunk that holds no byte in order, nor one of the `kept` bytes beyond the tail: what lies
  /// behind those is lost.
  package mutating func removeOutOfOrder(
    keeping kept: UInt32 = 0, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    guard held > 0, count &+ kept > 0 else {
      removeAll(&pool, &budget)
      return
    }
    let span: UInt32 = depth == 0 ? 4 : 4096
    let end = chunkIndex(head &+ count &+ kept &- 1) &+ 1
    releaseChunks(from: end, upTo: chunkIndex(head) &+ span, &pool, &budget)
    foldTables(holdingAtMost: 2, &pool, &budget)
  }

  /// Gives everything back, in order or not.
  package mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    if held > 0 {
      let span: UInt32 = depth == 0 ? 4 : 4096
      releaseChunks(from: chunkIndex(head), upTo: chunkIndex(head) &+ span, &pool, &budget)
      if depth == 1 { releaseTables(&pool, &budget) }
      assert(held == 0)
    }
    self = ByteQueue()
  }

  // MARK: Chunks by index

  private var chunkMask: UInt32 { (1 << ChunkPool.chunkShift) &- 1 }

  /// The chunk index of a position: 20 bits, compared modulo 2^20.
  private func chunkIndex(_ position: UInt32) -> UInt32 { position >> ChunkPool.chunkShift }

  /// Chunk indices from `a` forward to `b`.
  private func distance(from a: UInt32, to b: UInt32) -> UInt32 { (b &- a) & 0xF_FFFF }

  private func tableSlot(_ k: UInt32) -> Int { Int((k >> 10) & 3) }
  private func tableEntry(_ k: UInt32) -> Int { Int(k & 1023) }

  /// The chunk at index `k`, or 0.
  private func find(_ k: UInt32, _ pool: borrowing ChunkPool) -> UInt32 {
    if depth == 0 { return slots[Int(k & 3)] }
    let table = slots[tableSlot(k)]
    return table == 0 ? 0 : pool.word(tableEntry(k), of: table)
  }

  /// Makes sure that every chunk from index `first` through `last` is there.
  private mutating func provideChunks(
    from first: UInt32, through last: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    let withinReach = depth == 1 || distance(from: chunkIndex(head), to: last) < 4
    // Two of three segments go to a chunk that is there.
    if withinReach && first == last && find(first, pool) != 0 { return true }
    if !withinReach {
      guard spreadIntoTables(&pool, &budget) else { return false }
    }
    let chunks = distance(from: first, to: last) &+ 1
    guard pool.reserve(missing(from: first, count: chunks, pool), &budget) else {
      foldTables(holdingAtMost: 4, &pool, &budget)
      return false
    }
    for i in 0..<chunks {
      let k = first &+ i
      guard find(k, pool) == 0 else { continue }
      guard depth == 0 || provideTable(for: k, &pool, &budget) else { return false }
      let chunk = pool.allocate(&budget)
      guard chunk != 0 else { return false }
      held &+= 1
      if depth == 0 {
        slots[Int(k & 3)] = chunk
      } else {
        pool.setWord(tableEntry(k), of: slots[tableSlot(k)], to: chunk)
      }
    }
    return true
  }

  /// How many chunks, tables included, an allocation of this range has to take.
  private func missing(from first: UInt32, count: UInt32, _ pool: borrowing ChunkPool) -> Int {
    var missing = 0
    for i in 0..<count {
      let k = first &+ i
      if find(k, pool) == 0 { missing &+= 1 }
      if depth == 1 && slots[tableSlot(k)] == 0 && (i == 0 || tableEntry(k) == 0) { missing &+= 1 }
    }
    return missing
  }

  private mutating func provideTable(
    for k: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    guard slots[tableSlot(k)] == 0 else { return true }
    let table = pool.allocate(&budget)
    guard table != 0 else { return false }
    pool.zero(table)
    slots[tableSlot(k)] = table
    held &+= 1
    return true
  }

  /// Depth 0 to depth 1: the four chunks move into one or two tables.
  private mutating func spreadIntoTables(
    _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    let first = chunkIndex(head)
    let tables = tableSlot(first) == tableSlot(first &+ 3) ? 1 : 2
    guard held == 0 || pool.reserve(tables, &budget) else { return false }
    let chunks = slots
    slots = [0, 0, 0, 0]
    depth = 1
    for i: UInt32 in 0..<4 {
      let k = first &+ i
      let chunk = chunks[Int(k & 3)]
      guard chunk != 0, provideTable(for: k, &pool, &budget) else { continue }
      pool.setWord(tableEntry(k), of: slots[tableSlot(k)], to: chunk)
    }
    return true
  }

  /// How many of the chunks held are tables.
  private var tablesHeld: UInt16 {
    guard depth == 1 else { return 0 }
    var tables: UInt16 = 0
    for i in 0..<4 where slots[i] != 0 { tables &+= 1 }
    return tables
  }

  /// Depth 1 to depth 0, when at most `limit` chunks are left and all of them lie within
  /// four of the head: a queue that drained to one byte holds one chunk.
  private mutating func foldTables(
    holdingAtMost limit: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    guard depth == 1 else { return }
    let tables = Int(tablesHeld)
    guard Int(held) &- tables <= limit else { return }
    var chunks: InlineArray<4, UInt32> = [0, 0, 0, 0]
    var near = 0
    for i: UInt32 in 0..<4 {
      let k = chunkIndex(head) &+ i
      let chunk = find(k, pool)
      chunks[Int(k & 3)] = chunk
      if chunk != 0 { near &+= 1 }
    }
    guard near == Int(held) &- tables else { return }
    releaseTables(&pool, &budget)
    slots = chunks
    depth = 0
  }

  /// Gives back the chunks in `[first, end)`, and every table that this leaves empty.
  private mutating func releaseChunks(
    from first: UInt32, upTo end: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    var k = first
    var left = distance(from: first, to: end)
    while left > 0 && held > tablesHeld {
      var step: UInt32 = 1
      if depth == 0 {
        let chunk = slots[Int(k & 3)]
        slots[Int(k & 3)] = 0
        release(chunk, &pool, &budget)
      } else if slots[tableSlot(k)] == 0 {
        step = min(1024 &- (k & 1023), left)
      } else {
        let table = slots[tableSlot(k)]
        let chunk = pool.word(tableEntry(k), of: table)
        if chunk != 0 {
          pool.setWord(tableEntry(k), of: table, to: 0)
          release(chunk, &pool, &budget)
        }
        if tableEntry(k) == 1023 { releaseTableIfEmpty(tableSlot(k), &pool, &budget) }
      }
      k &+= step
      left &-= step
    }
  }

  private mutating func release(
    _ chunk: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    guard chunk != 0 else { return }
    pool.release(chunk, &budget)
    held &-= 1
  }

  /// Once in 4 MiB; the table may hold entries again from the far side.
  private mutating func releaseTableIfEmpty(
    _ slot: Int, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    for i in 0..<1024 where pool.word(i, of: slots[slot]) != 0 { return }
    release(slots[slot], &pool, &budget)
    slots[slot] = 0
  }

  private mutating func releaseTables(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    for i in 0..<4 {
      release(slots[i], &pool, &budget)
      slots[i] = 0
    }
  }
}
