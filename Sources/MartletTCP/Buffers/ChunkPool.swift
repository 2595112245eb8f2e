/// The memory behind all buffers of a stack: chunks of 4,096 bytes cut from arenas.
///
/// A chunk is known by its number; 0 means none. The arena whose chunk was released
/// last is the first to be taken from, so chunks stay warm. Arenas are charged to the
/// budget when taken and given back when empty, all but one, which is kept as a spare.
///
/// Invariants that make the unsafe lines below safe:
/// - an arena's `base` is nil or points to `chunksPerArena` chunks that this pool owns;
/// - `address(of:)` checks the number against both before it makes a pointer;
/// - every chunk is initialised before its first use (`fresh` marks those that are not);
/// - no pointer leaves this file except inside a span that borrows the pool.
/// A number that was released and is used again reads wrong bytes, never foreign memory;
/// debug builds trap on it.
@safe
public struct ChunkPool: ~Copyable {
  /// Bytes in a chunk. `ByteQueue` and `IntervalSet` lay out their tables for this figure.
  package static var chunkSize: Int { 4096 }
  /// `1 << chunkShift == chunkSize`.
  package static var chunkShift: UInt32 { 12 }

  @unsafe struct Arena {
    var base: UnsafeMutableRawPointer?
    /// One bit for each chunk that nobody holds.
    var free: UInt16
    /// One bit for each free chunk whose bytes were never initialised.
    var fresh: UInt16
    /// Neighbours in the list of arenas with a free chunk, or the next vacant entry.
    var previous: UInt32
    var next: UInt32
  }

  private static var none: UInt32 { UInt32.max }
  private static var entryBytes: Int { unsafe MemoryLayout<Arena>.stride }

  private var arenas: UnsafeMutablePointer<Arena>?
  private var directoryCapacity = 0
  /// Entries of the directory in use, vacant ones included.
  private var entries = 0
  private var arenaCount = 0
  private var emptyArenas = 0
  /// Arenas with a free chunk; the empty ones are at its end.
  private var openFirst = ChunkPool.none
  private var openLast = ChunkPool.none
  private var vacantFirst = ChunkPool.none
  private let arenaShift: UInt32

  /// Chunks held by somebody.
  public private(set) var inUse = 0
  /// Chunks that can be had without asking the budget.
  public private(set) var freeChunks = 0

  /// An empty pool that takes memory `chunksPerArena` chunks at a time: a power of two
  /// up to 16. A small stack takes 1, to be charged exactly.
  public init(chunksPerArena: Int = 16) {
    precondition(
      chunksPerArena > 0 && chunksPerArena <= 16 && chunksPerArena & (chunksPerArena - 1) == 0,
      "an arena holds 1, 2, 4, 8 or 16 chunks")
    arenaShift = UInt32(truncatingIfNeeded: chunksPerArena.trailingZeroBitCount)
  }

  deinit {
    guard let arenas = unsafe arenas else { return }
    for i in 0..<entries {
      unsafe arenas[i].base?.deallocate()
    }
    unsafe arenas.deallocate()
  }

  private var arenaBytes: Int { ChunkPool.chunkSize << Int(arenaShift) }
  private var allFree: UInt16 { UInt16(truncatingIfNeeded: (UInt32(1) << (1 << arenaShift)) &- 1) }

  /// The bytes charged to the budget: arenas and the directory that lists them.
  public var heldBytes: Int { arenaCount * arenaBytes + directoryBytes }

  /// The directory's part of it.
  package var directoryBytes: Int { directoryCapacity * ChunkPool.entryBytes }

  // MARK: Taking and giving chunks

  /// A chunk of undefined but initialised bytes; 0 when the budget refused.
  package mutating func allocate(_ budget: inout MemoryBudget) -> UInt32 {
    if freeChunks == 0 && !addArena(&budget) { return 0 }
    guard let arenas = unsafe arenas else { return 0 }
    let index = openFirst
    let arena = unsafe arenas + Int(truncatingIfNeeded: index)
    let bit = unsafe UInt32(truncatingIfNeeded: arena.pointee.free.trailingZeroBitCount)
    let mask = UInt16(1) << UInt16(truncatingIfNeeded: bit)
    if unsafe arena.pointee.free == allFree { emptyArenas &-= 1 }
    unsafe arena.pointee.free &= ~mask
    if unsafe arena.pointee.free == 0 { removeFromOpen(index) }
    inUse &+= 1
    freeChunks &-= 1
    let chunk = (index << arenaShift) &+ bit &+ 1
    if unsafe arena.pointee.fresh & mask != 0 {
      unsafe arena.pointee.fresh &= ~mask
      zero(chunk)
    }
    return chunk
  }

