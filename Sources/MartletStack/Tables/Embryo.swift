import MartletTCP
import MartletWire

/// A half-open connection with all that the engine needs beside it: in all, with the
/// slot's generation, 48 octets for IPv4 and 72 for IPv6 (S3.5).
struct Embryo<Key: FlowKey>: BitwiseCopyable {
  var tcb: EmbryonicTCB
  var key: Key
  var links = Links()
  /// The listener's index in the low 12 bits, `EmbryoMarks` above.
  private var owner: UInt16

  init(_ tcb: EmbryonicTCB, key: Key, listener: UInt32, marks: EmbryoMarks) {
    self.tcb = tcb
    self.key = key
    owner = UInt16(truncatingIfNeeded: listener & 0xfff) | marks.rawValue
  }

  var listener: UInt32 { UInt32(owner & 0xfff) }

  var marks: EmbryoMarks {
    get { EmbryoMarks(rawValue: owner & 0xf000) }
    set { owner = owner & 0xfff | newValue.rawValue }
  }

  var waiting: EmbryoWaiting { EmbryoWaiting(tries: tcb.tries, deadline: tcb.deadline) }

  /// Which list it belongs to.
  var list: Int {
    if marks.contains(.deferred) { return FlowSpace<Key>.deferred }
    return marks.contains(.sealed) && tcb.tries == 0 ? FlowSpace<Key>.sealed : Int(min(tcb.tries, 15))
  }
}

/// For how long a half-open record has waited, beside another of either family.
struct EmbryoWaiting: BitwiseCopyable {
  var tries: UInt8
  var deadline: Tick

  /// The intervals grow with the tries: who has tried more often has waited for longer.
  func isLonger(than other: EmbryoWaiting) -> Bool {
    tries == other.tries ? deadline.precedes(other.deadline) : tries > other.tries
  }
}

/// What the engine knows of a half-open record.
struct EmbryoMarks: OptionSet, BitwiseCopyable {
  var rawValue: UInt16
  /// The flow has a TIME-WAIT record too, until the third segment.
  static var reopens: EmbryoMarks { EmbryoMarks(rawValue: 1 << 12) }
  /// No SYN-ACK before the application has answered.
  static var deferred: EmbryoMarks { EmbryoMarks(rawValue: 1 << 13) }
  /// Its ISS is a cookie: the third segment is enough.
  static var sealed: EmbryoMarks { EmbryoMarks(rawValue: 1 << 14) }
}

extension FlowSpace {
  /// Adds a half-open record. Nil: the budget refused.
  mutating func addEmbryo(
    _ embryo: Embryo<Key>, _ hash: UInt64, _ budget: inout MemoryBudget
  ) -> UInt32? {
    guard let handle = embryos.allocate(embryo, &budget) else { return nil }
    let i = handle.index
    guard i < Links.none, table.insert(hash, FlowEntry(.embryonic, i).rawValue, &budget) else {
      embryos.free(i, &budget)
      return nil
    }
    appendEmbryo(i, to: embryo.list)
    return i
  }

  /// Puts another record into the place of one. False: the budget refused, and the old one is gone all the
  /// same.
  mutating func replaceEmbryo(
    _ i: UInt32, _ old: Embryo<Key>, _ hash: UInt64, with embryo: Embryo<Key>, _ newHash: UInt64,
    _ budget: inout MemoryBudget
  ) -> Bool {
    unlinkEmbryo(i, from: old.list)
    let value = FlowEntry(.embryonic, i).rawValue
    guard table.move(value, from: hash, to: newHash, &budget) else {
      embryos.free(i, &budget)
      return false
    }
    embryos[i] = embryo
    appendEmbryo(i, to: embryo.list)
    return true
  }

  /// Takes the record out of its list and the table, and frees it.
  mutating func removeEmbryo(_ i: UInt32, _ hash: UInt64, _ budget: inout MemoryBudget) {
    unlinkEmbryo(i, from: embryos[i].list)
    _ = table.remove(hash, value: FlowEntry(.embryonic, i).rawValue, &budget)
    embryos.free(i, &budget)
  }

  /// Frees the record; the table says `entry` of its flow from now on.
  mutating func promoteEmbryo(
    _ i: UInt32, _ hash: UInt64, to entry: FlowEntry, _ budget: inout MemoryBudget
  ) {
    unlinkEmbryo(i, from: embryos[i].list)
    _ = table.replace(hash, FlowEntry(.embryonic, i).rawValue, with: entry.rawValue)
    embryos.free(i, &budget)
  }

