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
  @inline(__always)
  static func make(
    _ offer: CookieOffer, irs: SequenceNumber, _ flow: Flow, _ key: SipKey, now: Instant
  ) -> SequenceNumber {
    CookieMAC(flow, irs, key).cookie(offer, generation: now.nanoseconds / generationLength)
  }

  /// What is to be thought of `iss`, which somebody says he was answered with.
  @inline(__always)
  static func open(
    _ iss: SequenceNumber, irs: SequenceNumber, _ flow: Flow, _ key: SipKey, now: Instant
  ) -> Verdict {
    let offer = CookieOffer(bits: UInt8(truncatingIfNeeded: iss.rawValue))
    let current = now.nanoseconds / generationLength
    let isOfCurrent = current & 1 == UInt64(iss.rawValue >> 7 & 1)
    let generation = isOfCurrent ? current : current &- 1
    let mac = CookieMAC(flow, irs, key)
    if mac.cookie(offer, generation: generation) == iss { return .genuine(offer) }
    return mac.cookie(offer, generation: generation &- 2) == iss ? .expired : .forged
  }
}

/// SipHash-2-4 under way: what is the same for all cookies of one SYN has been absorbed.
private struct CookieMAC {
  private var state: SipState
  private let byteCount: Int
  private let zone: UInt16

  @inline(__always)
  init(_ flow: Flow, _ irs: SequenceNumber, _ key: SipKey) {
    state = SipState(key)
    zone = flow.zone
    switch (flow.local, flow.remote) {
    case (.v4(let local), .v4(let remote)):
      state.absorb(UInt64(local.bits) << 32 | UInt64(remote.bits), rounds: 2)
      byteCount = 23
    case (.v6(let local), .v6(let remote)):
      state.absorb(local.high, rounds: 2)
      state.absorb(local.low, rounds: 2)
      state.absorb(remote.high, rounds: 2)
      state.absorb(remote.low, rounds: 2)
      byteCount = 47
    default:
      byteCount = 15
    }
    let ends = UInt64(flow.localPort) << 48 | UInt64(flow.remotePort) << 32 | UInt64(irs.rawValue)
    state.absorb(ends, rounds: 2)
  }

  @inline(__always)
  func cookie(_ offer: CookieOffer, generation: UInt64) -> SequenceNumber {
    let low = UInt8(truncatingIfNeeded: generation & 1) << 7 | offer.bits
    var state = state
    // Seven octets, so that they fit the last word, where the hash keeps one for the count of all. The number of a
    // generation stays below 2^31 for as long as an `Instant` can count.
    let last = generation << 24 | UInt64(zone) << 8 | UInt64(low)
    let mac = state.finish(byteCount: byteCount, tail: last, rounds: 2, finalRounds: 4)
    return SequenceNumber(UInt32(truncatingIfNeeded: mac) & 0xffff_ff00 | UInt32(low))
  }
}
