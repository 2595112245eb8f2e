import MartletTCP

/// One direction of a link: its conditions, its luck, and what it remembers of earlier packets.
struct LinkDirection {
  var conditions: LinkConditions
  var random: SimulatorRandom
  var counts = LinkCounts()
  /// When the last octet that waits for the rate will have left.
  private var busyUntil = Instant.origin
  /// When the last packet in order arrives.
  private var lastArrival = Instant.origin
  /// Packets that the last loss still takes with it.
  private var lossesLeft: UInt64 = 0
  /// When each packet that waits will have left; kept only where packets are counted.
  private var departures = InstantQueue()

  init(_ conditions: LinkConditions, random: SimulatorRandom) {
    self.conditions = conditions
    self.random = random
  }

  /// What happens to a packet of `count` octets that is sent now.
  mutating func admit(_ count: Int, now: Instant) -> Passage {
    counts.packets &+= 1
    counts.octets &+= UInt64(count)
    let queued = queuedOctets(now)
    guard hasRoom(for: count, queued, now) else {
      counts.overflowed &+= 1
      return Passage(.overflowed)
    }
    var passage = Passage(.delivered)
    passage.isMarked = queued > UInt64(conditions.marksAbove)
    let departure = departure(of: count, now)
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

  // MARK: The queue

  /// Octets that wait for the rate.
  private func queuedOctets(_ now: Instant) -> UInt64 {
    guard conditions.rate > 0, busyUntil > now else { return 0 }
    let waiting = UInt64(busyUntil.since(now).nanoseconds)
    let product = waiting.multipliedFullWidth(by: conditions.rate)
    if product.high == 0 { return product.low / 1_000_000_000 }
    return UInt64(1_000_000_000).dividingFullWidth((min(product.high, 999_999_999), product.low)).quotient
  }

  private mutating func hasRoom(for count: Int, _ queued: UInt64, _ now: Instant) -> Bool {
    guard conditions.rate > 0 else { return true }
    if conditions.queue > 0, queued &+ UInt64(count) > UInt64(conditions.queue) { return false }
    guard conditions.queuePackets > 0 else { return true }
    departures.removeAll(until: now)
    return departures.count < Int(truncatingIfNeeded: conditions.queuePackets)
  }

  /// When the packet has left for good.
  private mutating func departure(of count: Int, _ now: Instant) -> Instant {
    guard conditions.rate > 0 else { return now }
    let nanoseconds = UInt64(count) &* 1_000_000_000 / conditions.rate
    busyUntil = max(now, busyUntil).advanced(by: TimeAmount(nanoseconds: Int64(clamping: nanoseconds)))
    if conditions.queuePackets > 0 { departures.append(busyUntil) }
    return busyUntil
  }

  // MARK: The way

  private mutating func isLost() -> Bool {
    if lossesLeft > 0 {
      lossesLeft &-= 1
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
      arrival = arrival.advanced(
        by: TimeAmount(nanoseconds: random.within(0...conditions.jitter.nanoseconds)))
    }
    if random.chance(perMillion: conditions.reordering) {
      let held = random.within(0...max(conditions.reorderingDelay.nanoseconds, 0))
      return arrival.advanced(by: TimeAmount(nanoseconds: held))
    }
    arrival = max(arrival, lastArrival)
    lastArrival = arrival
    return arrival
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
