package import MartletWire

/// What has arrived past a hole, as disjoint ranges in order. Bounded: beyond the
/// bound the farthest range is forgotten, and the sender's retransmission brings it back.
package struct ReceivedRanges: Sendable {
  private var ranges: [(start: SequenceNumber, end: SequenceNumber)] = []

  private static var capacity: Int { 64 }

  package init() {}

  /// One past the farthest of them; nil: there are none.
  package var end: SequenceNumber? {
    ranges.reduce(nil) { end, range in end.map { SequenceNumber.latest($0, range.end) } ?? range.end }
  }

  /// Takes `start ..< end` in and returns what `next` becomes when all that is contiguous is taken out.
  package mutating func insert(
    _ start: SequenceNumber, _ end: SequenceNumber, next: SequenceNumber
  ) -> SequenceNumber {
    if end.follows(next), start != end {
      let place = ranges.firstIndex { $0.start.follows(start) } ?? ranges.count
      ranges.insert((start, end), at: place)
    }
    var next = next
    while let first = ranges.first, first.start.precedesOrEquals(next) {
      next = SequenceNumber.latest(next, first.end)
      ranges.removeFirst()
    }
    if ranges.count > Self.capacity { ranges.removeLast() }
    return next
  }
}
