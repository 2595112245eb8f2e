/// How much was delivered, and when: what delivery-rate samples are made of
/// (draft-ietf-ccwg-bbr §4.1, its `C.` variables).
@frozen
package struct DeliveryRate: BitwiseCopyable, Sendable {
  /// Octets delivered since the connection was last idle, modulo 2^32.
  package var delivered: UInt32 = 0
  /// When that last grew, in microseconds.
  package var deliveredAt: UInt32 = 0
  /// When the newest segment delivered was sent.
  package var firstSentAt: UInt32 = 0
  /// Octets found lost, modulo 2^32.
  package var lost: UInt32 = 0
  /// Delivered octets at which samples are the path's again and no more the application's; meaningful while
  /// `isApplicationLimited`.
  package var limitedUntil: UInt32 = 0
  /// Delivered octets at which the round trip ends.
  package var roundEnd: UInt32 = 0
  package var isApplicationLimited = false

  package init() {}

  /// Something is sent while nothing is in flight: the pipe starts anew (§4.1.2.2).
  @inline(__always)
  package mutating func restart(now: UInt32) {
    firstSentAt = now
    deliveredAt = now
  }

  /// The application has no more to send, and the window would allow it (§4.1.2.4).
  package mutating func becomeApplicationLimited(flight: UInt32) {
    limitedUntil = delivered &+ flight
    isApplicationLimited = true
  }

  /// Octets arrived, the newest of which were in `newest`. Returns whether a round trip begins with them.
  @inline(__always)
  package mutating func deliver(_ octets: UInt32, _ newest: SendRecord?, now: UInt32) -> Bool {
    delivered = delivered &+ octets
    deliveredAt = now
    if isApplicationLimited, Int32(bitPattern: delivered &- limitedUntil) > 0 { isApplicationLimited = false }
    guard let newest else { return false }
    firstSentAt = newest.sentAt
    let startsRound = Int32(bitPattern: newest.delivered &- roundEnd) >= 0
    if startsRound { roundEnd = delivered }
    return startsRound
  }

  /// The sample that follows from what `deliver` has taken in (§4.1.2.3).
  package func sample(_ newest: SendRecord?, now: UInt32) -> RateSample {
    var sample = RateSample()
    guard let newest else { return sample }
    sample.delivered = delivered &- newest.delivered
    sample.interval = max(newest.sentAt &- newest.firstSentAt, now &- newest.deliveredAt)
    sample.priorDelivered = newest.delivered
    sample.totalDelivered = delivered
    sample.flight = newest.flight
    sample.lost = (lost &- newest.lostAndLimit) & 0x7fff_ffff
    sample.isApplicationLimited = newest.isApplicationLimited
    return sample
  }
}
