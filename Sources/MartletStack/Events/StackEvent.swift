public import MartletTCP
public import MartletWire

/// What an application can do with a connection or socket now, and what has happened to it.
@frozen
public struct Readiness: OptionSet, Equatable, BitwiseCopyable, Sendable {
  public var rawValue: UInt8

  @inlinable
  public init(rawValue: UInt8) {
    self.rawValue = rawValue
  }

  /// `receive` gives octets, the end of the stream or an error.
  @inlinable public static var readable: Readiness { Readiness(rawValue: 1) }
  /// `send` takes octets, or gives an error.
  @inlinable public static var writable: Readiness { Readiness(rawValue: 2) }
  /// The handshake is done.
  @inlinable public static var connected: Readiness { Readiness(rawValue: 4) }
  /// The peer has sent its FIN.
  @inlinable public static var hangUp: Readiness { Readiness(rawValue: 8) }
  /// The connection is over; `takeError` says why.
  @inlinable public static var ended: Readiness { Readiness(rawValue: 16) }
  /// The peer marked something ahead as urgent (RFC 9293 §3.8.5).
  @inlinable public static var urgent: Readiness { Readiness(rawValue: 32) }
  /// There is a soft error to take; who does not look is not troubled (SHLD-20).
  @inlinable public static var error: Readiness { Readiness(rawValue: 64) }
}

/// A connection of a stack. Index and generation: a stale one is an error, never another connection.
@frozen
public struct ConnectionID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let handle: Handle

  @inlinable
  public init(handle: Handle) { self.handle = handle }
}

/// A listener of a stack.
@frozen
public struct ListenerID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let handle: Handle

  @inlinable
  public init(handle: Handle) { self.handle = handle }
}

/// A UDP socket of a stack.
@frozen
public struct UDPSocketID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let handle: Handle

  @inlinable
  public init(handle: Handle) { self.handle = handle }
}

/// A socket of a stack that asks for echoes.
@frozen
public struct EchoSocketID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let handle: Handle

  @inlinable
  public init(handle: Handle) { self.handle = handle }
}

/// A SYN that waits for the application's answer.
@frozen
public struct AttemptID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let handle: Handle
  @usableFromInline let isIPv4: Bool

  @inlinable
  init(handle: Handle, isIPv4: Bool) {
    self.handle = handle
    self.isIPv4 = isIPv4
  }
}

/// Something that the application may want to act upon. Events of one kind and object merge.
public enum StackEvent: Equatable, BitwiseCopyable, Sendable {
  /// What is new; `readiness(_:)` tells all that holds.
  case connection(ConnectionID, Readiness)
  /// `accept` has something.
  case listener(ListenerID)
  /// Somebody wants to connect; `answer(_:_:now:)`.
  case attempt(AttemptID)
  case datagram(UDPSocketID, Readiness)
  /// `receiveEcho` has something.
  case echo(EchoSocketID, Readiness)
  /// More SYNs come than the half-open queue can hold, for a second now; `synFlood` tells more. Again every
  /// ten seconds as long as it lasts.
  case synFlood(ListenerID)
  /// Memory has become scarcer, or an allocation was refused since the last event of this kind: how scarce it
  /// is, octets held, and the limit.
  case memoryPressure(MemoryPressure, held: Int, limit: Int)
  /// Nobody else has this address: it can be used from now on.
  case addressReady(IPAddress, InterfaceID)
  /// The time for which a router or a DHCP server lent an address is over. Connections that had it have ended.
  case addressRemoved(IPAddress, InterfaceID)
  /// Another station says to have an address of ours, or one that we were about to use and now do not. Its hardware
  /// address; zero: it did not tell. One that is used is kept and defended; this comes every ten seconds at most.
  case addressConflict(IPAddress, InterfaceID, MACAddress)
  /// What became of an address that a DHCP server lends; `lease(of:)` has the terms.
  case lease(LeaseNews, IPAddress, InterfaceID)
}
