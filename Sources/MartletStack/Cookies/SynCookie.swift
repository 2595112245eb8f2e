import MartletTCP
import MartletWire

/// A SYN cookie: an initial sequence number that holds what must be remembered of a SYN, so that nothing
/// else has to be (S3.6).
///
///     31                      8 7     6             0
///     ┌────────────────────────┬─────┬───────────────┐
///     │          MAC           │ gen │  CookieOffer  │
///     └────────────────────────┴─────┴───────────────┘
///
/// The MAC is keyed, and covers both addresses and ports, the peer's initial sequence number, the number of
/// the generation and the low eight bits. A generation lasts 15 seconds; the lowest bit of its number tells
/// which of two a cookie is from. Since the whole number goes into the MAC, each generation has a secret of
/// its own. A cookie of the current or the previous one is genuine.
///
/// 24 bits of MAC mean that one blind guess in 16.7 million is right: a connection that somebody forged must
/// cost no more than an idle one, and wrong guesses are counted.
enum SynCookie {
  /// Whether an acknowledgment brings a cookie back.
  enum Verdict: Equatable {
    case genuine(CookieOffer)
    /// It was one, two generations ago or three.
    case expired
    case forged
  }

  /// Nanoseconds.
  private static var generationLength: UInt64 { 15_000_000_000 }

  /// The initial sequence number with which to answer the SYN whose own is `irs`.
  static func make(
    _ offer: CookieOffer, irs: SequenceNumber, _ flow: Flow, _ key: SipKey, now: Instant
  ) -> SequenceNumber {
    cookie(offer, generation: now.nanoseconds / generationLength, irs, flow, key)
  }

  /// What is to be thought of `iss`, which somebody says he was answered with.
  static func open(
    _ iss: SequenceNumber, irs: SequenceNumber, _ flow: Flow, _ key: SipKey, now: Instant
  ) -> Verdict {
    let offer = CookieOffer(bits: UInt8(truncatingIfNeeded: iss.rawValue))
    let current = now.nanoseconds / generationLength
    let isOfCurrent = current & 1 == UInt64(iss.rawValue >> 7 & 1)
    let generation = isOfCurrent ? current : current &- 1
    if cookie(offer, generation: generation, irs, flow, key) == iss { return .genuine(offer) }
    return cookie(offer, generation: generation &- 2, irs, flow, key) == iss ? .expired : .forged
  }

  private static func cookie(
    _ offer: CookieOffer, generation: UInt64, _ irs: SequenceNumber, _ flow: Flow, _ key: SipKey
  ) -> SequenceNumber {
    let low = UInt8(truncatingIfNeeded: generation & 1) << 7 | offer.bits
    let mac = mac(flow, irs, generation, low, key)
    return SequenceNumber(UInt32(truncatingIfNeeded: mac) & 0xffff_ff00 | UInt32(low))
  }

  private static func mac(
    _ flow: Flow, _ irs: SequenceNumber, _ generation: UInt64, _ low: UInt8, _ key: SipKey
  ) -> UInt64 {
    let ends = UInt64(flow.localPort) << 48 | UInt64(flow.remotePort) << 32 | UInt64(irs.rawValue)
    // The number of a generation stays below 2^31 for as long as an `Instant` can count.
    let rest = generation << 24 | UInt64(flow.zone) << 8 | UInt64(low)
    switch (flow.local, flow.remote) {
    case (.v4(let local), .v4(let remote)):
      return SipHash.hash24(key, UInt64(local.bits) << 32 | UInt64(remote.bits), ends, rest)
    case (.v6(let local), .v6(let remote)):
      return SipHash.hash24(key, local.high, local.low, remote.high, remote.low, ends, rest)
    default:
      return SipHash.hash24(key, ends, rest)
    }
  }
}
