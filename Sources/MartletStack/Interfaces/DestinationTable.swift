import MartletTCP
import MartletWire

/// What has been learned about the path to an address. It outlives the connections that
/// learned it, and is forgotten after a while.
struct Destination: BitwiseCopyable {
  var address: IPAddress
  /// Of a link-local address of IPv6; 0 otherwise.
  var zone: UInt16
  var lesson: Lesson
  /// Octets of the largest packet that got through; 0: the interface's MTU.
  var pathMTU: UInt16
  /// When `pathMTU` was lowered: RFC 1191 §6.3 and RFC 8201 §4 have it tried again after ten minutes.
  var learned: Instant

  /// What an error quoted. A segment in flight nobody can quote who does not see it. What a service answers to a
  /// datagram is often known to who forged the question, so what is said of datagrams holds for datagrams only.
  enum Lesson: UInt8 { case segment, datagram }
}

/// A bounded table of destinations: sets of four by keyed hash, of which the one
/// learned first is overwritten. It takes no memory before the first lesson.
struct DestinationTable {
  private static var ways: Int { 4 }
  private static var validity: TimeAmount { .minutes(10) }
  private var entries: [Destination?] = []
  private let capacity: Int
  private let key: SipKey
  private(set) var heldBytes = 0

  init(limit: UInt32, key: SipKey) {
    var capacity = Self.ways
    while capacity < Int(min(limit, 1 << 20)) { capacity &*= 2 }
    self.capacity = limit == 0 ? 0 : capacity
    self.key = key
  }

  var isEmpty: Bool { entries.isEmpty }

  /// What is known of `address`, unless it is older than ten minutes.
  func find(
    _ address: IPAddress, zone: UInt16, _ lesson: Destination.Lesson = .segment, now: Instant
  ) -> Destination? {
    if entries.isEmpty { return nil }
    let zone = address.isIPv4 ? 0 : zone
    let first = set(of: address)
    for way in 0..<Self.ways {
      guard let entry = entries[first &+ way], entry.address == address, entry.zone == zone,
        entry.lesson == lesson
      else { continue }
      return now.since(entry.learned) < Self.validity ? entry : nil
    }
    return nil
  }

  /// Remembers a path MTU. False: the budget refused the table, or others' lessons count for more.
  mutating func lower(
    _ address: IPAddress, zone: UInt16, _ lesson: Destination.Lesson = .segment, to mtu: UInt16, now: Instant,
    _ budget: inout MemoryBudget
  ) -> Bool {
    guard capacity > 0 else { return false }
    if entries.isEmpty {
      let bytes = capacity &* MemoryLayout<Destination?>.stride
      guard budget.take(bytes) else { return false }
      heldBytes = bytes
      entries = [Destination?](repeating: nil, count: capacity)
    }
    let zone = address.isIPv4 ? 0 : zone
    guard let place = place(of: address, zone, lesson, now) else { return false }
    entries[place] = Destination(address: address, zone: zone, lesson: lesson, pathMTU: mtu, learned: now)
    return true
  }

  /// The entry to write: the address's own, a free one, or the oldest of its set. What datagrams teach takes the place of
  /// no segment's lesson that is still good. Nil: there is none.
  private func place(
    of address: IPAddress, _ zone: UInt16, _ lesson: Destination.Lesson, _ now: Instant
  ) -> Int? {
    let first = set(of: address)
    var oldest: Int?
    for place in first..<first &+ Self.ways {
      guard let entry = entries[place] else { return place }
      if entry.address == address, entry.zone == zone, entry.lesson == lesson { return place }
      let mayGo =
        lesson == .segment || entry.lesson == .datagram || now.since(entry.learned) >= Self.validity
      guard mayGo else { continue }
      if let known = oldest.flatMap({ entries[$0] }), known.learned <= entry.learned { continue }
      oldest = place
    }
    return oldest
  }

  private func set(of address: IPAddress) -> Int {
    let hash =
      switch address {
      case .v4(let a): SipHash.hash13(key, UInt64(a.bits))
      case .v6(let a): SipHash.hash13(key, a.high, a.low)
      }
    return Int(truncatingIfNeeded: hash & UInt64(capacity / Self.ways &- 1)) &* Self.ways
  }
}
