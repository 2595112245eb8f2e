import MartletTCP
import MartletTrace
import MartletWire

/// What the times and numbers of both ends are measured from.
struct WorldOrigins {
  var left: Origins
  var right: Origins

  subscript(side: Side) -> Origins {
    _read { if side == .left { yield left } else { yield right } }
  }
}

extension ExploredWorld {
  /// Of everything. Two worlds with the same one go on alike.
  func fingerprint(capacity: Int) -> UInt64 {
    var print = fingerprintWithoutBounds(capacity, withBounds: true)
    for left in [drops, duplicates, corruptions, timeouts, aborts, deafReaders] { print.add(left) }
    return print.value
  }

  /// Of what a fair continuation depends on: what may still go wrong is no part of it.
  func fairFingerprint(capacity: Int) -> UInt64 {
    fingerprintWithoutBounds(capacity, withBounds: false).value
  }

  private func fingerprintWithoutBounds(_ capacity: Int, withBounds: Bool) -> Fingerprint {
    let origins = origins
    let one = Self.half(left, leftWay, origins.left, capacity, withBounds)
    let other = Self.half(right, rightWay, origins.right, capacity, withBounds)
    let swaps = isSymmetric && other < one
    var print = Fingerprint()
    print.add(swaps ? other : one)
    print.add(swaps ? one : other)
    return print
  }

  private static func half(
    _ end: borrowing ExploredEnd, _ way: borrowing ExploredWay, _ origins: borrowing Origins, _ capacity: Int,
    _ withBounds: Bool
  ) -> UInt64 {
    var print = Fingerprint()
    print.add(end.fingerprint(origins, withBounds: withBounds))
    print.add(way.fingerprint(origins, capacity: capacity))
    return print.value
  }

  /// Collects every time that stands somewhere, so that each can be told by its place among the others.
  var origins: WorldOrigins {
    var leftStamps = Moments(now: Tick(left.clock).rawValue, isExact: exactTimes)
    var rightStamps = Moments(now: Tick(right.clock).rawValue, isExact: exactTimes)
    var leftDepartures = Moments(now: left.clock.microseconds, isExact: exactTimes)
    var rightDepartures = Moments(now: right.clock.microseconds, isExact: exactTimes)
    if !exactTimes {
      left.addMoments(own: &leftStamps, other: &rightStamps, departures: &leftDepartures)
      right.addMoments(own: &rightStamps, other: &leftStamps, departures: &rightDepartures)
      leftWay.addStamps(own: &leftStamps, other: &rightStamps)
      rightWay.addStamps(own: &rightStamps, other: &leftStamps)
    }
    return WorldOrigins(
      left: Origins(
        own: left.iss, other: right.iss, clock: left.clock, ownStamps: leftStamps, otherStamps: rightStamps,
        departures: leftDepartures, isExact: exactTimes),
      right: Origins(
        own: right.iss, other: left.iss, clock: right.clock, ownStamps: rightStamps, otherStamps: leftStamps,
        departures: rightDepartures, isExact: exactTimes))
  }
}

extension ExploredWay {
  fileprivate func addStamps(own: inout Moments, other: inout Moments) {
    for segment in segments where segment.header.options.present.contains(.timestamps) {
      own.add(segment.header.options.tsval)
      if segment.header.options.tsecr != 0 { other.add(segment.header.options.tsecr) }
    }
  }
}
