import MartletTCP
import MartletWire

// The life of a connection, as the records it has:
//
//     LISTEN ── SYN ──▶ Embryo ── third segment ──▶ Connection ── both FINs ──▶ Lingering ──▶ none
//   (Listener)  conceive   │        establish        ▲      │        linger         │  ▲
//        │                 │                         │      │                       │  │ 2·MSL, eviction
//        │                 └─ RST, time-out, evicted │      ├─ end ──▶ "ended": the handle keeps the slot
//        │                    discardEmbryo          │      │          until `close` or `abort`
//        └── a cookie comes back: establish ─────────┤      │
//                                           connect ─┘      └─ orphan: the slot goes at once
//
// A TIME-WAIT that a SYN reopens keeps its record beside the embryo until `establish`.

extension NetworkStack {
  // MARK: Half-open → connection

  /// The third segment is right: now there is a connection, and it waits to be accepted (S3.1).
  mutating func establish(_ r: FlowReference, _ flow: Flow, _ seg: Segment, text: RawSpan) {
    let old = embryo(r)
    let stamp = secrets.timestampOffset(flow)
    guard let i = addConnection(from: old.tcb, flow, stamp, seg, listener: old.listener, instead: r) else {
      return
    }
    promote(r, to: i)
    noteName(of: i, as: r.halfOpenPlace.recordFlow)
    if old.marks.contains(.reopens) { forgetLingering(flow) }
    listeners[old.listener].halfOpen &-= 1
    begin(i, listener: old.listener)
    rearmTimer(of: i)
    arrivesAgain(i, seg, text: text)
  }

  /// Likewise where a cookie stood for the record.
  mutating func establish(
    _ tcb: EmbryonicTCB, _ flow: Flow, _ hash: UInt64, _ timestampOffset: UInt32, _ seg: Segment,
    listener l: UInt32, text: RawSpan
  ) {
    guard let i = addConnection(from: tcb, flow, timestampOffset, seg, listener: l, instead: nil) else {
      return
    }
    guard insert(i, hash) else {
      uncount(i)
      freeConnection(i)
      return refuse(seg, flow, .noMemory)
    }
    noteName(of: i, flow)
    noteTransition(.listen, .synReceived, of: i)
    begin(i, listener: l)
    if connections[i].tcb.hasTimers || connections[i].origin.hasIdleLimit { rearmTimer(of: i) }
    // A bare acknowledgment has told all that it knows when the TCB was made of it.
    if seg.textCount > 0 || seg.flags != .ack || seg.ecn == .ce { arrivesAgain(i, seg, text: text) }
  }

  /// The third segment, this time at the connection that came of it. It is one segment, and was counted.
  private mutating func arrivesAgain(_ i: UInt32, _ seg: Segment, text: RawSpan) {
    around.counters.inSegs &-= 1
    connectionArrives(i, seg, text: text)
  }

  /// Nil: there is no room, and it is counted. Where no time will bring any, the record `r` is gone too; else it
  /// stays, the SYN-ACK is sent again, and the peer answers it when there may be room.
  private mutating func addConnection(
    from embryo: EmbryonicTCB, _ flow: Flow, _ timestampOffset: UInt32, _ seg: Segment, listener l: UInt32,
    instead r: FlowReference?
  ) -> UInt32? {
    // RFC 9293 says nothing of a full accept queue. As if the segment had been lost.
    guard listeners[l].backlogCount < listeners[l].options.acceptLimit else {
      noteStranger(
        .acceptQueueFull, listeners[l].backlogCount, listeners[l].options.acceptLimit, of: flow)
      listeners[l].acceptOverflows &+= 1
      counts.listenOverflows &+= 1
      counts.listenDrops &+= 1
      counts.drop(.acceptQueueFull)
      return nil
    }
    guard let path = path(to: flow.remote, zone: flow.zone) else {
      counts.drop(.noRoute)
      return nil
    }
    if let reason = refusal(of: flow, l) {
      if let r, !reason.passes { discardEmbryo(r) }
      refuse(seg, flow, reason)
      return nil
    }
    let options = listeners[l].options.connection
    var tcb = listeners[l].unopened.tcb
    tcb.accept(
      AcceptedHandshake(
        embryo: embryo, third: ThirdSegment(seg), timestampOffset: timestampOffset,
        mss: offeredMSS(flow, path.interface, options), sendMSSLimit: path.mss(isIPv4: flow.local.isIPv4)),
      handshake, now: clock)
    guard let i = addConnection(tcb, flow, on: path.interface, options) else {
      refuse(seg, flow, .noMemory)
      return nil
    }
    guard count(i, of: l, flow) else {
      freeConnection(i)
      refuse(seg, flow, .noMemory)
      return nil
    }
    connections[i].marks.formUnion([.onWire, .inBacklog, .passive])
    return i
  }

