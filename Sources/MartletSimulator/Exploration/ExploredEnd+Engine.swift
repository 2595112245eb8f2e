import MartletTCP
import MartletWire

// What MartletStack's engine does around a record, for one flow and without tables: the functions have the names
// that they have there (Input/TCPInput, Engine/HalfOpen, Engine/ConnectionEngine, Engine/Promotion,
// Output/NextPacket). The records decide; this file only carries out.

extension ExploredEnd {
  static var mss: UInt16 { 1_460 }
  static var defaultMSS: UInt16 { 536 }

  /// A segment arrives, and its checksum holds.
  mutating func tcpArrives(
    _ segment: ExploredSegment, _ out: inout ExploredWay, _ ground: inout ExplorationGround
  ) {
    switch record {
    case .none: newcomerArrives(segment.header, above: nil, &out, &ground)
    case .embryonic(let tcb): embryoArrives(tcb, segment, &out, &ground)
    case .connection(let tcb): connectionArrives(tcb, segment, &out, &ground)
    case .lingering(let tcb): lingeringArrives(tcb, segment, &out, &ground)
    }
  }

  /// LISTEN and CLOSED.
  private mutating func newcomerArrives(
    _ seg: Segment, above minimumISS: SequenceNumber?, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    guard listens else {
      if let plan = segmentArrivesClosed(seg) { queueReply(plan, &out) }
      return
    }
    switch segmentArrivesListen(seg) {
    case .drop: break
    case .reset(let plan): queueReply(plan, &out)
    case .open: conceive(seg, above: minimumISS, &out, &ground)
    }
  }

  private mutating func conceive(
    _ seg: Segment, above minimumISS: SequenceNumber?, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    // The clock of RFC 9293 §3.4.1 has gone on for four seconds.
    let own = iss.advanced(by: UInt32(passiveOpens) << 20)
    let tcb = EmbryonicTCB(
      seg, iss: SequenceNumber.latest(own, minimumISS ?? own), defaultPeerMSS: Self.defaultMSS, ground.around,
      now: clock)
    passiveOpens &+= 1
    record = .embryonic(tcb)
    sendSynAck(tcb, &out, ground)
  }

  private mutating func sendSynAck(
    _ tcb: EmbryonicTCB, _ out: inout ExploredWay, _ ground: borrowing ExplorationGround
  ) {
    let plan = tcb.synAck(
      mss: Self.mss, timestampOffset: 0, receiveBuffer: ground.around.configuration.receiveBuffer,
      ground.around, now: clock)
    queueReply(plan, &out)
  }

  private mutating func embryoArrives(
    _ old: EmbryonicTCB, _ segment: ExploredSegment, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    var tcb = old
    let verdict = tcb.segmentArrives(
      segment.header, timestampOffset: 0, receiveBuffer: ground.around.configuration.receiveBuffer,
      &ground.around, now: clock)
    record = .embryonic(tcb)
    switch verdict {
    case .drop: break
    case .resendSynAck: sendSynAck(tcb, &out, ground)
    case .answer(let plan): queueReply(plan, &out)
    case .remove: record = .none
    case .establish: establish(tcb, segment, &out, &ground)
    }
  }

  private mutating func establish(
    _ old: EmbryonicTCB, _ segment: ExploredSegment, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    if isLeftover { ground.fail(.duplicateOpens) }
    let tcb = TCB(
      accepting: old, segment.header, timestampOffset: 0, mss: Self.mss, sendMSSLimit: Self.mss,
      options: ground.options, ground.around.configuration, now: clock)
    record = .connection(tcb)
    wheel = tcb.nextDeadline(near: clock)
    connectionArrives(tcb, segment, &out, &ground)
  }

  private mutating func connectionArrives(
    _ old: TCB, _ segment: ExploredSegment, _ out: inout ExploredWay, _ ground: inout ExplorationGround
  ) {
    var tcb = old
    var block = cold.first ?? ColdBlock()
    if tcb.owesAckAtOnce { queueOwedAcknowledgment(&tcb, &block, &out, &ground) }
    let seg = ground.bounds.fault.distorted(segment.header, tcb)
    var reaction = tcb.segmentArrives(
      seg, text: segment.text.rawSpan, cold: &block, &ground.around, now: clock)
    if reaction.contains(.answerReset), let plan = TCB.resetAnswering(seg) { queueReply(plan, &out) }
    if ground.bounds.fault != .none { spoil(old, &tcb, segment, &reaction, &ground) }
    apply(reaction, &tcb, &block, &out, &ground)
  }

