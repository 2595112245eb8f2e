import MartletTCP

/// A queue that drops at its tail, before a wire of a certain rate. Nothing is stored: when a
/// packet leaves is known when it comes.
struct Bottleneck {
  private let rate: UInt64
  private let limit: QueueLimit
  /// When the last packet that waits has left.
  private var busyUntil = Instant.origin
  private var waiting = Ring<(departure: Instant, count: Int)>()
  private(set) var level = QueueLevel()

  init(rate: BitRate, limit: QueueLimit) {
    self.rate = rate.octetsPerSecond
    self.limit = limit
  }

  /// When a packet of `count` octets that comes now has left; nil: it found the queue full.
  mutating func departure(_ count: Int, now: Instant) -> Instant? {
    guard rate > 0 else { return now }
    while let first = waiting.first, first.departure <= now {
      waiting.removeFirst()
      level.packets -= 1
      level.octets -= first.count
    }
    let after = QueueLevel(packets: level.packets + 1, octets: level.octets + count)
    guard !after.exceeds(limit) else { return nil }
    level = after
    busyUntil = max(now, busyUntil).advanced(by: transmission(count))
    waiting.append((busyUntil, count))
    return busyUntil
  }

  private func transmission(_ count: Int) -> TimeAmount {
    .nanoseconds(Int64(clamping: UInt64(count) * 1_000_000_000 / rate))
  }
}

/// A queue without gaps in an array.
struct Ring<Element> {
  private var elements: [Element] = []
  private var start = 0

  var first: Element? { start < elements.count ? elements[start] : nil }
  var count: Int { elements.count - start }

  mutating func append(_ element: Element) { elements.append(element) }

  /// Removes the first, which there is.
  mutating func removeFirst() {
    start += 1
    guard start >= 1_024, start * 2 >= elements.count else { return }
    elements.removeFirst(start)
    start = 0
  }
}
