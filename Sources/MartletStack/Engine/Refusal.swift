import MartletTCP
import MartletWire

// Who may not connect, however much the listener wants connections (S5.4). It is asked when a SYN comes,
// and again at the third segment: in between others may have come first.

extension NetworkStack {
  /// Why a connection with this flow would be one too many; nil: it would not. Others may have to go for it.
  mutating func refusal(of flow: Flow, _ l: UInt32) -> DropReason? {
    makeRoomForNewcomer()
    makePlaces(of: l)
    let reason = reasonToRefuse(flow, l)
    if reason == .listenerLimit { listeners[l].limitOverflows &+= 1 }
    return reason
  }

  /// The same, for asking only: nobody goes, and nothing is counted.
  mutating func reasonToRefuse(_ flow: Flow, _ l: UInt32) -> DropReason? {
    if around.budget.pressure == .connections { return .noMemory }
    let limit = listeners[l].options.connectionLimit
    if limit > 0, listeners[l].connections >= limit { return .listenerLimit }
    if UInt32(truncatingIfNeeded: connections.live) >= configuration.connectionLimit {
      return .connectionLimit
    }
    let share = configuration.connectionsPerSource
    guard share > 0 else { return nil }
    let source = routing.source(flow.remote, zone: flow.zone)
    return sources.connections(of: source, secrets.flowTable) >= share ? .sourceLimit : nil
  }

  /// Answers with a reset, so that the peer need not find out by waiting. But not for want of memory, which comes
  /// back within moments: as if the segment had been lost, which its sender repeats.
  mutating func refuse(_ seg: Segment, _ flow: Flow, _ reason: DropReason) {
    counts.connectionsRefused &+= 1
    counts.drop(reason)
    if reason.passes { counts.listenDrops &+= 1 } else { reset(seg, flow) }
  }

  /// The connection counts for its listener and its source from now on. False: no memory to count it.
  mutating func count(_ i: UInt32, of l: UInt32, _ flow: Flow) -> Bool {
    if configuration.connectionsPerSource > 0,
      !sources.add(
        routing.source(flow.remote, zone: flow.zone), secrets.flowTable, &around.budget)
    {
      return false
    }
    let isLimited = listeners[l].countConnection()
    connections[i].begin(Origin(listener: l, isLimited: isLimited), at: clock)
    return true
  }

  /// It has left the wire.
  mutating func uncount(_ i: UInt32) {
    let origin = connections[i].origin
    guard origin.isPassive else { return }
    connections[i].origin = .application
    if let l = origin.listener { listeners[l].connections &-= 1 }
    if configuration.connectionsPerSource > 0 {
      let flow = connections.flow(of: i, keys6)
      sources.remove(flow.remote, zone: flow.zone, secrets.flowTable, &around.budget)
    }
  }

  /// The listener is closed: its connections have none.
  mutating func orphanConnections(of l: UInt32) {
    var next = connections.nextLive(from: 0)
    while let i = next {
      if connections[i].origin.listener == l { connections[i].origin = .closedListener }
      next = connections.nextLive(from: i &+ 1)
    }
  }
}

extension DropReason {
  /// Whoever is refused for it may be welcome when he asks again.
  var passes: Bool { self == .noMemory }
}