  private mutating func lingeringArrives(
    _ old: TimeWaitTCB, _ segment: ExploredSegment, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    var tcb = old
    let verdict = tcb.segmentArrives(segment.header, timestampOffset: 0, &ground.around, now: clock)
    record = .lingering(tcb)
    switch verdict {
    case .drop: break
    case .acknowledge(let plan): queueReply(plan, &out)
    case .reopen(let minimumISS):
      // The engine keeps the record beside the embryo until the third segment; here none can come.
      record = listens ? .none : record
      newcomerArrives(segment.header, above: minimumISS, &out, &ground)
    }
  }

  /// Carries out everything but `.answerReset`.
  mutating func apply(
    _ asked: Reaction, _ tcb: inout TCB, _ block: inout ColdBlock, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    var reaction = asked
    if reaction.contains(.readable) { readAll(&tcb, &block, &reaction, &ground) }
    if reaction.contains(.sendReset) { queueReply(tcb.abortingReset(), &out) }
    if reaction.contains(.closed) {
      ground.ended = tcb.endReason
      leaveWire(&block, .none, &ground)
      return
    }
    if reaction.contains(.enterTimeWait) {
      if tcb.pending.contains(.ack) { queueOwedAcknowledgment(&tcb, &block, &out, &ground) }
      leaveWire(&block, .lingering(TimeWaitTCB(tcb, ground.around, now: clock)), &ground)
      return
    }
    if reaction.contains(.output) { isSender = true }
    if reaction.contains(.rearmTimer) { wheel = tcb.nextDeadline(near: clock) }
    settle(tcb, block)
  }

  /// The application reads at once, so nothing is left that a handle would keep.
  private mutating func leaveWire(
    _ block: inout ColdBlock, _ next: Record, _ ground: inout ExplorationGround
  ) {
    block.send.removeAll(&ground.around.pool, &ground.around.budget)
    block.receive.removeAll(&ground.around.pool, &ground.around.budget)
    block.outOfOrder.removeAll(&ground.around.pool, &ground.around.budget)
    block.forgetFlight(&ground.around.pool, &ground.around.budget)
    cold = []
    record = next
    isSender = false
    wheel = nil
  }

  private mutating func settle(_ tcb: TCB, _ block: ColdBlock) {
    record = .connection(tcb)
    cold = block.isIdle ? [] : [block]
  }

  private mutating func queueReply(_ plan: SegmentPlan, _ out: inout ExploredWay) {
    out.segments.append(ExploredSegment(plan))
  }

  private mutating func queueOwedAcknowledgment(
    _ tcb: inout TCB, _ block: inout ColdBlock, _ out: inout ExploredWay,
    _ ground: inout ExplorationGround
  ) {
    queueReply(tcb.acknowledgment(cold: &block, &ground.around, now: clock), &out)
  }

  // MARK: Pulling

  /// The next segment of a sender; nil: it has none, and is no sender any more.
  mutating func nextSegment(_ ground: inout ExplorationGround) -> ExploredSegment? {
    guard isSender, case .connection(var tcb) = record else {
      isSender = false
      return nil
    }
    var block = cold.first ?? ColdBlock()
    let next = tcb.nextSegment(cold: &block, &ground.around, now: clock)
    if ground.bounds.fault == .forgetsRetransmissionTimer, tcb.mode.contains(.finSent) {
      tcb.timers.armed.subtract(.lossTimers)
    }
    defer { settle(tcb, block) }
    guard let plan = next else {
      isSender = false
      wheel = tcb.nextDeadline(near: clock)
      return nil
    }
    var text = [UInt8](repeating: 0, count: Int(truncatingIfNeeded: plan.textCount))
    if plan.textCount > 0 {
      text.writing {
        block.send.copy(at: plan.textOffset, count: plan.textCount, into: &$0, at: 0, ground.around.pool)
      }
    }
    return ExploredSegment(plan, text: text)
  }

  // MARK: Timers

  /// The first deadline comes: the clock moves there.
  mutating func timerFires(_ out: inout ExploredWay, _ ground: inout ExplorationGround) {
    guard let deadline else { return }
    let time = Instant(nanoseconds: deadline.milliseconds(near: clock) &* 1_000_000)
    clock = max(clock, time)
    switch record {
    case .none: break
    case .embryonic(var tcb):
      let retries = ground.around.configuration.synAckRetries
      switch tcb.timerFires(retries: retries, &ground.around, now: clock) {
      case .resend:
        record = .embryonic(tcb)
        sendSynAck(tcb, &out, ground)
      case .expired: record = .none
      }
    case .connection(var tcb):
      var block = cold.first ?? ColdBlock()
      var reaction = tcb.timerFires(cold: &block, &ground.around, now: clock)
      if ground.bounds.fault == .ignoresTimerOutput {
        reaction.remove(.output)
        tcb.pending.subtract([.syn, .retransmit, .tailProbe])
      }
      apply(reaction.union(.rearmTimer), &tcb, &block, &out, &ground)
    case .lingering: record = .none
    }
  }
}
