import MartletTCP
import MartletWire

/// An address of ours on an Ethernet. While it is tentative it is no address yet: `Routing` does not have it, so
/// nothing is sent from it and nothing received for it.
struct OwnAddress: BitwiseCopyable {
  var prefix: IPPrefix
  var interface: InterfaceID
  var state: State
  /// Probes, or announcements, that were sent.
  var tries: UInt8 = 0
  /// Of the next; meaningless when settled.
  var deadline: Instant
  /// The link was away: others are asked about it before it is announced.
  var asksAgain = false
  /// When it was last defended.
  var defended: Instant?
  /// Who said last to have it; zero: NDP did not tell.
  var rival = MACAddress.zero
  var news = News.none
  /// Made of a prefix that a router told of, or link-local; with how long it may be used, and preferred.
  var isMade = false
  /// Which router; nil: it is link-local.
  var router: IPAddress?
  /// A DHCP server lends it.
  var isLent = false
  /// How many were made of the prefix before, and others had them.
  var attempt: UInt8 = 0
  var valid = Instant.distant
  var preferred = Instant.distant
  /// Made anew every day (RFC 8981); with what no router can lengthen its lifetimes beyond.
  var isTemporary = false
  var lastValid = Instant.distant
  var lastPreferred = Instant.distant

  enum State: UInt8, BitwiseCopyable {
    case tentative
    case announcing
    case settled
    /// Another has it.
    case duplicate
    /// Its time is over; it goes when the application knows.
    case expired
  }

  /// What the application has not been told.
  enum News: UInt8, BitwiseCopyable {
    case none
    case ready
    case conflict
    case removed
  }

  /// It is ours, or may become so.
  var isWanted: Bool { state != .duplicate && state != .expired }

  var isTimed: Bool { state == .tentative || state == .announcing }
}

/// RFC 5227 §1.1; RFC 4862 §5.1.
private enum AddressTiming {
  static var probes: UInt8 { 3 }
  static var solicitations: UInt8 { 1 }
  static var announcements: UInt8 { 2 }
  static var announceWait: TimeAmount { .seconds(2) }
  static var announceInterval: TimeAmount { .seconds(2) }
  static var defendInterval: TimeAmount { .seconds(10) }
}

extension NetworkStack {
  /// Gives an interface an address, on an Ethernet after nobody was found to have it.
  mutating func adopt(_ prefix: IPPrefix, on interface: InterfaceID) {
    let link = interfaces[interface.index].link
    guard link.isEthernet else { return use(prefix, on: interface) }
    forgetDuplicate(of: prefix.address, on: interface)
    let deadline = link.checksAddresses ? clock.advanced(by: upToOneSecond()) : clock
    ownAddresses.append(
      OwnAddress(
        prefix: prefix, interface: interface, state: link.checksAddresses ? .tentative : .announcing,
        deadline: deadline))
    if !link.checksAddresses { use(prefix, on: interface) }
    wakeNeighbours(at: deadline)
    if !prefix.address.isIPv4 { followAddresses(on: interface) }
  }

  /// Somebody had it when it was tried before; it is tried again.
  private mutating func forgetDuplicate(of address: IPAddress, on interface: InterfaceID) {
    let old = ownAddresses.firstIndex {
      $0.interface == interface && $0.prefix.address == address && $0.state == .duplicate
    }
    guard let old else { return }
    if ownAddresses[old].news != .none { addressNews &-= 1 }
    ownAddresses.remove(at: old)
  }

  private mutating func use(_ prefix: IPPrefix, on interface: InterfaceID) {
    let hadLinkLocal = ownLinkLocal(on: interface) != nil
    routing.addresses.append(InterfaceAddress(prefix: prefix, interface: interface))
    forgetLastHops()
    if !hadLinkLocal, ownLinkLocal(on: interface) != nil { tellGroupsAgain(on: interface) }
  }

  /// Whether an address is ours or may become so.
  func isClaimed(_ address: IPAddress) -> Bool {
    routing.isOurs(address)
      || ownAddresses.contains { $0.prefix.address == address && $0.state == .tentative }
  }

  /// Whether some address of the family of `remote` is still being asked about, or for: who connects there may have to
  /// wait for `.addressReady`.
  public func awaitsAddress(for remote: IPAddress) -> Bool {
    let isIPv4 = remote.isIPv4
    if ownAddresses.contains(where: { $0.state == .tentative && $0.prefix.address.isIPv4 == isIPv4 }) {
      return true
    }
    return isIPv4 ? dhcp.isSearching : interfaces.contains { $0.isPresent && $0.routerSearch.deadline != nil }
  }

  /// False: it was none of the interface's.
  mutating func abandon(_ address: IPAddress, on interface: InterfaceID) -> Bool {
    let count = routing.addresses.count &+ ownAddresses.count
    routing.addresses.removeAll { $0.interface == interface && $0.prefix.address == address }
    for own in ownAddresses where own.interface == interface && own.prefix.address == address {
      if own.news != .none { addressNews &-= 1 }
    }
    ownAddresses.removeAll { $0.interface == interface && $0.prefix.address == address }
    tellSockets(ofLoss: address)
    forgetLastHops()
    if !address.isIPv4 { followAddresses(on: interface) }
    return routing.addresses.count &+ ownAddresses.count < count
  }

  // MARK: Time

