import MartletSimulator
import MartletTCP

/// One direction of a damaging link: takes packets, and gives those that arrive when their time has
/// come. It has no clock and no device; the same packets at the same times with the same seed have
/// the same fate.
package struct DamagedPath: ~Copyable {
  package let conditions: PathConditions
  package private(set) var counters = PathCounters()

  private var random: SimulatorRandom
  private var bottleneck: Bottleneck
  private var isInBurst = false
  private var store: PacketStore
  /// Packets that arrive in order …
  private var inOrder = Ring<Transit>()
  /// … and those that were held back.
  private var heldBack = TransitHeap()
  private var lastArrival = Instant.origin
  private var order: UInt64 = 0

  /// Octets of packets that may be under way.
  private static let memory = 256 << 20

  package init(_ conditions: PathConditions, seed: UInt64, largestPacket: Int) {
    self.conditions = conditions
    random = SimulatorRandom(seed: seed)
    bottleneck = Bottleneck(rate: conditions.rate, limit: conditions.queue)
    store = PacketStore(largestPacket: largestPacket, octetLimit: Self.memory)
  }

  /// When the next packet arrives; nil: none is under way.
  package var nextArrival: Instant? {
    guard let next = inOrder.first?.arrival else { return heldBack.first?.arrival }
    guard let held = heldBack.first?.arrival else { return next }
    return min(next, held)
  }

  /// Decides on the fate of a packet that is sent now.
  @discardableResult
  package mutating func accept(_ packet: RawSpan, now: Instant) -> PathFate {
    var fate = PathFate()
    counters.packets += 1
    counters.octets += UInt64(packet.byteCount)
    guard let departure = bottleneck.departure(packet.byteCount, now: now) else {
      counters.overflowed += 1
      fate.loss = .overflow
      return fate
    }
    noteQueue()
    let isMarked = bottleneck.level.exceeds(conditions.marking)
    fate.loss = loss()
    guard fate.loss == nil else { return fate }
    guard let slot = store.put(packet) else {
      counters.refused += 1
      fate.loss = .noRoom
      return fate
    }
    if isMarked { fate.isMarked = mark(slot, packet.byteCount) }
    if random.chance(perMillion: conditions.corruption.perMillion) {
      fate.corruptedBit = corrupt(slot, packet.byteCount)
    }
    fate.heldBack = send(slot, packet.byteCount, departure)
    guard random.chance(perMillion: conditions.duplication.perMillion), let copy = store.put(packet)
    else { return fate }
    counters.doubled += 1
    fate.isDoubled = true
    _ = send(copy, packet.byteCount, departure)
    return fate
  }

  /// Copies the next packet that has arrived to the start of `room`; returns its octets, or nil when
  /// there is none yet.
  package mutating func next(into room: inout MutableRawSpan, now: Instant) -> Int? {
    guard let arrival = nextArrival, arrival <= now else { return nil }
    let transit: Transit
    if let first = inOrder.first, first.arrival == arrival {
      transit = first
      inOrder.removeFirst()
    } else if let first = heldBack.popFirst() {
      transit = first
    } else {
      return nil
    }
    counters.delivered += 1
    counters.deliveredOctets += UInt64(transit.count)
    return store.take(transit.slot, transit.count, into: &room)
  }

  private mutating func noteQueue() {
    let level = bottleneck.level
    counters.queueHighWater.packets = max(counters.queueHighWater.packets, level.packets)
    counters.queueHighWater.octets = max(counters.queueHighWater.octets, level.octets)
  }

  private mutating func loss() -> PathFate.Loss? {
    if let burst = conditions.burstLoss {
      isInBurst =
        isInBurst
        ? !random.chance(perMillion: burst.end.perMillion) : random.chance(perMillion: burst.begin.perMillion)
      if isInBurst, random.chance(perMillion: burst.loss.perMillion) {
        counters.lostInBursts += 1
        return .burst
      }
    }
    guard random.chance(perMillion: conditions.loss.perMillion) else { return nil }
    counters.lost += 1
    return .chance
  }

  /// Returns for how long it is held back; nil: it arrives in its turn.
  private mutating func send(_ slot: Int32, _ count: Int, _ departure: Instant) -> TimeAmount? {
    var arrival = departure.advanced(by: conditions.delay)
    if conditions.jitter > .zero {
      arrival = arrival.advanced(by: .nanoseconds(random.within(0...conditions.jitter.nanoseconds)))
    }
    arrival = max(arrival, lastArrival)
    order += 1
    if random.chance(perMillion: conditions.reordering.perMillion) {
      counters.heldBack += 1
      let delay = TimeAmount.nanoseconds(random.within(0...conditions.reorderingDelay.nanoseconds))
      arrival = arrival.advanced(by: delay)
      heldBack.insert(Transit(arrival: arrival, order: order, slot: slot, count: count))
      return delay
    }
    lastArrival = arrival
    inOrder.append(Transit(arrival: arrival, order: order, slot: slot, count: count))
    return nil
  }

  /// Returns the bit that was flipped.
  private mutating func corrupt(_ slot: Int32, _ count: Int) -> Int {
    counters.corrupted += 1
    let bit = Int(random.below(UInt64(count) * 8))
    store.withSlot(slot) { $0[bit >> 3] ^= 0x80 >> UInt8(bit & 7) }
    return bit
  }

  /// Sets CE, if the sender understands it (RFC 3168 §5). False: he does not.
  private mutating func mark(_ slot: Int32, _ count: Int) -> Bool {
    var isMarked = false
    store.withSlot(slot) {
      isMarked = CongestionMark.set(UnsafeMutableRawBufferPointer(rebasing: $0.prefix(count)))
    }
    if isMarked { counters.marked += 1 }
    return isMarked
  }
}

/// A packet on its way.
struct Transit {
  var arrival: Instant
  /// Breaks ties: what was sent first arrives first.
  var order: UInt64
  var slot: Int32
  var count: Int

  func comes(before other: Transit) -> Bool {
    arrival == other.arrival ? order < other.order : arrival < other.arrival
  }
}

/// Packets in any order, the next to arrive first.
struct TransitHeap {
  private var heap: [Transit] = []

  var first: Transit? { heap.first }

  mutating func insert(_ transit: Transit) {
    heap.append(transit)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].comes(before: heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> Transit? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].comes(before: heap[least]) { least = child }
      }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