  /// The flow table has the connection: it goes into the accept queue.
  private mutating func begin(_ i: UInt32, listener l: UInt32) {
    around.counters.passiveOpens &+= 1
    around.recorder.flow = i
    around.recorder.note(.handshakeAcknowledged, connections[i].tcb.snd.una.rawValue, at: clock)
    noteTransition(.synReceived, .established, of: i)
    appendToBacklog(i, of: l)
  }

  private mutating func promote(_ r: FlowReference, to i: UInt32) {
    let entry = FlowEntry(.connection, i)
    if r.isIPv4 {
      let hash = flows4.embryos[r.entry.index].key.hash(secrets.flowTable)
      flows4.promoteEmbryo(r.entry.index, hash, to: entry, &around.budget)
    } else {
      let hash = flows6.embryos[r.entry.index].key.hash(secrets.flowTable)
      flows6.promoteEmbryo(r.entry.index, hash, to: entry, &around.budget)
    }
  }

  /// Makes the slot of a connection, not yet in the flow table. Nil: a cap or the budget refused.
  mutating func addConnection(
    _ tcb: TCB, _ flow: Flow, on interface: InterfaceID, _ options: ConnectionOptions
  ) -> UInt32? {
    guard UInt32(truncatingIfNeeded: connections.live) < min(configuration.connectionLimit, 1 << 30)
    else { return nil }
    var marks: Connection.Marks = []
    var key = IPv4FlowKey(local: 0, remote: 0, localPort: flow.localPort, remotePort: flow.remotePort)
    if let key4 = IPv4FlowKey(flow) {
      key = key4
    } else {
      guard let key6 = IPv6FlowKey(flow), let handle = keys6.allocate(key6, &around.budget)
      else { return nil }
      key.local = handle.index
      marks.insert(.isV6)
    }
    let connection = Connection(
      tcb: tcb, marks: marks, interface: interface.rawValue, linger: options.linger.deciseconds, key: key,
      hopLimit: options.hopLimit, dscp: options.dscp)
    guard let handle = connections.allocate(connection, &around.budget) else {
      if marks.contains(.isV6) { keys6.free(key.local, &around.budget) }
      return nil
    }
    guard wheel.reserve(upTo: handle.index, &around.budget) else {
      freeConnection(handle.index)
      return nil
    }
    return handle.index
  }

  // MARK: Connection → TIME-WAIT

  /// Both FINs are exchanged. The wire side becomes a small record; the handle, if the application
  /// still has one, keeps what it has not read.
  mutating func lingerConnection(_ i: UInt32) {
    // The acknowledgment of the peer's FIN leaves as a reply: the slot may be gone before the next pull.
    if connections[i].tcb.pending.contains(.ack) { queueOwedAcknowledgment(i) }
    let tcb = TimeWaitTCB(connections[i].tcb, around, now: clock)
    let entry = FlowEntry(.connection, i)
    if flows4.lingering.live &+ flows6.lingering.live
      >= Int(min(configuration.timeWaitLimit, Links.none &- 1))
    {
      evictLingering()
    }
    if !addLingering(tcb, of: i, replacing: entry) {
      evictLingering()
      if !addLingering(tcb, of: i, replacing: entry) { removeFromTable(i) }
    }
    leaveWire(i)
    releaseUnlessHeld(i)
  }

  private mutating func addLingering(_ tcb: TimeWaitTCB, of i: UInt32, replacing entry: FlowEntry) -> Bool {
    let isIPv4 = connections[i].isIPv4
    let isAdded: Bool
    if isIPv4 {
      let key = connections[i].key
      isAdded = flows4.addLingering(tcb, key, key.hash(secrets.flowTable), replacing: entry, &around.budget)
    } else {
      let key = keys6[connections[i].key.local]
      isAdded = flows6.addLingering(tcb, key, key.hash(secrets.flowTable), replacing: entry, &around.budget)
    }
    guard isAdded else { return false }
    let newest = FlowEntry(.lingering, isIPv4 ? flows4.timeWait.last : flows6.timeWait.last)
    noteName(of: FlowReference(entry: newest, isIPv4: isIPv4).timeWaitPlace.recordFlow, as: i)
    return true
  }

