import MartletTCP

// Who goes when memory is refused (robustness rule E5). It is not enough to ask who has moved lately: one octet a
// second would keep a buffer for ever. What is held is set against what is moved, by octets.

/// A connection, and how hard it weighs: milliseconds of `Burden`, and above them whether the peer's window is
/// shut.
private struct Heavy: BitwiseCopyable {
  var weight: UInt64 = 0
  var index: UInt32 = 0
}

/// The heaviest that one walk has found, the first of them first.
private typealias Heaviest = InlineArray<64, Heavy>

extension NetworkStack {
  /// Whoever moves as much as it holds in so many milliseconds is never evicted: to keep others out like this
  /// costs the whole budget each time.
  private static var fair: UInt64 { 2_000 }

  /// Resets those that hold most for the least that they move: first of those whose peer keeps its window shut
  /// (RFC 6429), then of the others. Until an eighth of the budget is free, and so many at a time.
  mutating func evictHeaviest() {
    // A walk over all connections: however often memory is refused, it takes a small part of the time.
    guard shortage.nextEviction <= clock else { return }
    shortage.nextEviction = clock.advanced(by: pause(atLeast: 1_000))
    let heaviest = weighAll()
    for place in 0..<heaviest.count {
      guard freeMemory < around.budget.limit / 8, heaviest[place].weight > 0 else { return }
      counts.tcpAbortOnMemory &+= 1
      endConnection(heaviest[place].index, because: .evicted)
    }
  }

  /// Memory is short, and will soon be refused: from now on it is known who moves how much.
  mutating func weighInAdvance() {
    guard shortage.nextWeighing <= clock else { return }
    shortage.nextWeighing = clock.advanced(by: pause(atLeast: 1_000_000))
    _ = weighAll()
  }

  /// Microseconds between two walks.
  private func pause(atLeast least: Int64) -> TimeAmount {
    .microseconds(max(least, 4 &* Int64(connections.live)))
  }

  /// What the budget leaves, and chunks that nobody uses.
  private var freeMemory: Int {
    around.budget.available &+ around.pool.freeChunks &* ChunkPool.chunkSize
  }

  /// Walks over all connections that shortage of memory has caused so far.
  package var weighings: UInt64 { shortage.walks }

  private mutating func weighAll() -> Heaviest {
    shortage.walks &+= 1
    var heaviest = Heaviest(repeating: Heavy())
    let now = Tick(clock)
    var next = connections.nextLive(from: 0)
    while let i = next {
      next = connections.nextLive(from: i &+ 1)
      let weight = weight(of: i, now)
      guard weight > heaviest[63].weight else { continue }
      var place = 63
      while place > 0, heaviest[place &- 1].weight < weight {
        heaviest[place] = heaviest[place &- 1]
        place &-= 1
      }
      heaviest[place] = Heavy(weight: weight, index: i)
    }
    return heaviest
  }

  /// 0: it holds nothing, or moves it.
  private mutating func weight(of i: UInt32, _ now: Tick) -> UInt64 {
    let j = connections[i].cold
    guard j != IndexList.none, connections[i].marks.contains(.onWire) else { return 0 }
    let record = Footprint.connection4 &+ Footprint.coldBlock
    let burden = connections[i].tcb.burden(&cold[j], record: record, now)
    guard burden.time > Self.fair else { return 0 }
    return min(burden.time, 1 << 62) | (burden.isShut ? 1 << 63 : 0)
  }
}
