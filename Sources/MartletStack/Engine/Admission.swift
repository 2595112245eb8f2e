import MartletTCP
import MartletWire

// From LISTEN to half-open. A SYN makes a record of 48 octets, or, when there is no room for one, a cookie
// and no record at all:
//
//     SYN ─┬─ room ──────────────────────────▶ record, SYN-ACK (or an event, where the listener defers)
//          ├─ full, a record can be spared ──▶ record, SYN-ACK with a cookie; the oldest goes, it has one too
//          └─ full ──────────────────────────▶ SYN-ACK with a cookie, no record

extension NetworkStack {
  /// A SYN that LISTEN wants.
  ///
  /// - Parameter minimumISS: the flow has a TIME-WAIT record, whose numbers ours must stay above: no cookie
  ///   can promise that.
  mutating func conceive(
    _ flow: Flow, _ hash: UInt64, _ seg: Segment, listener l: UInt32, above minimumISS: SequenceNumber?,
    text: RawSpan
  ) {
    let defers = listeners[l].options.defersAccept && configuration.attemptTimeout > .zero
    let policy = defers ? .off : listeners[l].options.synCookies
    let isFull = meterSyn(l, flow.remote)
    let isUnderPressure = isSealing(l, policy)
    var grants = false
    // Not under pressure: then nobody is given more than a cookie's worth, and every ISS is one.
    if seg.options.present.contains(.fastOpen), listeners[l].options.fastOpenLimit > 0,
      !(defers || isFull || isUnderPressure || minimumISS != nil)
    {
      switch fastOpenArrives(flow, hash, seg, listener: l, text: text) {
      case .plain: break
      case .grants: grants = true
      case .opened: return
      }
    }
    var tcb = EmbryonicTCB(seg, defaultPeerMSS: flow.defaultMSS, handshake)
    if isUnderPressure, policy != .off, minimumISS == nil,
      let offer = CookieOffer(tcb, isIPv4: flow.local.isIPv4)
    {
      return answer(flow, hash, tcb, sealing: offer, listener: l, isFull: isFull)
    }
    // No cookie stands for what comes here under pressure. The strangers among them may not keep out those who begin anew
    // from TIME-WAIT: none of them makes room for a second, so they may not fill the queue in the first place.
    let areTooMany = isUnderPressure && policy != .off && minimumISS == nil && hasFirmQuarter(l)
    guard !areTooMany, !isFull || makeRoom(listener: l, policy) else {
      return refuseForHalfOpenQueue(flow, l)
    }
    tcb.iss = initialSequence(flow, above: minimumISS)
    tcb.deadline = firstDeadline
    if defers { tcb.deferFor(configuration.attemptTimeout, now: clock) }
    var marks: EmbryoMarks = defers ? .deferred : []
    if minimumISS != nil { marks.insert(.reopens) }
    guard keep(tcb, flow, hash, listener: l, marks) else { return }
    if !defers { sendSynAck(tcb, flow, listener: l, grants: grants) }
  }

  /// The SYN-ACK carries a cookie. There may be a record beside it: it holds more than the cookie does.
  @inline(__always)
  private mutating func answer(
    _ flow: Flow, _ hash: UInt64, _ embryo: EmbryonicTCB, sealing offer: CookieOffer, listener l: UInt32,
    isFull: Bool
  ) {
    // Nothing would repeat the SYN-ACK; the peer repeats its SYN.
    if listeners[l].backlogCount >= listeners[l].options.acceptLimit { return refuseForAcceptQueue(flow, l) }
    var tcb = embryo
    tcb.iss = SynCookie.make(offer, secrets.cookieMAC(flow, irs: tcb.irs), now: clock)
    if listeners[l].options.synCookies != .always {
      tcb.deadline = firstDeadline
      if isFull {
        let isListenerFull = listeners[l].halfOpen >= listeners[l].options.halfOpenLimit
        replaceSpare(with: tcb, flow, hash, listener: l, isListenerFull: isListenerFull)
      } else if !keep(tcb, flow, hash, listener: l, .sealed) {
        return
      }
    }
    sendCookie(tcb, flow, listener: l)
  }

  private func initialSequence(_ flow: Flow, above minimum: SequenceNumber?) -> SequenceNumber {
    let iss = secrets.initialSequence(flow, now: clock)
    guard let minimum, !iss.follows(minimum) else { return iss }
    return minimum
  }

  // MARK: Counting

