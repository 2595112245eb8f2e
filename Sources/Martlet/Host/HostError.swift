import MartletLinks
import MartletStack
import MartletTCP

/// Why a call on a `Host`, or on a connection, listener or socket of it, failed, and what to do about it.
public struct HostError: Error, Equatable, Sendable {
  /// The kind of failure. Not an enum, so that kinds can be added.
  public struct Code: Equatable, Hashable, Sendable {
    private enum Kind: Equatable, Hashable, Sendable {
      case refused, reset, timedOut, unreachable, aborted, evicted, closed, addressInUse, badAddress
      case outOfResources, cancelled, stopped, failed
    }

    private let kind: Kind

    /// The peer answered the SYN with a reset: nothing listens there.
    public static let refused = Code(kind: .refused)
    /// The peer reset an open connection.
    public static let reset = Code(kind: .reset)
    /// No answer within the tries, the user timeout or the keep-alive probes.
    public static let timedOut = Code(kind: .timedOut)
    /// No route, or a router said that the destination cannot be reached.
    public static let unreachable = Code(kind: .unreachable)
    /// This side aborted the connection.
    public static let aborted = Code(kind: .aborted)
    /// The stack gave the connection up to keep its memory budget.
    public static let evicted = Code(kind: .evicted)
    /// The connection, its sending half or the listener was closed on this side.
    public static let closed = Code(kind: .closed)
    public static let addressInUse = Code(kind: .addressInUse)
    public static let badAddress = Code(kind: .badAddress)
    /// A limit or the memory budget of the stack is reached.
    public static let outOfResources = Code(kind: .outOfResources)
    /// The task was cancelled.
    public static let cancelled = Code(kind: .cancelled)
    /// The host was shut down, or its link is gone.
    public static let stopped = Code(kind: .stopped)
    public static let failed = Code(kind: .failed)
  }

  public let code: Code

  /// One sentence that says what failed, and where it helps one that says what to do.
  public let message: String

  public init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  static let cancelled = HostError(.cancelled, "The task was cancelled.")
  static let stopped = HostError(.stopped, "The host has stopped. Make a new one.")
  static let closed = HostError(.closed, "The connection was closed on this side.")
}

extension HostError: CustomStringConvertible {
  public var description: String { message }
}

extension HostError {
  /// For a connection that has ended.
  init(_ reason: EndReason) {
    switch reason {
    case .none, .closed: self = .closed
    case .reset: self.init(.reset, "The peer reset the connection.")
    case .refused:
      self.init(.refused, "The peer refused the connection. Check that something listens on the port.")
    case .timedOut: self.init(.timedOut, "The peer did not answer. Check the address and the route to it.")
    case .keepAliveTimedOut: self.init(.timedOut, "The peer no longer answers keep-alive probes.")
    case .unreachable: self.init(.unreachable, "The destination cannot be reached. Check the route to it.")
    case .aborted: self.init(.aborted, "The connection was aborted on this side.")
    case .idle: self.init(.timedOut, "Nothing moved on the connection for longer than its listener allows.")
    case .evicted:
      self.init(.evicted, "The stack gave the connection up to keep its memory budget. Raise the budget.")
    }
  }

  init(_ error: ReceiveError) {
    switch error {
    case .wouldBlock: self.init(.failed, "Nothing to read yet.")
    case .ended(let reason): self.init(reason)
    case .noConnection: self = .closed
    }
  }

  init(_ error: SendError) {
    switch error {
    case .wouldBlock: self.init(.failed, "No room to write yet.")
    case .shutDown: self.init(.closed, "The sending half was closed before.")
    case .ended(let reason): self.init(reason)
    case .noConnection: self = .closed
    }
  }

  init(_ error: ShutdownError) {
    switch error {
    case .notConnected: self.init(.closed, "The connection is not open.")
    case .noConnection: self = .closed
    }
  }
}

