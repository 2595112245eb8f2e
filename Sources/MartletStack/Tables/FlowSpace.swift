import MartletTCP
import MartletWire

/// The flows of one address family: the table that finds them, and the records of
/// those that have no connection yet (embryonic) or no more (lingering).
///
/// What the segment path calls is `mutating` even where it changes nothing: a method that only borrows a
/// value this large is given a copy of it by the compiler.
struct FlowSpace<Key: FlowKey>: ~Copyable {
  var table = FlowTable()
  var embryos = Slab<Embryo<Key>>()
  /// By number of tries: each list has one interval, so its order is that of deadlines and no
  /// wheel is needed. Then attempts that wait for an answer, then records without a try whose ISS is a cookie.
  var halfOpen = InlineArray<18, LinkedEnds>(repeating: LinkedEnds())
  /// A bit for each of these lists that is not empty.
  var occupied: UInt32 = 0
  var lingering = Slab<Lingering<Key>>()
  /// In the order of deadlines.
  var timeWait = LinkedEnds()
  /// The first attempt that has not been told to the application.
  var unreportedAttempt = Links.none

  static var deferred: Int { 16 }
  static var sealed: Int { 17 }
  static var lists: Int { 18 }

  borrowing func copy() -> FlowSpace {
    var copy = FlowSpace()
    copy.table = table.copy()
    copy.embryos = embryos.copy()
    copy.halfOpen = halfOpen
    copy.occupied = occupied
    copy.lingering = lingering.copy()
    copy.timeWait = timeWait
    copy.unreportedAttempt = unreportedAttempt
    return copy
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
