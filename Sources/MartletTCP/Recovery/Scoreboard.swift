import MartletWire

/// What is known of the text in flight (RFC 6675 §3, RFC 8985 §5): what arrived out
/// of order, what is lost, and what was sent twice. Everything else between SND.UNA
/// and SND.NXT is on its way for the first time.
///
/// Below `lostEdge` every octet has been judged: it is in `sacked`, in `lost`, or
/// has been sent again. Above it nothing was ever judged lost. Text is sent for the
/// first time in the order of its numbers, so "sent long enough before something
/// that arrived" is everything below a number, and finding losses moves an edge
/// instead of walking over segments.
///
/// All sets are bounded (robustness rule E2): a range too many is not taken in, and
/// the retransmission time-out is what then finds out.
package struct Scoreboard: BitwiseCopyable, Sendable {
  /// Reported by SACK.
  package var sacked = IntervalSet()
  /// Judged lost, and not sent again yet.
  package var lost = IntervalSet()
  /// Sent again and not delivered yet, by the time of sending.
  package var resent = SendRecords()
  /// Below it everything has been judged; meaningful while `isInUse`.
  package var lostEdge = SequenceNumber(0)
  /// Nothing from here on was sent again; meaningful while `resent` is not empty.
  package var resentEdge = SequenceNumber(0)
  /// Octets that duplicate acknowledgments without SACK stand for.
  package var reported: UInt32 = 0
  /// False: everything in flight is on its way for the first time, as far as is known.
  package var isInUse = false

  package init() {}

  /// RFC 6675 §4's "pipe": octets believed to be in the network, of `flight` that are unacknowledged.
  @inline(__always)
  package func pipe(_ flight: UInt32) -> UInt32 {
    guard isInUse else { return flight }
    let gone = sacked.totalBytes &+ lost.totalBytes &+ reported
    return flight > gone ? flight &- gone : 0
  }

  /// Begins to judge, from SND.UNA on.
  package mutating func begin(_ una: SequenceNumber) {
    guard !isInUse else { return }
    isInUse = true
    lostEdge = una
  }

  /// Nothing is sacked, lost or sent twice any more: nothing needs to be known.
  package mutating func endIfIdle() {
    if sacked.isEmpty, lost.isEmpty, resent.isEmpty, reported == 0 { isInUse = false }
  }

  package mutating func removeAll(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    guard isInUse else { return }
    sacked.removeAll(&pool, &budget)
    lost.removeAll(&pool, &budget)
    resent.removeAll(&pool, &budget)
    reported = 0
    isInUse = false
  }

  // MARK: Delivery

  /// Takes `range` out of what is on its way a second time. Returns the newest retransmission that
  /// any of it was in, when the oldest was made, and how many of its octets were in any.
  package mutating func deliverResent(
    _ range: SequenceRange, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> (newest: SendRecord?, oldest: UInt32, octets: UInt32) {
    var newest: SendRecord?
    var oldest: UInt32 = 0
    var octets: UInt32 = 0
    // Most reports are of new text.
    guard range.start.precedes(resentEdge) else { return (nil, 0, 0) }
    // No octet is in two records. What was sent again first mostly arrives first: one step.
    for i in 0..<resent.count {
      if octets >= range.count { break }
      var record = resent.record(i, pool)
      let start = SequenceNumber.latest(record.range.start, range.start)
      let end = SequenceNumber.earliest(record.range.end, range.end)
      guard start.precedes(end) else { continue }
      if newest == nil { oldest = record.sentAt }
      // Of a record that is longer, what lies behind may still come.
      newest = record
      newest?.range = SequenceRange(start: start, end: end)
      octets &+= end.distance(from: start)
      if start == record.range.start {
        record.range.start = end
      } else if end == record.range.end {
        record.range.end = start
      }
      // A piece out of the middle stays; `loseResent` leaves out what has arrived.
      resent.set(i, record, &pool)
    }
    dropEmptyResent(&pool, &budget)
    return (newest, oldest, octets)
  }

  /// SND.UNA moves to `ack`.
  package mutating func forgetResent(
    before ack: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    for i in 0..<resent.count {
      var record = resent.record(i, pool)
      guard record.range.start.precedes(ack) else { continue }
      record.range.start = SequenceNumber.earliest(ack, record.range.end)
      resent.set(i, record, &pool)
    }
    dropEmptyResent(&pool, &budget)
  }

  private mutating func dropEmptyResent(_ pool: inout ChunkPool, _ budget: inout MemoryBudget) {
    while resent.count > 0, resent.record(0, pool).range.isEmpty { resent.removeFirst(&pool, &budget) }
  }

  /// Whether any of `range` was sent again and is not known to have arrived.
  package func isResent(_ range: SequenceRange, _ pool: borrowing ChunkPool) -> Bool {
    for i in 0..<resent.count {
      let other = resent.record(i, pool).range
      if other.start.precedes(range.end), range.start.precedes(other.end), !other.isEmpty { return true }
    }
    return false
  }

  /// Octets that were sent again and are not known to have arrived.
  package func resentOctets(_ pool: borrowing ChunkPool) -> UInt32 {
    var octets: UInt32 = 0
    for i in 0..<resent.count { octets &+= resent.record(i, pool).range.count }
    return octets
  }

  // MARK: Loss

  /// Judges everything up to `edge`: what did not arrive and was not sent again is lost. Returns how
  /// many octets that are.
  package mutating func loseAll(
    upTo edge: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> UInt32 {
    let (before, oldEdge) = (lost.totalBytes, lostEdge)
    var from = lostEdge
    while let hole = sacked.firstHole(from: from, before: edge, pool) {
      if lost.insert(hole, limit: IntervalSet.maximum, &pool, &budget) == .refused {
        // Judged as far as there is room for it.
        lostEdge = hole.start
        return finishLosing(before, from: oldEdge, &pool, &budget)
      }
      from = hole.end
    }
    lostEdge = SequenceNumber.latest(lostEdge, edge)
    return finishLosing(before, from: oldEdge, &pool, &budget)
  }

  /// Beyond the old edge only a tail probe, a rescue or a path probe was sent again.
  private mutating func finishLosing(
    _ before: UInt32, from oldEdge: SequenceNumber, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> UInt32 {
    if resentEdge.follows(oldEdge) {
      for i in 0..<resent.count { lost.subtract(resent.record(i, pool).range, &pool, &budget) }
    }
    return lost.totalBytes > before ? lost.totalBytes &- before : 0
  }

  /// Retransmissions are lost, from the oldest on, each as far as `lostEnd` says, until one is not wholly.
  package mutating func loseResent(
    _ pool: inout ChunkPool, _ budget: inout MemoryBudget, upTo lostEnd: (SendRecord) -> SequenceNumber
  ) -> UInt32 {
    var octets: UInt32 = 0
    var i = 0
    // The time of the first that is not lost: whatever left in that instant is asked about, too.
    var last: UInt32?
    while i < resent.count {
      var record = resent.record(i, pool)
      if !record.range.isEmpty {
        if let last, record.sentAt != last { break }
        let end = lostEnd(record)
        if end.follows(record.range.start) {
          let before = lost.totalBytes
          let isTaken = lose(SequenceRange(start: record.range.start, end: end), &pool, &budget)
          octets &+= lost.totalBytes &- before
          guard isTaken else { break }
          record.range.start = end
          resent.set(i, record, &pool)
        }
        if !record.range.isEmpty { last = record.sentAt }
      }
      if i == 0, record.range.isEmpty { resent.removeFirst(&pool, &budget) } else { i &+= 1 }
    }
    return octets
  }

  /// What of `range` has not arrived is lost, though it was sent again. Returns how many octets that is news for.
  package mutating func loseAgain(
    _ range: SequenceRange, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> UInt32 {
    _ = deliverResent(range, &pool, &budget)
    let before = lost.totalBytes
    _ = lose(range, &pool, &budget)
    return lost.totalBytes &- before
  }

  /// What of `range` has not arrived is lost. False: there is no room to say so.
  private mutating func lose(
    _ range: SequenceRange, _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) -> Bool {
    var from = range.start
    while let hole = sacked.firstHole(from: from, before: range.end, pool) {
      if lost.insert(hole, limit: IntervalSet.maximum, &pool, &budget) == .refused { return false }
      from = hole.end
    }
    return true
  }

  /// Octets from the first lost one to the last that lies within `octets` of it: what leaves in one segment,
  /// however many pieces of it have arrived (robustness rule E2).
  package func lostSpan(within octets: UInt32, _ pool: borrowing ChunkPool) -> UInt32 {
    guard let first = lost.first(pool) else { return 0 }
    var end = first.end
    let limit = first.start.advanced(by: octets)
    for i in 1..<max(lost.count, 1) {
      let next = lost.range(at: i, pool)
      guard next.start.precedes(limit) else { break }
      end = SequenceNumber.earliest(next.end, limit)
    }
    return end.distance(from: first.start)
  }

  /// Takes what is sent again now off the front of what is lost.
  package mutating func resend(
    _ range: SequenceRange, _ rate: DeliveryRate, flight: UInt32, now: UInt32, span: UInt32,
    _ pool: inout ChunkPool, _ budget: inout MemoryBudget
  ) {
    isInUse = true
    lost.subtract(range, &pool, &budget)
    resentEdge = resent.isEmpty ? range.end : SequenceNumber.latest(resentEdge, range.end)
    resent.append(range, rate, flight: flight, now: now, span: span, &pool, &budget)
  }

  // MARK: Invariants

  /// Nil, or what does not hold between SND.UNA and SND.NXT.
  package func checkInvariants(
    _ una: SequenceNumber, _ nxt: SequenceNumber, _ pool: borrowing ChunkPool
  ) -> StaticString? {
    guard isInUse else {
      return sacked.isEmpty && lost.isEmpty && resent.isEmpty && reported == 0
        ? nil : "an unused scoreboard is empty"
    }
    for i in 0..<lost.count {
      let range = lost.range(at: i, pool)
      if range.start.precedes(una) || range.end.follows(nxt) { return "what is lost is in flight" }
      if sacked.bytes(in: range, pool) != 0 { return "what arrived is not lost" }
    }
    for i in 0..<sacked.count {
      let range = sacked.range(at: i, pool)
      if range.start.precedes(una) || range.end.follows(nxt) { return "what is sacked is in flight" }
    }
    return nil
  }
}
