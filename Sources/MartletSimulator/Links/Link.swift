import MartletTCP

/// Which host of a simulation.
public struct HostID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Which link of a simulation.
public struct LinkID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Two interfaces joined. Side 0 sends to side 1 by `directions[0]`, and back by `directions[1]`.
struct Link {
  var ends: (Attachment, Attachment)
  var directions: (LinkDirection, LinkDirection)
  var isUp = true

  func end(_ side: Int) -> Attachment { side == 0 ? ends.0 : ends.1 }
}

/// One direction: its conditions, its luck, and what it remembers of earlier packets.
struct LinkDirection {
  var conditions: LinkConditions
  var random: SimulatorRandom
  /// When the last octet that waits for the rate will have left.
  var busyUntil = Instant.origin
  /// When the last packet in order arrives.
  var lastArrival = Instant.origin

  init(_ conditions: LinkConditions, random: SimulatorRandom) {
    self.conditions = conditions
    self.random = random
  }

  /// When a packet of `count` octets that is sent now has left for good; nil: the queue is full.
  mutating func departure(_ count: Int, now: Instant) -> Instant? {
    guard conditions.rate > 0 else { return now }
    let start = max(now, busyUntil)
    let waiting = UInt64(start.since(now).nanoseconds)
    let queued = waiting.multipliedFullWidth(by: conditions.rate)
    let octets = UInt64(1_000_000_000).dividingFullWidth((min(queued.high, 999_999_999), queued.low)).quotient
    if conditions.queue > 0, octets &+ UInt64(count) > UInt64(conditions.queue) { return nil }
    let nanoseconds = UInt64(count) &* 1_000_000_000 / conditions.rate
    busyUntil = start.advanced(by: TimeAmount(nanoseconds: Int64(clamping: nanoseconds)))
    return busyUntil
  }

  /// When a packet that left at `departure` arrives.
  mutating func arrival(_ departure: Instant) -> Instant {
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
