import MartletTCP

extension NetworkStack {
  /// Walks everything and compares: lists, counts, table entries and their records, every TCB, and the
  /// budget. Nil: all is well; else the first thing that is not. For tests and fuzzers; it costs what there is.
  public func checkInvariants() -> StaticString? {
    checkConnections() ?? checkTables() ?? checkListeners() ?? checkOutput() ?? checkWaitingSockets()
      ?? checkNeighbours()
      ?? fragments.check() ?? checkBudget()
  }

  private func checkConnections() -> StaticString? {
    if scratch != IndexList.none, !cold[scratch].isIdle { return "the scratch block is idle between calls" }
    var violated: StaticString?
    var blocks = 0
    var keys = 0
    connections.forEachLive { i in
      let connection = connections[i]
      if connection.cold != IndexList.none {
        blocks &+= 1
        if cold[connection.cold].isIdle { violated = "an idle connection has no cold block" }
      }
      if !connection.isIPv4 { keys &+= 1 }
      let onWire = connection.marks.contains(.onWire)
      if onWire {
        if !isListed(i) { violated = "the table finds every connection" }
        if let next = connection.tcb.nextDeadline(near: clock), !wheel.isArmed(i),
          !next.isDue(at: Tick(clock))
        {
          violated = "a connection with a deadline is in the wheel"
        }
      } else if wheel.isArmed(i) {
        violated = "what is off the wire has no timer"
      } else if connection.marks.isDisjoint(with: [.owned, .inBacklog, .isDead]) {
        violated = "somebody holds every connection"
      }
      if let wrong = connection.tcb.checkInvariants(cold: coldBlock(of: i), around.pool) { violated = wrong }
    }
    if let violated { return violated }
    if cold.live != blocks &+ ownColdBlocks {
      return "every cold block has one connection"
    }
    return keys6.live == keys ? nil : "every IPv6 key has one connection"
  }

  private func isListed(_ i: UInt32) -> Bool {
    let value = FlowEntry(.connection, i).rawValue
    let hash = connections.flow(of: i, keys6).tableHash(secrets.flowTable)
    let found =
      connections[i].isIPv4
      ? flows4.table.find(hash) { $0 == value } : flows6.table.find(hash) { $0 == value }
    return found != nil
  }

  private func checkTables() -> StaticString? {
    var onWire4 = 0
    var onWire6 = 0
    connections.forEachLive { i in
      guard connections[i].marks.contains(.onWire) else { return }
      if connections[i].isIPv4 { onWire4 &+= 1 } else { onWire6 &+= 1 }
    }
    return flows4.check(connections: onWire4) ?? flows6.check(connections: onWire6)
  }

  private func checkListeners() -> StaticString? {
    var halfOpen = 0
    var pending = 0
    var charged = 0
    cold.forEachLive { if cold[$0].pendingOpen > 0 { charged &+= 1 } }
    var violated: StaticString?
    listeners.forEachLive { l in
      let listener = listeners[l]
      halfOpen &+= Int(listener.halfOpen)
      pending &+= Int(listener.fastOpenPending)
      var count: UInt32 = 0
      var i = listener.backlog.first
      while i != IndexList.none, count <= listener.backlogCount {
        if !connections[i].marks.contains(.inBacklog) { violated = "the accept queue links what waits in it" }
        count &+= 1
        i = connections[i].nextEvent
      }
      if count != listener.backlogCount { violated = "the accept queue is as long as it says" }
    }
    if let violated { return violated }
    if pending != charged { return "every Fast Open is charged to its listener" }
    let embryos = flows4.embryos.live &+ flows6.embryos.live
    return halfOpen == embryos ? nil : "every half-open record has a listener"
  }

  private func checkOutput() -> StaticString? {
    var senders = 0
    var queued = 0
    for interface in interfaces {
      var i = interface.senders.first
      while i != IndexList.none, senders <= connections.live {
        if !connections[i].marks.contains(.isSender) { return "a listed sender is marked" }
        senders &+= 1
        i = connections[i].nextSender
      }
      let starts = interface.replyLists
      var counted: UInt32 = 0
      for list in starts.indices {
        var r = starts[list]
        while r != IndexList.none, queued <= replies.queued {
          queued &+= 1
          if replies.isCounted(r) { counted &+= 1 }
          r = replies.records[r].next
        }
      }
      if counted != interface.heldReplies { return "every reply counts for its interface" }
    }
    var marked = 0
    connections.forEachLive { if connections[$0].marks.contains(.isSender) { marked &+= 1 } }
    if senders != marked { return "a marked sender is listed" }
    return queued == replies.queued ? nil : "every reply is listed"
  }

  /// What everybody says to hold is what was charged.
  private func checkBudget() -> StaticString? {
    if baseCharge < Footprint.stack { return "the stack itself is charged" }
    let use = memoryUse()
    if use.total != around.budget.held { return "the budget is charged what is held" }
    if use.spareChunks &+ around.pool.inUse &* ChunkPool.chunkSize &+ use.arenaList != around.pool.heldBytes {
      return "every chunk has an owner"
    }
    return around.budget.held <= around.budget.limit ? nil : "the budget is never exceeded"
  }
}

extension FlowSpace {
  fileprivate func check(connections: Int) -> StaticString? {
    if table.count != connections &+ embryos.live &+ lingering.live {
      return "every record is in the table once"
    }
    var listed = 0
    for list in 0..<Self.lists {
      var i = halfOpen[list].first
      var count = 0
      while i != Links.none, count <= embryos.live {
        if embryos[i].list != list { return "a half-open record is in the list of its tries" }
        count &+= 1
        i = embryos[i].links.next
      }
      if count != Int(halfOpen[list].count) { return "a half-open list is as long as it says" }
      if (count > 0) != (occupied & 1 << UInt32(list) != 0) {
        return "a half-open list with records is marked"
      }
      listed &+= count
    }
    if listed != embryos.live { return "every half-open record is in one list" }
    var i = timeWait.first
    var count = 0
    var last: Tick?
    while i != Links.none, count <= lingering.live {
      if let last, lingering[i].tcb.deadline.precedes(last) {
        return "TIME-WAIT is in the order of deadlines"
      }
      last = lingering[i].tcb.deadline
      count &+= 1
      i = lingering[i].links.next
    }
    return count == lingering.live ? nil : "every TIME-WAIT record is listed"
  }
}
