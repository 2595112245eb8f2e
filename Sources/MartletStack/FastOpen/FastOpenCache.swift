import MartletTCP
import MartletWire

/// What others told us for the next Fast Open, and what did not work (RFC 7413 §4.1.3): sets of four by keyed
/// hash of our address, theirs and their port, of which the one used longest ago is overwritten. It takes no
/// memory before the first connection that asks for Fast Open.
struct FastOpenCache {
  private static var ways: Int { 4 }
  private var entries: [Entry] = []
  private let capacity: Int
  private let key: SipKey
  private(set) var heldBytes = 0

  private struct Entry: BitwiseCopyable {
    /// Of the path; two with the same hash would share a cookie that is wrong for one of them, no more.
    var path: UInt64
    var restsUntil: Instant
    var used: Tick
    var mss: UInt16
    /// Attempts in a row that did not work.
    var failures: UInt8
    var cookie: FastOpenCookie
  }

  /// Octets of what is remembered of one path.
  static var entrySize: Int { MemoryLayout<Entry>.stride }

  /// What a SYN may do.
  struct Offer: BitwiseCopyable {
    var cookie: FastOpenCookie
    /// The peer's MSS; 0: not known.
    var mss: UInt16
  }

  init(limit: UInt32, key: SipKey) {
    var capacity = Self.ways
    while capacity < Int(min(limit, 1 << 20)) { capacity &*= 2 }
    self.capacity = limit == 0 ? 0 : capacity
    self.key = key
  }

  /// A cookie, or an empty one: ask for it. Nil: Fast Open rests on this path, or there is no memory for it.
  mutating func offer(_ flow: Flow, now: Instant, _ budget: inout MemoryBudget) -> Offer? {
    guard let i = place(of: flow, now, &budget), entries[i].restsUntil <= now else { return nil }
    return Offer(cookie: entries[i].cookie, mss: entries[i].mss)
  }

  /// The cookie to send, if there still is one.
  func cookie(_ flow: Flow) -> FastOpenCookie {
    find(flow).map { entries[$0].cookie } ?? FastOpenCookie()
  }

  mutating func remember(_ cookie: FastOpenCookie, mss: UInt16, _ flow: Flow) {
    guard let i = find(flow) else { return }
    entries[i].cookie = cookie
    entries[i].mss = mss
  }

  mutating func succeed(_ flow: Flow) {
    if let i = find(flow) { entries[i].failures = 0 }
  }

  /// §4.1.3.1: the second failure in a row, and each one after, makes Fast Open rest on this path for an hour,
  /// then two, at most 32.
  mutating func fail(_ flow: Flow, now: Instant) {
    guard let i = find(flow) else { return }
    if entries[i].failures < .max { entries[i].failures &+= 1 }
    if entries[i].failures >= 2 { rest(i, doublings: entries[i].failures &- 2, now) }
  }

  /// §4.2.1: whoever gave no cookie is not asked again soon.
  mutating func refuse(_ flow: Flow, now: Instant) {
    if let i = find(flow) { rest(i, doublings: 0, now) }
  }

  private mutating func rest(_ i: Int, doublings: UInt8, _ now: Instant) {
    entries[i].restsUntil = now.advanced(by: .hours(1 << Int64(min(doublings, 5))))
    entries[i].cookie = FastOpenCookie()
  }

  private func find(_ flow: Flow) -> Int? {
    if entries.isEmpty { return nil }
    let path = hash(flow)
    let first = set(path)
    for i in first..<first &+ Self.ways where entries[i].path == path { return i }
    return nil
  }

  /// The path's own place, else that of the one in its set that was used longest ago.
  private mutating func place(of flow: Flow, _ now: Instant, _ budget: inout MemoryBudget) -> Int? {
    guard capacity > 0, !entries.isEmpty || makeEntries(&budget) else { return nil }
    let tick = Tick(now)
    if let i = find(flow) {
      entries[i].used = tick
      return i
    }
    let path = hash(flow)
    let first = set(path)
    var oldest = first
    for i in first..<first &+ Self.ways where entries[i].used.precedes(entries[oldest].used) { oldest = i }
    entries[oldest] = Entry(
      path: path, restsUntil: .origin, used: tick, mss: 0, failures: 0, cookie: FastOpenCookie())
    return oldest
  }

  private mutating func makeEntries(_ budget: inout MemoryBudget) -> Bool {
    let bytes = capacity &* MemoryLayout<Entry>.stride
    guard budget.take(bytes) else { return false }
    heldBytes = bytes
    let none = Entry(
      path: 0, restsUntil: .origin, used: Tick(rawValue: 0), mss: 0, failures: 0, cookie: FastOpenCookie())
    entries = [Entry](repeating: none, count: capacity)
    return true
  }

  private func hash(_ flow: Flow) -> UInt64 {
    var path = flow
    path.localPort = 0
    // 0 stands for nobody.
    return max(path.hash24(key), 1)
  }

  private func set(_ path: UInt64) -> Int {
    Int(truncatingIfNeeded: path & UInt64(capacity / Self.ways &- 1)) &* Self.ways
  }
}
