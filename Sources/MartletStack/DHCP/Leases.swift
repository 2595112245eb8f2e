public import MartletTCP
import MartletWire

extension NetworkStack {
  /// What a DHCP server lends the interface at present. Nil: nothing, or it was not asked.
  public func lease(of id: InterfaceID) throws(InterfaceError) -> DHCPLease? {
    guard isPresent(id) else { throw .noSuchInterface }
    guard let c = dhcp.index(on: id), dhcp.clients[c].isBound else { return nil }
    return dhcp.clients[c].lease
  }

  /// Gives the lent address back (RFC 2131 §4.4.6): it is ours no longer, and connections that have it end. No other is
  /// asked for before `requestLease`. Pull once more for the server to be told.
  public mutating func releaseLease(of id: InterfaceID, now: Instant) throws(InterfaceError) {
    tell(now)
    guard isPresent(id) else { throw .noSuchInterface }
    guard let c = dhcp.index(on: id) else { throw .noSuchAddress }
    let step = dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.stop(at: clock, draw) }
    take(step, of: c)
  }

  /// Asks for an address again after `releaseLease`.
  public mutating func requestLease(of id: InterfaceID, now: Instant) throws(InterfaceError) {
    tell(now)
    guard isPresent(id) else { throw .noSuchInterface }
    guard let c = dhcp.index(on: id) else { throw .noSuchAddress }
    startClient(c)
  }

  // MARK: Clients

  /// Its interface has just been made, and it was charged.
  mutating func addClient(_ configuration: DHCPConfiguration, on interface: InterfaceID) {
    dhcp.add(DHCPClient(interface, interfaces[interface.index].link.hardware, configuration))
    startClient(dhcp.clients.count &- 1)
  }

  private mutating func startClient(_ c: Int) {
    dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.start(at: clock, draw) }
    wakeClient(c)
  }

  /// The link was away.
  mutating func askServerAgain(on interface: InterfaceID) {
    guard let c = dhcp.index(on: interface) else { return }
    dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.linkIsBack(at: clock, draw) }
    wakeClient(c)
  }

  /// The interface goes, and its addresses and routes have gone.
  mutating func removeClient(of interface: InterfaceID) {
    guard let c = dhcp.index(on: interface) else { return }
    dhcp.remove(at: c, &around.budget)
  }

  /// Whether an address is the one that a server lends the interface; then it is given back.
  mutating func releaseLease(ofAddress address: IPAddress, on interface: InterfaceID) -> Bool {
    guard let c = dhcp.index(on: interface), dhcp.clients[c].hasLease,
      dhcp.clients[c].address.map({ .v4($0) }) == address
    else { return false }
    let step = dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.stop(at: clock, draw) }
    take(step, of: c)
    return true
  }

  // MARK: What comes of it

  /// Does what a client says is to be done.
  mutating func take(_ step: DHCPClient.Step, of c: Int) {
    switch step {
    case .goOn: break
    case .check: return checkLease(c)
    case .renewed: renewLease(c)
    case .lose(let news): loseLease(c, news)
    }
    wakeClient(c)
  }

  private mutating func wakeClient(_ c: Int) {
    wakeNeighbours(at: dhcp.clients[c].deadline)
  }

  /// An address is lent: it is asked about like any other (RFC 2131 §4.4.1).
  private mutating func checkLease(_ c: Int) {
    let interface = dhcp.clients[c].interface
    guard let lease = dhcp.clients[c].lease else { return }
    wakeClient(c)
    // Of an address before this one the application has not been told that it has gone.
    while let k = ownAddresses.firstIndex(where: { $0.isLent && $0.interface == interface }) {
      if ownAddresses[k].news != .none { addressNews &-= 1 }
      ownAddresses.remove(at: k)
    }
    guard !isClaimed(lease.address.address) else { return declineLease(c) }
    adopt(lease.address, on: interface)
    let k = ownAddresses.count &- 1
    ownAddresses[k].isLent = true
    if ownAddresses[k].state == .announcing { addressIsReady(k) }
  }

  /// Nobody has the address that was lent.
  mutating func leaseIsReady(on interface: InterfaceID) {
    guard let c = dhcp.index(on: interface) else { return }
    dhcp.change(c) { $0.addressIsFree() }
    useTerms(of: c)
    dhcp.tell(.obtained, of: c)
    wakeClient(c)
  }

  /// Another has it.
  mutating func leaseIsTaken(on interface: InterfaceID) {
    guard let c = dhcp.index(on: interface) else { return }
    declineLease(c)
  }

  private mutating func declineLease(_ c: Int) {
    let step = dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.addressIsTaken(at: clock, draw) }
    take(step, of: c)
  }

  private mutating func renewLease(_ c: Int) {
    let interface = dhcp.clients[c].interface
    guard let prefix = dhcp.clients[c].lease?.address else { return }
    if let k = lentAddress(on: interface), ownAddresses[k].prefix != prefix {
      for i in routing.addresses.indices
      where routing.addresses[i].prefix == ownAddresses[k].prefix
        && routing.addresses[i].interface == interface
      {
        routing.addresses[i].prefix = prefix
      }
      ownAddresses[k].prefix = prefix
    }
    useTerms(of: c)
    dhcp.tell(.renewed, of: c)
  }

  /// RFC 2131 §4.4.5: nothing more is done with the address.
  private mutating func loseLease(_ c: Int, _ news: LeaseNews) {
    let interface = dhcp.clients[c].interface
    dhcp.tell(news, of: c)
    if let k = lentAddress(on: interface) {
      let own = ownAddresses[k]
      routing.addresses.removeAll { $0.prefix == own.prefix && $0.interface == interface }
      if own.state == .tentative {
        if own.news != .none { addressNews &-= 1 }
        ownAddresses.remove(at: k)
      } else {
        ownAddresses[k].state = .expired
        raise(.removed, ofAddress: k)
      }
      useTerms(of: c)
      endFlows(from: own.prefix.address, on: interface)
    }
  }

  private func lentAddress(on interface: InterfaceID) -> Int? {
    ownAddresses.firstIndex { $0.isLent && $0.interface == interface && $0.state != .expired }
  }

  // MARK: Terms

  /// The lease has come, changed or gone.
  private mutating func useTerms(of c: Int) {
    useLeaseMTU(on: dhcp.clients[c].interface)
    chooseLeaseRouter()
    forgetLastHops()
  }

  /// RFC 2132 §5.1, within what the device can.
  mutating func useLeaseMTU(on interface: InterfaceID) {
    let mtu = interfaces[interface.index].mtu
    interfaces[interface.index].mtu4 = mtu
    guard let c = dhcp.index(on: interface), dhcp.clients[c].isBound, let told = dhcp.clients[c].lease?.mtu
    else { return }
    interfaces[interface.index].mtu4 = min(told, mtu)
  }

  /// The default route goes to a router of the first interface that has one; what somebody configured stays.
  mutating func chooseLeaseRouter() {
    let all = IPPrefix(.v4(.any), length: 0)
    for client in dhcp.clients where client.isBound {
      guard let routers = client.lease?.routers, !routers.isEmpty else { continue }
      let router = routers[Int(client.router) % routers.count]
      return learnRoute(Route(prefix: all, interface: client.interface, gateway: .v4(router)))
    }
    forgetRoute(to: all)
  }

  /// RFC 1122 §3.3.1.4: a router does not answer, and the next one has its turn.
  mutating func leaseRouterIsSilent(_ address: IPAddress, on interface: InterfaceID) {
    guard case .v4(let silent) = address, let c = dhcp.index(on: interface), dhcp.clients[c].isBound,
      let routers = dhcp.clients[c].lease?.routers, routers.count > 1
    else { return }
    let place = Int(dhcp.clients[c].router) % routers.count
    guard routers[place] == silent else { return }
    dhcp.change(c) { $0.router = UInt8(truncatingIfNeeded: (place &+ 1) % routers.count) }
    chooseLeaseRouter()
  }

  // MARK: Time

  mutating func leasesAreDue() {
    for c in dhcp.clients.indices {
      guard dhcp.clients[c].deadline <= clock else {
        wakeClient(c)
        continue
      }
      let step = dhcp.change(c) { [clock, draw = secrets.drawDHCP()] in $0.timerFires(at: clock, draw) }
      take(step, of: c)
    }
  }
}
