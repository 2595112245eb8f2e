import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// Which flows somebody wants to see: the filters of `ss`, and for packets `host` and `port`.
///
///     state syn-recv sport = :80 and not dst 10.0.0.0/8
public struct FlowFilter: Equatable, Sendable {
  /// The states that pass; nil: nothing was said of them.
  package var states: StateSet?
  package var condition: Condition?

  /// Everything passes.
  public init() {}

  package init(states: StateSet?, condition: Condition?) {
    self.states = states
    self.condition = condition
  }

  /// What is asked of a flow.
  package indirect enum Condition: Equatable, Sendable {
    case all([Condition])
    case any([Condition])
    case not(Condition)
    /// `sport`, `dport`; with `either` one of both.
    case port(End, Comparison, UInt16)
    /// `src`, `dst`, `host`: nil is any address, and likewise any port.
    case place(End, IPPrefix?, port: UInt16?)
    case transport(IPProtocol)
  }

  package enum End: Equatable, Sendable { case source, destination, either }

  package enum Comparison: Equatable, Sendable {
    case equal, notEqual, less, lessOrEqual, greater, greaterOrEqual

    func holds(_ a: UInt16, _ b: UInt16) -> Bool {
      switch self {
      case .equal: a == b
      case .notEqual: a != b
      case .less: a < b
      case .lessOrEqual: a <= b
      case .greater: a > b
      case .greaterOrEqual: a >= b
      }
    }
  }
}

/// What a filter is asked about. Of a flow the source is our end, of a packet its sender.
package struct FilterSubject: Equatable, Sendable {
  package var transport: IPProtocol
  /// Nil: it has none, as a packet.
  package var state: TCPState?
  /// Nil: any address, as where a listener listens.
  package var source: IPAddress?
  package var sourcePort: UInt16
  package var destination: IPAddress?
  package var destinationPort: UInt16

  package init(
    _ transport: IPProtocol = .tcp, state: TCPState? = nil, source: IPAddress?, _ sourcePort: UInt16,
    destination: IPAddress? = nil, _ destinationPort: UInt16 = 0
  ) {
    self.transport = transport
    self.state = state
    self.source = source
    self.sourcePort = sourcePort
    self.destination = destination
    self.destinationPort = destinationPort
  }

  package init(_ flow: FlowReport) {
    self.init(
      state: flow.state, source: flow.local.address, flow.local.port, destination: flow.remote.address,
      flow.remote.port)
  }
}

extension FlowFilter {
  package func passes(_ subject: FilterSubject) -> Bool {
    if let states, let state = subject.state, !states.contains(state) { return false }
    return condition?.holds(for: subject) ?? true
  }
}

extension FlowFilter.Condition {
  func holds(for subject: FilterSubject) -> Bool {
    switch self {
    case .all(let parts): parts.allSatisfy { $0.holds(for: subject) }
    case .any(let parts): parts.contains { $0.holds(for: subject) }
    case .not(let part): !part.holds(for: subject)
    case .port(.source, let comparison, let port): comparison.holds(subject.sourcePort, port)
    case .port(.destination, let comparison, let port): comparison.holds(subject.destinationPort, port)
    case .port(.either, let comparison, let port):
      comparison.holds(subject.sourcePort, port) || comparison.holds(subject.destinationPort, port)
    case .place(.source, let prefix, let port):
      Self.isAt(subject.source, subject.sourcePort, prefix, port)
    case .place(.destination, let prefix, let port):
      Self.isAt(subject.destination, subject.destinationPort, prefix, port)
    case .place(.either, let prefix, let port):
      Self.isAt(subject.source, subject.sourcePort, prefix, port)
        || Self.isAt(subject.destination, subject.destinationPort, prefix, port)
    case .transport(let wanted):
      subject.transport == wanted || wanted == .icmp && subject.transport == .icmpv6
    }
  }

  /// A prefix of length 0 has whoever has any address.
  private static func isAt(
    _ address: IPAddress?, _ port: UInt16, _ prefix: IPPrefix?, _ wanted: UInt16?
  ) -> Bool {
    if let wanted, wanted != port { return false }
    guard let prefix else { return true }
    guard let address else { return prefix.length == 0 }
    return prefix.contains(address)
  }
}

/// Some of the eleven states.
package struct StateSet: Equatable, Sendable {
  private var bits: UInt16

  package init(_ states: [TCPState] = []) {
    bits = 0
    for state in states { insert(state) }
  }

  package static var all: StateSet { StateSet(TCPState.allCases) }

  package mutating func insert(_ state: TCPState) { bits |= Self.bit(state) }
  package mutating func formUnion(_ other: StateSet) { bits |= other.bits }
  package mutating func subtract(_ other: StateSet) { bits &= ~other.bits }
  package func contains(_ state: TCPState) -> Bool { bits & Self.bit(state) != 0 }

  /// Of those, in the order of the enumeration.
  package var states: [TCPState] { TCPState.allCases.filter { contains($0) } }

  private static func bit(_ state: TCPState) -> UInt16 { 1 << UInt16(state.rawValue) }

  /// What `ss` calls a state or several.
  package init?(named name: String) {
    switch name.lowercased() {
    case "all": self = .all
    case "connected":
      self = .all
      subtract(StateSet([.listen, .closed]))
    case "synchronized":
      self = .all
      subtract(StateSet([.listen, .closed, .synSent]))
    case "bucket": self.init([.synReceived, .timeWait])
    case "big":
      self = .all
      subtract(StateSet([.synReceived, .timeWait]))
    default:
      guard let state = TCPState(spelling: name) else { return nil }
      self.init([state])
    }
  }
}
