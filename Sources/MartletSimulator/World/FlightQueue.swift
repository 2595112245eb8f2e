import MartletTCP

/// A packet on its way.
struct Flight {
  var arrival: Instant
  /// Breaks ties: what was sent first arrives first.
  var order: UInt64
  var link: LinkID
  /// The side that it goes to.
  var side: Int
  var packet: TransitPacket

  func comes(before other: Flight) -> Bool {
    arrival == other.arrival ? order < other.order : arrival < other.arrival
  }
}

/// The packets on their way, the next arrival first: a binary heap.
struct FlightQueue {
  private var heap: [Flight] = []

  var first: Flight? { heap.first }
  var count: Int { heap.count }

  mutating func insert(_ flight: Flight) {
    heap.append(flight)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].comes(before: heap[parent]) else { return }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popFirst() -> Flight? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    heap[0] = last
    sink()
    return first
  }

  private mutating func sink() {
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2] where child < heap.count {
        if heap[child].comes(before: heap[least]) { least = child }
      }
      if least == parent { return }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
