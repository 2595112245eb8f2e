import MartletTCP
import MartletWire

extension NetworkStack {
  /// RFC 4861 §6.1.2, §6.3.4. What would only harm us is not taken over: hop limits and timers of others' choice.
  mutating func routerAdvertisementArrives(_ word: UInt32, _ body: RawSpan, _ arrival: Arrival) {
    let interface = arrival.interface
    guard interfaces[interface.index].link.autoconfigures else { return counts.drop(.icmpIgnored) }
    guard case .v6(let source) = arrival.source, source.isLinkLocal, body.byteCount >= 8 else {
      return counts.drop(.badNeighbourMessage)
    }
    let list = body.extracting(8..<body.byteCount)
    guard let options = NeighborOptions(parsing: list), options.sourceLinkAddress?.isUnicast ?? true,
      options.sourceLinkAddress != interfaces[interface.index].link.hardware
    else { return counts.drop(.badNeighbourMessage) }
    guard chargeAutoconfiguration(of: interface) else { return counts.drop(.noMemory) }
    counts.routerAdvertisements &+= 1
    let told = RouterAdvertisement(word)
    // RFC 4861 §6.3.7: whoever leads nowhere ends no search, and who was not asked may not have said all.
    if told.lifetime > 0, interfaces[interface.index].routerSearch.tries > 0 {
      interfaces[interface.index].routerSearch.deadline = nil
    }
    // One too many: nothing of what it says.
    let toEverybody = RouteInformation(
      prefix: LearnedWay.everybody, preference: told.preference, lifetime: UInt32(told.lifetime))
    guard learnWay(toEverybody, by: arrival.source, on: interface) else {
      return counts.drop(.routerLimited)
    }
    if let hardware = options.sourceLinkAddress { hear(arrival.source, hardware, on: interface) }
    // RFC 8201 §4 sets the floor; the device sets the ceiling.
    if let mtu = options.mtu, mtu >= 1_280, mtu <= UInt32(interfaces[interface.index].mtu) {
      interfaces[interface.index].mtu6 = UInt16(truncatingIfNeeded: mtu)
    }
    var offset = 0
    var count = 0
    while count < Autoconfiguration.prefixLimit, let told = PrefixInformation.next(in: list, from: &offset) {
      count &+= 1
      guard isSensible(told) else { continue }
      if told.isOnLink { learnOnLink(told, by: arrival.source, on: interface) }
      if told.isAutonomous { learnAutonomous(told, by: arrival.source, on: interface) }
    }
    learnWays(list, by: arrival.source, on: interface)
  }

  private func isSensible(_ told: PrefixInformation) -> Bool {
    isSensible(told.prefix) && told.prefix.length > 0 && told.preferredLifetime <= told.validLifetime
  }

  private mutating func hear(_ address: IPAddress, _ hardware: MACAddress, on interface: InterfaceID) {
    if let n = neighbours.find(address, on: interface) {
      learn(n, hardware, solicited: false, override: true)
    } else {
      enter(address, hardware, on: interface)
    }
  }

  // MARK: Networks on the link

  private mutating func learnOnLink(
    _ told: PrefixInformation, by router: IPAddress, on interface: InterfaceID
  ) {
    let k = autoconfiguration.prefixes.firstIndex {
      $0.prefix == told.prefix && $0.interface == interface
    }
    if told.validLifetime == 0 {
      guard let k else { return }
      autoconfiguration.prefixes.remove(at: k)
      return chooseRoute(to: told.prefix)
    }
    let expires = clock.advanced(bySeconds: told.validLifetime)
    if let k {
      autoconfiguration.prefixes[k].expires = expires
      if !isRouter(autoconfiguration.prefixes[k].router, on: interface) {
        autoconfiguration.prefixes[k].router = router
      }
    } else {
      guard makeRoom(forNetworkOf: router, on: interface) else {
        askRouters()
        return counts.drop(.routerLimited)
      }
      autoconfiguration.prefixes.append(
        OnLinkPrefix(prefix: told.prefix, interface: interface, router: router, expires: expires))
      chooseRoute(to: told.prefix)
    }
    wakeNeighbours(at: expires)
  }

