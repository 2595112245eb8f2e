import MartletTCP
public import MartletWire

extension NetworkStack {
  /// Makes an interface. Routes to the networks of its addresses come by themselves.
  public mutating func addInterface(
    _ configuration: InterfaceConfiguration
  ) throws(InterfaceError) -> InterfaceID {
    guard configuration.mtu >= 68 else { throw .mtuTooSmall }
    if let error = configuration.medium.error { throw error }
    for prefix in configuration.addresses { try validate(prefix) }
    let client = configuration.medium.dhcp
    guard client == nil || configuration.mtu >= 576 else { throw .mtuTooSmall }
    let interface = Interface(
      mtu: configuration.mtu, offload: configuration.offload, link: LinkLayer(configuration.medium),
      mtu4: configuration.mtu, mtu6: configuration.mtu,
      searches: SearchLimit(perSecond: self.configuration.neighbourSearchesPerSecond))
    let free = interfaces.firstIndex { !$0.isPresent }
    guard free != nil || interfaces.count < Int(UInt16.max) else { throw .tooMany }
    guard client == nil || DHCPClients.charge(&around.budget) else { throw .noMemory }
    let id: InterfaceID
    if let free {
      id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: free))
      interfaces[free] = interface
    } else {
      id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interfaces.count))
      interfaces.append(interface)
    }
    for prefix in configuration.addresses { adopt(prefix, on: id) }
    if configuration.medium == .loopback, routing.loopback == nil { routing.loopback = id }
    makeLinkLocal(on: id)
    if let client { addClient(client, on: id) }
    return id
  }

  /// Takes an interface away with its addresses, routes and everything that waits to leave through it.
  /// Its connections find no way out and time out.
  public mutating func removeInterface(_ id: InterfaceID) throws(InterfaceError) {
    try require(id)
    let lost = routing.addresses.filter { $0.interface == id }
    routing.addresses.removeAll { $0.interface == id }
    for address in lost { tellSockets(ofLoss: address.prefix.address) }
    routing.routes.removeAll { $0.interface == id }
    if routing.loopback == id { routing.loopback = nil }
    for own in ownAddresses where own.interface == id && own.news != .none { addressNews &-= 1 }
    ownAddresses.removeAll { $0.interface == id }
    removeNeighbours(on: id)
    removeFragments(on: id)
    forgetGroups(of: id)
    forgetAutoconfiguration(of: id)
    removeClient(of: id)
    chooseRoutes()
    forgetLastHops()
    dropReplies(on: id.index)
    interfaces[id.index].datagrams.removeAll(&around.pool, &around.budget)
    wakeAllSockets(on: id.index)
    interfaces[id.index].isPresent = false
    while let sender = interfaces[id.index].firstSender {
      if connections[sender].marks.contains(.onWire) { loseOutput(of: sender) }
      dropFirstSender(sender, on: id.index)
    }
  }

  /// Gives the interface one more address. On an Ethernet that checks addresses it is one when an event says so.
  public mutating func addAddress(_ prefix: IPPrefix, to id: InterfaceID) throws(InterfaceError) {
    try require(id)
    try validate(prefix)
    adopt(prefix, on: id)
    if !interfaces[id.index].link.autoconfigures { makeLinkLocal(on: id) }
  }

  /// Takes an address away. Connections that have it keep it and receive nothing more. One that a DHCP server lends is
  /// given back, and they end. Datagrams no longer leave from it (`DatagramError.addressNotOurs`).
  public mutating func removeAddress(_ address: IPAddress, from id: InterfaceID) throws(InterfaceError) {
    try require(id)
    if releaseLease(ofAddress: address, on: id) { return }
    guard abandon(address, on: id) else { throw .noSuchAddress }
  }

  /// The addresses of an interface that can be used, with their networks: those that were given, and those that routers
  /// and a DHCP server lend. None that others are still asked about.
  ///
  /// - Parameter interface: nil: all, but for the loopback.
  public func addresses(on interface: InterfaceID? = nil) -> [IPPrefix] {
    routing.addresses.filter {
      if let interface { $0.interface == interface } else { $0.interface != routing.loopback }
    }.map { $0.prefix }
  }

  /// Changes the MTU for connections that open from now on.
  public mutating func setMTU(_ mtu: UInt16, of id: InterfaceID) throws(InterfaceError) {
    try require(id)
    guard mtu >= 68 else { throw .mtuTooSmall }
    interfaces[id.index].mtu = mtu
    interfaces[id.index].mtu6 = mtu
    useLeaseMTU(on: id)
  }

  /// Octets of the largest packet that leaves through the interface.
  public func mtu(of id: InterfaceID) throws(InterfaceError) -> UInt16 {
    try require(id)
    return interfaces[id.index].mtu
  }

  private func require(_ id: InterfaceID) throws(InterfaceError) {
    guard isPresent(id) else { throw .noSuchInterface }
  }

  private func validate(_ prefix: IPPrefix) throws(InterfaceError) {
    guard prefix.address.isUnicastDestination else { throw .invalidAddress }
    if isClaimed(prefix.address) { throw .addressInUse }
  }

  /// Nil: there is no such interface.
  @inline(__always)
  mutating func wayOut(_ id: InterfaceID) -> WayOut? {
    guard id.index < interfaces.count, interfaces[id.index].isPresent else { return nil }
    return WayOut(
      mss: interfaces[id.index].mss(isIPv4: true),
      isPartial: interfaces[id.index].offload.contains(.checksum))
  }

  @inline(__always)
  func isPresent(_ id: InterfaceID) -> Bool {
    guard id.index < interfaces.count else { return false }
    return interfaces[id.index].isPresent
  }
}
