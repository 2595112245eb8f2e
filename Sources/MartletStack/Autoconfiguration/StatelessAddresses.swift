import MartletTCP
import MartletWire

/// RFC 4862 §5.5.3 (e): what a router that nobody knows cannot shorten a lifetime below.
private let twoHours = TimeAmount.hours(2)

extension NetworkStack {
  /// RFC 4291 §2.1: whoever has an address of IPv6 has a link-local one, which neighbours and switches are spoken to
  /// from; and who is to have addresses by itself begins with it (RFC 4862 §5.3).
  mutating func makeLinkLocal(on interface: InterfaceID) {
    let link = interfaces[interface.index].link
    guard link.isEthernet, link.autoconfigures || link.makesLinkLocal && needsLinkLocal(interface) else {
      return
    }
    makeStable(
      in: IPv6Address(high: 0xfe80_0000_0000_0000, low: 0), on: interface, valid: .distant,
      preferred: .distant, by: nil, attempt: 0)
  }

  private func needsLinkLocal(_ interface: InterfaceID) -> Bool {
    var hasIPv6 = false
    for own in ownAddresses where own.interface == interface && own.isWanted {
      guard case .v6(let address) = own.prefix.address else { continue }
      if address.isLinkLocal { return false }
      hasIPv6 = true
    }
    return hasIPv6
  }

  func ownLinkLocal(on interface: InterfaceID) -> IPv6Address? {
    for own in routing.addresses where own.interface == interface {
      if case .v6(let address) = own.prefix.address, address.isLinkLocal { return address }
    }
    return nil
  }

  /// RFC 4862 §5.5.3.
  mutating func learnAutonomous(
    _ told: PrefixInformation, by router: IPAddress, on interface: InterfaceID
  ) {
    // An identifier of 64 bits fits no other prefix.
    guard told.prefix.length == 64, case .v6(let network) = told.prefix.address else { return }
    forgetUnheardOf()
    var stable: Int?
    for k in ownAddresses.indices
    where ownAddresses[k].isMade(in: network, on: interface) && ownAddresses[k].state != .expired {
      renew(k, told, by: router)
      if !ownAddresses[k].isTemporary { stable = k }
    }
    if stable == nil, told.validLifetime > 0, makeRoom(forAddressOf: router, on: interface) {
      let valid = clock.advanced(bySeconds: told.validLifetime)
      let preferred = clock.advanced(bySeconds: told.preferredLifetime)
      stable = makeStable(
        in: network, on: interface, valid: valid, preferred: preferred, by: router, attempt: 0)
    }
    if let stable { keepTemporary(beside: stable) }
  }

  /// Where all places are taken, an address of a network that no router told of who is still one gives up its place to
  /// one of a router's, as networks do. It ends as if its time were over.
  ///
  /// Connections may end with it; so whoever wants the place has to have answered us first, and the youngest goes: what
  /// is forged came last, as a rule.
  ///
  /// - Parameter isTemporary: of the places that temporary ones may have, which are half of all.
  mutating func makeRoom(
    forAddressOf router: IPAddress?, isTemporary: Bool = false, on interface: InterfaceID
  ) -> Bool {
    var (wanted, all) = (0, 0)
    for own in ownAddresses where own.isMade && own.interface == interface {
      all &+= 1
      if own.state != .expired, own.isTemporary || !isTemporary { wanted &+= 1 }
    }
    if wanted < Autoconfiguration.addressLimit / (isTemporary ? 2 : 1) { return true }
    // What the application has not heard of yet takes room, too.
    guard let router, all < Autoconfiguration.heldLimit,
      isProvenRouter(router, on: interface), let k = leastWanted(on: interface, isTemporary: isTemporary)
    else {
      counts.drop(.routerLimited)
      askRouters()
      return false
    }
    expire(k)
    return true
  }

