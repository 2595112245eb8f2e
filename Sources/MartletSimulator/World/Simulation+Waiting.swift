import MartletTCP

// Queues with a discipline: who goes is decided when the head's turn comes.

extension Simulation {
  /// A packet comes to the end of the line.
  func lineUp(_ packet: WaitingPacket, on way: WayID) {
    directions[way.index].note(packet.count)
    guard directions[way.index].hasRoomInLine(for: packet.count) else {
      directions[way.index].counts.overflowed &+= 1
      return conclude(packet, Passage(.overflowed), on: way)
    }
    var packet = packet
    packet.speaksECN = CongestionMark.isUnderstood(by: pool[packet.place])
    directions[way.index].waiting.append(packet)
    if !directions[way.index].waiting.isAwaited { serveLine(of: way) }
  }

  /// The first in the line that the discipline lets through leaves, if the wire is free.
  func serveLine(of way: WayID) {
    directions[way.index].waiting.isAwaited = false
    while directions[way.index].busyUntil <= now, let packet = directions[way.index].waiting.popFirst() {
      conclude(packet, directions[way.index].leave(packet, now: now), on: way)
    }
    guard !directions[way.index].waiting.isEmpty else { return }
    directions[way.index].waiting.isAwaited = true
    order &+= 1
    let turn = directions[way.index].busyUntil
    flights.insert(Flight(arrival: turn, order: order, way: way, place: .max, count: 0))
  }
}

extension LinkDirection {
  func hasRoomInLine(for count: Int) -> Bool {
    if conditions.queue > 0, waiting.octets &+ UInt64(count) > UInt64(conditions.queue) { return false }
    return conditions.queuePackets == 0 || waiting.count < Int(truncatingIfNeeded: conditions.queuePackets)
  }

  /// The head of the line has its turn.
  mutating func leave(_ packet: WaitingPacket, now: Instant) -> Passage {
    var isMarked = waiting.octets > UInt64(conditions.marksAbove)
    if case .coDel(let target, let interval, let marks) = conditions.discipline {
      let marksThis = marks && packet.speaksECN
      let strikes = control.strikes(
        now.since(packet.entered), backlog: waiting.octets, target: target, interval: interval,
        isMarked: marksThis, now: now)
      if strikes, !marksThis {
        counts.droppedByQueue &+= 1
        return Passage(.droppedByQueue)
      }
      isMarked = isMarked || strikes
    }
    var passage = travel(from: departure(of: packet.count, now))
    passage.isMarked = isMarked
    return passage
  }
}