  /// Gives back a chunk that `allocate` gave out. Traps on one that is free already.
  package mutating func release(_ chunk: UInt32, _ budget: inout MemoryBudget) {
    let index = (chunk &- 1) >> arenaShift
    precondition(chunk != 0 && Int(truncatingIfNeeded: index) < entries, "no such chunk")
    guard let arenas = unsafe arenas else { return }
    let arena = unsafe arenas + Int(truncatingIfNeeded: index)
    let bit = (chunk &- 1) & ((1 << arenaShift) &- 1)
    let mask = UInt16(1) << UInt16(truncatingIfNeeded: bit)
    precondition(unsafe arena.pointee.base != nil && arena.pointee.free & mask == 0, "released twice")
    let wasFull = unsafe arena.pointee.free == 0
    unsafe arena.pointee.free |= mask
    inUse &-= 1
    freeChunks &+= 1
    if wasFull { pushOpenFirst(index) }
    guard unsafe arena.pointee.free == allFree else { return }
    emptyArenas &+= 1
    if emptyArenas > spareArenas(budget) {
      dropArena(index, &budget)
    } else {
      removeFromOpen(index)
      pushOpenLast(index)
    }
  }

  /// How many empty arenas are kept for the next burst: a queue that fills and drains with every batch
  /// must not take and give memory each time. At most 1/16 of the budget, and 1 MiB.
  private func spareArenas(_ budget: MemoryBudget) -> Int {
    max(1, min((1 << 20) / arenaBytes, (budget.limit >> 4) / arenaBytes))
  }

  /// Makes sure that the next `n` calls of `allocate` succeed. False: the budget refused,
  /// and what this call took has been given back.
  package mutating func reserve(_ n: Int, _ budget: inout MemoryBudget) -> Bool {
    while freeChunks < n {
      guard addArena(&budget) else {
        dropEmptyArenas(keeping: 1, &budget)
        return false
      }
    }
    return true
  }

  /// Gives back the spare arena too, and everything when no chunk is in use.
  package mutating func trim(_ budget: inout MemoryBudget) {
    dropEmptyArenas(keeping: 0, &budget)
    guard arenaCount == 0, let arenas = unsafe arenas else { return }
    unsafe arenas.deallocate()
    unsafe self.arenas = nil
    budget.give(directoryCapacity * ChunkPool.entryBytes)
    directoryCapacity = 0
    entries = 0
    vacantFirst = ChunkPool.none
  }

  /// A pool with the same chunks under the same numbers. Only chunks in use are copied.
  package borrowing func copy() -> ChunkPool {
    var copy = ChunkPool(chunksPerArena: 1 << Int(arenaShift))
    guard let arenas = unsafe arenas else { return copy }
    let target = UnsafeMutablePointer<Arena>.allocate(capacity: directoryCapacity)
    for i in 0..<entries {
      unsafe (target + i).initialize(to: arenas[i])
      guard let base = unsafe arenas[i].base else { continue }
      let copied = UnsafeMutableRawPointer.allocate(byteCount: arenaBytes, alignment: 16)
      unsafe target[i].base = copied
      unsafe target[i].fresh = arenas[i].free
      var used = unsafe ~arenas[i].free & allFree
      while used != 0 {
        let first = used.trailingZeroBitCount
        let run = (~(used >> UInt16(truncatingIfNeeded: first))).trailingZeroBitCount
        let offset = first * ChunkPool.chunkSize
        unsafe (copied + offset).copyMemory(from: base + offset, byteCount: run * ChunkPool.chunkSize)
        used &= ~UInt16(truncatingIfNeeded: ((UInt32(1) << UInt32(run)) &- 1) << UInt32(first))
      }
    }
    unsafe copy.arenas = target
    copy.directoryCapacity = directoryCapacity
    copy.entries = entries
    copy.arenaCount = arenaCount
    copy.emptyArenas = emptyArenas
    copy.openFirst = openFirst
    copy.openLast = openLast
    copy.vacantFirst = vacantFirst
    copy.inUse = inUse
    copy.freeChunks = freeChunks
    return copy
  }

  // MARK: The bytes of a chunk