  /// Stores a record whose deadline has moved: it goes to the end of the list that it now belongs to.
  mutating func updateEmbryo(_ i: UInt32, _ tcb: EmbryonicTCB, _ marks: EmbryoMarks) {
    unlinkEmbryo(i, from: embryos[i].list)
    embryos[i].tcb = tcb
    embryos[i].marks = marks
    appendEmbryo(i, to: embryos[i].list)
  }

  /// The oldest record that is no great loss: one that has not answered a SYN-ACK for a second or more, and not the
  /// next one within the time of a round trip, else one whose cookie stands for it. Nil also where none is among the
  /// first few of each list: the records of another listener may stand before those of this one, and nobody walks
  /// through them all.
  ///
  /// - Parameters:
  ///   - listener: nil: of any.
  ///   - wait: milliseconds from the first SYN-ACK to the next.
  mutating func spareEmbryo(of listener: UInt32?, wait: UInt32, at now: Tick) -> UInt32? {
    silentEmbryo(of: listener, wait: wait, at: now) ?? first(of: Self.sealed, listener)
  }

  private mutating func silentEmbryo(of listener: UInt32?, wait: UInt32, at now: Tick) -> UInt32? {
    var tried = occupied & 0xfffe
    while tried != 0 {
      let list = 31 &- tried.leadingZeroBitCount
      // A quarter of the wait stands for a round trip: what remains is at most the rest.
      let left = (UInt64(wait) << UInt64(list)) &- UInt64(wait / 4)
      if let i = first(of: list, listener),
        embryos[i].tcb.deadline.isDue(at: now.advanced(by: UInt32(clamping: min(left, 1 << 30))))
      {
        return i
      }
      tried &= ~(1 << UInt32(truncatingIfNeeded: list))
    }
    return nil
  }

  /// Records without a cookie whose SYN-ACK has been sent once only.
  var firmEmbryos: Int { Int(halfOpen[0].count) }

  /// There is a record of the kinds that make room.
  @inline(__always)
  var mayHaveSpare: Bool { mutating get { occupied & (0xfffe | 1 << UInt32(Self.sealed)) != 0 } }

  /// Whether the record that would make room first has had its time, which is a quarter of the wait.
  @inline(__always)
  mutating func hasSpare(wait: UInt32, at now: Tick) -> Bool {
    if occupied & 0xfffe != 0, silentEmbryo(of: nil, wait: wait, at: now) != nil { return true }
    let oldest = halfOpen[Self.sealed].first
    return oldest != Links.none && embryos[oldest].tcb.deadline.isDue(at: now.advanced(by: wait &- wait / 4))
  }

  private mutating func first(of list: Int, _ listener: UInt32? = nil) -> UInt32? {
    var i = halfOpen[list].first
    guard let listener else { return i == Links.none ? nil : i }
    for _ in 0..<4 where i != Links.none {
      if embryos[i].listener == listener { return i }
      i = embryos[i].links.next
    }
    return nil
  }

  /// One record whose deadline has come.
  mutating func dueEmbryo(at now: Tick) -> UInt32? {
    for list in 0..<Self.lists {
      let first = halfOpen[list].first
      if first != Links.none, embryos[first].tcb.deadline.isDue(at: now) { return first }
    }
    return nil
  }

  private mutating func appendEmbryo(_ i: UInt32, to list: Int) {
    let last = halfOpen[list].last
    embryos[i].links.previous = last
    embryos[i].links.next = Links.none
    if last == Links.none {
      halfOpen[list].first = i
    } else {
      embryos[last].links.next = i
    }
    halfOpen[list].last = i
    halfOpen[list].count &+= 1
    occupied |= 1 << UInt32(truncatingIfNeeded: list)
    if list == Self.deferred, unreportedAttempt == Links.none { unreportedAttempt = i }
  }

  private mutating func unlinkEmbryo(_ i: UInt32, from list: Int) {
    let links = embryos[i].links
    if list == Self.deferred, unreportedAttempt == i { unreportedAttempt = links.next }
    if links.previous == Links.none {
      halfOpen[list].first = links.next
    } else {
      embryos[links.previous].links.next = links.next
    }
    if links.next == Links.none {
      halfOpen[list].last = links.previous
    } else {
      embryos[links.next].links.previous = links.previous
    }
    halfOpen[list].count &-= 1
    if halfOpen[list].count == 0 { occupied &= ~(1 << UInt32(truncatingIfNeeded: list)) }
  }
}
