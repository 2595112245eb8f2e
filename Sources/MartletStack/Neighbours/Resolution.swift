import MartletTCP
import MartletWire

// The life of an entry (RFC 4861 §7.3.2), for IPv4 as for IPv6:
//
//             looked for                     answer                    time passes
//    (none) ─────────────▶ INCOMPLETE ─────────────────▶ REACHABLE ────────────────▶ STALE ◀── somebody's word
//                              │ three requests             ▲   ▲                      │
//                              ▼                            │   │ TCP moves            │ a packet for it
//                      error to the caller                  │   └──────── DELAY ◀──────┘
//                                                 answer    │               │ five seconds
//                                                           └─── PROBE ◀────┘
//                                                                  │ three requests
//                                                                  ▼ (none)

extension NetworkStack {
  /// Begins to look for a neighbour. Nil: there are limits.
  mutating func lookFor(_ address: IPAddress, on interface: InterfaceID, for wish: SearchWish) -> UInt32? {
    guard address.isUnicastDestination, interfaces[interface.index].searches.take(for: wish, at: clock),
      makeRoomToSearch(for: wish)
    else { return nil }
    var neighbour = Neighbour(address, on: interface, .incomplete, at: clock)
    neighbour.wish = wish
    guard let n = neighbours.insert(neighbour, &around.budget) else { return nil }
    solicitNeighbour(n)
    return n
  }

  /// What a host on the link said of itself, without being asked: good enough to answer it.
  mutating func enter(_ address: IPAddress, _ hardware: MACAddress, on interface: InterfaceID) {
    guard makeRoomToEnter() else { return counts.drop(.neighbourLimited) }
    var neighbour = Neighbour(address, on: interface, .stale, at: clock)
    neighbour.hardware = hardware
    if neighbours.insert(neighbour, &around.budget) == nil { counts.drop(.neighbourLimited) }
  }

  /// Somebody said what hardware address a neighbour has (RFC 4861 §7.2.3, §7.2.5; RFC 826).
  ///
  /// - Parameters:
  ///   - solicited: it says that it answers us; that counts only if we have asked.
  ///   - override: what was known before is wrong, it says.
  mutating func learn(_ n: UInt32, _ offered: MACAddress?, solicited: Bool, override: Bool) {
    let known = neighbours[n]
    let isAnswer = solicited && known.isAsked
    if known.state == .incomplete {
      guard let offered else { return }
      neighbours.setHardware(offered, of: n)
      if isAnswer { confirm(n) } else { neighbours.become(.stale, n, until: clock) }
      neighbours.release(n)
      return
    }
    let differs = offered != nil && offered != known.hardware
    if let offered, differs {
      if !override {
        if known.state == .reachable { neighbours.become(.stale, n, until: clock) }
        return
      }
      if known.isProven, clock.since(known.confirmed) < NeighbourTiming.steadfastness {
        if known.state == .reachable || known.state == .stale { doubtSoon(n) }
        return counts.drop(.neighbourSteadfast)
      }
      neighbours.setHardware(offered, of: n)
      counts.neighbourMoves &+= 1
    }
    if isAnswer {
      confirm(n)
    } else if differs {
      neighbours.become(.stale, n, until: clock)
    }
  }

  /// Something showed that it hears us (RFC 4861 §7.3.1).
  mutating func confirm(_ n: UInt32) {
    let draw = secrets.drawNeighbour() >> 32
    let milliseconds = NeighbourTiming.reachable / 2 &+ (draw &* NeighbourTiming.reachable) >> 32
    let until = clock.advanced(by: .milliseconds(Int64(truncatingIfNeeded: milliseconds)))
    neighbours.confirm(n, at: clock, until: until)
  }

  /// A connection has gone forward: the neighbour that it goes through hears us.
  @inline(never)
  mutating func confirmNeighbour(of i: UInt32) {
    let interface = InterfaceID(rawValue: connections[i].interface)
    let remote = connections.flow(of: i, keys6).remote
    guard isPresent(interface), let hop = routing.nextHop(to: remote, on: interface),
      let n = neighbours.find(hop, on: interface), neighbours[n].state != .incomplete
    else { return }
    confirm(n)
  }

  /// A packet goes to somebody of whom nothing was heard for a while.
  mutating func doubt(_ n: UInt32) {
    let deadline = clock.advanced(by: NeighbourTiming.firstProbeDelay)
    neighbours.become(.delay, n, until: deadline)
    wakeNeighbours(at: deadline)
  }

