import MartletTCP
import MartletWire

/// How many connections each source has. Who has none is not in it, so it is bounded by the connections that
/// there are, and none of them can be forged: their third segments have come.
struct SourceTable: ~Copyable {
  private var table = FlowTable()
  private var records = Slab<Record>()

  // Not private: a module that destroys a stack must name what its slabs hold (Swift 6.3 crashes over it).
  struct Record: BitwiseCopyable {
    var source: Source
    var connections: UInt32
  }

  init() {}

  private init(table: consuming FlowTable, records: consuming Slab<Record>) {
    self.table = table
    self.records = records
  }

  /// Octets that it is charged for.
  var heldBytes: Int { table.heldBytes &+ records.heldBytes }

  func connections(of source: Source, _ key: SipKey) -> UInt32 {
    find(source, key).map { records[$0].connections } ?? 0
  }

  /// One more. False: the budget refused to remember it.
  mutating func add(_ source: Source, _ key: SipKey, _ budget: inout MemoryBudget) -> Bool {
    if let i = find(source, key) {
      records[i].connections &+= 1
      return true
    }
    guard let handle = records.allocate(Record(source: source, connections: 1), &budget) else { return false }
    guard table.insert(source.hash(key), handle.index, &budget) else {
      records.free(handle.index, &budget)
      return false
    }
    return true
  }

  /// One less. Which of its sources an address was counted for depends on the networks that we were on at the
  /// time. What is counted by the whole address is only its own, so if there is any, that goes first; the sums
  /// are right whatever has changed since.
  mutating func remove(
    _ address: IPAddress, zone: UInt16, _ key: SipKey, _ budget: inout MemoryBudget
  ) {
    let own = Source(address, zone: zone)
    let network = Source(networkOf: address)
    if let i = find(own, key) {
      removeOne(i, of: own, key, &budget)
    } else if let i = find(network, key) {
      removeOne(i, of: network, key, &budget)
    }
  }

  private mutating func removeOne(
    _ i: UInt32, of source: Source, _ key: SipKey, _ budget: inout MemoryBudget
  ) {
    records[i].connections &-= 1
    guard records[i].connections == 0 else { return }
    _ = table.remove(source.hash(key), value: i, &budget)
    records.free(i, &budget)
  }

  private func find(_ source: Source, _ key: SipKey) -> UInt32? {
    var search = table.search(source.hash(key))
    while let i = table.next(&search) {
      if records[i].source == source { return i }
    }
    return nil
  }

  mutating func trim(_ budget: inout MemoryBudget) { records.trim(&budget) }

  borrowing func copy() -> SourceTable { SourceTable(table: table.copy(), records: records.copy()) }
}
