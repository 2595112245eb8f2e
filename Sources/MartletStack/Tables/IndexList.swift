/// Both ends of a list that is linked through the records in it.
struct IndexList: BitwiseCopyable {
  static var none: UInt32 { .max }

  var first = IndexList.none
  var last = IndexList.none

  var isEmpty: Bool { first == IndexList.none }

  /// For a list that is linked one way: `i` is the last. Returns the one before it, `none` if there is none.
  @inline(__always)
  mutating func append(linked i: UInt32) -> UInt32 {
    let before = last
    if isEmpty { first = i }
    last = i
    return before
  }

  /// Likewise: `next` stood behind the first.
  @inline(__always)
  mutating func removeFirst(next: UInt32) {
    first = next
    if next == IndexList.none { last = next }
  }
}

/// Neighbours in a list from the oldest to the youngest.
struct AgeLinks: BitwiseCopyable {
  var older = IndexList.none
  var younger = IndexList.none
}

/// The ends of a list that is linked both ways; whoever has the records links those beside them.
extension IndexList {
  /// `i` is the youngest from now on.
  mutating func append(_ i: UInt32) {
    if isEmpty { first = i }
    last = i
  }

  /// What stood between these neighbours is gone.
  mutating func remove(_ links: AgeLinks) {
    if links.older == IndexList.none { first = links.younger }
    if links.younger == IndexList.none { last = links.older }
  }
}