extension HostError {
  init(_ error: ConnectError, _ remote: Endpoint) {
    switch error {
    case .noRoute:
      self.init(
        .unreachable, "No route leads to \(remote.address). Give a link an address or a route that covers it."
      )
    case .unreachable:
      self.init(
        .unreachable,
        "\(remote.address) is this host's own link-local address, which leads nowhere. Connect to 127.0.0.1 or ::1."
      )
    case .broadcastOrMulticast:
      self.init(.badAddress, "\(remote.address) is no single host's address. Choose a unicast address.")
    case .invalidPort:
      self.init(.badAddress, "Nobody can connect to port 0. Choose one from 1 to 65535.")
    case .portOfAnotherShard:
      self.init(
        .badAddress, "Another shard hears what comes to this local port. Leave the port to the stack.")
    case .addressNotOurs:
      self.init(
        .badAddress, "The local address is none of this host's, or of the other family. Choose another.")
    case .portInUse:
      self.init(.addressInUse, "These two endpoints have a connection already. Choose another local port.")
    case .noPort:
      self.init(.outOfResources, "Every local port has a connection to \(remote.address). Close some.")
    case .budget:
      self.init(.outOfResources, "The stack has no memory for a connection. Raise its memory budget.")
    }
  }

  init(_ error: ListenError, _ local: LocalEndpoint) {
    switch error {
    case .portInUse:
      self.init(.addressInUse, "Somebody has port \(local.port). Choose another, or 0 for a free one.")
    case .addressNotOurs:
      self.init(.badAddress, "The address to listen on is none of this host's. Give it to a link first.")
    case .noPort:
      self.init(.outOfResources, "Every port is taken. Close a listener or a socket.")
    case .tooMany:
      self.init(
        .outOfResources,
        "There are too many listeners or sockets. Raise listenerLimit or datagramSocketLimit of StackConfiguration."
      )
    case .budget:
      self.init(.outOfResources, "The stack has no memory for it. Raise its memory budget.")
    case .noRoute:
      self.init(.unreachable, "No route leads there.")
    }
  }

  /// For a connection that ended before it was open.
  init(ended id: ConnectionID, _ stack: inout NetworkStack) {
    while let error = try? stack.takeError(id) {
      if case .ended(let reason) = error {
        self.init(reason)
        return
      }
    }
    self.init(.failed, "The connection ended before it was open.")
  }
}

extension HostError {
  init(_ error: DatagramError) {
    switch error {
    case .wouldBlock: self.init(.failed, "Nothing is there yet.")
    case .stale: self.init(.closed, "The socket was closed on this side.")
    case .noDestination:
      self.init(
        .badAddress,
        "Say where the datagram goes, with a port, and no other destination than the socket is connected to.")
    case .tooLarge:
      self.init(
        .badAddress, "No datagram holds so much: 65,507 octets over IPv4, 65,527 over IPv6. Send several.")
    case .noRoute:
      self.init(.unreachable, "No route leads there. Give a link an address or a route that covers it.")
    case .addressNotOurs:
      self.init(.badAddress, "The socket's own address is this host's no longer. Open another socket.")
    case .network(let error): self.init(error)
    }
  }

  private init(_ error: SoftError) {
    switch error {
    case .portUnreachable:
      self.init(.refused, "Nobody has the port that a datagram was sent to.")
    case .timeExceeded:
      self.init(.unreachable, "A datagram has passed more routers than its hop limit allows.")
    default:
      self.init(.unreachable, "A datagram did not reach its destination: \(error).")
    }
  }

  init(_ error: GroupError) {
    switch error {
    case .stale: self.init(.closed, "The socket was closed on this side.")
    case .invalidGroup: self.init(.badAddress, "This is no multicast address that leaves a host.")
    case .noSuchInterface: self.init(.badAddress, "There is no such interface.")
    case .alreadyJoined: self.init(.addressInUse, "The socket hears this group on this link already.")
    case .notJoined: self.init(.badAddress, "The socket does not hear this group on this link.")
    case .tooMany:
      self.init(.outOfResources, "Too many groups are joined. Raise StackConfiguration.groupLimit.")
    case .budget: self.init(.outOfResources, "The stack has no memory for a group. Raise its memory budget.")
    }
  }
}
