import MartletWire

/// What one acknowledgment says about the text in flight, gathered while it is taken in.
struct Delivery {
  /// Octets newly delivered: acknowledged, or reported by SACK for the first time.
  var octets: UInt32 = 0
  /// SND.UNA moved by so much.
  var acknowledged: UInt32 = 0
  /// RFC 6675's pipe before the acknowledgment.
  var flightBefore: UInt32 = 0
  /// Octets that this acknowledgment shows to be lost.
  var lost: UInt32 = 0
  /// In how many ranges that were not known.
  var lostRanges: UInt8 = 0
  /// The record, among those delivered, of what was sent last.
  var newest: SendRecord?
  /// Microseconds since `newest` was sent, unless it is not clear which transmission arrived (Karn); else 0.
  var roundTrip: UInt32 = 0
  /// Octets that the peer says it got twice (RFC 2883).
  var duplicated: UInt32 = 0
  /// The end of those octets.
  var duplicatedEnd = SequenceNumber(0)
  /// Something arrived that was sent only once, and below SND.NXT as it was when recovery began: the
  /// evidence that F-RTO looks for.
  var originalArrived = false
  /// RACK.fack before this acknowledgment: what one acknowledgment reports arrived in no order that it shows.
  var forward: SequenceNumber?
  /// SACK reported something new.
  var isSelective = false
  var startsRound = false
  /// It took a recovery back.
  var isUndone = false
  var rate = RateSample()

  /// Takes `record` in as delivered; the latest transmission counts.
  mutating func add(_ record: SendRecord) {
    if let newest, !record.wasSent(after: newest.sentAt, newest.range.end) { return }
    newest = record
  }
}

extension TCB {
  /// SND.UNA moves to `ack`: settles everything below it that the scoreboard knows of.
  mutating func deliverPrefix(
    upTo ack: SequenceNumber, _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) {
    let range = SequenceRange(start: snd.una, end: ack)
    let known = cold.scoreboard.sacked.bytes(in: range, around.pool)
    delivery.octets &+= range.count &- known
    if mode.contains(.sack) {
      let first = SequenceNumber.latest(snd.una, cold.scoreboard.lostEdge)
      deliverUnsacked(
        SequenceRange(start: snd.una, end: ack), isAcknowledged: true, onceFrom: first, seg, &delivery, &cold,
        &around, now)
    } else {
      let (newest, oldest, octets) = cold.scoreboard.deliverResent(range, &around.pool, &around.budget)
      if newest == nil { delivery.originalArrived = true }
      if newest != nil {
        settleResent(since: oldest, isOldest: octets <= UInt32(effectiveSendMSS), seg, &cold)
      }
      // One segment filled the hole; what else is acknowledged now is what the duplicates reported.
      let filled = min(range.count, UInt32(effectiveSendMSS))
      let known = range.count &- filled
      let counted = min(known, cold.scoreboard.reported)
      cold.scoreboard.reported &-= counted
      delivery.octets &-= counted
    }
    cold.scoreboard.sacked.removeAll(before: ack, &around.pool, &around.budget)
    cold.scoreboard.lost.removeAll(before: ack, &around.pool, &around.budget)
    cold.scoreboard.forgetResent(before: ack, &around.pool, &around.budget)
    if cold.scoreboard.lostEdge.precedes(ack) { cold.scoreboard.lostEdge = ack }
    let last = cold.sent.removeAll(before: ack, &around.pool, &around.budget)
    if !mode.contains(.sack), let last, delivery.newest == nil, recovery.phase == .open {
      delivery.newest = last
      delivery.roundTrip = last.roundTrip(upTo: ack, now: now.microseconds)
    }
    cold.endScoreboardIfIdle()
  }

  /// Goes through those parts of `range` that SACK has not reported before.
  ///
  /// - Parameters:
  ///   - isAcknowledged: SND.UNA moves over it; false: SACK reports it.
  ///   - onceFrom: nothing from here on was ever judged lost.
  mutating func deliverUnsacked(
    _ range: SequenceRange, isAcknowledged: Bool, onceFrom: SequenceNumber, _ seg: Segment,
    _ delivery: inout Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    var from = range.start
    while let hole = cold.scoreboard.sacked.firstHole(from: from, before: range.end, around.pool) {
      from = hole.end
      let again = cold.scoreboard.deliverResent(hole, &around.pool, &around.budget)
      if again.newest != nil {
        let isOldest = isAcknowledged && hole.start == snd.una && again.octets <= UInt32(effectiveSendMSS)
        settleResent(since: again.oldest, isOldest: isOldest, seg, &cold)
      }
      if let record = again.newest, isPlausible(record, isAcknowledged, seg, cold, now) {
        delivery.add(record)
      }
      guard again.octets < hole.count else { continue }
      // Some of it arrived by its first transmission: late, if later text came before it (RFC 8985 §6.2
      // step 3).
      if hole.end.precedesOrEquals(cold.recover.advanced(by: 1)), !wasTailProbe(hole, cold.probe) {
        delivery.originalArrived = true
      }
      if let forward = delivery.forward, hole.end.precedes(forward) { noteReordering(&around, now) }
      guard hole.end.follows(onceFrom), again.octets == 0 else { continue }
      let i = cold.sent.index(endingAfter: hole.end.retreated(by: 1), around.pool)
      guard i < cold.sent.count else { continue }
      var record = cold.sent.record(i, around.pool)
      let roundTrip = record.roundTrip(upTo: hole.end, now: now.microseconds)
      record.range.end = hole.end
      if let newest = delivery.newest, !record.wasSent(after: newest.sentAt, newest.range.end) { continue }
      delivery.newest = record
      delivery.roundTrip = roundTrip
    }
  }

  /// The last tail-loss probe sent this a second time: a time-out forgets when, so nobody can say which arrived.
  private func wasTailProbe(_ hole: SequenceRange, _ probe: TailProbe) -> Bool {
    probe.isRetransmission && hole.end.precedesOrEquals(probe.end)
      && hole.start.followsOrEquals(probe.end.retreated(by: UInt32(effectiveSendMSS)))
  }

  /// RFC 8985 §6.2 step 2: whether an acknowledgment may be of this retransmission and not of what was
  /// sent before it.
  private func isPlausible(
    _ record: SendRecord, _ isAcknowledged: Bool, _ seg: Segment, _ cold: ColdBlock, _ now: Instant
  ) -> Bool {
    let elapsed = now.microseconds &- record.sentAt
    let least = cold.rack.minimumRoundTrip
    if elapsed < least { return false }
    // The echo that comes with a report is of what arrived before the first hole, and says nothing of what did beyond
    // it (RFC 7323 §4.3 (2)). While there is new text, the reports of that tell soon enough.
    let isEchoed = mode.contains(.timestamps) && seg.options.present.contains(.timestamps)
    let isEvidence = isAcknowledged || hasUnsent(cold)
    if isEvidence && isEchoed {
      // In milliseconds: the echo is of a segment that left before the retransmission did.
      let echoed = timestampValue(now) &- seg.options.tsecr
      return echoed <= elapsed / 1_000 &+ 1
    }
    // An idle connection has forgotten its least round trip.
    return least != 0 || elapsed >= rtt.srtt / 2
  }
}