  /// Counts the SYN. True: the half-open queue, of the listener or of the stack, has no room for it.
  @inline(__always)
  mutating func meterSyn(_ l: UInt32, _ remote: IPAddress) -> Bool {
    let held = flows4.embryos.live &+ flows6.embryos.live
    let isStackFull = held >= Int(min(configuration.halfOpenLimit, Links.none &- 1))
    let count = listeners[l].synArrives(isStackFull: isStackFull, at: clock)
    if count.hasNews { raise(ofListener: l) }
    if count.isFlooded { listeners[l].meter.note(source: secrets.sourceHash(remote)) }
    return count.isFull
  }

  private mutating func refuseForHalfOpenQueue(_ flow: Flow, _ l: UInt32) {
    noteStranger(.synDropped, listeners[l].halfOpen, listeners[l].options.halfOpenLimit, of: flow)
    counts.tcpReqQFullDrop &+= 1
    counts.listenDrops &+= 1
    counts.drop(.halfOpenFull)
  }

  private mutating func refuseForAcceptQueue(_ flow: Flow, _ l: UInt32) {
    noteStranger(
      .acceptQueueFull, listeners[l].backlogCount, listeners[l].options.acceptLimit, of: flow)
    listeners[l].acceptOverflows &+= 1
    counts.listenOverflows &+= 1
    counts.listenDrops &+= 1
    counts.drop(.acceptQueueFull)
  }

  // MARK: Making room

  /// A quarter of the places for half-open connections is taken by records that nobody may spare.
  private func hasFirmQuarter(_ l: UInt32) -> Bool {
    let places = min(listeners[l].options.halfOpenLimit, configuration.halfOpenLimit)
    return flows4.firmEmbryos &+ flows6.firmEmbryos >= max(1, Int(places / 4))
  }

  /// Ends a record so that another finds room. False: none can be spared.
  private mutating func makeRoom(listener l: UInt32, _ policy: SynCookiePolicy) -> Bool {
    let isListenerFull = listeners[l].halfOpen >= listeners[l].options.halfOpenLimit
    // Without cookies a full queue refuses, and what others have queued is theirs, unless they lose nothing.
    if policy == .off, isListenerFull { return false }
    guard let spared = spareEmbryo(of: isListenerFull ? l : nil) else {
      return false
    }
    evict(spared)
    return true
  }

  /// Ends a record so that another finds room. What a cookie stands for completes by its cookie.
  private mutating func evict(_ r: FlowReference) {
    counts.embryosEvicted &+= 1
    let view = embryo(r)
    if view.marks.contains(.sealed) { listeners[view.listener].meter.sealedLeaves(at: clock) }
    noteTransition(.synReceived, .listen, of: r.halfOpenPlace.recordFlow)
    discardEmbryo(r)
  }

  /// A record in the place of the oldest that can be spared. Where there is none, or it has not had the time of a
  /// round trip, the cookie alone has to do: a record that is gone sooner is of use to nobody.
  @inline(__always)
  mutating func replaceSpare(
    with tcb: EmbryonicTCB, _ flow: Flow, _ hash: UInt64, listener l: UInt32, isListenerFull: Bool
  ) {
    counts.tcpReqQFullDoCookies &+= 1
    if hasSpare { replaceOldest(with: tcb, flow, hash, listener: l, isListenerFull: isListenerFull) }
  }

  /// The record that would make room first has had its time.
  @inline(__always)
  var hasSpare: Bool {
    mutating get {
      let (wait, now) = (handshake.wait, Tick(clock))
      return (flows4.mayHaveSpare && flows4.hasSpare(wait: wait, at: now))
        || (flows6.mayHaveSpare && flows6.hasSpare(wait: wait, at: now))
    }
  }

  /// When a SYN-ACK that leaves now is sent again.
  private var firstDeadline: Tick {
    mutating get { Tick(roundingUp: clock).advanced(by: handshake.wait) }
  }