  private func leastWanted(on interface: InterfaceID, isTemporary: Bool) -> Int? {
    func isHere(_ own: OwnAddress) -> Bool {
      own.router != nil && own.interface == interface && (own.isTemporary || !isTemporary)
    }
    return ownAddresses.firstIndex { isHere($0) && $0.state == .duplicate }
      ?? ownAddresses.lastIndex { isHere($0) && $0.state != .expired && isOrphan($0) }
  }

  private func isProvenRouter(_ router: IPAddress, on interface: InterfaceID) -> Bool {
    guard isRouter(router, on: interface), let n = neighbours.find(router, on: interface) else {
      return false
    }
    return neighbours[n].isProven
  }

  /// No router told of its network who is still one.
  func isOrphan(_ own: OwnAddress) -> Bool {
    guard let router = own.router else { return false }
    return !isRouter(router, on: own.interface)
  }

  private mutating func renew(_ k: Int, _ told: PrefixInformation, by router: IPAddress) {
    if isOrphan(ownAddresses[k]) { ownAddresses[k].router = router }
    let valid = clock.advanced(bySeconds: told.validLifetime)
    let left = ownAddresses[k].valid.since(clock)
    if told.validLifetime > 7_200 || valid.since(clock) > left {
      ownAddresses[k].valid = min(valid, ownAddresses[k].lastValid)
    } else if left > twoHours {
      ownAddresses[k].valid = clock.advanced(by: twoHours)
    }
    let preferred = clock.advanced(bySeconds: told.preferredLifetime)
    ownAddresses[k].preferred = min(preferred, ownAddresses[k].lastPreferred, ownAddresses[k].valid)
    wakeForLifetimes(of: k)
    noteStanding(of: k)
  }

  /// An address that is the same whenever we come to a network (RFC 7217 §5). Nil: there is none.
  @discardableResult
  private mutating func makeStable(
    in network: IPv6Address, on interface: InterfaceID, valid: Instant, preferred: Instant,
    by router: IPAddress?, attempt: UInt8
  ) -> Int? {
    let identifier = stableIdentifier(network, on: interface, attempt: attempt)
    return make(
      IPv6Address(high: network.high, low: identifier), on: interface, valid: valid, preferred: preferred,
      by: router, attempt: attempt)
  }

  /// Takes an address that was made of a prefix, and asks whether anybody has it. Returns its place, or nil if it cannot
  /// be.
  mutating func make(
    _ address: IPv6Address, on interface: InterfaceID, valid: Instant, preferred: Instant,
    by router: IPAddress?, attempt: UInt8
  ) -> Int? {
    var (made, held) = (0, 0)
    for own in ownAddresses where own.interface == interface && own.isMade {
      held &+= 1
      if own.state != .expired { made &+= 1 }
    }
    guard made < Autoconfiguration.addressLimit,
      held < Autoconfiguration.heldLimit
    else {
      counts.drop(.routerLimited)
      return nil
    }
    // One that is made of no lesson costs no more than one that was given.
    guard
      router == nil && !interfaces[interface.index].link.autoconfigures
        || chargeAutoconfiguration(of: interface)
    else {
      counts.drop(.noMemory)
      return nil
    }
    guard !isClaimed(.v6(address)) else { return nil }
    // Whether its network is on the link is said apart from it (RFC 5942); of link-local ones it always is.
    adopt(IPPrefix(.v6(address), length: address.isLinkLocal ? 64 : 128), on: interface)
    let k = ownAddresses.count &- 1
    ownAddresses[k].isMade = true
    ownAddresses[k].router = router
    ownAddresses[k].attempt = attempt
    ownAddresses[k].valid = valid
    ownAddresses[k].preferred = preferred
    wakeForLifetimes(of: k)
    noteStanding(of: k)
    if ownAddresses[k].state == .announcing { addressIsReady(k) }
    return k
  }

