public import MartletTCP
import MartletWire

/// STATUS (RFC 9293 §3.10.6) with what only the stack knows: "local socket, remote socket, local
/// connection name" and the options of its packets.
public struct ConnectionReport: BitwiseCopyable, Sendable {
  public var local: Endpoint
  public var remote: Endpoint
  public var interface: InterfaceID
  /// "security/compartment" and precedence are gone (RFC 9293 §3.9.2.3); this is what came of the latter.
  public var dscp: UInt8
  public var hopLimit: UInt8
  public var linger: Linger
  /// It waits to be accepted.
  public var isInBacklog: Bool
  /// What it is charged for.
  public var memory: ConnectionMemory
  /// Its `state` is TIME-WAIT as long as the record lingers, and CLOSED after that.
  public var tcp: ConnectionStatus
}

/// A line of the table that `ss` and `netstat` print.
public struct FlowReport: BitwiseCopyable, Sendable {
  public var local: Endpoint
  public var remote: Endpoint
  public var state: TCPState
  /// Octets that wait to be read, and that were not acknowledged or sent.
  public var receiveQueue: UInt32
  public var sendQueue: UInt32
  /// The application's handle, if it has one.
  public var connection: ConnectionID?
  /// Retransmissions without an answer.
  public var tries: UInt8
  /// Octets that it is charged for.
  public var memory: Int
  /// Milliseconds until the record's own timer: SYN-ACK, 2·MSL; 0: none or elsewhere.
  public var timerIn: UInt32
  /// Where the stack keeps it.
  public var place: FlowPlace
}

extension NetworkStack {
  /// Everything about a connection.
  public func status(_ id: ConnectionID, now: Instant) throws(HandleError) -> ConnectionReport {
    guard let i = connections.index(of: id) else { throw .stale }
    return report(i, now: now)
  }

  func report(_ i: UInt32, now: Instant) -> ConnectionReport {
    let connection = connections[i]
    let flow = connections.flow(of: i, keys6)
    var tcp = connection.tcb.status(cold: coldBlock(of: i), around, now: max(now, clock))
    tcp.state = shownState(of: i)
    return ConnectionReport(
      local: flow.localEndpoint, remote: flow.remoteEndpoint,
      interface: InterfaceID(rawValue: connection.interface), dscp: connection.dscp,
      hopLimit: connection.hopLimit == 0 ? configuration.hopLimit : connection.hopLimit,
      linger: Linger(deciseconds: connection.linger), isInBacklog: connection.marks.contains(.inBacklog),
      memory: memory(of: i), tcp: tcp)
  }

  /// TIME-WAIT ends when its record goes, whatever the handle's TCB says.
  private func shownState(of i: UInt32) -> TCPState {
    let state = connections[i].tcb.state
    guard state == .timeWait else { return state }
    let lingers: UInt32?
    if connections[i].isIPv4 {
      let key = connections[i].key
      lingers = flows4.findLingering(key, key.hash(secrets.flowTable))
    } else {
      let key = keys6[connections[i].key.local]
      lingers = flows6.findLingering(key, key.hash(secrets.flowTable))
    }
    return lingers == nil ? .closed : .timeWait
  }

  /// Calls `body` with every record of every phase but LISTEN: connections, those that ended and whose handle
  /// is still held, half-open ones (SYN-RECEIVED) and TIME-WAIT.
  public func forEachFlow(now: Instant, _ body: (FlowReport) -> Void) {
    _ = forSomeFlows(from: .first, atMost: .max, now: now, body)
  }

  /// How many records are in a state, to see what an application forgets to close (S5.7) or a peer piles up.
  public func count(of state: TCPState) -> Int {
    switch state {
    case .listen: return listeners.live
    case .timeWait: return flows4.lingering.live &+ flows6.lingering.live
    case .closed, .synSent, .synReceived, .established, .finWait1, .finWait2, .closeWait, .closing, .lastAck:
      break
    }
    var count = state == .synReceived ? flows4.embryos.live &+ flows6.embryos.live : 0
    var next = connections.nextLive(from: 0)
    while let i = next {
      if connections[i].tcb.state == state { count &+= 1 }
      next = connections.nextLive(from: i &+ 1)
    }
    return count
  }

  /// Calls `body` with every listener.
  public func forEachListener(_ body: (ListenerID, ListenerStatus) -> Void) {
    listeners.forEachLive { l in
      if !listeners[l].isClosed, let handle = listeners.handle(at: l) {
        body(ListenerID(handle: handle), listenerStatus(l))
      }
    }
  }

  func connectionLine(_ i: UInt32) -> FlowReport? {
    let connection = connections[i]
    if connection.marks.contains(.isDead) { return nil }
    // The TIME-WAIT record has a line of its own.
    let state = connection.tcb.state == .timeWait ? .closed : connection.tcb.state
    let block = coldBlock(of: i)
    let flow = connections.flow(of: i, keys6)
    let owned = connection.marks.contains(.owned)
    return FlowReport(
      local: flow.localEndpoint, remote: flow.remoteEndpoint, state: state, receiveQueue: block.receive.count,
      sendQueue: block.send.count,
      connection: owned ? connections.handle(at: i).map { ConnectionID(handle: $0) } : nil,
      tries: connection.tcb.timers.tries, memory: memory(of: i).total, timerIn: 0,
      place: FlowPlace(table: .connections, index: i))
  }

  static func line<Key: FlowKey>(
    _ embryo: Embryo<Key>, at place: FlowPlace, _ now: Tick
  ) -> FlowReport {
    let flow = embryo.key.flow
    return FlowReport(
      local: flow.localEndpoint, remote: flow.remoteEndpoint, state: .synReceived, receiveQueue: 0,
      sendQueue: 0, connection: nil, tries: embryo.tcb.tries,
      memory: (flow.local.isIPv4 ? Footprint.embryo4 : Footprint.embryo6) &+ Footprint.tableEntry,
      timerIn: embryo.tcb.deadline.milliseconds(since: now), place: place)
  }

  static func line<Key: FlowKey>(
    _ lingering: Lingering<Key>, at place: FlowPlace, _ now: Tick
  ) -> FlowReport {
    let flow = lingering.key.flow
    return FlowReport(
      local: flow.localEndpoint, remote: flow.remoteEndpoint, state: .timeWait, receiveQueue: 0,
      sendQueue: 0, connection: nil, tries: 0,
      memory: (flow.local.isIPv4 ? Footprint.timeWait4 : Footprint.timeWait6) &+ Footprint.tableEntry,
      timerIn: lingering.tcb.deadline.milliseconds(since: now), place: place)
  }
}
