public import MartletWire

/// An address and a port: one end of a flow.
@frozen
public struct Endpoint: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var address: IPAddress
  public var port: UInt16

  @inlinable
  public init(address: IPAddress, port: UInt16) {
    self.address = address
    self.port = port
  }
}

/// What a caller says of its own end: no address means any, port 0 means choose one.
@frozen
public struct LocalEndpoint: Equatable, Hashable, BitwiseCopyable, Sendable {
  public var address: IPAddress?
  public var port: UInt16

  @inlinable
  public init(address: IPAddress? = nil, port: UInt16 = 0) {
    self.address = address
    self.port = port
  }
}

/// Both ends of a flow, the local one first.
struct Flow: Equatable, BitwiseCopyable {
  var local: IPAddress
  var remote: IPAddress
  var localPort: UInt16
  var remotePort: UInt16
  /// Of a link-local flow: its interface and one; 0 otherwise (RFC 4007 §6).
  var zone: UInt16 = 0

  var localEndpoint: Endpoint { Endpoint(address: local, port: localPort) }
  var remoteEndpoint: Endpoint { Endpoint(address: remote, port: remotePort) }
}
