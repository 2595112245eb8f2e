import MartletTCP
import MartletWire

/// The neighbours on all links, of both families, found by keyed hash. How many there are has a limit, and so has
/// how many of them are only looked for (robustness rule E13).
struct NeighbourTable: ~Copyable {
  private var table = FlowTable()
  private(set) var records = Slab<Neighbour>()
  private(set) var waiting = Slab<WaitingPackets>()
  private let key: SipKey

  /// Of those that are looked for.
  private(set) var incomplete = 0
  /// In DELAY or PROBE: somebody should say that they hear us.
  private(set) var doubted = 0
  /// Whose packets may leave, and have not been pulled.
  private(set) var released = 0
  /// Those of whom there is only a word, the oldest first: a flood of introductions finds its victims in one step.
  private var strangers = IndexList()

  init(key: SipKey) { self.key = key }

  private init(
    table: consuming FlowTable, records: consuming Slab<Neighbour>, waiting: consuming Slab<WaitingPackets>,
    key: SipKey, incomplete: Int, doubted: Int, released: Int, strangers: IndexList
  ) {
    self.table = table
    self.records = records
    self.waiting = waiting
    self.key = key
    self.incomplete = incomplete
    self.doubted = doubted
    self.released = released
    self.strangers = strangers
  }

  borrowing func copy() -> NeighbourTable {
    NeighbourTable(
      table: table.copy(), records: records.copy(), waiting: waiting.copy(), key: key, incomplete: incomplete,
      doubted: doubted, released: released, strangers: strangers)
  }

  /// Octets charged for records and table; what waits is `waitingBytes`.
  var heldBytes: Int { table.heldBytes &+ records.heldBytes &+ waiting.heldBytes }

  var waitingBytes: Int {
    var sum = 0
    waiting.forEachLive { sum &+= waiting[$0].heldBytes }
    return sum
  }

  var live: Int { records.live }

  subscript(_ n: UInt32) -> Neighbour { records[n] }

  @inline(__always)
  func contains(_ handle: Handle) -> Bool { records.contains(handle) }

  func handle(at n: UInt32) -> Handle? { records.handle(at: n) }

  func find(_ address: IPAddress, on interface: InterfaceID) -> UInt32? {
    var search = table.search(hash(address, interface))
    while let n = table.next(&search) {
      if records[n].address == address, records[n].interface == interface { return n }
    }
    return nil
  }

  private func hash(_ address: IPAddress, _ interface: InterfaceID) -> UInt64 {
    switch address {
    case .v4(let a): SipHash.hash13(key, UInt64(a.bits), UInt64(interface.rawValue))
    case .v6(let a): SipHash.hash13(key, a.high ^ UInt64(interface.rawValue), a.low)
    }
  }

  // MARK: Coming and going

  /// Nil: the budget refused. Whoever asks has looked at the limits.
  mutating func insert(_ neighbour: Neighbour, _ budget: inout MemoryBudget) -> UInt32? {
    guard let handle = records.allocate(neighbour, &budget) else { return nil }
    guard table.insert(hash(neighbour.address, neighbour.interface), handle.index, &budget) else {
      records.free(handle.index, &budget)
      return nil
    }
    count(neighbour.state, 1)
    relist(handle.index)
    return handle.index
  }

  mutating func remove(_ n: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    dropWaiting(of: n, &pool, &budget)
    let neighbour = records[n]
    count(neighbour.state, -1)
    if neighbour.isListed { unlist(n) }
    _ = table.remove(hash(neighbour.address, neighbour.interface), value: n, &budget)
    records.free(n, &budget)
  }

  mutating func trim(_ budget: inout MemoryBudget) {
    records.trim(&budget)
    waiting.trim(&budget)
  }

  // MARK: Changing

  /// The only way from one state to another.
  mutating func become(_ state: Neighbour.State, _ n: UInt32, until deadline: Instant) {
    count(records[n].state, -1)
    count(state, 1)
    records[n].state = state
    records[n].deadline = deadline
    relist(n)
  }

  private mutating func count(_ state: Neighbour.State, _ change: Int) {
    switch state {
    case .incomplete: incomplete &+= change
    case .delay, .probe: doubted &+= change
    case .reachable, .stale: break
    }
  }

  mutating func confirm(_ n: UInt32, at now: Instant, until: Instant) {
    records[n].isProven = true
    become(.reachable, n, until: until)
    records[n].confirmed = now
    records[n].tries = 0
  }

  @inline(__always)
  mutating func use(_ n: UInt32, at now: Instant) { records[n].used = now }

  mutating func countTry(of n: UInt32, until deadline: Instant) {
    records[n].tries &+= 1
    records[n].deadline = deadline
  }

  mutating func restartTries(of n: UInt32) { records[n].tries = 0 }

  /// It is looked for, now for a better reason too.
  mutating func raise(_ n: UInt32, to wish: SearchWish) { records[n].wish = max(records[n].wish, wish) }

  mutating func setHardware(_ address: MACAddress, of n: UInt32) { records[n].hardware = address }

  // MARK: Waiting

