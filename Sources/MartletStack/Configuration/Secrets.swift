import MartletTCP
import MartletWire

/// The keys derived from the seed, one for each purpose. Every draw is a function of
/// a purpose, the flow it is for and that purpose's own counter, never the next
/// number of a shared stream: one connection's draws tell nothing about another's
/// and do not shift them.
struct Secrets: BitwiseCopyable {
  let flowTable: SipKey
  private let sequence: SipKey
  private let port: SipKey
  private let timestamp: SipKey
  let answers: SipKey
  private let jitter: SipKey
  /// Of SYN cookies.
  let cookie: SipKey
  private let source: SipKey
  let fastOpen: SipKey
  /// Ports drawn so far; makes the draws for one remote end differ.
  private var portDraws: UInt64 = 0
  /// Likewise for `drawJitter`.
  private var jitterDraws: UInt64 = 0

  init(_ seed: StackSeed) {
    let root = SipKey(seed.words[0] ^ seed.words[2], seed.words[1] ^ seed.words[3])
    func key(_ purpose: UInt64) -> SipKey {
      SipKey(
        SipHash.hash24(root, seed.words[0], seed.words[1], purpose, 0),
        SipHash.hash24(root, seed.words[2], seed.words[3], purpose, 1))
    }
    flowTable = key(1)
    sequence = key(2)
    port = key(3)
    timestamp = key(4)
    answers = key(5)
    jitter = key(6)
    cookie = key(16)
    source = key(17)
    fastOpen = key(7)
  }

  /// RFC 9293 §3.4.1: a clock of 4 microseconds a tick, and a keyed hash of the four-tuple
  /// that differs for every flow (MUST-8, SHLD-1).
  func initialSequence(_ flow: Flow, now: Instant) -> SequenceNumber {
    let clock = UInt32(truncatingIfNeeded: now.nanoseconds / 4_000)
    return SequenceNumber(clock &+ UInt32(truncatingIfNeeded: flow.hash24(sequence)))
  }

  /// What is added to the clock in the timestamps between two addresses, so that they tell
  /// nobody the uptime nor that two addresses are one host (robustness rule O7).
  func timestampOffset(_ flow: Flow) -> UInt32 {
    switch (flow.local, flow.remote) {
    case (.v4(let local), .v4(let remote)): return timestampOffset(local, remote)
    case (.v6(let local), .v6(let remote)):
      return UInt32(
        truncatingIfNeeded: SipHash.hash24(timestamp, local.high, local.low, remote.high, remote.low))
    default:
      return 0
    }
  }

  @inline(__always)
  func timestampOffset(_ local: IPv4Address, _ remote: IPv4Address) -> UInt32 {
    UInt32(truncatingIfNeeded: SipHash.hash24(timestamp, UInt64(local.bits) << 32 | UInt64(remote.bits)))
  }

  /// A random number for a limit that nobody is to predict (robustness rule O8); the next call gives another.
  mutating func drawJitter() -> UInt64 {
    jitterDraws &+= 1
    return SipHash.hash13(jitter, jitterDraws)
  }

  /// Tells addresses apart that are only to be counted. Whoever sends from them sees nothing that depends on it, and
  /// so has nothing to find the key by: for the flood of IPv4 two multiplications do.
  @inline(__always)
  func sourceHash(_ address: IPAddress) -> UInt64 {
    switch address {
    case .v4(let address):
      let product = (source.k0 ^ UInt64(address.bits)).multipliedFullWidth(by: source.k1 | 1)
      let mixed = (product.high ^ product.low) &* 0x9e37_79b9_7f4a_7c15
      return mixed ^ mixed >> 32
    case .v6(let address): return SipHash.hash13(source, address.high, address.low)
    }
  }

  /// A random port of the range (RFC 6056 §3.3.2); the next call gives another.
  mutating func drawPort(for flow: Flow, first: UInt16, last: UInt16) -> UInt16 {
    portDraws &+= 1
    guard first <= last else { return 0 }
    let span = UInt64(last &- first) &+ 1
    let draw = SipHash.hash24(port, flow.hash24(port), portDraws)
    // The high half of the product: as even as the draw is, without a division.
    return first &+ UInt16(truncatingIfNeeded: draw.multipliedFullWidth(by: span).high)
  }
}

extension Flow {
  /// The keyed hash of both endpoints, and of the link that a link-local flow is on.
  func hash24(_ key: SipKey) -> UInt64 {
    let ports = UInt64(localPort) << 16 | UInt64(remotePort)
    let place = UInt64(zone) << 32 | ports
    switch (local, remote) {
    case (.v4(let local), .v4(let remote)):
      return SipHash.hash24(key, UInt64(local.bits) << 32 | UInt64(remote.bits), ports)
    case (.v6(let local), .v6(let remote)):
      return SipHash.hash24(key, local.high, local.low, remote.high, remote.low, place)
    default:
      return SipHash.hash24(key, ports)
    }
  }
}