  private func stableIdentifier(_ network: IPv6Address, on interface: InterfaceID, attempt: UInt8) -> UInt64 {
    let secret =
      interfaces[interface.index].link.addressSecret.map { SipKey($0.first, $0.second) }
      ?? secrets.stableAddresses
    var count = UInt64(attempt)
    while true {
      let place = UInt64(interface.rawValue) << 32 | count
      let identifier = SipHash.hash24(secret, network.high, place)
      if !isReserved(identifier) { return identifier }
      count &+= 256
    }
  }

  /// RFC 5453: what routers and anycast groups have.
  func isReserved(_ identifier: UInt64) -> Bool {
    identifier == 0 || identifier >> 32 == 0x0200_5eff || identifier >> 7 == 0xfdff_ffff_ffff_ff80 >> 7
  }

  /// RFC 7217 §6, RFC 8981 §3.4: another has the address that was made; a few more are tried. False: no more. Where
  /// none can be made at present, nothing is left of it.
  mutating func makeAnother(insteadOf k: Int) -> Bool {
    let old = ownAddresses[k]
    guard old.isMade, old.attempt < (old.isTemporary ? 3 : 2), case .v6(let address) = old.prefix.address
    else { return false }
    if old.news != .none { addressNews &-= 1 }
    ownAddresses.remove(at: k)
    let attempt = old.attempt &+ 1
    let next =
      old.isTemporary
      ? makeTemporary(
        in: address, on: old.interface, valid: old.valid, preferred: old.preferred, by: old.router,
        attempt: attempt)
      : makeStable(
        in: address, on: old.interface, valid: old.valid, preferred: old.preferred, by: old.router,
        attempt: attempt)
    if next == nil { followAddresses(on: old.interface) }
    return true
  }

  // MARK: Time

  /// Its first lifetime is over, or not any more: new connections begin elsewhere if they can (RFC 4862 §5.5.4).
  func isDeprecated(_ own: OwnAddress) -> Bool { own.isMade && own.preferred <= clock }

  /// Tells the choice of source addresses.
  mutating func noteStanding(of k: Int) {
    let own = ownAddresses[k]
    for i in routing.addresses.indices
    where routing.addresses[i].prefix == own.prefix && routing.addresses[i].interface == own.interface {
      routing.addresses[i].isDeprecated = isDeprecated(own)
      routing.addresses[i].isTemporary = own.isTemporary
    }
  }

  private mutating func wakeForLifetimes(of k: Int) {
    let own = ownAddresses[k]
    wakeNeighbours(at: own.valid)
    if own.preferred > clock { wakeNeighbours(at: own.preferred) }
    if own.isTemporary, own.renewal > clock { wakeNeighbours(at: own.renewal) }
  }

  /// Addresses whose time is over go, with an event.
  mutating func madeAddressesAreDue() {
    for k in ownAddresses.indices where ownAddresses[k].isMade && ownAddresses[k].state != .expired {
      if ownAddresses[k].valid <= clock {
        expire(k)
        continue
      }
      noteStanding(of: k)
      wakeForLifetimes(of: k)
    }
    forgetUnheardOf()
    for k in ownAddresses.indices where ownAddresses[k].isMade && !ownAddresses[k].isTemporary {
      keepTemporary(beside: k)
    }
  }

  private mutating func expire(_ k: Int) {
    let own = ownAddresses[k]
    ownAddresses[k].state = .expired
    // Nobody was told that it is ours.
    if own.state == .tentative || own.state == .duplicate { return followAddresses(on: own.interface) }
    routing.addresses.removeAll { $0.prefix == own.prefix && $0.interface == own.interface }
    forgetLastHops()
    followAddresses(on: own.interface)
    raise(.removed, ofAddress: k)
    endFlows(from: own.prefix.address, on: own.interface)
  }

  /// Of these there is nothing to tell.
  private mutating func forgetUnheardOf() {
    ownAddresses.removeAll { $0.isMade && $0.state == .expired && $0.news == .none }
  }
}
