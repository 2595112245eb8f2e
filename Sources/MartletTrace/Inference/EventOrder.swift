package import MartletTCP
internal import MartletWire

/// Something that happened at one end: a segment left it or reached it.
package struct LocalEvent: Equatable, Sendable {
  package enum Kind: Sendable { case departure, arrival }

  package var kind: Kind
  /// Which observation.
  package var index: Int
  /// Where it happened.
  package var side: Side
  package var time: Instant
}

/// Puts the departures and arrivals of a flow into one order that could have happened.
///
/// Arrivals with a known time take their place by it. Where nobody knows (a
/// capture sees a segment once), a segment is taken to arrive at once, unless the
/// receiver's own next segments show that it had not: an end that had taken a SYN
/// or FIN acknowledges it in everything it sends afterwards. So segments that
/// crossed on the way are told from the acknowledgment numbers alone.
package enum EventOrder {
  /// How far ahead to look for the acknowledgment of a SYN or FIN.
  private static var horizon: Int { 4_096 }

  /// A place in the order: ranks order what happens at one instant.
  private struct Place: Comparable {
    var time: Instant
    var rank: Int

    static func < (a: Place, b: Place) -> Bool {
      a.time != b.time ? a.time < b.time : a.rank < b.rank
    }
  }

  /// `observations` must be in order of departure.
  package static func events(of observations: [Observation]) -> [LocalEvent] {
    var keyed: [(event: LocalEvent, rank: Int)] = []
    keyed.reserveCapacity(observations.count &* 2)
    // A path keeps the order of what it carries, unless it is known not to have.
    var latest: (left: Place?, right: Place?)
    for (index, seen) in observations.enumerated() {
      let departure = LocalEvent(kind: .departure, index: index, side: seen.from, time: seen.time)
      keyed.append((departure, 4 &* index))
      guard !seen.isLost, var place = arrival(of: index, in: observations) else { continue }
      if seen.arrival == nil, let before = seen.from == .left ? latest.left : latest.right {
        place = max(place, before)
      }
      if seen.from == .left { latest.left = place } else { latest.right = place }
      let event = LocalEvent(kind: .arrival, index: index, side: seen.from.other, time: place.time)
      keyed.append((event, place.rank))
    }
    keyed.sort { a, b in
      let (x, y) = (Place(time: a.event.time, rank: a.rank), Place(time: b.event.time, rank: b.rank))
      return x != y ? x < y : a.event.index < b.event.index
    }
    return keyed.map { $0.event }
  }

  /// Nil when the receiver's later segments show that it never took this one.
  private static func arrival(of index: Int, in all: [Observation]) -> Place? {
    let seen = all[index]
    if let known = seen.arrival { return Place(time: max(known, seen.time), rank: 4 &* index &+ 1) }
    var place = Place(time: seen.time, rank: 4 &* index &+ 1)
    guard !seen.segment.flags.isDisjoint(with: [.syn, .fin]), !seen.segment.flags.contains(.rst) else {
      return place
    }
    var crossed = false
    for later in all.indices.dropFirst(index &+ 1).prefix(horizon) where all[later].from != seen.from {
      if shows(all[later].segment, receiptOf: seen.segment) { return place }
      place = Place(time: all[later].time, rank: 4 &* later &+ 2)
      crossed = true
    }
    return crossed ? nil : place
  }

  /// Whether whoever sent `answer` had taken `segment`. A reset says nothing against it.
  private static func shows(_ answer: TracedSegment, receiptOf segment: TracedSegment) -> Bool {
    if answer.flags.contains(.rst) { return true }
    // Whoever still sends SYN has not yet had the acknowledgment of it.
    if answer.flags.contains(.syn), segment.flags.isSuperset(of: [.syn, .ack]) { return false }
    return answer.flags.contains(.ack) && answer.ack.followsOrEquals(segment.end)
  }
}