  /// Keeps a packet until the neighbour's hardware address is known. False: more than `limit` octets wait for all, or no
  /// memory.
  mutating func wait(
    for n: UInt32, _ packet: RawSpan, _ metadata: PacketMetadata, limit: Int, _ pool: inout ChunkPool,
    _ budget: inout MemoryBudget
  ) -> Bool {
    guard waitingBytes < limit else {
      if records[n].waiting != IndexList.none { waiting[records[n].waiting].breakOff() }
      return false
    }
    if records[n].waiting == IndexList.none {
      guard let handle = waiting.allocate(WaitingPackets(), &budget) else { return false }
      records[n].waiting = handle.index
    }
    let w = records[n].waiting
    if waiting[w].append(packet, metadata, &pool, &budget) { return true }
    if waiting[w].isEmpty { dropWaiting(of: n, &pool, &budget) }
    return false
  }

  /// The hardware address is known now.
  mutating func release(_ n: UInt32) {
    guard records[n].waiting != IndexList.none, !records[n].isReleased else { return }
    records[n].isReleased = true
    released &+= 1
    relist(n)
  }

  /// A neighbour on an interface whose packets may leave.
  func firstReleased(on interface: InterfaceID) -> UInt32? {
    guard released > 0 else { return nil }
    var next = records.nextLive(from: 0)
    while let n = next {
      if records[n].isReleased, records[n].interface == interface { return n }
      next = records.nextLive(from: n &+ 1)
    }
    return nil
  }

  mutating func removeFirstWaiting(
    of n: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    let w = records[n].waiting
    guard w != IndexList.none else { return }
    waiting[w].removeFirst(&pool, &budget)
    if waiting[w].isEmpty { dropWaiting(of: n, &pool, &budget) }
  }

  mutating func dropWaiting(of n: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    let w = records[n].waiting
    guard w != IndexList.none else { return }
    waiting[w].removeAll(&pool, &budget)
    waiting.free(w, &budget)
    records[n].waiting = IndexList.none
    if records[n].isReleased {
      records[n].isReleased = false
      released &-= 1
      relist(n)
    }
  }

  // MARK: Whom to forget

  /// The stranger of whom was heard the longest ago.
  var oldestStranger: UInt32? { strangers.isEmpty ? nil : strangers.first }

  /// Of those who match the one that was not asked for the longest: all are looked at.
  func oldest(where matches: (Neighbour) -> Bool) -> UInt32? {
    var found: UInt32?
    records.forEachLive { n in
      guard matches(records[n]) else { return }
      if let known = found, records[known].used <= records[n].used { return }
      found = n
    }
    return found
  }

  /// To be called whenever what `isStranger` looks at has changed.
  private mutating func relist(_ n: UInt32) {
    let belongs = records[n].isStranger
    if belongs == records[n].isListed { return }
    if !belongs { return unlist(n) }
    records[n].isListed = true
    records[n].age = AgeLinks(older: strangers.last)
    if !strangers.isEmpty { records[strangers.last].age.younger = n }
    strangers.append(n)
  }

  private mutating func unlist(_ n: UInt32) {
    records[n].isListed = false
    let age = records[n].age
    if age.older != IndexList.none { records[age.older].age.younger = age.younger }
    if age.younger != IndexList.none { records[age.younger].age.older = age.older }
    strangers.remove(age)
  }

  // MARK: Checking

  func check(limit: Int, incompleteLimit: Int) -> StaticString? {
    var sums = (incomplete: 0, doubted: 0, released: 0, waiting: 0)
    var violated: StaticString?
    records.forEachLive { n in
      let neighbour = records[n]
      if neighbour.state == .incomplete { sums.incomplete &+= 1 }
      if neighbour.state == .delay || neighbour.state == .probe { sums.doubted &+= 1 }
      if neighbour.isReleased { sums.released &+= 1 }
      if neighbour.waiting != IndexList.none {
        sums.waiting &+= 1
        if waiting[neighbour.waiting].isEmpty { violated = "packets wait where it is said" }
        if (neighbour.state == .incomplete) == neighbour.isReleased {
          violated = "packets wait for a hardware address only"
        }
      }
      if find(neighbour.address, on: neighbour.interface) != n {
        violated = "the table finds every neighbour"
      }
    }
    if let violated { return violated }
    if let violated = checkStrangers() { return violated }
    if sums.incomplete != incomplete || sums.doubted != doubted || sums.released != released {
      return "neighbours are counted by their state"
    }
    if sums.waiting != waiting.live { return "whoever waits has a neighbour to wait for" }
    if table.count != records.live { return "every neighbour is in the table once" }
    return records.live <= limit && incomplete <= incompleteLimit ? nil : "neighbours keep their limits"
  }

  private func checkStrangers() -> StaticString? {
    var missing = 0
    records.forEachLive { n in
      if records[n].isStranger { missing &+= 1 }
    }
    var last = IndexList.none
    var n = strangers.first
    while n != IndexList.none, missing > 0 {
      if !records[n].isStranger || !records[n].isListed { return "only strangers are in their list" }
      if records[n].age.older != last { return "strangers are linked both ways" }
      missing &-= 1
      last = n
      n = records[n].age.younger
    }
    return missing == 0 && n == IndexList.none && last == strangers.last
      ? nil : "every stranger is in the list"
  }
}
