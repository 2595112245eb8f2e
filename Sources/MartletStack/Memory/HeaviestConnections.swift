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

/// Who is weighed, and from when on somebody is to go.
private struct Scales {
  /// Nil: nobody is weighed by what he holds.
  var watch: Watch?
  /// Who would move as much as it holds in so many milliseconds stays.
  var fair: UInt64
  /// Nil: of any.
  var listener: UInt32?
  /// Whoever waits for a peer's FIN, and belongs to no application any more, goes before all others.
  var countsAbandoned = false

  /// To keep others out while memory is short costs the whole budget each time.
  static var memory: Scales { Scales(watch: .brief, fair: 2_000) }

  /// Memory is not what is short.
  static var places: Scales { Scales(watch: .long, fair: 30_000) }

  func forPlaces(of listener: UInt32) -> Scales {
    Scales(watch: watch, fair: fair, listener: listener, countsAbandoned: true)
  }

  static var abandoned: Scales { Scales(watch: nil, fair: 0, countsAbandoned: true) }
}

extension NetworkStack {
  /// Resets those that hold most for the least that they move: first of those whose peer keeps its window shut
  /// (RFC 6429), then of the others. Until an eighth of the budget is free, and so many at a time; one at least: what was
  /// refused may be larger than that, such as a page of a small stack.
  mutating func evictHeaviest() {
    // A walk over all connections: however often memory is refused, it takes a small part of the time.
    guard shortage.nextEviction <= clock else { return }
    shortage.nextEviction = clock.advanced(by: pause(atLeast: 1_000))
    let heaviest = weighAll(by: .memory)
    for place in 0..<heaviest.count {
      guard place == 0 || freeMemory < around.budget.limit / 8, heaviest[place].weight > 0 else { return }
      counts.tcpAbortOnMemory &+= 1
      endConnection(heaviest[place].index, because: .evicted)
    }
  }

  /// Memory is short, and will soon be refused: from now on it is known who moves how much.
  mutating func weighInAdvance() {
    guard shortage.nextWeighing <= clock else { return }
    shortage.nextWeighing = clock.advanced(by: pause(atLeast: 1_000_000))
    _ = weighAll(by: .memory)
  }

  /// Somebody wants to be one connection more, and there is no place for him, or hardly any, at his listener or in the
  /// whole stack.
  mutating func makePlaces(of l: UInt32) {
    makeStackPlaces()
    makeListenerPlaces(of: l)
  }

  /// Of the whole stack only these go: a place that an application has is free when it lets go of it, and no sooner.
  private mutating func makeStackPlaces() {
    let limit = configuration.connectionLimit
    guard UInt32(truncatingIfNeeded: connections.live) >= limit, shortage.nextPlaces <= clock else { return }
    let heaviest = weighAll(by: .abandoned)
    for place in 0..<min(heaviest.count, max(1, Int(limit / 16))) where heaviest[place].weight > 0 {
      endAbandoned(heaviest[place].index)
    }
    shortage.nextPlaces = clock.advanced(by: pauseForPlaces(afterVain: heaviest[0].weight == 0))
  }

  /// The listener's connections are weighed, so that it is known who moves how much. When all its places are taken, the
  /// heaviest of them go, until a sixteenth is free; before them those that only wait for a FIN, for nobody.
  private mutating func makeListenerPlaces(of l: UInt32) {
    let limit = listeners[l].options.connectionLimit
    guard limit > 0, listeners[l].connections >= limit &- limit / 8, listeners[l].nextPlaces <= clock else {
      return
    }
    // Where buffers do not grow any more nobody holds much, however slowly he takes it: the measure is memory's.
    let mayGrow = around.budget.pressure == .none
    let heaviest = weighAll(by: (mayGrow ? Scales.places : .memory).forPlaces(of: l))
    let isFull = listeners[l].connections >= limit
    let isVain = isFull && heaviest[0].weight == 0
    listeners[l].nextPlaces = clock.advanced(by: pauseForPlaces(afterVain: isVain))
    guard isFull else { return }
    for place in 0..<heaviest.count {
      guard listeners[l].connections > limit &- max(1, limit / 16), heaviest[place].weight > 0 else { return }
      let i = heaviest[place].index
      if isAbandoned(i) {
        endAbandoned(i)
      } else {
        counts.slowConnectionsEnded &+= 1
        endConnection(i, because: .evicted)
      }
    }
  }

  /// Each listener has its own, or SYNs to one that is full would put off room at another. Whoever is to go must have
  /// been slow for seconds: where there was nobody, a quarter of a second changes little.
  private func pauseForPlaces(afterVain isVain: Bool) -> TimeAmount {
    pause(atLeast: isVain ? 250_000 : 1_000)
  }

  /// Closed by its application, its FIN acknowledged, the peer's not there: FIN-WAIT-2 of an orphan.
  private func isAbandoned(_ i: UInt32) -> Bool {
    connections[i].tcb.state == .finWait2 && connections[i].tcb.mode.contains(.orphan)
      && connections[i].marks.contains(.onWire)
  }

  /// As if its time in FIN-WAIT-2 were over: a reset could take from the peer what he has not read yet.
  private mutating func endAbandoned(_ i: UInt32) {
    guard let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let reaction = connections[i].tcb.endingIsOver(&cold[j], &around, clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  /// Microseconds between two walks.
  private func pause(atLeast least: Int64) -> TimeAmount {
    .microseconds(max(least, 4 &* Int64(connections.live)))
  }

  /// What the budget leaves, and chunks that nobody uses.
  private var freeMemory: Int {
    around.budget.available &+ around.pool.freeChunks &* ChunkPool.chunkSize
  }

  /// Walks over all connections that shortage has caused so far.
  package var weighings: UInt64 { shortage.walks }

  private mutating func weighAll(by scales: Scales) -> Heaviest {
    shortage.walks &+= 1
    var heaviest = Heaviest(repeating: Heavy())
    let now = Tick(clock)
    var next = connections.nextLive(from: 0)
    while let i = next {
      next = connections.nextLive(from: i &+ 1)
      let weight = weight(of: i, scales, now)
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
  private mutating func weight(of i: UInt32, _ scales: Scales, _ now: Tick) -> UInt64 {
    if let listener = scales.listener, connections[i].origin.listener != listener { return 0 }
    if scales.countsAbandoned, isAbandoned(i) {
      return 3 << 62 | UInt64(max(0, now.milliseconds(since: connections[i].tcb.timers.lastArrival)))
    }
    let j = connections[i].cold
    guard let watch = scales.watch, j != IndexList.none, connections[i].marks.contains(.onWire) else {
      return 0
    }
    let record = Footprint.connection4 &+ Footprint.coldBlock
    let burden = connections[i].tcb.burden(&cold[j], record: record, watch, now)
    guard burden.time > scales.fair else { return 0 }
    return min(burden.time, 1 << 62) | (burden.isShut ? 1 << 63 : 0)
  }
}
