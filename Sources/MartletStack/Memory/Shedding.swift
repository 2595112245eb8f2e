import MartletTCP

// What is given up when memory runs short, in this order (Documentation/Memory.md):
//
//   held        given up                                             by
//   1/2         growth: buffers stay as they are, and a queue gets   `MemoryBudget.roomToGrow`, `lets(grow:)`
//               no more than its share of what is left
//   3/4         text behind a hole, before a SACK block names it,    `MemoryBudget.takesOutOfOrder`
//               and datagrams of which a first fragment comes
//   7/8         unfinished datagrams; spare pages; then the oldest   `relieve`, here
//               TIME-WAIT, and half-open that have not answered
//               for a second, or that a cookie stands for
//   15/16       for a new connection, those that hold most for the   `makeRoomForNewcomer`
//               least that they move; where there is none, the new
//               one is dropped, as if it had been lost
//   refused     likewise, for anything                               `evictHeaviest`
//
// What was acknowledged or named in a SACK block is never taken back: a connection goes as a whole, and both
// ends are told.

/// What is remembered from one shortage of memory to the next.
struct Shortage: BitwiseCopyable {
  /// Refusals that were answered by giving something up, and those that the application was told of.
  var refusalsRelieved: UInt64 = 0
  var refusalsReported: UInt64 = 0
  var pressureReported = MemoryPressure.none
  var nextPressureReport = Instant.origin
  /// Before this nobody is looked for who could go, or weighed in advance.
  var nextEviction = Instant.origin
  var nextWeighing = Instant.origin
  /// For those that the whole stack has no place for; `Listener.nextPlaces` is a listener's.
  var nextPlaces = Instant.origin
  /// Walks over all connections to weigh them.
  var walks: UInt64 = 0
  var waitingWriters = WaitingWriters()
  /// Octets that were in use when a socket of datagrams was refused memory; 0: none waits for it.
  var socketsRefusedAt = 0

  func mayTrySockets(inUse: Int) -> Bool { inUse < socketsRefusedAt }
}

extension NetworkStack {
  /// After every packet and call that may have taken memory: nothing, as long as there is plenty.
  @inline(__always)
  mutating func relieveIfShort() {
    if around.budget.held >= around.budget.growthEnd || around.budget.refusals != shortage.refusalsRelieved {
      relieve()
    }
  }

  private mutating func relieve() {
    shareQueues()
    if around.budget.pressure.rawValue >= MemoryPressure.records.rawValue || wasRefused {
      discardOldestFragments()
      giveBackSpares()
      discardOldestRecords()
      weighInAdvance()
    }
    if wasRefused {
      evictHeaviest()
      giveBackSpares()
    }
    shortage.refusalsRelieved = around.budget.refusals
  }

  private var wasRefused: Bool { around.budget.refusals != shortage.refusalsRelieved }

  /// Half of the budget, in equal parts, for the queues that there are.
  private mutating func shareQueues() {
    let queues = max(1, cold.live &- ownColdBlocks)
    let chunks = around.budget.limit / 2 / queues / ChunkPool.chunkSize
    // One of them is the chunk that a queue writes to.
    around.budget.share = max(0, chunks &- 1)
  }

  /// Pages and arenas without anything in them.
  mutating func giveBackSpares() {
    around.pool.trim(&around.budget)
    connections.trim(&around.budget)
    cold.trim(&around.budget)
    keys6.trim(&around.budget)
    replies.trim(&around.budget)
    sources.trim(&around.budget)
    neighbours.trim(&around.budget)
    fragments.trim(&around.budget)
    flows4.trim(&around.budget)
    flows6.trim(&around.budget)
  }

  /// A page's worth at most: each packet pays for no more.
  private mutating func discardOldestRecords() {
    var left = 64
    while left > 0, around.budget.pressure.rawValue >= MemoryPressure.records.rawValue {
      let isLess = evictLingering()
      guard evictSpareEmbryo() || isLess else { return }
      left &-= 1
    }
  }

  /// A connection would be one more to hold memory: those that hold most for the least that they move make room
  /// for it. Where none does, it will be refused, and that counts as a refusal.
  @inline(__always)
  mutating func makeRoomForNewcomer() {
    if around.budget.pressure == .connections { evictForNewcomer() }
  }

  private mutating func evictForNewcomer() {
    evictHeaviest()
    giveBackSpares()
    if around.budget.pressure == .connections { around.budget.refuse() }
  }
}

extension FlowSpace {
  mutating func trim(_ budget: inout MemoryBudget) {
    embryos.trim(&budget)
    lingering.trim(&budget)
  }
}
