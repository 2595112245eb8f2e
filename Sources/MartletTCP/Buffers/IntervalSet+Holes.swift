import MartletWire

extension IntervalSet {
  /// The first stretch of `[start, end)` that no range covers; nil when all of it is covered.
  package func firstHole(
    from start: SequenceNumber, before end: SequenceNumber, _ pool: borrowing ChunkPool
  ) -> SequenceRange? {
    var point = start
    var i = firstIndex(endingAfter: start, pool)
    while i < count {
      let next = range(at: i, pool)
      guard next.start.precedesOrEquals(point) else {
        guard point.precedes(end) else { return nil }
        return SequenceRange(start: point, end: SequenceNumber.earliest(next.start, end))
      }
      point = next.end
      i &+= 1
    }
    return point.precedes(end) ? SequenceRange(start: point, end: end) : nil
  }
}

extension IntervalSet {
  /// The range with the lowest sequence numbers.
  package func first(_ pool: borrowing ChunkPool) -> SequenceRange? {
    isEmpty ? nil : range(at: 0, pool)
  }
}
