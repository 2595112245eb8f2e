/// The options of a DHCP message that a client says or asks for (RFC 2132).
public struct DHCPOptions: Equatable, BitwiseCopyable, Sendable {
  public var messageType: DHCPMessageType?
  public var subnetMask: IPv4Address?
  public var routers = DHCPAddressList()
  public var domainNameServers = DHCPAddressList()
  public var hostName: DHCPHostName?
  public var interfaceMTU: UInt16?
  public var requestedAddress: IPv4Address?
  /// Seconds, like the other times; all ones: for ever.
  public var leaseTime: UInt32?
  public var serverIdentifier: IPv4Address?
  public var parameters = DHCPParameters()
  public var maximumMessageSize: UInt16?
  /// T1.
  public var renewalTime: UInt32?
  /// T2.
  public var rebindingTime: UInt32?
  /// An Ethernet address; other kinds are passed over.
  public var clientIdentifier: MACAddress?

  public init() {}
}

/// RFC 2132.
enum DHCPOptionCode: UInt8, BitwiseCopyable {
  case pad = 0
  case subnetMask = 1
  case routers = 3
  case domainNameServers = 6
  case hostName = 12
  case interfaceMTU = 26
  case requestedAddress = 50
  case leaseTime = 51
  case overload = 52
  case messageType = 53
  case serverIdentifier = 54
  case parameters = 55
  case maximumMessageSize = 57
  case renewalTime = 58
  case rebindingTime = 59
  case clientIdentifier = 61
  case end = 255
}

// MARK: Writing

extension DHCPOptions {
  /// Octets of the options and of the one that ends them; fewer than 255.
  var encodedCount: Int {
    var count = 1
    if messageType != nil { count &+= 3 }
    if subnetMask != nil { count &+= 6 }
    if requestedAddress != nil { count &+= 6 }
    if leaseTime != nil { count &+= 6 }
    if serverIdentifier != nil { count &+= 6 }
    if renewalTime != nil { count &+= 6 }
    if rebindingTime != nil { count &+= 6 }
    if interfaceMTU != nil { count &+= 4 }
    if maximumMessageSize != nil { count &+= 4 }
    if !routers.isEmpty { count &+= 2 &+ 4 &* routers.count }
    if !domainNameServers.isEmpty { count &+= 2 &+ 4 &* domainNameServers.count }
    if let hostName { count &+= 2 &+ hostName.count }
    if !parameters.isEmpty { count &+= 2 &+ parameters.rawValue.nonzeroBitCount }
    if clientIdentifier != nil { count &+= 9 }
    return count
  }

  /// Writes exactly `encodedCount` octets.
  func write(into out: inout MutableRawSpan, at start: Int) {
    var place = start
    func open(_ code: DHCPOptionCode, _ count: Int, _ out: inout MutableRawSpan) {
      out.store8(code.rawValue, at: place)
      out.store8(UInt8(truncatingIfNeeded: count), at: place &+ 1)
      place &+= 2
    }
    func four(_ code: DHCPOptionCode, _ value: UInt32?, _ out: inout MutableRawSpan) {
      guard let value else { return }
      open(code, 4, &out)
      out.store32be(value, at: place)
      place &+= 4
    }
    func two(_ code: DHCPOptionCode, _ value: UInt16?, _ out: inout MutableRawSpan) {
      guard let value else { return }
      open(code, 2, &out)
      out.store16be(value, at: place)
      place &+= 2
    }
    func list(_ code: DHCPOptionCode, _ value: DHCPAddressList, _ out: inout MutableRawSpan) {
      if value.isEmpty { return }
      open(code, 4 &* value.count, &out)
      for address in value {
        out.store(address, at: place)
        place &+= 4
      }
    }
    // The type first: whoever looks at a capture looks for it.
    if let messageType {
      open(.messageType, 1, &out)
      out.store8(messageType.rawValue, at: place)
      place &+= 1
    }
    four(.subnetMask, subnetMask?.bits, &out)
    list(.routers, routers, &out)
    list(.domainNameServers, domainNameServers, &out)
    if let hostName {
      open(.hostName, hostName.count, &out)
      hostName.write(into: &out, at: place)
      place &+= hostName.count
    }
    two(.interfaceMTU, interfaceMTU, &out)
    four(.requestedAddress, requestedAddress?.bits, &out)
    four(.leaseTime, leaseTime, &out)
    four(.serverIdentifier, serverIdentifier?.bits, &out)
    if !parameters.isEmpty {
      open(.parameters, parameters.rawValue.nonzeroBitCount, &out)
      for k in 0..<DHCPParameters.places where parameters.rawValue & 1 << k != 0 {
        out.store8(DHCPParameters.code(k).rawValue, at: place)
        place &+= 1
      }
    }
    two(.maximumMessageSize, maximumMessageSize, &out)
    four(.renewalTime, renewalTime, &out)
    four(.rebindingTime, rebindingTime, &out)
    if let clientIdentifier {
      // RFC 2132 §9.14: a hardware type, and an address of it.
      open(.clientIdentifier, 7, &out)
      out.store8(1, at: place)
      out.store16be(UInt16(truncatingIfNeeded: clientIdentifier.bits >> 32), at: place &+ 1)
      out.store32be(UInt32(truncatingIfNeeded: clientIdentifier.bits), at: place &+ 3)
      place &+= 7
    }
    out.store8(DHCPOptionCode.end.rawValue, at: place)
  }
}
