public import MartletTCP
import MartletWire

/// What a connection has to complain of.
public enum ConnectionError: Error, Equatable, Sendable {
  /// ICMP said something that did not end it (RFC 9293 MUST-47, MUST-56).
  case soft(SoftError)
  /// It is over, and this is why; an orderly close is no error.
  case ended(EndReason)
}

extension NetworkStack {
  /// The options as they stand.
  public func options(_ id: ConnectionID) throws(HandleError) -> ConnectionOptions {
    guard let i = connections.index(of: id) else { throw .stale }
    var options = connections[i].tcb.options
    options.dscp = connections[i].dscp
    options.hopLimit = connections[i].hopLimit
    options.linger = Linger(deciseconds: connections[i].linger)
    return options
  }

  /// Changes what can change on a living connection; DSCP and hop limit hold from the next packet on
  /// (MUST-48, SHLD-21, MUST-49).
  public mutating func setOptions(
    _ id: ConnectionID, _ options: ConnectionOptions, now: Instant
  ) throws(HandleError) {
    tell(now)
    guard let i = connections.index(of: id) else { throw .stale }
    connections[i].dscp = options.dscp & 0x3f
    connections[i].hopLimit = options.hopLimit
    connections[i].linger = options.linger.deciseconds
    guard let j = coldIndex(of: i, needed: false) else { return }
    let reaction = connections[i].tcb.set(options, cold: cold[j], around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  /// The pending error (`SO_ERROR`): why the connection ended, or else a soft one. Each is told once;
  /// `status` keeps the reason.
  public mutating func takeError(_ id: ConnectionID) throws(HandleError) -> ConnectionError? {
    guard let i = connections.index(of: id) else { throw .stale }
    let reason = connections[i].tcb.takeEndReason()
    if reason != .none { return .ended(reason) }
    let soft = connections[i].tcb.takeError()
    return soft == .none ? nil : .soft(soft)
  }

  /// Everything that holds now, as `poll` would tell it.
  public func readiness(_ id: ConnectionID) throws(HandleError) -> Readiness {
    guard let i = connections.index(of: id) else { throw .stale }
    return level(of: i)
  }

  func level(of i: UInt32) -> Readiness {
    let block = coldBlock(of: i)
    var level: Readiness = []
    if connections[i].tcb.isReadable(block) { level.insert(.readable) }
    if connections[i].tcb.isWritable(block) { level.insert(.writable) }
    if connections[i].tcb.state.isSynchronized || connections[i].tcb.isOpenEarly { level.insert(.connected) }
    if connections[i].tcb.hasPeerFinished { level.insert(.hangUp) }
    if connections[i].tcb.state == .closed { level.insert(.ended) }
    if connections[i].tcb.softError != .none { level.insert(.error) }
    if block.urgent { level.insert(.urgent) }
    return level
  }
}
