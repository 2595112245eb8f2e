public import MartletTCP

/// Who opened the connection.
public enum ScenarioRole: Equatable, Sendable {
  /// The peer did; the stack listened.
  case passive
  /// The stack under test did.
  case active
}

/// Where a script begins: the state of the stack's end of the connection, and how
/// it came there. What the way there sent and received is over: the first thing
/// that a script expects is the answer to the first thing that it does.
///
/// Relative numbers at the start, the stack's and the peer's next:
///
/// | start | stack | peer |
/// | --- | --- | --- |
/// | `.listening` | – | 0 |
/// | `.synSent` | 1 | 0 |
/// | `.synReceived` | 1 | 1 |
/// | `.established` | 1 | 1 |
/// | `.finWait1`, `.finWait2` | 2 | 1 |
/// | `.closeWait` | 1 | 2 |
/// | `.closing`, `.lastAck`, `.timeWait` | 2 | 2 |
public struct ScenarioStart: Equatable, Sendable {
  public var state: TCPState
  public var role: ScenarioRole
  /// The application has called `close` rather than `shutdown(.send)`, and has no handle any more.
  public var isOrphan = false
  public var port: UInt16 = 80

  /// Nothing listens and nothing is open.
  public static var closed: ScenarioStart { ScenarioStart(state: .closed, role: .passive) }

  public static func listening(port: UInt16 = 80) -> ScenarioStart {
    ScenarioStart(state: .listen, role: .passive, port: port)
  }

  /// Something listens at port 80.
  public static var listening: ScenarioStart { listening() }

  /// The stack has sent its SYN.
  public static func connecting(to port: UInt16 = 80) -> ScenarioStart {
    ScenarioStart(state: .synSent, role: .active, port: port)
  }

  /// The same under RFC 9293's name.
  public static var synSent: ScenarioStart { connecting() }

  /// `.active`: by a simultaneous open.
  public static func synReceived(_ role: ScenarioRole = .passive) -> ScenarioStart {
    ScenarioStart(state: .synReceived, role: role)
  }

  public static func established(_ role: ScenarioRole = .passive) -> ScenarioStart {
    ScenarioStart(state: .established, role: role)
  }

  /// The stack has sent a FIN.
  public static func finWait1(_ role: ScenarioRole = .passive, orphan: Bool = false) -> ScenarioStart {
    ScenarioStart(state: .finWait1, role: role, isOrphan: orphan)
  }

  /// The peer has acknowledged it.
  public static func finWait2(_ role: ScenarioRole = .passive, orphan: Bool = false) -> ScenarioStart {
    ScenarioStart(state: .finWait2, role: role, isOrphan: orphan)
  }

  /// The peer has sent a FIN.
  public static func closeWait(_ role: ScenarioRole = .passive) -> ScenarioStart {
    ScenarioStart(state: .closeWait, role: role)
  }

  /// Both FINs crossed.
  public static func closing(_ role: ScenarioRole = .passive, orphan: Bool = false) -> ScenarioStart {
    ScenarioStart(state: .closing, role: role, isOrphan: orphan)
  }

  /// The peer has sent a FIN, then the stack has.
  public static func lastAck(_ role: ScenarioRole = .passive, orphan: Bool = false) -> ScenarioStart {
    ScenarioStart(state: .lastAck, role: role, isOrphan: orphan)
  }

  /// The stack closed first, and both FINs are acknowledged.
  public static func timeWait(_ role: ScenarioRole = .passive, orphan: Bool = false) -> ScenarioStart {
    ScenarioStart(state: .timeWait, role: role, isOrphan: orphan)
  }
}

/// Which address family a script runs on.
public enum ScenarioFamily: Equatable, Sendable, CaseIterable {
  case ipv4
  case ipv6
}