  /// Where all places are taken, a network that no router told of who is still one gives up its place to one of a
  /// router's: lifetimes have no end if whoever sends them likes.
  private mutating func makeRoom(forNetworkOf router: IPAddress, on interface: InterfaceID) -> Bool {
    if autoconfiguration.prefixes.count < Autoconfiguration.prefixLimit { return true }
    guard isRouter(router, on: interface),
      let k = autoconfiguration.prefixes.firstIndex(where: { !isRouter($0.router, on: $0.interface) })
    else { return false }
    chooseRoute(to: autoconfiguration.prefixes.remove(at: k).prefix)
    return true
  }

  // MARK: Time

  /// What routers said runs out, and those who did not speak are asked.
  mutating func autoconfigurationIsDue() {
    waysAreDue()
    for _ in autoconfiguration.prefixes.indices {
      guard let k = autoconfiguration.prefixes.firstIndex(where: { $0.expires <= clock }) else { break }
      chooseRoute(to: autoconfiguration.prefixes.remove(at: k).prefix)
    }
    for known in autoconfiguration.prefixes { wakeNeighbours(at: known.expires) }
    for i in interfaces.indices {
      guard let deadline = interfaces[i].routerSearch.deadline else { continue }
      if deadline <= clock {
        searchRouter(on: InterfaceID(rawValue: UInt16(truncatingIfNeeded: i)))
      } else {
        wakeNeighbours(at: deadline)
      }
    }
  }

  /// The link was away (RFC 4861 §6.3.7): who did not answer there may do so here.
  mutating func askRoutersAgain(on interface: InterfaceID) {
    guard interfaces[interface.index].link.autoconfigures else { return }
    for k in autoconfiguration.ways.indices where autoconfiguration.ways[k].interface == interface {
      autoconfiguration.ways[k].isSilent = false
    }
    chooseRoutes()
    guard ownLinkLocal(on: interface) != nil else { return }
    beginRouterSearch(on: interface)
  }

  /// RFC 4861 §6.3.7: at a time that not all who are on the link have in common.
  mutating func beginRouterSearch(on interface: InterfaceID) {
    let deadline = clock.advanced(by: randomTime(upTo: .seconds(1)))
    interfaces[interface.index].routerSearch = RouterSearch(deadline: deadline)
    wakeNeighbours(at: deadline)
  }

  /// RFC 4861 §6.3.7.
  private mutating func searchRouter(on interface: InterfaceID) {
    let i = interface.index
    guard interfaces[i].routerSearch.tries < RouterSearch.most, let source = ownLinkLocal(on: interface)
    else {
      interfaces[i].routerSearch.deadline = nil
      return
    }
    queueRouterSolicitation(from: source, on: interface)
    interfaces[i].routerSearch.tries &+= 1
    let deadline = clock.advanced(by: RouterSearch.interval)
    interfaces[i].routerSearch.deadline = deadline
    wakeNeighbours(at: deadline)
  }

  /// False: there is no room for what an interface may learn.
  mutating func chargeAutoconfiguration(of interface: InterfaceID) -> Bool {
    if interfaces[interface.index].isLearning { return true }
    guard autoconfiguration.charge(&around.budget) else { return false }
    interfaces[interface.index].isLearning = true
    return true
  }

  /// An interface goes, and what was heard on it; its addresses and routes have gone.
  mutating func forgetAutoconfiguration(of interface: InterfaceID) {
    if interfaces[interface.index].isLearning {
      autoconfiguration.giveBack(&around.budget)
      interfaces[interface.index].isLearning = false
    }
    autoconfiguration.prefixes.removeAll { $0.interface == interface }
    autoconfiguration.ways.removeAll { $0.interface == interface }
  }
}