  mutating func addressTimerFires(_ k: Int) {
    let own = ownAddresses[k]
    let isIPv4 = own.prefix.address.isIPv4
    if own.state == .tentative {
      let probes = isIPv4 ? AddressTiming.probes : AddressTiming.solicitations
      guard own.tries >= probes else {
        askForDuplicate(of: own.prefix.address, nonce: nonce(of: own), on: own.interface)
        ownAddresses[k].tries &+= 1
        let wait: TimeAmount
        if own.tries &+ 1 < probes {
          wait = .nanoseconds(1_000_000_000 &+ upToOneSecond().nanoseconds)
        } else {
          wait = isIPv4 ? AddressTiming.announceWait : NeighbourTiming.retransmission
        }
        return setAddressTimer(k, after: wait)
      }
      use(own.prefix, on: own.interface)
      ownAddresses[k].state = .announcing
      ownAddresses[k].tries = 0
      if own.isMade { noteStanding(of: k) }
      addressIsReady(k)
    }
    if own.asksAgain {
      ownAddresses[k].asksAgain = false
      askForDuplicate(of: own.prefix.address, nonce: nonce(of: own), on: own.interface)
    }
    // Of IPv6 no more than one is asked for, and none if its nodes have found out by themselves (RFC 4861 §7.2.6).
    announce(own.prefix.address, on: own.interface)
    ownAddresses[k].tries &+= 1
    if isIPv4, ownAddresses[k].tries < AddressTiming.announcements {
      setAddressTimer(k, after: AddressTiming.announceInterval)
    } else {
      ownAddresses[k].state = .settled
    }
  }

  /// Nobody else has it. With a link-local one routers can be asked.
  mutating func addressIsReady(_ k: Int) {
    raise(.ready, ofAddress: k)
    let own = ownAddresses[k]
    if own.isLent { return leaseIsReady(on: own.interface) }
    guard own.isMade, own.prefix.address.isLinkLocal, interfaces[own.interface.index].link.autoconfigures
    else {
      return
    }
    beginRouterSearch(on: own.interface)
  }

  /// The link was away: others may have the address by now, and nobody knows that we do. One in use stays in use.
  mutating func claimAgain(_ k: Int) {
    let own = ownAddresses[k]
    switch own.state {
    case .expired: return
    case .duplicate:
      // Another interface may have been given it.
      guard !isClaimed(own.prefix.address) else { return }
      ownAddresses[k].state = .tentative
      setAddressTimer(k, after: upToOneSecond())
      if !own.prefix.address.isIPv4 { followAddresses(on: own.interface) }
    case .tentative: setAddressTimer(k, after: upToOneSecond())
    case .announcing, .settled:
      // An announcement of ARP asks by itself: who has the address answers it (RFC 5227 §2.4).
      let asks = !own.prefix.address.isIPv4 && interfaces[own.interface.index].link.checksAddresses
      ownAddresses[k].state = .announcing
      ownAddresses[k].asksAgain = asks
      setAddressTimer(k, after: asks ? upToOneSecond() : .zero)
    }
    ownAddresses[k].tries = 0
    ownAddresses[k].defended = nil
  }

  private mutating func setAddressTimer(_ k: Int, after amount: TimeAmount) {
    let deadline = clock.advanced(by: amount)
    ownAddresses[k].deadline = deadline
    wakeNeighbours(at: deadline)
  }

  private mutating func upToOneSecond() -> TimeAmount {
    .milliseconds(Int64(truncatingIfNeeded: ((secrets.drawNeighbour() >> 32) &* 1_000) >> 32))
  }

  /// What our own solicitation is told by, if the link sends it back (RFC 7527).
  private func nonce(of own: OwnAddress) -> UInt64 {
    secrets.nonce(own.prefix.address, UInt64(own.interface.rawValue))
  }

  // MARK: Others

  /// Another asks, as we do, whether anybody has an address.
  mutating func addressIsProbed(_ address: IPAddress, by hardware: MACAddress, on interface: InterfaceID) {
    guard let k = tentative(address, on: interface) else { return counts.drop(.neighbourIgnored) }
    giveUp(k, to: hardware)
  }

  mutating func addressIsProbed(_ address: IPAddress, nonce: UInt64?, on interface: InterfaceID) {
    guard let k = tentative(address, on: interface) else { return counts.drop(.neighbourIgnored) }
    if nonce == self.nonce(of: ownAddresses[k]) { return counts.drop(.neighbourIgnored) }
    giveUp(k, to: .zero)
  }

  private func tentative(_ address: IPAddress, on interface: InterfaceID) -> Int? {
    ownAddresses.firstIndex {
      $0.interface == interface && $0.prefix.address == address && $0.state == .tentative
    }
  }

  private mutating func giveUp(_ k: Int, to hardware: MACAddress) {
    counts.addressConflicts &+= 1
    if makeAnother(insteadOf: k) { return }
    ownAddresses[k].rival = hardware
    raise(.conflict, ofAddress: k)
    guard ownAddresses[k].isLent else {
      ownAddresses[k].state = .duplicate
      return followAddresses(on: ownAddresses[k].interface)
    }
    ownAddresses[k].state = .expired
    leaseIsTaken(on: ownAddresses[k].interface)
  }

  /// Whether another says to have an address of ours. One that we only wanted is his. One that we use is defended,
  /// every ten seconds at most (RFC 5227 §2.4 (c)): whoever could take it away with two packets would.
  mutating func addressIsClaimed(
    _ address: IPAddress, by hardware: MACAddress, on interface: InterfaceID
  ) -> Bool {
    guard
      let k = ownAddresses.firstIndex(where: {
        $0.interface == interface && $0.prefix.address == address && $0.isWanted
      })
    else { return false }
    if ownAddresses[k].state == .tentative {
      giveUp(k, to: hardware)
      return true
    }
    counts.addressConflicts &+= 1
    if let last = ownAddresses[k].defended, clock.since(last) < AddressTiming.defendInterval { return true }
    ownAddresses[k].defended = clock
    ownAddresses[k].rival = hardware
    raise(.conflict, ofAddress: k)
    announce(address, on: interface)
    return true
  }
}
