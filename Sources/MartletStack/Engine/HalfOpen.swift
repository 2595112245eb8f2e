import MartletTCP
import MartletWire

/// A half-open record of either family, without its links.
struct EmbryoView: BitwiseCopyable {
  var tcb: EmbryonicTCB
  var flow: Flow
  var listener: UInt32
  var marks: EmbryoMarks
}

extension FlowSpace {
  @inline(__always)
  func view(_ i: UInt32) -> EmbryoView {
    let embryo = embryos[i]
    return EmbryoView(
      tcb: embryo.tcb, flow: embryo.key.flow, listener: embryo.listener, marks: embryo.marks)
  }
}

extension NetworkStack {
  mutating func embryo(_ r: FlowReference) -> EmbryoView {
    r.isIPv4 ? flows4.view(r.entry.index) : flows6.view(r.entry.index)
  }

  /// Stores a record whose timer or marks have changed, and files it by its new deadline.
  mutating func store(_ tcb: EmbryonicTCB, _ marks: EmbryoMarks, _ r: FlowReference) {
    if r.isIPv4 {
      flows4.updateEmbryo(r.entry.index, tcb, marks)
    } else {
      flows6.updateEmbryo(r.entry.index, tcb, marks)
    }
  }

  /// Stores a record whose deadline has not moved: it keeps its place.
  private mutating func note(_ tcb: EmbryonicTCB, _ r: FlowReference) {
    if r.isIPv4 {
      flows4.embryos[r.entry.index].tcb = tcb
    } else {
      flows6.embryos[r.entry.index].tcb = tcb
    }
  }

  /// A segment for a half-open record: the passive half of SYN-RECEIVED (RFC 9293 §3.10.7.4).
  mutating func embryoArrives(_ r: FlowReference, _ flow: Flow, _ seg: Segment, text: RawSpan) {
    var view = embryo(r)
    around.recorder.flow = r.halfOpenPlace.recordFlow
    let verdict = view.tcb.segmentArrives(
      seg, timestampOffset: secrets.timestampOffset(flow), receiveBuffer: receiveBuffer(of: view.listener),
      &around, now: clock)
    switch verdict {
    case .drop: counts.drop(.unacceptable)
    case .resendSynAck:
      note(view.tcb, r)
      sendSynAck(r)
    case .answer(let plan):
      note(view.tcb, r)
      let options = listeners[view.listener].options.connection
      if plan.flags.contains(.rst) {
        queueReset(plan, flow, hopLimit: options.hopLimit, dscp: options.dscp)
      } else {
        queueReply(plan, flow, hopLimit: options.hopLimit, dscp: options.dscp)
      }
    case .remove:
      noteTransition(.synReceived, .listen, of: r.halfOpenPlace.recordFlow)
      discardEmbryo(r)
    case .establish: establish(r, flow, seg, text: text)
    }
  }

  /// The window that its SYN-ACK offers.
  private mutating func receiveBuffer(of listener: UInt32) -> UInt32 {
    configuration.receiveBuffer(listeners[listener].options.connection.receiveBuffer)
  }

  /// Answers the SYN of a half-open record, for the first time or again.
  ///
  /// - Parameter grants: it gives a Fast Open cookie (RFC 7413 §4.2.1).
  mutating func sendSynAck(_ r: FlowReference, grants: Bool = false) {
    let view = embryo(r)
    sendSynAck(view.tcb, view.flow, listener: view.listener, grants: grants)
  }

  /// False: it did not leave, and is counted.
  @discardableResult
  mutating func sendSynAck(
    _ tcb: EmbryonicTCB, _ flow: Flow, listener l: UInt32, grants: Bool = false
  ) -> Bool {
    let options = listeners[l].options.connection
    guard let path = path(to: flow.remote, zone: flow.zone) else {
      counts.drop(.noRoute)
      return false
    }
    var plan = tcb.synAck(
      mss: offeredMSS(flow, path.interface, options), timestampOffset: secrets.timestampOffset(flow),
      receiveBuffer: receiveBuffer(of: l), around, now: clock)
    if grants { fastOpenCookie(of: flow.remote).write(into: &plan.options) }
    return queueReply(plan, flow, hopLimit: options.hopLimit, dscp: options.dscp, on: path.interface)
  }

  /// The deadline of a half-open record has come.
  mutating func embryoTimerFires(_ r: FlowReference) {
    var view = embryo(r)
    let retries = synAckRetries(of: view)
    around.recorder.flow = r.halfOpenPlace.recordFlow
    switch view.tcb.timerFires(retries: retries, &around, now: clock) {
    case .resend:
      store(view.tcb, view.marks, r)
      sendSynAck(r)
    case .expired:
      if view.marks.contains(.deferred) { counts.attemptsExpired &+= 1 } else { counts.embryosExpired &+= 1 }
      noteTransition(.synReceived, .listen, of: r.halfOpenPlace.recordFlow)
      discardEmbryo(r)
    }
  }

  /// Robustness rule E12: whoever floods us must not make us send more than it does. If the queue has overflowed
  /// since the SYN-ACK was sent, its cookie has to do; but a listener that defers answers nobody by cookie.
  private mutating func synAckRetries(of view: EmbryoView) -> UInt8 {
    let l = view.listener
    let hasCookies = listeners[l].options.synCookies != .off && !listeners[l].options.defersAccept
    let wait = configuration.tcp.synAckWait(after: view.tcb.tries)
    let sent = Tick(rawValue: view.tcb.deadline.rawValue &- wait)
    if hasCookies, listeners[l].meter.isFlooded(at: clock), listeners[l].meter.hasOverflowed(since: sent) {
      return 0
    }
    let retries = configuration.tcp.synAckRetries
    return isPressed(l) ? min(retries, configuration.tcp.synAckRetriesUnderPressure) : retries
  }

  // MARK: TIME-WAIT

  /// A segment for a TIME-WAIT record (RFC 9293 §3.10.7.4; RFC 6191).
  mutating func lingeringArrives(_ r: FlowReference, _ flow: Flow, _ seg: Segment) {
    let i = r.entry.index
    let verdict: TimeWaitVerdict
    let offset = secrets.timestampOffset(flow)
    around.recorder.flow = r.timeWaitPlace.recordFlow
    if r.isIPv4 {
      let old = flows4.lingering[i].tcb.deadline
      verdict = flows4.lingering[i].tcb.segmentArrives(
        seg, timestampOffset: offset, &around, now: clock)
      if flows4.lingering[i].tcb.deadline != old { flows4.restartLingering(i) }
    } else {
      let old = flows6.lingering[i].tcb.deadline
      verdict = flows6.lingering[i].tcb.segmentArrives(
        seg, timestampOffset: offset, &around, now: clock)
      if flows6.lingering[i].tcb.deadline != old { flows6.restartLingering(i) }
    }
    switch verdict {
    case .drop: counts.drop(.unacceptable)
    case .acknowledge(let plan): queueReply(plan, flow, hopLimit: 0, dscp: 0)
    case .reopen(let minimumISS):
      newcomerArrives(
        seg, flow, flow.tableHash(secrets.flowTable), above: minimumISS, text: RawSpan())
    }
  }
}
