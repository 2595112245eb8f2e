import MartletTCP
import MartletWire

/// How many connections each peer has: an address of IPv4, a network of 64 bits of IPv6, whose owner has
/// all addresses in it. Who has none is not in it, so it is bounded by the connections that there are, and
/// none of them can be forged: their third segments have come.
struct SourceTable: ~Copyable {
  private var table = FlowTable()
  private var sources = Slab<Source>()

  // Not private: a module that destroys a stack must name what its slabs hold (Swift 6.3 crashes over it).
  struct Source: BitwiseCopyable {
    var network: UInt64
    var isIPv4: Bool
    var connections: UInt32
  }

  init() {}

  private init(table: consuming FlowTable, sources: consuming Slab<Source>) {
    self.table = table
    self.sources = sources
  }

  /// Octets that it is charged for.
  var heldBytes: Int { table.heldBytes &+ sources.heldBytes }

  /// Sources that have a connection.
  var count: Int { sources.live }

  func connections(of address: IPAddress, _ key: SipKey) -> UInt32 {
    find(Source(address), key).map { sources[$0].connections } ?? 0
  }

  /// One more. False: the budget refused to remember it.
  mutating func add(_ address: IPAddress, _ key: SipKey, _ budget: inout MemoryBudget) -> Bool {
    var source = Source(address)
    if let i = find(source, key) {
      sources[i].connections &+= 1
      return true
    }
    source.connections = 1
    guard let handle = sources.allocate(source, &budget) else { return false }
    guard table.insert(source.hash(key), handle.index, &budget) else {
      sources.free(handle.index, &budget)
      return false
    }
    return true
  }

  /// One less.
  mutating func remove(_ address: IPAddress, _ key: SipKey, _ budget: inout MemoryBudget) {
    let source = Source(address)
    guard let i = find(source, key) else { return }
    sources[i].connections &-= 1
    guard sources[i].connections == 0 else { return }
    _ = table.remove(source.hash(key), value: i, &budget)
    sources.free(i, &budget)
  }

  private func find(_ source: Source, _ key: SipKey) -> UInt32? {
    var search = table.search(source.hash(key))
    while let i = table.next(&search) {
      if sources[i].network == source.network, sources[i].isIPv4 == source.isIPv4 { return i }
    }
    return nil
  }

  mutating func trim(_ budget: inout MemoryBudget) { sources.trim(&budget) }

  borrowing func copy() -> SourceTable { SourceTable(table: table.copy(), sources: sources.copy()) }
}

extension SourceTable.Source {
  init(_ address: IPAddress) {
    switch address {
    case .v4(let a): self.init(network: UInt64(a.bits), isIPv4: true, connections: 0)
    case .v6(let a): self.init(network: a.high, isIPv4: false, connections: 0)
    }
  }

  func hash(_ key: SipKey) -> UInt64 { SipHash.hash13(key, network, isIPv4 ? 4 : 6) }
}
