import MartletSimulator
import MartletStack
import MartletTCP
import MartletWire

extension TwoStacks {
  /// Lets time pass on a wire that loses, doubles, delays, reorders and corrupts as the seed says, until
  /// something holds or the time is over. What is on its way at the end is lost.
  func run(_ limit: TimeAmount, over faults: WireFaults, seed: UInt64, until isDone: () -> Bool) {
    var random = SimulatorRandom(seed: seed)
    let end = now.advanced(by: limit)
    var onTheWay: [(at: Instant, segment: WireSegment)] = []
    while !isDone() {
      for segment in inFlight { depart(segment, faults, &random, &onTheWay) }
      inFlight = []
      let times = onTheWay.map(\.at) + [a, b].compactMap { $0.stack.nextDeadline(now: now) }
      guard let next = times.min(), next <= end else { break }
      tell(max(now, next))
      let due = onTheWay.enumerated().filter { $0.element.at <= now }
        .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }
      onTheWay.removeAll { $0.at <= now }
      for (_, arrival) in due { inject(arrival.segment) }
    }
  }

  private func depart(
    _ segment: WireSegment, _ faults: WireFaults, _ random: inout SimulatorRandom,
    _ onTheWay: inout [(at: Instant, segment: WireSegment)]
  ) {
    let copies = random.chance(perMillion: faults.doubled) ? 2 : 1
    for _ in 0..<copies where !random.chance(perMillion: faults.lost) {
      var segment = segment
      if random.chance(perMillion: faults.corrupted) {
        // Somewhere in the segment: what a checksum is for. (IPv6 has none of its own.)
        let start = segment.octets[0] >> 4 == 4 ? 20 : 40
        let place = start + Int(random.below(UInt64(segment.octets.count - start)))
        segment.octets[place] ^= 1 << UInt8(random.below(8))
      }
      onTheWay.append((now.advanced(by: .milliseconds(random.within(faults.delay))), segment))
    }
  }
}
