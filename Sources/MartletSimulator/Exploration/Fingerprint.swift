import MartletTCP
import MartletWire

/// A 64-bit hash of values in their order: a folded multiplication for each.
struct Fingerprint {
  private var state: UInt64 = 0x243f_6a88_85a3_08d3

  @inline(__always)
  mutating func add(_ value: UInt64) {
    let (high, low) = (state ^ value).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    state = (high ^ low) &+ 0x1319_8a2e_0370_7344
  }

  /// Never 0, which the table of fingerprints keeps for "none".
  var value: UInt64 { max(SplitMix64.scramble(state), 1) }
}

extension Fingerprint {
  @inline(__always)
  mutating func add(_ value: UInt32) { add(UInt64(value)) }

  @inline(__always)
  mutating func add(_ value: UInt16) { add(UInt64(value)) }

  @inline(__always)
  mutating func add(_ value: UInt8) { add(UInt64(value)) }

  @inline(__always)
  mutating func add(_ value: Bool) { add(UInt64(value ? 1 : 0)) }

  @inline(__always)
  mutating func add(_ value: Int) { add(UInt64(bitPattern: Int64(value))) }
}

/// What numbers and times of one end are measured from: a connection that began later, or with another ISS, is
/// the same connection.
struct Origins {
  /// The initial sequence number of its own stream, and of the other's.
  var own: SequenceNumber
  var other: SequenceNumber
  var clock: Instant
  /// Timestamps of its own clock, and of the other end's, that anybody still knows.
  var ownStamps: Moments
  var otherStamps: Moments
  /// When it sent what it still knows of, in microseconds.
  var departures: Moments
  let isExact: Bool

  @inline(__always)
  func sent(_ number: SequenceNumber) -> UInt32 { number.distance(from: own) }

  @inline(__always)
  func received(_ number: SequenceNumber) -> UInt32 { number.distance(from: other) }

  /// A deadline, if exact: how far ahead. More than ten minutes count as ten: no other timer lies between.
  func ahead(_ tick: Tick) -> UInt32 {
    isExact ? min(tick.milliseconds(since: Tick(clock)), 600_000) : 0
  }

  /// How long ago, if exact; from `most` on it makes no difference.
  func ago(_ tick: Tick, most: UInt32) -> UInt32 {
    let ago = Tick(clock).milliseconds(since: tick)
    return isExact ? min(ago, most) : ago < most ? 0 : 1
  }

  /// The same of the low half of a tick.
  func ago(lowHalf: UInt16, most: UInt16) -> UInt16 {
    let ago = UInt16(truncatingIfNeeded: Tick(clock).rawValue) &- lowHalf
    return isExact ? min(ago, most) : ago < most ? 0 : 1
  }

  /// Text of its own stream, and of the other's, as if both began with the same octet.
  func ownOctet(_ octet: UInt8) -> UInt8 { octet &- UInt8(truncatingIfNeeded: own.rawValue >> 24) }
  func otherOctet(_ octet: UInt8) -> UInt8 { octet &- UInt8(truncatingIfNeeded: other.rawValue >> 24) }
}

/// Times of one clock, each known by how long ago it was, or by how many others are later.
///
/// The first few lie inline: it is made anew for each state that is reached.
struct Moments {
  private static var inlineCount: Int { 8 }

  private var times: InlineArray<8, UInt32>
  private var count = 1
  private var more: [UInt32] = []
  private let isExact: Bool

  init(now: UInt32, isExact: Bool) {
    times = InlineArray(repeating: now)
    self.isExact = isExact
  }

  mutating func add(_ time: UInt32) {
    if isExact { return }
    for i in 0..<count where times[i] == time { return }
    if count < Self.inlineCount {
      times[count] = time
      count &+= 1
    } else if !more.contains(time) {
      more.append(time)
    }
  }

  subscript(time: UInt32) -> UInt32 {
    if isExact { return times[0] &- time }
    var later: UInt32 = 0
    for i in 0..<count where Int32(bitPattern: times[i] &- time) > 0 { later &+= 1 }
    for other in more where Int32(bitPattern: other &- time) > 0 { later &+= 1 }
    return later
  }
}