  // MARK: TIME-WAIT → gone

  mutating func endLingering(_ r: FlowReference) {
    noteTransition(.timeWait, .closed, of: r.timeWaitPlace.recordFlow)
    discardLingering(r)
  }

  mutating func discardLingering(_ r: FlowReference) {
    let i = r.entry.index
    if r.isIPv4 {
      flows4.removeLingering(i, flows4.lingering[i].key.hash(secrets.flowTable), &around.budget)
    } else {
      flows6.removeLingering(i, flows6.lingering[i].key.hash(secrets.flowTable), &around.budget)
    }
  }

  private mutating func forgetLingering(_ flow: Flow) {
    if let key = IPv4FlowKey(flow), let i = flows4.findLingering(key, key.hash(secrets.flowTable)) {
      discardLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: true))
    } else if let key = IPv6FlowKey(flow), let i = flows6.findLingering(key, key.hash(secrets.flowTable)) {
      discardLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: false))
    } else {
      return
    }
    counts.timeWaitsRecycled &+= 1
  }

  /// Ends the oldest record of either family. False: there is none.
  @discardableResult
  mutating func evictLingering() -> Bool {
    guard let oldest = oldestLingering() else { return false }
    endLingering(oldest)
    counts.timeWaitsEvicted &+= 1
    return true
  }

  private mutating func oldestLingering() -> FlowReference? {
    let four = flows4.timeWait.first
    let six = flows6.timeWait.first
    if four == Links.none && six == Links.none { return nil }
    let isIPv4 =
      six == Links.none
      || (four != Links.none
        && !flows6.lingering[six].tcb.deadline.precedes(flows4.lingering[four].tcb.deadline))
    return FlowReference(entry: FlowEntry(.lingering, isIPv4 ? four : six), isIPv4: isIPv4)
  }

  // MARK: Connection → ended → gone

  /// The state is CLOSED. The handle, if there is one, tells why until it is closed.
  mutating func endConnection(_ i: UInt32) {
    if connections[i].marks.contains(.onWire) {
      removeFromTable(i)
      leaveWire(i)
    }
    releaseUnlessHeld(i)
  }

  private mutating func leaveWire(_ i: UInt32) {
    connections[i].marks.remove(.onWire)
    wheel.cancel(i)
    uncount(i)
  }

  private mutating func removeFromTable(_ i: UInt32) {
    let value = FlowEntry(.connection, i).rawValue
    if connections[i].isIPv4 {
      let hash = connections[i].key.hash(secrets.flowTable)
      _ = flows4.table.remove(hash, value: value, &around.budget)
    } else {
      let hash = keys6[connections[i].key.local].hash(secrets.flowTable)
      _ = flows6.table.remove(hash, value: value, &around.budget)
    }
  }

  /// Frees the slot of a connection that is off the wire, unless the application has its handle or may
  /// still accept it.
  mutating func releaseUnlessHeld(_ i: UInt32) {
    if connections[i].marks.isDisjoint(with: [.owned, .inBacklog, .onWire]) { releaseConnection(i) }
  }

  private mutating func releaseConnection(_ i: UInt32) {
    let j = connections[i].cold
    if j != IndexList.none {
      cold[j].release(&around)
      cold.free(j, &around.budget)
      connections[i].cold = IndexList.none
    }
    connections[i].marks.insert(.isDead)
    freeIfDead(i)
  }

  /// A slot goes when no list links through it any more.
  mutating func freeIfDead(_ i: UInt32) {
    guard connections[i].marks.contains(.isDead),
      connections[i].marks.isDisjoint(with: [.isSender, .hasEvent])
    else { return }
    freeConnection(i)
  }

  mutating func freeConnection(_ i: UInt32) {
    if !connections[i].isIPv4 { keys6.free(connections[i].key.local, &around.budget) }
    connections.free(i, &around.budget)
  }
}