  /// Of two that answer at once the first is believed; but it is asked again as soon as the second could have been:
  /// what a host that has just moved says of itself it may never repeat.
  private mutating func doubtSoon(_ n: UInt32) {
    let deadline = neighbours[n].confirmed.advanced(by: NeighbourTiming.steadfastness)
    neighbours.become(.delay, n, until: deadline)
    wakeNeighbours(at: deadline)
  }

  // MARK: Timers

  mutating func neighbourTimerFires(_ n: UInt32) {
    switch neighbours[n].state {
    case .delay:
      neighbours.become(.probe, n, until: clock)
      neighbours.restartTries(of: n)
      solicitNeighbour(n)
    case .probe where neighbours[n].tries >= NeighbourTiming.unicastSolicitations:
      counts.neighbourLosses &+= 1
      let lost = neighbours[n]
      removeNeighbour(n)
      routerIsSilent(lost.address, on: lost.interface)
    case .incomplete where neighbours[n].tries >= NeighbourTiming.multicastSolicitations:
      failNeighbour(n)
    case .incomplete, .probe: solicitNeighbour(n)
    case .reachable, .stale: break
    }
  }

  private mutating func solicitNeighbour(_ n: UInt32) {
    let deadline = clock.advanced(by: NeighbourTiming.retransmission)
    neighbours.countTry(of: n, until: deadline)
    wakeNeighbours(at: deadline)
    let known = neighbours[n]
    solicit(known.address, known.state == .probe ? known.hardware : nil, on: known.interface)
  }

  /// RFC 4861 §7.2.2: nobody answered. Whoever sent what waited is told as a router would tell it.
  private mutating func failNeighbour(_ n: UInt32) {
    counts.neighbourFailures &+= 1
    let address = neighbours[n].address
    let interface = neighbours[n].interface
    let w = neighbours[n].waiting
    if w != IndexList.none {
      while !neighbours.waiting[w].isEmpty {
        let count = min(neighbours.waiting[w].firstCount, 100)
        var start = ScratchBytes<100>()
        start.fill { neighbours.waiting[w].copyFirst(count, into: &$0, at: 0, around.pool) }
        let isLast = neighbours.waiting[w].count == 1
        neighbours.removeFirstWaiting(of: n, &around.pool, &around.budget)
        neighbourUnreachable(start.bytes.extracting(0..<Int(count)), on: interface)
        if isLast { break }
      }
    }
    removeNeighbour(n)
    routerIsSilent(address, on: interface)
  }

  mutating func removeNeighbour(_ n: UInt32) {
    neighbours.remove(n, &around.pool, &around.budget)
  }

  mutating func removeNeighbours(on interface: InterfaceID) {
    var next = neighbours.records.nextLive(from: 0)
    while let n = next {
      if neighbours[n].interface == interface { removeNeighbour(n) }
      next = neighbours.records.nextLive(from: n &+ 1)
    }
  }

  // MARK: Limits

  /// Makes a place for a neighbour that is to be looked for, at somebody's cost if need be. False: nobody is worth
  /// less.
  ///
  /// First go those that are looked for on no better grounds, then those that were only heard of, then those that were
  /// not asked for the longest.
  private mutating func makeRoomToSearch(for wish: SearchWish) -> Bool {
    if neighbours.incomplete >= Int(configuration.incompleteNeighbourLimit) {
      guard let n = neighbours.oldest(where: { $0.isLookedFor(atMost: wish) }) else {
        return false
      }
      evict(n)
    }
    guard neighbours.live >= Int(configuration.neighbourLimit) else { return true }
    let victim =
      neighbours.oldest { $0.isLookedFor(atMost: wish) } ?? neighbours.oldestStranger
      ?? neighbours.oldest { $0.state != .incomplete && !$0.isProven && !$0.isReleased }
      ?? neighbours.oldest { $0.state == .stale }
      ?? neighbours.oldest { $0.state != .incomplete && !$0.isReleased }
    guard let victim else { return false }
    evict(victim)
    return true
  }

  /// Likewise for one who introduces himself. He takes the place of others of his kind first, so that a flood of
  /// them ends nothing else, and never that of one whom we want ourselves.
  private mutating func makeRoomToEnter() -> Bool {
    guard neighbours.live >= Int(configuration.neighbourLimit) else { return true }
    let victim =
      neighbours.oldestStranger ?? neighbours.oldest { $0.state == .incomplete && $0.wish == .answer }
      ?? neighbours.oldest { $0.state == .stale && !$0.isReleased }
    guard let victim else { return false }
    evict(victim)
    return true
  }

  private mutating func evict(_ n: UInt32) {
    counts.neighboursEvicted &+= 1
    removeNeighbour(n)
  }
}
