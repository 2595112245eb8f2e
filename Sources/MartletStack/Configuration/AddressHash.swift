import MartletTCP
import MartletWire

/// SipHash-2-4 under way: both addresses of a flow have been stirred in. SYN cookies and timestamps begin with that,
/// and whoever answers a SYN by cookie needs both, so it is done once for the two.
///
/// One key serves them. What they hash are different messages, for SipHash takes their lengths in: 8 octets or 32 for
/// a timestamp, 23 or 47 for a cookie. Under one key a pseudorandom function gives different messages values that
/// tell nothing of each other: who sees the offsets of all pairs of addresses is no nearer to any cookie.
struct AddressHash: BitwiseCopyable {
  private var state: SipState
  private let count: Int

  @inline(__always)
  init(local: UInt32, remote: UInt32, _ key: SipKey) {
    state = SipState(key)
    state.absorb(UInt64(local) << 32 | UInt64(remote), rounds: 2)
    count = 8
  }

  init(_ flow: Flow, _ key: SipKey) {
    switch (flow.local, flow.remote) {
    case (.v4(let local), .v4(let remote)):
      self = AddressHash(local: local.bits, remote: remote.bits, key)
    case (.v6(let local), .v6(let remote)):
      state = SipState(key)
      state.absorb(local.high, rounds: 2)
      state.absorb(local.low, rounds: 2)
      state.absorb(remote.high, rounds: 2)
      state.absorb(remote.low, rounds: 2)
      count = 32
    default:
      // A flow has addresses of one family.
      state = SipState(key)
      count = 0
    }
  }

  /// What is added to the clock in the timestamps between the two, so that they tell nobody the uptime nor that two
  /// addresses are one host (robustness rule O7).
  @inline(__always)
  var timestampOffset: UInt32 {
    var state = state
    return UInt32(truncatingIfNeeded: state.finish(byteCount: count, rounds: 2, finalRounds: 4))
  }

  /// - Parameter ports: the local one above the remote one.
  @inline(__always)
  func mac(ports: UInt32, zone: UInt16, irs: SequenceNumber) -> CookieMAC {
    var state = state
    state.absorb(UInt64(ports) << 32 | UInt64(irs.rawValue), rounds: 2)
    return CookieMAC(state, byteCount: count &+ 15, zone: zone)
  }
}

/// The MAC of a SYN cookie under way: what is the same for all cookies of one SYN has been absorbed.
struct CookieMAC {
  private let state: SipState
  private let byteCount: Int
  private let zone: UInt16

  @inline(__always)
  init(_ state: SipState, byteCount: Int, zone: UInt16) {
    self.state = state
    self.byteCount = byteCount
    self.zone = zone
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
