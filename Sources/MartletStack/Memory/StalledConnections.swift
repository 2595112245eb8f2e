import MartletTCP

/// A connection whose queues do not move.
private struct Stalled: BitwiseCopyable {
  /// Milliseconds, and above them whether the peer's window is shut.
  var rank: UInt64 = 0
  var index: UInt32 = 0
}

extension NetworkStack {
  /// Resets those that have held memory for longest without moving any of it: first of those whose peer keeps
  /// its window shut (RFC 6429; robustness rule E5), then of the others. Until an eighth of the budget is
  /// free, and a few at most; whoever moved within the last second is spared.
  mutating func evictStalled() {
    // A walk over all connections: however often memory is refused, it takes a small part of the time.
    guard shortage.nextEviction <= clock else { return }
    shortage.nextEviction = clock.advanced(by: .microseconds(max(1_000, Int64(connections.live))))
    let worst = longestStalled()
    for place in 0..<worst.count {
      guard freeMemory < around.budget.limit / 8, worst[place].rank > 0 else { return }
      counts.tcpAbortOnMemory &+= 1
      endConnection(worst[place].index, because: .evicted)
    }
  }

  /// What the budget leaves, and chunks that nobody uses.
  private var freeMemory: Int {
    around.budget.available &+ around.pool.freeChunks &* ChunkPool.chunkSize
  }

  /// The worst first.
  private mutating func longestStalled() -> InlineArray<16, Stalled> {
    var worst = InlineArray<16, Stalled>(repeating: Stalled())
    let now = Tick(clock)
    var next = connections.nextLive(from: 0)
    while let i = next {
      next = connections.nextLive(from: i &+ 1)
      let rank = stall(of: i, now)
      guard rank > worst[15].rank else { continue }
      var place = 15
      while place > 0, worst[place &- 1].rank < rank {
        worst[place] = worst[place &- 1]
        place &-= 1
      }
      worst[place] = Stalled(rank: rank, index: i)
    }
    return worst
  }

  /// 0: it holds nothing, or has moved lately.
  private mutating func stall(of i: UInt32, _ now: Tick) -> UInt64 {
    let j = connections[i].cold
    guard j != IndexList.none, connections[i].marks.contains(.onWire) else { return 0 }
    let stall = connections[i].tcb.stall(cold[j].sendsNothing, cold[j].readsSince, now)
    guard stall.milliseconds >= 1_000 else { return 0 }
    return UInt64(stall.milliseconds) | (stall.isShut ? 1 << 32 : 0)
  }
}
