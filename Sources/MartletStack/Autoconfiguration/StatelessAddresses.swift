import MartletTCP
import MartletWire

/// RFC 4862 §5.5.3 (e): what a router that nobody knows cannot shorten a lifetime below.
private let twoHours = TimeAmount.hours(2)

extension NetworkStack {
  /// Begins with a link-local address, if the interface is to have addresses by itself (RFC 4862 §5.3).
  mutating func autoconfigure(_ interface: InterfaceID) {
    guard interfaces[interface.index].link.autoconfigures else { return }
    make(
      of: IPPrefix(.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 0)), length: 64), on: interface,
      valid: .distant, preferred: .distant, attempt: 0)
  }

  func ownLinkLocal(on interface: InterfaceID) -> IPv6Address? {
    for own in routing.addresses where own.interface == interface {
      if case .v6(let address) = own.prefix.address, address.isLinkLocal { return address }
    }
    return nil
  }

  /// RFC 4862 §5.5.3.
  mutating func learnAutonomous(_ told: PrefixInformation, on interface: InterfaceID) {
    // An identifier of 64 bits fits no other prefix.
    guard told.prefix.length == 64 else { return }
    let preferred = clock.advanced(bySeconds: told.preferredLifetime)
    let valid = clock.advanced(bySeconds: told.validLifetime)
    let known = ownAddresses.firstIndex {
      $0.interface == interface && $0.isMade && $0.state != .expired
        && told.prefix.contains($0.prefix.address)
    }
    guard let known else {
      guard told.validLifetime > 0 else { return }
      return make(of: told.prefix, on: interface, valid: valid, preferred: preferred, attempt: 0)
    }
    let left = ownAddresses[known].valid.since(clock)
    if told.validLifetime > 7_200 || valid.since(clock) > left {
      ownAddresses[known].valid = valid
    } else if left > twoHours {
      ownAddresses[known].valid = clock.advanced(by: twoHours)
    }
    ownAddresses[known].preferred = min(preferred, ownAddresses[known].valid)
    wakeNeighbours(at: ownAddresses[known].preferred)
    wakeNeighbours(at: ownAddresses[known].valid)
    setDeprecated(known)
  }

  /// Makes an address of a prefix (RFC 7217 §5), and asks whether anybody has it.
  private mutating func make(
    of prefix: IPPrefix, on interface: InterfaceID, valid: Instant, preferred: Instant, attempt: UInt8
  ) {
    guard case .v6(let network) = prefix.address else { return }
    let made = ownAddresses.reduce(0) { $1.interface == interface && $1.isMade ? $0 &+ 1 : $0 }
    guard made < Autoconfiguration.addressLimit else { return counts.drop(.routerLimited) }
    guard chargeAutoconfiguration(of: interface) else { return counts.drop(.noMemory) }
    let identifier = stableIdentifier(network, on: interface, attempt: attempt)
    let address = IPAddress.v6(IPv6Address(high: network.high, low: identifier))
    guard !isClaimed(address) else { return }
    // Whether its network is on the link is said apart from it (RFC 5942); of link-local ones it always is.
    adopt(IPPrefix(address, length: network.isLinkLocal ? 64 : 128), on: interface)
    let k = ownAddresses.count &- 1
    ownAddresses[k].isMade = true
    ownAddresses[k].attempt = attempt
    ownAddresses[k].valid = valid
    ownAddresses[k].preferred = preferred
    if valid < .distant { wakeNeighbours(at: valid) }
    if preferred < .distant { wakeNeighbours(at: preferred) }
    setDeprecated(k)
    if ownAddresses[k].state == .announcing { addressIsReady(k) }
  }

  private func stableIdentifier(_ network: IPv6Address, on interface: InterfaceID, attempt: UInt8) -> UInt64 {
    let secret =
      interfaces[interface.index].link.addressSecret.map { SipKey($0.first, $0.second) }
      ?? secrets.stableAddresses
    var count = UInt64(attempt)
    while true {
      let place = UInt64(interface.rawValue) << 32 | count
      let identifier = SipHash.hash24(secret, network.high, place)
      // RFC 5453: what routers and anycast groups have.
      let isReserved =
        identifier == 0 || identifier >> 32 == 0x0200_5eff || identifier >> 7 == 0xfdff_ffff_ffff_ff80 >> 7
      if !isReserved { return identifier }
      count &+= 256
    }
  }

  /// RFC 7217 §6: another has the address that was made; a few more are tried. False: no more.
  mutating func makeAnother(insteadOf k: Int) -> Bool {
    let old = ownAddresses[k]
    guard old.isMade, old.attempt < 2, case .v6(let address) = old.prefix.address else { return false }
    if old.news != .none { addressNews &-= 1 }
    ownAddresses.remove(at: k)
    make(
      of: IPPrefix(.v6(IPv6Address(high: address.high, low: 0)), length: 64), on: old.interface,
      valid: old.valid, preferred: old.preferred, attempt: old.attempt &+ 1)
    return true
  }

  // MARK: Time

  /// Its first lifetime is over, or not any more: new connections begin elsewhere if they can (RFC 4862 §5.5.4).
  func isDeprecated(_ own: OwnAddress) -> Bool { own.isMade && own.preferred <= clock }

  mutating func setDeprecated(_ k: Int) {
    let own = ownAddresses[k]
    for i in routing.addresses.indices
    where routing.addresses[i].prefix == own.prefix && routing.addresses[i].interface == own.interface {
      routing.addresses[i].isDeprecated = isDeprecated(own)
    }
  }

  /// Addresses whose time is over go, with an event.
  mutating func madeAddressesAreDue() {
    for k in ownAddresses.indices where ownAddresses[k].isMade && ownAddresses[k].state != .expired {
      if ownAddresses[k].valid <= clock {
        let own = ownAddresses[k]
        routing.addresses.removeAll { $0.prefix == own.prefix && $0.interface == own.interface }
        ownAddresses[k].state = .expired
        forgetLastHops()
        followAddresses(on: own.interface)
        raise(.removed, ofAddress: k)
        endFlows(from: own.prefix.address, on: own.interface)
        continue
      }
      setDeprecated(k)
      if ownAddresses[k].preferred > clock, ownAddresses[k].preferred < .distant {
        wakeNeighbours(at: ownAddresses[k].preferred)
      }
      if ownAddresses[k].valid < .distant { wakeNeighbours(at: ownAddresses[k].valid) }
    }
  }
}
