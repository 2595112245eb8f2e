import MartletTCP

/// A packet on its way.
struct Flight: BitwiseCopyable {
  var arrival: Instant
  /// Ties go to whoever was sent first.
  var order: UInt64
  var way: WayID
  /// Where its octets are, and how many.
  var place: UInt32
  var count: UInt32

  @inline(__always)
  func comes(before other: Flight) -> Bool {
    arrival == other.arrival ? order < other.order : arrival < other.arrival
  }
}

/// All packets on their way, the next to arrive first: a binary heap.
struct FlightQueue {
  private var heap: [Flight] = []

  var first: Flight? { heap.first }
  var count: Int { heap.count }

  mutating func insert(_ flight: Flight) {
    heap.append(flight)
    var hole = heap.count &- 1
    while hole > 0 {
      let parent = (hole &- 1) / 2
      guard flight.comes(before: heap[parent]) else { break }
      heap[hole] = heap[parent]
      hole = parent
    }
    heap[hole] = flight
  }

  mutating func popFirst() -> Flight? {
    guard let last = heap.popLast() else { return nil }
    guard let first = heap.first else { return last }
    sink(last)
    return first
  }

  /// Puts `flight` where it belongs from the top on.
  private mutating func sink(_ flight: Flight) {
    var hole = 0
    while true {
      var child = 2 &* hole &+ 1
      guard child < heap.count else { break }
      if child &+ 1 < heap.count, heap[child &+ 1].comes(before: heap[child]) { child &+= 1 }
      guard heap[child].comes(before: flight) else { break }
      heap[hole] = heap[child]
      hole = child
    }
    heap[hole] = flight
  }
}
