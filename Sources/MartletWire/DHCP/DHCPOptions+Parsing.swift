extension DHCPOptions {
  /// Reads the options of a message, and those in `file` and `sname` if it says that there are any. Nil: one leaves its
  /// field.
  ///
  /// What comes in parts is joined before it is read (RFC 3396): in the order of the fields, then of the parts. An
  /// option whose octets, all together, are not as many as it has is passed over.
  init?(parsing options: RawSpan, file: RawSpan, sname: RawSpan) {
    var collected = CollectedOptions()
    guard collected.take(from: options) else { return nil }
    // Only here: what the other fields say of overloading would lead back to them.
    let overload = collected.overload.octet ?? 0
    if overload == 1 || overload == 3 {
      guard collected.take(from: file) else { return nil }
    }
    if overload == 2 || overload == 3 {
      guard collected.take(from: sname) else { return nil }
    }
    self.init(collected)
  }

  private init(_ collected: CollectedOptions) {
    messageType = collected.messageType.octet.flatMap { DHCPMessageType(rawValue: $0) }
    subnetMask = collected.subnetMask.address
    routers = collected.routers.list
    domainNameServers = collected.domainNameServers.list
    hostName = DHCPHostName(collected.hostName)
    interfaceMTU = collected.interfaceMTU.number16
    requestedAddress = collected.requestedAddress.address
    leaseTime = collected.leaseTime.number32
    serverIdentifier = collected.serverIdentifier.address
    parameters = collected.parameters
    maximumMessageSize = collected.maximumMessageSize.number16
    renewalTime = collected.renewalTime.number32
    rebindingTime = collected.rebindingTime.number32
    clientIdentifier = collected.clientIdentifier.hardware
  }
}

/// The octets of each option as they come.
private struct CollectedOptions {
  var messageType = CollectedNumber()
  var subnetMask = CollectedNumber()
  var routers = CollectedAddresses()
  var domainNameServers = CollectedAddresses()
  var hostName = CollectedName()
  var interfaceMTU = CollectedNumber()
  var requestedAddress = CollectedNumber()
  var leaseTime = CollectedNumber()
  var overload = CollectedNumber()
  var serverIdentifier = CollectedNumber()
  var parameters = DHCPParameters()
  var maximumMessageSize = CollectedNumber()
  var renewalTime = CollectedNumber()
  var rebindingTime = CollectedNumber()
  var clientIdentifier = CollectedNumber()

  /// Walks a field to its end, or to the option that ends it. False: an option leaves it.
  mutating func take(from field: RawSpan) -> Bool {
    var offset = 0
    while offset < field.byteCount {
      let code = DHCPOptionCode(rawValue: field.u8(offset))
      offset &+= 1
      if code == .pad { continue }
      if code == .end { return true }
      guard offset < field.byteCount else { return false }
      let count = Int(field.u8(offset))
      offset &+= 1
      guard count <= field.byteCount &- offset else { return false }
      if let code { take(code, field.extracting(offset..<(offset &+ count))) }
      offset &+= count
    }
    return true
  }

  private mutating func take(_ code: DHCPOptionCode, _ octets: RawSpan) {
    switch code {
    case .pad, .end: return
    case .messageType: messageType.append(octets)
    case .subnetMask: subnetMask.append(octets)
    case .routers: routers.append(octets)
    case .domainNameServers: domainNameServers.append(octets)
    case .hostName: hostName.append(octets)
    case .interfaceMTU: interfaceMTU.append(octets)
    case .requestedAddress: requestedAddress.append(octets)
    case .leaseTime: leaseTime.append(octets)
    case .overload: overload.append(octets)
    case .serverIdentifier: serverIdentifier.append(octets)
    case .parameters:
      for i in 0..<octets.byteCount {
        for k in 0..<DHCPParameters.places where DHCPParameters.code(k).rawValue == octets.u8(i) {
          parameters.insert(DHCPParameters(rawValue: 1 << k))
        }
      }
    case .maximumMessageSize: maximumMessageSize.append(octets)
    case .renewalTime: renewalTime.append(octets)
    case .rebindingTime: rebindingTime.append(octets)
    case .clientIdentifier: clientIdentifier.append(octets)
    }
  }
}

/// An option of a fixed size, eight octets at most.
private struct CollectedNumber {
  private var value: UInt64 = 0
  private var count: UInt8 = 0

  mutating func append(_ octets: RawSpan) {
    for i in 0..<octets.byteCount {
      value = value << 8 | UInt64(octets.u8(i))
      if count < .max { count &+= 1 }
    }
  }

  var octet: UInt8? { count == 1 ? UInt8(truncatingIfNeeded: value) : nil }
  var number16: UInt16? { count == 2 ? UInt16(truncatingIfNeeded: value) : nil }
  var number32: UInt32? { count == 4 ? UInt32(truncatingIfNeeded: value) : nil }
  var address: IPv4Address? { number32.map { IPv4Address(bits: $0) } }

  /// Behind a type, which must be Ethernet's.
  var hardware: MACAddress? { count == 7 && value >> 48 == 1 ? MACAddress(bits: value) : nil }
}

private struct CollectedAddresses {
  private var whole = DHCPAddressList()
  private var part: UInt32 = 0
  /// Octets of `part`.
  private var count: UInt8 = 0

  mutating func append(_ octets: RawSpan) {
    for i in 0..<octets.byteCount {
      part = part << 8 | UInt32(octets.u8(i))
      count &+= 1
      guard count == 4 else { continue }
      whole.append(IPv4Address(bits: part))
      count = 0
    }
  }

  /// RFC 2132 §3.5: "The length … MUST always be a multiple of 4."
  var list: DHCPAddressList { count == 0 ? whole : DHCPAddressList() }
}
