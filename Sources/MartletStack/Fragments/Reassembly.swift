import MartletTCP
import MartletWire

/// Datagrams of which fragments are missing, of both families, found by keyed hash.
///
/// Whoever sends fragments decides what they cost, so everything has a limit (robustness rule E4): all of them
/// together, those of one source, those of one datagram. What is beyond a limit pushes out the oldest, never the
/// youngest: an honest datagram, whose fragments come one right after the other, is whole before a flood of others
/// has gone round once.
struct Reassembly: ~Copyable {
  private var table = FlowTable()
  private(set) var records = Slab<PartialDatagram>()
  private var shareTable = FlowTable()
  private var shares = Slab<FragmentShare>()
  private let key: SipKey
  /// Octets that all of them may hold, records included; and those of one source.
  private let limit: Int
  private let shareLimit: Int
  /// Octets that they do hold.
  private(set) var used = 0
  /// By family, the oldest first, which is the order of deadlines.
  private var ages4 = IndexList()
  private var ages6 = IndexList()
  private var room = DatagramRoom()
  private var roomBytes = 0

  init(limit: UInt32, key: SipKey) {
    self.limit = Int(limit)
    shareLimit = min(self.limit, max(self.limit / 16, FragmentLimits.largestDatagram))
    self.key = key
  }

  var live: Int { records.live }
  var isEmpty: Bool { records.live == 0 }

  /// Octets charged for records, tables and room; what waits is `waitingBytes`.
  var heldBytes: Int {
    table.heldBytes &+ records.heldBytes &+ shareTable.heldBytes &+ shares.heldBytes &+ roomBytes
  }

  var waitingBytes: Int {
    var sum = 0
    records.forEachLive { sum &+= records[$0].heldBytes }
    return sum
  }

  /// When the time of one of them is over, of either family.
  var deadlines: (Tick?, Tick?) {
    (
      ages4.isEmpty ? nil : records[ages4.first].deadline,
      ages6.isEmpty ? nil : records[ages6.first].deadline
    )
  }

  static var recordBytes: Int { MemoryLayout<PartialDatagram>.stride &+ 4 }

  func find(_ fragmentKey: FragmentKey) -> UInt32? {
    var search = table.search(fragmentKey.hash(key))
    while let i = table.next(&search) {
      if records[i].key == fragmentKey { return i }
    }
    return nil
  }

  /// What became of a fragment.
  enum Outcome: BitwiseCopyable {
    case waits
    /// Its datagram is whole.
    case completes(UInt32)
    case dropped(DropReason)
  }

