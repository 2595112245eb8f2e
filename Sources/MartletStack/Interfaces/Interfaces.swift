import MartletTCP
public import MartletWire

extension NetworkStack {
  /// Makes an interface. Routes to the networks of its addresses come by themselves.
  public mutating func addInterface(
    _ configuration: InterfaceConfiguration
  ) throws(InterfaceError) -> InterfaceID {
    guard configuration.mtu >= 68 else { throw .mtuTooSmall }
    for prefix in configuration.addresses { try validate(prefix) }
    let id: InterfaceID
    if let free = interfaces.firstIndex(where: { !$0.isPresent }) {
      id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: free))
      interfaces[free] = Interface(mtu: configuration.mtu, offload: configuration.offload)
    } else {
      guard interfaces.count < Int(UInt16.max) else { throw .tooMany }
      id = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interfaces.count))
      interfaces.append(Interface(mtu: configuration.mtu, offload: configuration.offload))
    }
    for prefix in configuration.addresses {
      addresses.append(InterfaceAddress(prefix: prefix, interface: id))
    }
    return id
  }

  /// Takes an interface away with its addresses, routes and everything that waits to leave through it.
  /// Its connections find no way out and time out.
  public mutating func removeInterface(_ id: InterfaceID) throws(InterfaceError) {
    try require(id)
    addresses.removeAll { $0.interface == id }
    routes.removeAll { $0.interface == id }
    while let reply = popReply(on: id.index) { replies.free(reply, &around.budget) }
    while let sender = firstSender(on: id.index) { dropFirstSender(sender, on: id.index) }
    interfaces[id.index].datagrams.removeAll(&around.pool, &around.budget)
    interfaces[id.index].isPresent = false
  }

  /// Gives the interface one more address.
  public mutating func addAddress(_ prefix: IPPrefix, to id: InterfaceID) throws(InterfaceError) {
    try require(id)
    try validate(prefix)
    addresses.append(InterfaceAddress(prefix: prefix, interface: id))
  }

  /// Takes an address away. Connections that have it keep it and receive nothing more.
  public mutating func removeAddress(_ address: IPAddress, from id: InterfaceID) throws(InterfaceError) {
    try require(id)
    let count = addresses.count
    addresses.removeAll { $0.interface == id && $0.prefix.address == address }
    if addresses.count == count { throw .noSuchAddress }
  }

  /// Changes the MTU for connections that open from now on.
  public mutating func setMTU(_ mtu: UInt16, of id: InterfaceID) throws(InterfaceError) {
    try require(id)
    guard mtu >= 68 else { throw .mtuTooSmall }
    interfaces[id.index].mtu = mtu
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
    if isOurs(prefix.address) { throw .addressInUse }
  }

  @inline(__always)
  func isPresent(_ id: InterfaceID) -> Bool {
    guard id.index < interfaces.count else { return false }
    return interfaces[id.index].isPresent
  }

  /// Whether the address is one of ours, on whatever interface: the weak end-system model of
  /// RFC 1122 §3.3.4.2.
  func isOurs(_ address: IPAddress) -> Bool {
    for i in addresses.indices where addresses[i].prefix.address == address { return true }
    return false
  }

  @inline(__always)
  func isOurs(_ address: IPv4Address) -> Bool {
    for i in addresses.indices {
      if case .v4(let ours) = addresses[i].prefix.address, ours == address { return true }
    }
    return false
  }

  /// Whether the address is a broadcast of a network that we are on, in either form.
  @inline(__always)
  func isSubnetBroadcast(_ address: IPv4Address) -> Bool {
    for i in addresses.indices {
      let prefix = addresses[i].prefix
      if prefix.broadcast == address || prefix.oldBroadcast == address { return true }
    }
    return false
  }
}
