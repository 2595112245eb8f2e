import MartletTCP
import MartletWire

/// The flows of one address family: the table that finds them, and the records of
/// those that have no connection yet (embryonic) or no more (lingering).
struct FlowSpace<Key: FlowKey>: ~Copyable {
  var table = FlowTable()
  var embryos = Slab<Embryo<Key>>()
  /// By number of tries: each list has one interval, so its order is that of deadlines and no
  /// wheel is needed. The last is of attempts that wait for an answer.
  var halfOpen = InlineArray<17, LinkedEnds>(repeating: LinkedEnds())
  var lingering = Slab<Lingering<Key>>()
  /// In the order of deadlines.
  var timeWait = LinkedEnds()
  /// The first attempt that has not been told to the application.
  var unreportedAttempt = Links.none

  static var deferred: Int { 16 }

  borrowing func copy() -> FlowSpace {
    var copy = FlowSpace()
    copy.table = table.copy()
    copy.embryos = embryos.copy()
    copy.halfOpen = halfOpen
    copy.lingering = lingering.copy()
    copy.timeWait = timeWait
    copy.unreportedAttempt = unreportedAttempt
    return copy
  }

  /// Octets charged for table and records.
  var heldBytes: Int { table.heldBytes &+ embryos.heldBytes &+ lingering.heldBytes }

  /// The record of a flow. A TIME-WAIT record that a SYN is reopening stays in the table beside the
  /// embryo, which is found first.
  @inline(__always)
  func find(_ key: Key, _ hash: UInt64, connection: (UInt32) -> Bool) -> FlowEntry? {
    let found = table.find(hash) { value in matches(FlowEntry(rawValue: value), key, connection) }
    guard let found else { return nil }
    let entry = FlowEntry(rawValue: found)
    return entry.phase == .lingering ? findYounger(key, hash, connection) ?? entry : entry
  }

  private func findYounger(_ key: Key, _ hash: UInt64, _ connection: (UInt32) -> Bool) -> FlowEntry? {
    let found = table.find(hash) { value in
      let entry = FlowEntry(rawValue: value)
      return entry.phase != .lingering && matches(entry, key, connection)
    }
    return found.map { FlowEntry(rawValue: $0) }
  }

  @inline(__always)
  private func matches(_ entry: FlowEntry, _ key: Key, _ connection: (UInt32) -> Bool) -> Bool {
    switch entry.phase {
    case .connection: connection(entry.index)
    case .embryonic: embryos[entry.index].key == key
    case .lingering: lingering[entry.index].key == key
    }
  }

  /// The TIME-WAIT record of a flow, whatever else the flow has.
  func findLingering(_ key: Key, _ hash: UInt64) -> UInt32? {
    let found = table.find(hash) { value in
      let entry = FlowEntry(rawValue: value)
      return entry.phase == .lingering && lingering[entry.index].key == key
    }
    return found.map { FlowEntry(rawValue: $0).index }
  }
}
