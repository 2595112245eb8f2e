/// Which host of a simulation.
public struct HostID: Equatable, Hashable, BitwiseCopyable, Sendable {
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Which router of a simulation.
public struct RouterID: Equatable, Hashable, BitwiseCopyable, Sendable {
  /// Among routers and switches together.
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Which switch of a simulation.
public struct SwitchID: Equatable, Hashable, BitwiseCopyable, Sendable {
  /// Among routers and switches together.
  public let index: Int

  public init(index: Int) { self.index = index }
}

/// Whatever a link can be plugged into.
public enum NodeID: Equatable, Hashable, BitwiseCopyable, Sendable {
  case host(HostID)
  case router(RouterID)
  case broadcastDomain(SwitchID)

  /// Of a host, among hosts; of a router or switch, among these.
  public var index: Int {
    switch self {
    case .host(let id): id.index
    case .router(let id): id.index
    case .broadcastDomain(let id): id.index
    }
  }

  public var isHost: Bool {
    if case .host = self { true } else { false }
  }

  /// So that a rule can say `$0.source == client`.
  public static func == (node: NodeID, host: HostID) -> Bool { node == .host(host) }
}

/// A host, router or switch by its own name.
public protocol SimulatedNode {
  var node: NodeID { get }
}

extension HostID: SimulatedNode {
  public var node: NodeID { .host(self) }
}

extension RouterID: SimulatedNode {
  public var node: NodeID { .router(self) }
}

extension SwitchID: SimulatedNode {
  public var node: NodeID { .broadcastDomain(self) }
}

extension NodeID: SimulatedNode {
  public var node: NodeID { self }
}
