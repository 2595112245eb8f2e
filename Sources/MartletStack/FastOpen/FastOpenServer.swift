import MartletTCP
import MartletWire

// The side that listens (RFC 7413 §4.2.2). A SYN whose cookie holds makes a connection at once, in SYN-RECEIVED
// and in the accept queue, with its text. It is charged to its listener until the third segment comes.

/// What becomes of a SYN with a Fast Open option.
enum FastOpenOutcome {
  /// It is like any other.
  case plain
  /// Likewise, and its SYN-ACK gives a cookie.
  case grants
  /// A connection was made of it.
  case opened
}

extension NetworkStack {
  /// "Server: Receiving SYN and responding with SYN-ACK", steps 1 to 4.
  mutating func fastOpenArrives(
    _ flow: Flow, _ hash: UInt64, _ seg: Segment, listener l: UInt32, text: RawSpan
  ) -> FastOpenOutcome {
    switch judge(seg.options, of: flow.remote) {
    case .isAskedFor:
      around.counters.tcpFastOpenCookieReqd &+= 1
      return .grants
    case .isWrong:
      around.counters.tcpFastOpenPassiveFail &+= 1
      return .grants
    case .holds:
      guard hasRoomForFastOpen(l) else {
        around.counters.tcpFastOpenListenOverflow &+= 1
        return .plain
      }
      return openFast(flow, hash, seg, listener: l, text: text) ? .opened : .plain
    }
  }

  /// PendingFastOpenRequests. Those that were over before their third segment came count for one to two minutes more:
  /// whoever holds a stranger's cookie would otherwise have no limit, since the stranger resets what he never asked
  /// for (§5.1), or the application does what it was asked for and aborts.
  private mutating func hasRoomForFastOpen(_ l: UInt32) -> Bool {
    ageFastOpenFailures(of: l)
    let used =
      UInt64(listeners[l].fastOpenPending) &+ UInt64(listeners[l].fastOpenFailures)
      &+ UInt64(listeners[l].fastOpenFailuresBefore)
    return used < UInt64(listeners[l].options.fastOpenLimit)
      && listeners[l].backlogCount < listeners[l].options.acceptLimit
  }

  /// Another minute begins.
  private mutating func ageFastOpenFailures(of l: UInt32) {
    let over = listeners[l].fastOpenRests
    guard over <= clock else { return }
    let isRecent = clock.since(over) < .minutes(1)
    listeners[l].fastOpenFailuresBefore = isRecent ? listeners[l].fastOpenFailures : 0
    listeners[l].fastOpenFailures = 0
    listeners[l].fastOpenRests = clock.advanced(by: .minutes(1))
  }

  /// False: there is no memory, or no way back; the handshake of three segments may be luckier.
  private mutating func openFast(
    _ flow: Flow, _ hash: UInt64, _ seg: Segment, listener l: UInt32, text: RawSpan
  ) -> Bool {
    let options = listeners[l].options.connection
    guard let path = path(to: flow.remote, zone: flow.zone),
      let block = cold.allocate(ColdBlock(), &around.budget)
    else { return false }
    let j = block.index
    let embryo = EmbryonicTCB(
      seg, iss: secrets.initialSequence(flow, now: clock), defaultPeerMSS: flow.defaultMSS, around, now: clock
    )
    // There is no record yet that its text could be said to be of.
    noteName(of: FlowPlace.strangersFlow, flow)
    let tcb = TCB(
      opening: embryo, seg, text: text, timestampOffset: secrets.timestampOffset(flow),
      mss: offeredMSS(flow, path.interface, options), sendMSSLimit: path.mss(isIPv4: flow.local.isIPv4),
      options: options, cold: &cold[j], &around, now: clock)
    guard let i = addConnection(tcb, flow, on: path.interface, options) else {
      discardBlock(j)
      return false
    }
    guard count(i, of: l, flow), insert(i, hash) else {
      uncount(i)
      freeConnection(i)
      discardBlock(j)
      return false
    }
    cold[j].readerMoved = Tick(clock)
    cold[j].pendingOpen = l &+ 1
    listeners[l].fastOpenPending &+= 1
    connections[i].cold = j
    connections[i].marks.formUnion([.onWire, .inBacklog, .passive])
    around.counters.passiveOpens &+= 1
    around.counters.tcpFastOpenPassive &+= 1
    noteName(of: i, flow)
    noteTransition(.listen, .synReceived, of: i)
    appendToBacklog(i, of: l)
    becomeSender(i)
    rearmTimer(of: i)
    return true
  }

  private mutating func discardBlock(_ j: UInt32) {
    cold[j].release(&around)
    cold.free(j, &around.budget)
  }

  /// The third segment came, or the connection is over: it is charged to its listener no more.
  mutating func leaveFastOpen(_ i: UInt32) {
    let j = connections[i].cold
    guard j != IndexList.none, cold[j].pendingOpen > 0 else { return }
    let l = cold[j].pendingOpen &- 1
    cold[j].pendingOpen = 0
    listeners[l].fastOpenPending &-= 1
    if connections[i].tcb.state == .closed {
      ageFastOpenFailures(of: l)
      listeners[l].fastOpenFailures &+= 1
    }
    settleCold(i, j)
  }

  /// The listener goes; what it opened stays.
  mutating func leaveFastOpens(of l: UInt32) {
    guard listeners[l].fastOpenPending > 0 else { return }
    var next = connections.nextLive(from: 0)
    while let i = next {
      if connections[i].cold != IndexList.none, cold[connections[i].cold].pendingOpen == l &+ 1 {
        leaveFastOpen(i)
      }
      next = connections.nextLive(from: i &+ 1)
    }
  }
}
