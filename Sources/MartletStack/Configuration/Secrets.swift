import MartletTCP
public import MartletWire

/// The keys derived from the seed, one for each purpose. Every draw is a function of
/// a purpose, the flow it is for and that purpose's own counter, never the next
/// number of a shared stream: one connection's draws tell nothing about another's
/// and do not shift them.
struct Secrets: BitwiseCopyable {
  let flowTable: SipKey
  private let sequence: SipKey
  private let port: SipKey
  /// Of timestamps and SYN cookies: `AddressHash` says why one will do.
  let addresses: SipKey
  let answers: SipKey
  private let jitter: SipKey
  private let source: SipKey
  let fastOpen: SipKey
  /// Of the table of neighbours.
  let neighbours: SipKey
  private let neighbourDelay: SipKey
  /// RFC 7217.
  let stableAddresses: SipKey
  /// RFC 8981; of nothing else.
  private let temporaryAddresses: SipKey
  /// Of the table of unfinished datagrams.
  let fragments: SipKey
  private let identifications: SipKey
  let sentDatagrams: SipKey
  private let dhcp: SipKey
  /// Ports drawn so far; makes the draws for one remote end differ.
  private var portDraws: UInt64 = 0
  /// Likewise for `drawJitter`.
  private var jitterDraws: UInt64 = 0
  private var neighbourDraws: UInt64 = 0
  private var dhcpDraws: UInt64 = 0
  private var identifierDraws: UInt64 = 0
  /// Datagrams cut so far, for groups of destinations.
  private var cuts: InlineArray<32, UInt32> = InlineArray(repeating: 0)

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
    addresses = key(4)
    answers = key(5)
    jitter = key(6)
    source = key(17)
    fastOpen = key(7)
    neighbours = key(18)
    neighbourDelay = key(19)
    stableAddresses = key(21)
    temporaryAddresses = key(26)
    fragments = key(22)
    identifications = key(23)
    sentDatagrams = key(24)
    dhcp = key(25)
  }

  /// RFC 9293 §3.4.1: a clock of 4 microseconds a tick, and a keyed hash of the four-tuple
  /// that differs for every flow (MUST-8, SHLD-1).
  func initialSequence(_ flow: Flow, now: Instant) -> SequenceNumber {
    let clock = UInt32(truncatingIfNeeded: now.nanoseconds / 4_000)
    return SequenceNumber(clock &+ UInt32(truncatingIfNeeded: flow.hash24(sequence)))
  }

  /// What timestamps and cookies of a flow are made from.
  @inline(__always)
  func addresses(of flow: Flow) -> AddressHash { AddressHash(flow, addresses) }

  func timestampOffset(_ flow: Flow) -> UInt32 { addresses(of: flow).timestampOffset }

  func cookieMAC(_ flow: Flow, irs: SequenceNumber) -> CookieMAC {
    let ports = UInt32(flow.localPort) << 16 | UInt32(flow.remotePort)
    return addresses(of: flow).mac(ports: ports, zone: flow.zone, irs: irs)
  }

  /// A random number for a limit that nobody is to predict (robustness rule O8); the next call gives another.
  mutating func drawJitter() -> UInt64 {
    jitterDraws &+= 1
    return SipHash.hash13(jitter, jitterDraws)
  }

  /// A random number for the times that hosts on a link must not choose alike.
  mutating func drawNeighbour() -> UInt64 {
    neighbourDraws &+= 1
    return SipHash.hash13(neighbourDelay, neighbourDraws)
  }

  /// A random interface identifier for a network (RFC 8981 §3.3.2); the next call gives another.
  mutating func drawIdentifier(_ network: UInt64) -> UInt64 {
    identifierDraws &+= 1
    return SipHash.hash24(temporaryAddresses, network, identifierDraws)
  }

  /// A random number for a question to DHCP servers, and for when to ask.
  mutating func drawDHCP() -> UInt64 {
    dhcpDraws &+= 1
    return SipHash.hash13(dhcp, dhcpDraws)
  }

  /// What names a datagram that is cut: a counter for a few destinations, from a place of its own for each pair of
  /// addresses (RFC 7739 §5.3; robustness rule O7). So none comes again soon, and nobody can tell the next one, or from
  /// his own how many others had.
  mutating func drawIdentification(from local: IPAddress, to remote: IPAddress) -> UInt32 {
    let hash = Flow(local: local, remote: remote, localPort: 0, remotePort: 0).hash24(identifications)
    let group = Int(truncatingIfNeeded: hash >> 59)
    cuts[group] &+= 1
    return UInt32(truncatingIfNeeded: hash) &+ cuts[group]
  }

  /// 48 bits that nobody else sends (RFC 7527).
  func nonce(_ address: IPAddress, _ place: UInt64) -> UInt64 {
    let hash =
      switch address {
      case .v4(let a): SipHash.hash24(neighbourDelay, UInt64(a.bits), place)
      case .v6(let a): SipHash.hash24(neighbourDelay, a.high, a.low, place)
      }
    return hash & 0xffff_ffff_ffff
  }

  /// Tells addresses apart that are only to be counted. Whoever sends from them sees nothing that depends on it, and
  /// so has nothing to find the key by: for the flood of IPv4 two multiplications do.
  @inline(__always)
  func sourceHash(_ address: IPAddress) -> UInt64 {
    switch address {
    case .v4(let address): return sourceHash(address.bits)
    case .v6(let address): return SipHash.hash13(source, address.high, address.low)
    }
  }

  @inline(__always)
  func sourceHash(_ address: UInt32) -> UInt64 {
    let product = (source.k0 ^ UInt64(address)).multipliedFullWidth(by: source.k1 | 1)
    let mixed = (product.high ^ product.low) &* 0x9e37_79b9_7f4a_7c15
    return mixed ^ mixed >> 32
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

extension StackSeed {
  /// A hardware address that no other station is likely to have: unicast, given out by nobody (IEEE 802c §8.4).
  public var hardwareAddress: MACAddress {
    let hash = SipHash.hash24(SipKey(words[0], words[1]), words[2], words[3], 20)
    return MACAddress(bits: hash & 0xfcff_ffff_ffff | 0x0200_0000_0000)
  }

  /// For `EthernetMedium.addressSecret` of several stacks with the same addresses: all make the same link-local one.
  public var addressSecret: AddressSecret {
    let key = SipKey(words[0], words[1])
    return AddressSecret(
      SipHash.hash24(key, words[2], words[3], 26), SipHash.hash24(key, words[2], words[3], 27))
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
