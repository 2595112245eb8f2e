import MartletTCP
import MartletWire

extension NetworkStack {
  /// The next thing that happened; nil: the application knows everything. Drain it after every `receive`,
  /// `advance` and call, and after packets were pulled: that may have made room.
  public mutating func nextEvent() -> StackEvent? {
    if !shortage.waitingWriters.isEmpty { wakeWriter() }
    if shortage.socketsRefusedAt > 0 { wakeSocketsForMemory() }
    return nextConnectionEvent() ?? nextListenerEvent() ?? nextSocketEvent() ?? nextAttempt()
      ?? nextAddressEvent() ?? nextLeaseEvent() ?? pressure()
  }

  // MARK: Raising

  /// What a reaction means to the application.
  mutating func announce(_ reaction: Reaction, of i: UInt32) {
    var news: Readiness = []
    if reaction.contains(.readable) {
      news.insert(.readable)
      if connections[i].tcb.hasPeerFinished { news.insert(.hangUp) }
      if connections[i].tcb.softError != .none { news.insert(.error) }
    }
    if reaction.contains(.writable) { news.insert(.writable) }
    if reaction.contains(.established) { news.formUnion([.connected, .writable]) }
    if reaction.contains(.urgent) { news.insert(.urgent) }
    if reaction.contains(.adviseNegatively) { news.insert(.error) }
    if reaction.contains(.enterTimeWait) { news.formUnion([.readable, .hangUp]) }
    if reaction.contains(.closed) { news.formUnion([.ended, .readable, .writable]) }
    raise(news, of: i)
  }

  /// Nobody is told of a connection that was closed, or not yet accepted.
  mutating func raise(_ news: Readiness, of i: UInt32) {
    guard !news.isEmpty, connections[i].marks.contains(.owned) else { return }
    connections[i].news.formUnion(news)
    if connections[i].marks.contains(.hasEvent) { return }
    connections[i].marks.insert(.hasEvent)
    connections[i].nextEvent = IndexList.none
    if connectionEvents.isEmpty {
      connectionEvents.first = i
    } else {
      connections[connectionEvents.last].nextEvent = i
    }
    connectionEvents.last = i
  }

  mutating func raise(ofListener l: UInt32) {
    if listeners[l].hasEvent { return }
    listeners[l].hasEvent = true
    listeners[l].nextEvent = IndexList.none
    if listenerEvents.isEmpty {
      listenerEvents.first = l
    } else {
      listeners[listenerEvents.last].nextEvent = l
    }
    listenerEvents.last = l
  }

  mutating func raise(_ news: Readiness, ofSocket s: UInt32) {
    sockets[s].news.formUnion(news)
    if sockets[s].hasEvent { return }
    sockets[s].hasEvent = true
    sockets[s].nextEvent = IndexList.none
    if socketEvents.isEmpty {
      socketEvents.first = s
    } else {
      sockets[socketEvents.last].nextEvent = s
    }
    socketEvents.last = s
  }

  // MARK: Draining

  private mutating func nextConnectionEvent() -> StackEvent? {
    while !connectionEvents.isEmpty {
      let i = connectionEvents.first
      connectionEvents.first = connections[i].nextEvent
      if connectionEvents.isEmpty { connectionEvents.last = IndexList.none }
      connections[i].nextEvent = IndexList.none
      connections[i].marks.remove(.hasEvent)
      let news = connections[i].news
      connections[i].news = []
      if connections[i].marks.contains(.owned), let handle = connections.handle(at: i), !news.isEmpty {
        return .connection(ConnectionID(handle: handle), news)
      }
      freeIfDead(i)
    }
    return nil
  }

  private mutating func nextListenerEvent() -> StackEvent? {
    while !listenerEvents.isEmpty {
      let l = listenerEvents.first
      listenerEvents.first = listeners[l].nextEvent
      if listenerEvents.isEmpty { listenerEvents.last = IndexList.none }
      listeners[l].hasEvent = false
      if listeners[l].isClosed {
        listeners.free(l, &around.budget)
        continue
      }
      guard let handle = listeners.handle(at: l) else { continue }
      if listeners[l].hasFloodNews {
        listeners[l].hasFloodNews = false
        if listeners[l].backlogCount > 0 { raise(ofListener: l) }
        return .synFlood(ListenerID(handle: handle))
      }
      if listeners[l].backlogCount > 0 {
        return .listener(ListenerID(handle: handle))
      }
    }
    return nil
  }

  private mutating func nextSocketEvent() -> StackEvent? {
    while !socketEvents.isEmpty {
      let s = socketEvents.first
      socketEvents.first = sockets[s].nextEvent
      if socketEvents.isEmpty { socketEvents.last = IndexList.none }
      sockets[s].hasEvent = false
      let news = sockets[s].news
      sockets[s].news = []
      if sockets[s].isClosed {
        sockets.free(s, &around.budget)
      } else if let handle = sockets.handle(at: s) {
        if sockets[s].isEcho { return .echo(EchoSocketID(handle: handle), news) }
        return .datagram(UDPSocketID(handle: handle), news)
      }
    }
    return nil
  }

  private mutating func nextAttempt() -> StackEvent? {
    if flows4.unreportedAttempt != Links.none {
      let i = flows4.unreportedAttempt
      flows4.unreportedAttempt = flows4.embryos[i].links.next
      return flows4.embryos.handle(at: i).map { .attempt(AttemptID(handle: $0, isIPv4: true)) }
    }
    guard flows6.unreportedAttempt != Links.none else { return nil }
    let i = flows6.unreportedAttempt
    flows6.unreportedAttempt = flows6.embryos[i].links.next
    return flows6.embryos.handle(at: i).map { .attempt(AttemptID(handle: $0, isIPv4: false)) }
  }

  private mutating func nextLeaseEvent() -> StackEvent? {
    dhcp.hasNews ? dhcp.nextNews() : nil
  }

  private mutating func pressure() -> StackEvent? {
    let level = around.budget.pressure
    let hasRisen = level.rawValue > shortage.pressureReported.rawValue
    // A level is told again when there was plenty in between.
    if hasRisen || around.budget.held < around.budget.growthEnd / 4 &* 3 { shortage.pressureReported = level }
    // Refusals come by the thousand: once a second is enough.
    guard
      hasRisen
        || (around.budget.refusals != shortage.refusalsReported && clock >= shortage.nextPressureReport)
    else { return nil }
    shortage.refusalsReported = around.budget.refusals
    shortage.nextPressureReport = clock.advanced(by: .seconds(1))
    return .memoryPressure(level, held: around.budget.held, limit: around.budget.limit)
  }
}
