import MartletStack
import MartletTCP

/// What is due for connections and when, at most one thing each: asking for the first costs nothing, and everything
/// else the logarithm of what there is, however many peers leave their half open.
package struct Agenda {
  package enum Item {
    case closes
    /// The peer has left its half open for too long.
    case aborts
    /// The conversation asked for it.
    case moves
  }

  private struct Entry {
    var time: Instant
    var connection: ConnectionID
    /// Another entry for the same connection has another number.
    var number: UInt64
  }

  private var items: [ConnectionID: (item: Item, time: Instant, number: UInt64)] = [:]
  /// A binary heap: no entry comes before that at half its place. Entries that `items` knows no more are stale.
  private var heap: [Entry] = []
  private var numbers: UInt64 = 0

  package init() {}

  package var count: Int { items.count }

  /// The earliest time of all.
  package var next: Instant? { heap.first?.time }

  package subscript(connection: ConnectionID) -> Item? { items[connection]?.item }

  /// Puts down what is due for a connection, instead of what was before.
  package mutating func set(_ item: Item, at time: Instant, for connection: ConnectionID) {
    if let old = items[connection], old.item == item, old.time == time { return }
    numbers += 1
    items[connection] = (item, time, numbers)
    heap.append(Entry(time: time, connection: connection, number: numbers))
    rise(from: heap.count - 1)
    dropStale()
  }

  package mutating func remove(_ connection: ConnectionID) {
    guard items.removeValue(forKey: connection) != nil else { return }
    dropStale()
  }

  /// The first that is due by this time; it is taken out.
  package mutating func pop(at now: Instant) -> (connection: ConnectionID, item: Item)? {
    guard let first = heap.first, first.time <= now, let found = items.removeValue(forKey: first.connection)
    else { return nil }
    dropStale()
    return (first.connection, found.item)
  }

  // MARK: The heap

  private func isStale(_ entry: Entry) -> Bool { items[entry.connection]?.number != entry.number }

  /// The first entry is always one that holds; and where most do not, they all go.
  private mutating func dropStale() {
    if heap.count > 64, heap.count > 4 * items.count {
      heap.removeAll { [items] in items[$0.connection]?.number != $0.number }
      for place in stride(from: heap.count / 2 - 1, through: 0, by: -1) { sink(from: place) }
    }
    while let first = heap.first, isStale(first) { removeFirst() }
  }

  private mutating func removeFirst() {
    heap.swapAt(0, heap.count - 1)
    heap.removeLast()
    sink(from: 0)
  }

  private mutating func rise(from start: Int) {
    var place = start
    while place > 0 {
      let parent = (place - 1) / 2
      guard heap[place].time < heap[parent].time else { return }
      heap.swapAt(place, parent)
      place = parent
    }
  }

  private mutating func sink(from start: Int) {
    var place = start
    while true {
      var least = place
      let left = 2 * place + 1
      if left < heap.count, heap[left].time < heap[least].time { least = left }
      if left + 1 < heap.count, heap[left + 1].time < heap[least].time { least = left + 1 }
      guard least != place else { return }
      heap.swapAt(place, least)
      place = least
    }
  }
}