  @inline(never)
  mutating func replaceOldest(
    with newcomer: EmbryonicTCB, _ flow: Flow, _ hash: UInt64, listener l: UInt32, isListenerFull: Bool
  ) {
    guard let spared = spareEmbryo(of: isListenerFull ? l : nil) else { return }
    var tcb = newcomer
    tcb.deadline = firstDeadline
    guard spared.isIPv4, let key = IPv4FlowKey(flow) else {
      evict(spared)
      _ = keep(tcb, flow, hash, listener: l, .sealed)
      return
    }
    counts.embryosEvicted &+= 1
    let i = spared.entry.index
    let old = flows4.embryos[i]
    if old.listener != l, old.marks.contains(.sealed) {
      listeners[old.listener].meter.sealedLeaves(at: clock)
    }
    let new = Embryo(tcb, key: key, listener: l, marks: .sealed)
    let isKept = flows4.replaceEmbryo(
      i, old, old.key.hash(secrets.flowTable), with: new, hash, &around.budget)
    noteTransition(.synReceived, .listen, of: spared.halfOpenPlace.recordFlow)
    if isKept { noteConception(spared, flow, tcb) }
    // Mostly one of its own listener makes room.
    if !isKept || old.listener != l {
      listeners[old.listener].halfOpen &-= 1
      if isKept { listeners[l].countHalfOpen() }
    }
  }

  /// The record of either family that has waited longest of those that are no loss: what it stands for will
  /// complete by its cookie, or has not answered a SYN-ACK for a second, nor the one after it.
  private mutating func spareEmbryo(of listener: UInt32?) -> FlowReference? {
    let (wait, now) = (handshake.wait, Tick(clock))
    let four = flows4.spareEmbryo(of: listener, wait: wait, at: now)
    if flows6.embryos.live > 0, let six = flows6.spareEmbryo(of: listener, wait: wait, at: now) {
      guard let four, !flows6.embryos[six].waiting.isLonger(than: flows4.embryos[four].waiting) else {
        return FlowReference(entry: FlowEntry(.embryonic, six), isIPv4: false)
      }
    }
    return four.map { FlowReference(entry: FlowEntry(.embryonic, $0), isIPv4: true) }
  }

  /// Makes room by ending a record that is no loss. False: there is none.
  mutating func evictSpareEmbryo() -> Bool {
    guard let reference = spareEmbryo(of: nil) else { return false }
    evict(reference)
    return true
  }

  // MARK: The record

  /// Keeps a record of the SYN. False: there is no memory, and it is counted.
  private mutating func keep(
    _ tcb: EmbryonicTCB, _ flow: Flow, _ hash: UInt64, listener l: UInt32, _ marks: EmbryoMarks
  ) -> Bool {
    var added = addEmbryo(tcb, flow, hash, listener: l, marks)
    if added == nil, evictSpareEmbryo() {
      added = addEmbryo(tcb, flow, hash, listener: l, marks)
    }
    guard let added else {
      counts.listenDrops &+= 1
      counts.drop(.noMemory)
      return false
    }
    listeners[l].countHalfOpen()
    noteConception(added, flow, tcb)
    return true
  }

  @inline(__always)
  private mutating func noteConception(_ r: FlowReference, _ flow: Flow, _ tcb: EmbryonicTCB) {
    guard around.recorder.capacity > 0 else { return }
    let number = r.halfOpenPlace.recordFlow
    noteName(of: number, flow)
    around.recorder.note(.listenSyn, tcb.irs.rawValue, tcb.iss.rawValue, at: clock)
    noteTransition(.listen, .synReceived, of: number)
  }

  private mutating func addEmbryo(
    _ tcb: EmbryonicTCB, _ flow: Flow, _ hash: UInt64, listener l: UInt32, _ marks: EmbryoMarks
  ) -> FlowReference? {
    let index: UInt32?
    let key4 = IPv4FlowKey(flow)
    if let key4 {
      let embryo = Embryo(tcb, key: key4, listener: l, marks: marks)
      index = flows4.addEmbryo(embryo, hash, &around.budget)
    } else {
      guard let key = IPv6FlowKey(flow) else { return nil }
      let embryo = Embryo(tcb, key: key, listener: l, marks: marks)
      index = flows6.addEmbryo(embryo, hash, &around.budget)
    }
    return index.map { FlowReference(entry: FlowEntry(.embryonic, $0), isIPv4: key4 != nil) }
  }

  /// Ends a half-open record without a connection.
  mutating func discardEmbryo(_ r: FlowReference) {
    let i = r.entry.index
    let listener: UInt32
    if r.isIPv4 {
      listener = flows4.embryos[i].listener
      flows4.removeEmbryo(i, flows4.embryos[i].key.hash(secrets.flowTable), &around.budget)
    } else {
      listener = flows6.embryos[i].listener
      flows6.removeEmbryo(i, flows6.embryos[i].key.hash(secrets.flowTable), &around.budget)
    }
    listeners[listener].halfOpen &-= 1
  }
}
