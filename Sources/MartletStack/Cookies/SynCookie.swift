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

  /// The initial sequence number with which to answer the SYN that `mac` is of.
  @inline(__always)
  static func make(_ offer: CookieOffer, _ mac: CookieMAC, now: Instant) -> SequenceNumber {
    mac.cookie(offer, generation: now.nanoseconds / generationLength)
  }

  /// What is to be thought of `iss`, which somebody says he was answered with.
  @inline(__always)
  static func open(_ iss: SequenceNumber, _ mac: CookieMAC, now: Instant) -> Verdict {
    let offer = CookieOffer(bits: UInt8(truncatingIfNeeded: iss.rawValue))
    let current = now.nanoseconds / generationLength
    let isOfCurrent = current & 1 == UInt64(iss.rawValue >> 7 & 1)
    let generation = isOfCurrent ? current : current &- 1
    if mac.cookie(offer, generation: generation) == iss { return .genuine(offer) }
    return mac.cookie(offer, generation: generation &- 2) == iss ? .expired : .forged
  }
}