  /// The one place where a number becomes a pointer: to `chunkSize` initialised bytes.
  @inline(__always)
  private func address(of chunk: UInt32) -> UnsafeMutableRawPointer {
    let index = (chunk &- 1) >> arenaShift
    precondition(chunk != 0 && Int(truncatingIfNeeded: index) < entries, "no such chunk")
    let slot = (chunk &- 1) & ((1 << arenaShift) &- 1)
    guard let arenas = unsafe arenas, let base = unsafe arenas[Int(truncatingIfNeeded: index)].base
    else { preconditionFailure("the chunk's arena is gone") }
    assert(unsafe arenas[Int(truncatingIfNeeded: index)].free >> UInt16(slot) & 1 == 0, "a free chunk")
    return unsafe base + Int(truncatingIfNeeded: slot) * ChunkPool.chunkSize
  }

  /// The whole chunk, to read.
  @_lifetime(borrow self)
  package func bytes(of chunk: UInt32) -> RawSpan {
    let buffer = unsafe UnsafeRawBufferPointer(start: address(of: chunk), count: ChunkPool.chunkSize)
    return unsafe _overrideLifetime(RawSpan(_unsafeBytes: buffer), borrowing: self)
  }

  /// Copies `source` into the chunk at `offset`.
  package mutating func store(_ source: RawSpan, in chunk: UInt32, at offset: Int) {
    let n = source.byteCount
    precondition(offset >= 0 && n <= ChunkPool.chunkSize && offset <= ChunkPool.chunkSize &- n)
    let target = unsafe address(of: chunk) + offset
    unsafe source.withUnsafeBytes { bytes in
      guard let from = bytes.baseAddress else { return }
      unsafe target.copyMemory(from: from, byteCount: n)
    }
  }

  /// Copies `n` bytes of the chunk from `offset` on to `out` at `o`.
  package func load(
    from chunk: UInt32, at offset: Int, count n: Int, into out: inout MutableRawSpan, at o: Int
  ) {
    precondition(n >= 0 && offset >= 0 && n <= ChunkPool.chunkSize && offset <= ChunkPool.chunkSize &- n)
    precondition(o >= 0 && n <= out.byteCount && o <= out.byteCount &- n)
    guard n > 0 else { return }
    let source = unsafe address(of: chunk) + offset
    unsafe out.withUnsafeMutableBytes { bytes in
      guard let to = bytes.baseAddress else { return }
      unsafe (to + o).copyMemory(from: source, byteCount: n)
    }
  }

  /// Moves `n` bytes inside the chunk; the two places may overlap.
  package mutating func move(in chunk: UInt32, from: Int, to: Int, count n: Int) {
    precondition(n >= 0 && n <= ChunkPool.chunkSize && from >= 0 && to >= 0)
    precondition(max(from, to) <= ChunkPool.chunkSize &- n)
    let base = unsafe address(of: chunk)
    unsafe (base + to).copyMemory(from: base + from, byteCount: n)
  }

  /// Fills the chunk with zeroes.
  package mutating func zero(_ chunk: UInt32) {
    unsafe address(of: chunk).initializeMemory(as: UInt8.self, repeating: 0, count: ChunkPool.chunkSize)
  }

  /// The `i`th of the 1,024 words that fill the chunk.
  package func word(_ i: Int, of chunk: UInt32) -> UInt32 {
    precondition(i >= 0 && i < ChunkPool.chunkSize / 4)
    return unsafe address(of: chunk).load(fromByteOffset: i &* 4, as: UInt32.self)
  }

  /// Sets the `i`th of the 1,024 words that fill the chunk.
  package mutating func setWord(_ i: Int, of chunk: UInt32, to value: UInt32) {
    precondition(i >= 0 && i < ChunkPool.chunkSize / 4)
    unsafe address(of: chunk).storeBytes(of: value, toByteOffset: i &* 4, as: UInt32.self)
  }

  /// The `i`th of the elements that fill the chunk.
  @inline(__always)
  package func element<Element: BitwiseCopyable>(_ i: Int, of chunk: UInt32) -> Element {
    let stride = MemoryLayout<Element>.stride
    precondition(i >= 0 && i < ChunkPool.chunkSize / stride)
    return unsafe address(of: chunk).load(fromByteOffset: i &* stride, as: Element.self)
  }

  /// Sets the `i`th of the elements that fill the chunk.
  @inline(__always)
  package mutating func setElement<Element: BitwiseCopyable>(_ i: Int, of chunk: UInt32, to value: Element) {
    let stride = MemoryLayout<Element>.stride
    precondition(i >= 0 && i < ChunkPool.chunkSize / stride)
    unsafe address(of: chunk).storeBytes(of: value, toByteOffset: i &* stride, as: Element.self)
  }

