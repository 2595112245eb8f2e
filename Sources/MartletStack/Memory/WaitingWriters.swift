import MartletTCP

/// Connections whose writer the budget refused, the first of them first. Those that have text in flight are
/// woken by its acknowledgment; this is for the others, whom nothing would ever wake.
struct WaitingWriters: BitwiseCopyable {
  private var ring: InlineArray<32, UInt32> = InlineArray(repeating: 0)
  private var first = 0
  private(set) var count = 0
  /// Some did not fit: when the ring is empty, all connections are asked.
  private(set) var isOverflown = false
  /// Octets that were in use when the last of them was refused.
  private var refusedAt = 0

  var isEmpty: Bool { count == 0 && !isOverflown }

  mutating func refused(_ i: UInt32, inUse: Int) {
    refusedAt = inUse
    append(i)
  }

  mutating func append(_ i: UInt32) {
    guard count < 32 else {
      isOverflown = true
      return
    }
    ring[(first &+ count) & 31] = i
    count &+= 1
  }

  /// Less is in use than when a writer was refused: another try may succeed, and will not be one of a row
  /// without end.
  func mayTry(inUse: Int) -> Bool { inUse < refusedAt }

  mutating func popFirst() -> UInt32? {
    guard count > 0 else { return nil }
    let i = ring[first]
    first = (first &+ 1) & 31
    count &-= 1
    return i
  }

  mutating func clearOverflow() { isOverflown = false }
}

extension NetworkStack {
  /// Octets in use; free chunks are not.
  var octetsInUse: Int {
    around.budget.held &- around.pool.freeChunks &* ChunkPool.chunkSize
  }

  /// `send` has refused for want of memory. A page that only the try has taken goes back first: it would look like
  /// memory that comes back, and the next try would take it again, without end.
  mutating func writerWaits(_ i: UInt32) {
    giveBackSpares()
    shortage.waitingWriters.refused(i, inUse: octetsInUse)
  }

  /// A writer that nothing else will wake: it has no text on its way whose acknowledgment would.
  func waitsForMemory(_ i: UInt32) -> Bool {
    guard connections[i].tcb.isWriterWaiting else { return false }
    let j = connections[i].cold
    return j == IndexList.none || cold[j].send.isEmpty
  }

  /// Memory has come back: tells the next writer that it may try again. One at a time, so that each is
  /// woken while there is something for it.
  mutating func wakeWriter() {
    guard shortage.waitingWriters.mayTry(inUse: octetsInUse) else { return }
    if shortage.waitingWriters.count == 0 { gatherWriters() }
    while let i = shortage.waitingWriters.popFirst() {
      guard connections.isLive(i), connections[i].marks.contains(.owned), connections[i].tcb.isWriterWaiting
      else { continue }
      connections[i].tcb.wakeWriter()
      return raise(.writable, of: i)
    }
  }

  private mutating func gatherWriters() {
    shortage.waitingWriters.clearOverflow()
    var next = connections.nextLive(from: 0)
    while let i = next {
      if waitsForMemory(i) { shortage.waitingWriters.append(i) }
      next = connections.nextLive(from: i &+ 1)
    }
  }
}
