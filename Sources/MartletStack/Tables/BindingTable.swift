import MartletTCP

/// Who is bound to a port: listeners of TCP, or sockets of UDP. Sorted by port, so that the
/// few at one port are neighbours; it changes only when the application binds and unbinds.
struct BindingTable {
  private var entries: [Binding] = []
  private var capacity = 0

  struct Binding: BitwiseCopyable {
    var port: UInt16
    /// Of the listener or the socket.
    var index: UInt32
  }

  /// Octets that it is charged for.
  var heldBytes: Int { capacity &* MemoryLayout<Binding>.stride }

  /// Makes sure that there is room for one more. False: the budget refused.
  mutating func reserve(_ budget: inout MemoryBudget) -> Bool {
    guard entries.count == capacity else { return true }
    let larger = max(4, capacity &* 2)
    guard budget.take((larger &- capacity) &* MemoryLayout<Binding>.stride) else { return false }
    capacity = larger
    entries.reserveCapacity(larger)
    return true
  }

  /// Adds one, for which there is room.
  mutating func insert(_ port: UInt16, _ index: UInt32) {
    entries.insert(Binding(port: port, index: index), at: lowerBound(port))
  }

  mutating func remove(_ port: UInt16, _ index: UInt32) {
    var i = lowerBound(port)
    while i < entries.count, entries[i].port == port {
      if entries[i].index == index {
        entries.remove(at: i)
        return
      }
      i &+= 1
    }
  }

  /// Of those at `port`, the one with the highest score above zero.
  @inline(__always)
  func best(_ port: UInt16, _ score: (UInt32) -> Int) -> UInt32? {
    var i = lowerBound(port)
    var best: UInt32?
    var highest = 0
    while i < entries.count, entries[i].port == port {
      let value = score(entries[i].index)
      if value > highest {
        highest = value
        best = entries[i].index
      }
      i &+= 1
    }
    return best
  }

  /// One after the other of those at `port`; `place` begins with 0. Nil: there are no more.
  func next(_ port: UInt16, from place: inout Int) -> UInt32? {
    let i = lowerBound(port) &+ place
    guard i < entries.count, entries[i].port == port else { return nil }
    place &+= 1
    return entries[i].index
  }

  /// The only one at `port`; nil: there is none, or there are several.
  @inline(__always)
  func sole(_ port: UInt16) -> UInt32? {
    let i = lowerBound(port)
    guard i < entries.count, entries[i].port == port else { return nil }
    return i &+ 1 < entries.count && entries[i &+ 1].port == port ? nil : entries[i].index
  }

  /// The first ephemeral port from `start` on, round the range, that nobody has.
  func freePort(from start: UInt16, _ configuration: StackConfiguration) -> UInt16? {
    let first = configuration.firstEphemeralPort
    let last = configuration.lastEphemeralPort
    guard first <= start, start <= last else { return nil }
    var port = start
    repeat {
      let place = lowerBound(port)
      if place == entries.count || entries[place].port != port { return port }
      port = port == last ? first : port &+ 1
    } while port != start
    return nil
  }

  /// The first place whose port is not below `port`.
  private func lowerBound(_ port: UInt16) -> Int {
    var low = 0
    var high = entries.count
    while low < high {
      let middle = (low &+ high) >> 1
      if entries[middle].port < port { low = middle &+ 1 } else { high = middle }
    }
    return low
  }
}
