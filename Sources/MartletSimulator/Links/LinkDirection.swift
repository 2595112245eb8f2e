import MartletTCP

/// One direction of a link: its conditions, its luck, and what it remembers of earlier packets.
struct LinkDirection {
  var conditions: LinkConditions
  var random: SimulatorRandom
  var counts = LinkCounts()
  /// Those that wait for the rate under a discipline other than drop-tail.
  var waiting = WaitingLine()
  var control = ControlledDelay()
  /// Fate by the book instead of by luck; nil: by luck.
  var script: LuckScript?
  /// Nothing happens by the book to who leaves later.
  var scriptEnds = Instant.origin
  /// What luck did is written down; nil: it is not.
  var diary: LuckDiary?
  /// When the last octet that waits for the rate will have left.
  private(set) var busyUntil = Instant.origin
  /// When the last packet in order arrives.
  private var lastArrival = Instant.origin
  /// Packets that the last loss still takes with it.
  private var lossesLeft: UInt64 = 0
  /// In a spell of losses.
  private var isBad = false
  /// When each packet that waits will have left; kept only where packets are counted.
  private var departures = InstantQueue()

  init(_ conditions: LinkConditions, random: SimulatorRandom) {
    self.conditions = conditions
    self.random = random
  }

  /// What happens to a packet of `count` octets that is sent now. Not for a queue with a discipline.
  mutating func admit(_ count: Int, now: Instant) -> Passage {
    note(count)
    let queued = queuedOctets(now)
    guard hasRoom(for: count, queued, now) else {
      counts.overflowed &+= 1
      return Passage(.overflowed)
    }
    let isMarked = queued > UInt64(conditions.marksAbove)
    var passage = travel(from: departure(of: count, now))
    passage.isMarked = isMarked
    return passage
  }

  /// Packets wait in a line of their own, because who is dropped is decided at its head.
  var hasDiscipline: Bool {
    (conditions.discipline != .dropTail && conditions.rate > 0) || !waiting.isEmpty
  }

  mutating func note(_ count: Int) {
    counts.packets &+= 1
    counts.octets &+= UInt64(count)
  }

  // MARK: The queue

  /// Octets that wait for the rate.
  private func queuedOctets(_ now: Instant) -> UInt64 {
    guard conditions.rate > 0, busyUntil > now else { return 0 }
    return scaled(UInt64(busyUntil.since(now).nanoseconds), by: conditions.rate, over: 1_000_000_000)
  }

  private mutating func hasRoom(for count: Int, _ queued: UInt64, _ now: Instant) -> Bool {
    guard conditions.rate > 0 else { return true }
    if conditions.queue > 0, queued &+ UInt64(count) > UInt64(conditions.queue) { return false }
    guard conditions.queuePackets > 0 else { return true }
    departures.removeAll(until: now)
    return departures.count < Int(truncatingIfNeeded: conditions.queuePackets)
  }

  /// When the packet has left for good.
  mutating func departure(of count: Int, _ now: Instant) -> Instant {
    guard conditions.rate > 0 else { return now }
    let nanoseconds = UInt64(count) &* 1_000_000_000 / conditions.rate
    busyUntil = max(now, busyUntil).advanced(by: TimeAmount(nanoseconds: Int64(clamping: nanoseconds)))
    if conditions.queuePackets > 0, conditions.discipline == .dropTail { departures.append(busyUntil) }
    return busyUntil
  }

  // MARK: The way

  /// What happens to a packet that left at `departure`.
  mutating func travel(from departure: Instant) -> Passage {
    if script != nil { return travelByScript(from: departure) }
    let passage = travelByChance(from: departure)
    if diary != nil { diary?.note(passage, expected: departure.advanced(by: conditions.delay), random) }
    return passage
  }

  private mutating func travelByChance(from departure: Instant) -> Passage {
    var passage = Passage(.delivered)
    if isLost() {
      counts.lost &+= 1
      passage.fate = .lost
      return passage
    }
    passage.isCorrupted = random.chance(perMillion: conditions.corruption)
    passage.arrival = arrival(departure)
    if random.chance(perMillion: conditions.duplication) {
      let later = random.within(0...max(conditions.delay.nanoseconds, 0))
      passage.secondArrival = passage.arrival.advanced(by: TimeAmount(nanoseconds: later))
    }
    return passage
  }

  private mutating func isLost() -> Bool {
    // A link that has become clean loses nothing more, in whatever spell it was.
    if conditions.loss == 0 { lossesLeft = 0 }
    if lossesLeft > 0 {
      lossesLeft &-= 1
      return true
    }
    if conditions.burst.begins == 0 {
      isBad = false
    } else if conditions.burst.strikes(&isBad, &random) {
      return true
    }
    guard random.chance(perMillion: conditions.loss) else { return false }
    if conditions.lossRun > 1 { lossesLeft = random.below(UInt64(conditions.lossRun)) }
    return true
  }

  /// When a packet that left at `departure` arrives.
  private mutating func arrival(_ departure: Instant) -> Instant {
    var arrival = departure.advanced(by: conditions.delay)
    if conditions.jitter > .zero {
      let late = conditions.jitterShape.draw(conditions.jitter.nanoseconds, &random)
      arrival = arrival.advanced(by: TimeAmount(nanoseconds: late))
      if conditions.jitterReorders { return arrival }
    }
    if random.chance(perMillion: conditions.reordering) {
      let held = random.within(0...max(conditions.reorderingDelay.nanoseconds, 0))
      return arrival.advanced(by: TimeAmount(nanoseconds: held))
    }
    lastArrival = max(arrival, lastArrival)
    return lastArrival
  }

  /// What the book says of this packet; of one that it does not name, nothing happens to it.
  private mutating func travelByScript(from departure: Instant) -> Passage {
    var passage = Passage(.delivered)
    let luck = departure < scriptEnds ? script?.next() ?? Luck() : Luck()
    if luck.isLost {
      counts.lost &+= 1
      passage.fate = .lost
      return passage
    }
    passage.arrival = departure.advanced(by: conditions.delay).advanced(by: luck.late)
    passage.secondArrival = luck.copy.map { passage.arrival.advanced(by: $0) }
    if let flips = luck.flips {
      passage.isCorrupted = true
      random = flips
    }
    return passage
  }
}

/// What a direction decided about a packet.
struct Passage {
  var fate: PacketFate
  /// Of what is delivered.
  var arrival = Instant.origin
  var secondArrival: Instant?
  /// The queue was long; whether the packet can carry the mark is not known yet.
  var isMarked = false
  var isCorrupted = false

  init(_ fate: PacketFate) { self.fate = fate }
}

/// Instants in their order, first in, first out.
struct InstantQueue {
  private var instants: [Instant] = []
  private var first = 0

  var count: Int { instants.count - first }

  mutating func append(_ instant: Instant) { instants.append(instant) }

  mutating func removeAll(until now: Instant) {
    while first < instants.count, instants[first] <= now { first += 1 }
    // Moved to the front once half of it is past: each instant moves at most once on average.
    guard first > 32, first * 2 > instants.count else { return }
    instants.removeFirst(first)
    first = 0
  }
}
