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

  /// No packet: the first that waits for the way's rate has its turn.
  var isTurn: Bool { place == .max }

  @inline(__always)
  func comes(before other: Flight) -> Bool {
    arrival == other.arrival ? order < other.order : arrival < other.arrival
  }
}

/// All packets on their way, the next to arrive first: a binary heap.
struct FlightQueue {
  private var heap: [Flight] = []

  var first: Flight? { heap.first }
  /// Packets on their way.
  var count: Int { heap.count &- turns }
  private var turns = 0

  mutating func insert(_ flight: Flight) {
    if flight.isTurn { turns &+= 1 }
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
    let first = heap.first ?? last
    if !heap.isEmpty { sink(last) }
    if first.isTurn { turns &-= 1 }
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