  /// Takes a fragment in.
  ///
  /// - Parameters:
  ///   - source: whose share it goes to.
  ///   - mayBegin: whether a datagram may begin of which nothing is known.
  mutating func add(
    _ fragment: Fragment, _ payload: RawSpan, of source: Source, mayBegin: Bool, at now: Tick,
    _ evicted: inout UInt64, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Outcome {
    let known = find(fragment.key)
    guard let i = known ?? (mayBegin ? begin(fragment, of: source, at: now, &budget) : nil) else {
      return .dropped(.fragmentLimited)
    }
    let before = records[i].heldBytes
    let reason = records[i].add(fragment, payload, &pool, &budget)
    charge(i, records[i].heldBytes &- before)
    if reason == nil, records[i].isComplete { return .completes(i) }
    // RFC 5722 §4: all that came and all that is to come.
    if let reason, reason != .fragmentDuplicate { refuse(i, because: reason, &pool, &budget) }
    guard makeRoom(besides: i, &evicted, &pool, &budget) else {
      remove(i, &pool, &budget)
      return .dropped(.fragmentLimited)
    }
    if let reason { return .dropped(reason) }
    return .waits
  }

  /// Nil: the budget refused.
  private mutating func begin(
    _ fragment: Fragment, of source: Source, at now: Tick, _ budget: inout MemoryBudget
  ) -> UInt32? {
    guard Self.recordBytes &+ ChunkPool.chunkSize <= limit, let share = share(of: source, &budget)
    else { return nil }
    guard let i = records.allocateAsItIs(&budget)?.index else {
      dropShareIfEmpty(share, &budget)
      return nil
    }
    guard table.insert(fragment.key.hash(key), i, &budget) else {
      records.free(i, &budget)
      dropShareIfEmpty(share, &budget)
      return nil
    }
    let lifetime = fragment.key.source.isIPv4 ? FragmentLimits.lifetime4 : FragmentLimits.lifetime6
    records[i].begin(fragment, share: share, deadline: now.advanced(by: lifetime))
    append(i)
    charge(i, Self.recordBytes)
    return i
  }

  /// Every octet is one of all and one of the source's.
  private mutating func charge(_ i: UInt32, _ octets: Int) {
    used &+= octets
    shares[records[i].share].used &+= octets
  }

  private mutating func refuse(
    _ i: UInt32, because reason: DropReason, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    charge(i, 0 &- records[i].heldBytes)
    records[i].refuse(because: reason, &pool, &budget)
  }

  mutating func remove(_ i: UInt32, _ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    refuse(i, because: .fragmentLimited, &pool, &budget)
    charge(i, 0 &- Self.recordBytes)
    unlink(i)
    _ = table.remove(records[i].key.hash(key), value: i, &budget)
    let share = records[i].share
    records.free(i, &budget)
    dropShareIfEmpty(share, &budget)
  }

  // MARK: Limits

  /// Pushes out the oldest until the limits hold: of the source first. False: the datagram itself is beyond them.
  private mutating func makeRoom(
    besides i: UInt32, _ evicted: inout UInt64, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    while shares[records[i].share].used > shareLimit {
      var oldest = shares[records[i].share].ages.first
      if oldest == i { oldest = records[i].ageInShare.younger }
      if oldest == IndexList.none { return false }
      remove(oldest, &pool, &budget)
      evicted &+= 1
    }
    while used > limit {
      guard let oldest = oldest(besides: i) else { return false }
      remove(oldest, &pool, &budget)
      evicted &+= 1
    }
    return true
  }

  /// Of both families together.
  private func oldest(besides i: UInt32) -> UInt32? {
    let (first, second) = (oldest(of: ages4, besides: i), oldest(of: ages6, besides: i))
    guard let first else { return second }
    guard let second else { return first }
    let began = records[first].deadline.advanced(by: 0 &- FragmentLimits.lifetime4)
    let beganToo = records[second].deadline.advanced(by: 0 &- FragmentLimits.lifetime6)
    return began.precedes(beganToo) ? first : second
  }

  private func oldest(of ages: IndexList, besides i: UInt32) -> UInt32? {
    if ages.isEmpty { return nil }
    let oldest = ages.first == i ? records[i].age.younger : ages.first
    return oldest == IndexList.none ? nil : oldest
  }

  /// The one that was there first, of both families; nil: there is none.
  var oldest: UInt32? { oldest(besides: IndexList.none) }

  /// One whose time is over.
  func due(at now: Tick) -> UInt32? {
    if !ages4.isEmpty, records[ages4.first].deadline.isDue(at: now) { return ages4.first }
    if !ages6.isEmpty, records[ages6.first].deadline.isDue(at: now) { return ages6.first }
    return nil
  }

  // MARK: Shares

  private mutating func share(of source: Source, _ budget: inout MemoryBudget) -> UInt32? {
    let hash = source.hash(key)
    var search = shareTable.search(hash)
    while let i = shareTable.next(&search) {
      if shares[i].source == source { return i }
    }
    guard let i = shares.allocate(FragmentShare(source: source), &budget)?.index else { return nil }
    guard shareTable.insert(hash, i, &budget) else {
      shares.free(i, &budget)
      return nil
    }
    return i
  }

  private mutating func dropShareIfEmpty(_ share: UInt32, _ budget: inout MemoryBudget) {
    guard shares[share].ages.isEmpty else { return }
    _ = shareTable.remove(shares[share].source.hash(key), value: share, &budget)
    shares.free(share, &budget)
  }

  // MARK: Lists

  /// The youngest of its family, and of its source.
  private mutating func append(_ i: UInt32) {
    let isIPv4 = records[i].key.source.isIPv4
    let last = isIPv4 ? ages4.last : ages6.last
    records[i].age.older = last
    if last != IndexList.none { records[last].age.younger = i }
    if isIPv4 { ages4.append(i) } else { ages6.append(i) }
    let share = records[i].share
    let lastOfShare = shares[share].ages.last
    records[i].ageInShare.older = lastOfShare
    if lastOfShare != IndexList.none { records[lastOfShare].ageInShare.younger = i }
    shares[share].ages.append(i)
  }

  private mutating func unlink(_ i: UInt32) {
    let age = records[i].age
    if age.older != IndexList.none { records[age.older].age.younger = age.younger }
    if age.younger != IndexList.none { records[age.younger].age.older = age.older }
    if records[i].key.source.isIPv4 { ages4.remove(age) } else { ages6.remove(age) }
    let inShare = records[i].ageInShare
    if inShare.older != IndexList.none { records[inShare.older].ageInShare.younger = inShare.younger }
    if inShare.younger != IndexList.none { records[inShare.younger].ageInShare.older = inShare.older }
    shares[records[i].share].ages.remove(inShare)
  }

  // MARK: Room

  /// At least so many octets to put a datagram together in; the caller gives them back. Nil: the budget refused.
  mutating func takeRoom(_ count: Int, _ budget: inout MemoryBudget) -> DatagramRoom? {
    if room.count < count {
      let larger = (count &+ 4_095) & ~4_095
      guard budget.take(larger &- roomBytes) else { return nil }
      roomBytes = larger
      room = DatagramRoom(count: larger)
    }
    let taken = room
    room = DatagramRoom()
    return taken
  }

  mutating func giveBackRoom(_ taken: consuming DatagramRoom) {
    room = taken
  }

  /// Memory is short.
  mutating func trim(_ budget: inout MemoryBudget) {
    records.trim(&budget)
    shares.trim(&budget)
    // Not while a datagram is in it.
    guard room.count == roomBytes, roomBytes > 0 else { return }
    room = DatagramRoom()
    budget.give(roomBytes)
    roomBytes = 0
  }

  // MARK: All of it

  borrowing func copy() -> Reassembly {
    var copy = Reassembly(limit: UInt32(clamping: limit), key: key)
    copy.table = table.copy()
    copy.records = records.copy()
    copy.shareTable = shareTable.copy()
    copy.shares = shares.copy()
    copy.used = used
    copy.ages4 = ages4
    copy.ages6 = ages6
    copy.room = room
    copy.roomBytes = roomBytes
    return copy
  }

  /// Nil: all is well.
  func check() -> StaticString? {
    var violated: StaticString?
    var sum = 0
    records.forEachLive { i in
      if let wrong = records[i].check() { violated = wrong }
      if find(records[i].key) != i { violated = "the table finds every unfinished datagram" }
      sum &+= records[i].heldBytes &+ Self.recordBytes
    }
    if let violated { return violated }
    if sum != used { return "unfinished datagrams hold what is counted" }
    if used > limit { return "unfinished datagrams keep their limit" }
    if table.count != records.live || shareTable.count != shares.live {
      return "every unfinished datagram is in the table once"
    }
    return checkLists()
  }

  private func checkLists() -> StaticString? {
    var listed = 0
    for ages in [ages4, ages6] {
      var i = ages.first
      var last = IndexList.none
      while i != IndexList.none, listed <= records.live {
        if records[i].age.older != last { return "unfinished datagrams are linked both ways" }
        if last != IndexList.none, records[i].deadline.precedes(records[last].deadline) {
          return "unfinished datagrams are in the order of deadlines"
        }
        listed &+= 1
        last = i
        i = records[i].age.younger
      }
      if last != ages.last { return "the last unfinished datagram is the last of its list" }
    }
    if listed != records.live { return "every unfinished datagram is in one list" }
    var shared = 0
    var violated: StaticString?
    shares.forEachLive { s in
      var sum = 0
      var i = shares[s].ages.first
      while i != IndexList.none, shared <= records.live {
        sum &+= records[i].heldBytes &+ Self.recordBytes
        shared &+= 1
        i = records[i].ageInShare.younger
      }
      if sum != shares[s].used { violated = "a source's share is what its datagrams hold" }
      if sum > shareLimit { violated = "no source has more than its share" }
    }
    if let violated { return violated }
    return shared == records.live ? nil : "every unfinished datagram has a source"
  }
}

/// What one source has of it.
struct FragmentShare: BitwiseCopyable {
  var source: Source
  var used = 0
  var ages = IndexList()
}