  // MARK: Arenas

  private mutating func addArena(_ budget: inout MemoryBudget) -> Bool {
    guard vacantFirst != ChunkPool.none || entries < directoryCapacity || growDirectory(&budget)
    else { return false }
    guard budget.take(arenaBytes), let arenas = unsafe arenas else { return false }
    let index: UInt32
    if vacantFirst != ChunkPool.none {
      index = vacantFirst
      vacantFirst = unsafe arenas[Int(truncatingIfNeeded: index)].next
    } else {
      index = UInt32(truncatingIfNeeded: entries)
      entries &+= 1
    }
    let base = UnsafeMutableRawPointer.allocate(byteCount: arenaBytes, alignment: 16)
    unsafe (arenas + Int(truncatingIfNeeded: index)).initialize(
      to: Arena(
        base: base, free: allFree, fresh: allFree, previous: ChunkPool.none, next: ChunkPool.none))
    arenaCount &+= 1
    emptyArenas &+= 1
    freeChunks &+= 1 << Int(arenaShift)
    pushOpenLast(index)
    return true
  }

  private mutating func growDirectory(_ budget: inout MemoryBudget) -> Bool {
    let capacity = max(4, directoryCapacity * 2)
    // Chunk numbers are 32 bits; the directory stops well before they run out.
    guard capacity <= 1 << 27, budget.take((capacity - directoryCapacity) * ChunkPool.entryBytes) else {
      return false
    }
    let larger = UnsafeMutablePointer<Arena>.allocate(capacity: capacity)
    if let arenas = unsafe arenas {
      unsafe larger.moveInitialize(from: arenas, count: entries)
      unsafe arenas.deallocate()
    }
    unsafe arenas = larger
    directoryCapacity = capacity
    return true
  }

  private mutating func dropEmptyArenas(keeping kept: Int, _ budget: inout MemoryBudget) {
    while emptyArenas > kept && openLast != ChunkPool.none {
      dropArena(openLast, &budget)
    }
  }

  /// Frees an arena no chunk of which is in use.
  private mutating func dropArena(_ index: UInt32, _ budget: inout MemoryBudget) {
    guard let arenas = unsafe arenas else { return }
    removeFromOpen(index)
    let arena = unsafe arenas + Int(truncatingIfNeeded: index)
    precondition(unsafe arena.pointee.free == allFree, "an arena in use")
    unsafe arena.pointee.base?.deallocate()
    unsafe arena.pointee.base = nil
    unsafe arena.pointee.next = vacantFirst
    vacantFirst = index
    arenaCount &-= 1
    emptyArenas &-= 1
    freeChunks &-= 1 << Int(arenaShift)
    budget.give(arenaBytes)
  }

  // MARK: The list of arenas with a free chunk

  private mutating func pushOpenFirst(_ index: UInt32) {
    guard let arenas = unsafe arenas else { return }
    let i = Int(truncatingIfNeeded: index)
    unsafe arenas[i].previous = ChunkPool.none
    unsafe arenas[i].next = openFirst
    if openFirst == ChunkPool.none {
      openLast = index
    } else {
      unsafe arenas[Int(truncatingIfNeeded: openFirst)].previous = index
    }
    openFirst = index
  }

  private mutating func pushOpenLast(_ index: UInt32) {
    guard let arenas = unsafe arenas else { return }
    let i = Int(truncatingIfNeeded: index)
    unsafe arenas[i].previous = openLast
    unsafe arenas[i].next = ChunkPool.none
    if openLast == ChunkPool.none {
      openFirst = index
    } else {
      unsafe arenas[Int(truncatingIfNeeded: openLast)].next = index
    }
    openLast = index
  }

  private mutating func removeFromOpen(_ index: UInt32) {
    guard let arenas = unsafe arenas else { return }
    let i = Int(truncatingIfNeeded: index)
    let (previous, next) = unsafe (arenas[i].previous, arenas[i].next)
    if previous == ChunkPool.none {
      openFirst = next
    } else {
      unsafe arenas[Int(truncatingIfNeeded: previous)].next = next
    }
    if next == ChunkPool.none {
      openLast = previous
    } else {
      unsafe arenas[Int(truncatingIfNeeded: next)].previous = previous
    }
  }
}
