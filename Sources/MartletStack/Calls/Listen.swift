public import MartletTCP
import MartletWire

/// Why nobody can listen, or be bound, there.
public enum ListenError: Error, Equatable, Sendable {
  /// Somebody is bound to the same address and port.
  case portInUse
  /// The address is none of ours.
  case addressNotOurs
  /// Every ephemeral port is taken.
  case noPort
  /// The peer to connect a UDP socket to cannot be reached.
  case noRoute
  /// The configuration's limit is reached.
  case tooMany
  /// The memory budget refused.
  case budget
}

/// The handle means nothing, or nothing any more.
public enum HandleError: Error, Equatable, Sendable {
  case stale
}

/// Why `accept` gave nothing.
public enum AcceptError: Error, Equatable, Sendable {
  /// Nobody waits; an event will tell.
  case wouldBlock
  case stale
}

/// What the application says to somebody who wants to connect.
public enum AttemptAnswer: Equatable, Sendable {
  /// Send the SYN-ACK; the connection comes through `accept` once it is established.
  case accept
  /// Refuse as if nobody listened.
  case reset
  /// Say that the host cannot be reached (ICMP).
  case unreachable
  /// Say nothing.
  case drop
}

extension NetworkStack {
  /// Passive OPEN (RFC 9293 §3.10.1): takes connections to a local address and port, or to the port of any
  /// of our addresses (MUST-42). It disturbs nothing that exists (MUST-41).
  ///
  /// - Parameter local: port 0 chooses an ephemeral one, which `status` tells.
  public mutating func listen(
    on local: LocalEndpoint, _ options: ListenerOptions = ListenerOptions()
  ) throws(ListenError) -> ListenerID {
    if let address = local.address, !routing.isOurs(address) { throw .addressNotOurs }
    guard listeners.live < Int(min(configuration.listenerLimit, 4_096)) else { throw .tooMany }
    var local = local
    if local.port == 0 {
      let first = randomPort()
      guard let port = listenerPorts.freePort(from: first, configuration) else { throw .noPort }
      local.port = port
    } else if listenerPorts.best(local.port, { listeners[$0].local.address == local.address ? 1 : 0 }) != nil
    {
      throw .portInUse
    }
    guard listenerPorts.reserve(&around.budget),
      let handle = listeners.allocate(
        Listener(
          local: local, options: configuration.fitted(options),
          unopened: Connection(unopened: options.connection, configuration.tcp)), &around.budget)
    else { throw .budget }
    let limits = listeners[handle.index].options
    let isLimited = limits.idleTimeout > .zero || limits.closeWaitTimeout > .zero
    listeners[handle.index].unopened.origin = Origin(listener: handle.index, isLimited: isLimited)
    listenerPorts.insert(local.port, handle.index)
    return ListenerID(handle: handle)
  }

  /// Where the search for an ephemeral port begins.
  mutating func randomPort() -> UInt16 {
    let any = Flow(local: .v4(.any), remote: .v4(.any), localPort: 0, remotePort: 0)
    return secrets.drawPort(
      for: any, first: configuration.firstEphemeralPort, last: configuration.lastEphemeralPort)
  }

  /// Takes the next established connection out of the accept queue (S2.6).
  public mutating func accept(_ id: ListenerID) throws(AcceptError) -> ConnectionID {
    guard let l = listeners.index(of: id) else { throw .stale }
    let i = listeners[l].backlog.first
    guard i != IndexList.none, let handle = connections.handle(at: i) else { throw .wouldBlock }
    removeFromBacklog(i, of: l)
    listeners[l].accepted &+= 1
    connections[i].marks.insert(.owned)
    // What came before anybody could be told.
    raise(level(of: i), of: i)
    if listeners[l].backlogCount > 0 { raise(ofListener: l) }
    return ConnectionID(handle: handle)
  }

  /// Stops listening. Half-open connections are forgotten, those that nobody accepted are reset, and those
  /// that were accepted are not touched.
  public mutating func close(_ id: ListenerID, now: Instant) throws(HandleError) {
    tell(now)
    guard let l = listeners.index(of: id) else { throw .stale }
    listenerPorts.remove(listeners[l].local.port, l)
    discardEmbryos(of: l)
    leaveFastOpens(of: l)
    orphanConnections(of: l)
    while listeners[l].backlog.first != IndexList.none {
      let i = listeners[l].backlog.first
      removeFromBacklog(i, of: l)
      abortConnection(i)
    }
    if listeners[l].hasEvent {
      listeners[l].isClosed = true
    } else {
      listeners.free(l, &around.budget)
    }
  }

  private mutating func discardEmbryos(of l: UInt32) {
    var next = flows4.embryos.nextLive(from: 0)
    while let i = next {
      if flows4.embryos[i].listener == l {
        discardEmbryo(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: true))
      }
      next = flows4.embryos.nextLive(from: i &+ 1)
    }
    next = flows6.embryos.nextLive(from: 0)
    while let i = next {
      if flows6.embryos[i].listener == l {
        discardEmbryo(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: false))
      }
      next = flows6.embryos.nextLive(from: i &+ 1)
    }
  }

  /// Queue lengths, their high-water marks and what overflowed (S3.2).
  public func status(_ id: ListenerID) throws(HandleError) -> ListenerStatus {
    guard let l = listeners.index(of: id) else { throw .stale }
    return listenerStatus(l)
  }

  func listenerStatus(_ l: UInt32) -> ListenerStatus {
    let listener = listeners[l]
    return ListenerStatus(
      local: listener.local, options: listener.options, halfOpen: listener.halfOpen,
      halfOpenHighWater: listener.halfOpenHighWater, halfOpenOverflows: listener.halfOpenOverflows,
      acceptable: listener.backlogCount, acceptableHighWater: listener.backlogHighWater,
      acceptOverflows: listener.acceptOverflows, accepted: listener.accepted,
      fastOpenPending: listener.fastOpenPending, connections: listener.connections,
      limitOverflows: listener.limitOverflows)
  }

  // MARK: The accept queue

  mutating func appendToBacklog(_ i: UInt32, of l: UInt32) {
    connections[i].nextEvent = IndexList.none
    let last = listeners[l].appendToBacklog(i)
    if last != IndexList.none { connections[last].nextEvent = i }
    raise(ofListener: l)
  }

  /// Takes the first, `i`, off the queue.
  private mutating func removeFromBacklog(_ i: UInt32, of l: UInt32) {
    listeners[l].backlog.first = connections[i].nextEvent
    if listeners[l].backlog.isEmpty { listeners[l].backlog.last = IndexList.none }
    listeners[l].backlogCount &-= 1
    connections[i].nextEvent = IndexList.none
    connections[i].marks.remove(.inBacklog)
  }
}

extension Slab where Record == Listener {
  /// The record of a listener that is not closed.
  @inline(__always)
  func index(of id: ListenerID) -> UInt32? {
    contains(id.handle) && !self[id.handle.index].isClosed ? id.handle.index : nil
  }
}
