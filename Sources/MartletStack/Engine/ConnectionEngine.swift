import MartletTCP
import MartletWire

// One event for one connection: find its cold block, call the TCB, do what the
// reaction asks. The TCB decides; this file only carries out.

extension NetworkStack {
  /// A segment for a connection that the flow table has.
  mutating func connectionArrives(_ i: UInt32, _ seg: Segment, text: RawSpan) {
    // Duplicate acknowledgments carry information by their number: what the last segment asked for
    // at once must not merge with what this one will.
    if connections[i].tcb.owesAckAtOnce { queueOwedAcknowledgment(i) }
    guard let j = coldIndex(of: i, needed: seg.textCount > 0 || seg.flags.contains(.fin)) else {
      // Nobody judges it now, but that it is forged shows (robustness rule O8).
      counts.drop(.noMemory)
      if !connections[i].tcb.isNear(seg) { countStray(seg, connections.flow(of: i, keys6)) }
      return
    }
    around.recorder.flow = i
    let offered = offeredText(of: i, seg)
    let stood: UInt64? = neighbours.doubted > 0 ? connections[i].tcb.progress : nil
    let reaction = connections[i].tcb.segmentArrives(seg, text: text, cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    if let stood, stood != connections[i].tcb.progress { confirmNeighbour(of: i) }
    if let offered { learnFastOpen(of: i, seg, text: offered) }
    if connections[i].origin.hasIdleLimit, reaction.contains(.readable) {
      noteText(of: i)
      // A FIN may bring another limit.
      if seg.flags.contains(.fin) { rearmTimer(of: i) }
    }
    if !reaction.isDisjoint(with: [.dropped, .answerReset, .stray]) { refuse(seg, reaction, of: i) }
    apply(reaction, to: i)
  }

  /// A segment that the connection did not take.
  @inline(never)
  private mutating func refuse(_ seg: Segment, _ reaction: Reaction, of i: UInt32) {
    if reaction.contains(.dropped) { counts.drop(.unacceptable) }
    if reaction.contains(.answerReset), let plan = TCB.resetAnswering(seg) {
      queueReset(plan, of: i)
    } else if reaction.contains(.stray) {
      countStray(seg, connections.flow(of: i, keys6))
    }
  }

  /// Carries out everything but `.answerReset`. The connection may be gone afterwards.
  mutating func apply(_ reaction: Reaction, to i: UInt32) {
    if reaction.contains(.sendReset) { queueReply(connections[i].tcb.abortingReset(), of: i) }
    announce(reaction, of: i)
    if !reaction.isDisjoint(with: [.established, .closed]) { leaveFastOpen(i) }
    if reaction.contains(.closed) {
      guard mayOpenAgain(i) else { return endConnection(i) }
      noteTransition(.closed, .timeWait, of: i)
      lingerConnection(i)
      return
    }
    if reaction.contains(.enterTimeWait) {
      lingerConnection(i)
      return
    }
    if reaction.contains(.pathMTUFell) { rememberPathMTU(of: i) }
    if reaction.contains(.output) { becomeSender(i) }
    if reaction.contains(.rearmTimer) { rearmTimer(of: i) }
  }

  /// While cookies are good, a late copy of the third segment would open a connection whose peer closed it first
  /// once more, and deliver its text again: TIME-WAIT keeps it out here, too.
  private mutating func mayOpenAgain(_ i: UInt32) -> Bool {
    guard let l = connections[i].origin.listener, connections[i].marks.contains(.onWire),
      connections[i].tcb.endReason == .closed
    else { return false }
    return listeners[l].believesCookies(at: clock)
  }

  /// What a router said is believed now: the destination's next connections begin with it.
  private mutating func rememberPathMTU(of i: UInt32) {
    let flow = connections.flow(of: i, keys6)
    let headers: UInt16 = flow.local.isIPv4 ? 40 : 60
    let mtu = connections[i].tcb.pathMSS &+ headers
    guard let known = path(to: flow.remote, zone: flow.zone), mtu < known.mtu else { return }
    _ = destinations.lower(flow.remote, zone: flow.zone, to: mtu, now: clock, &around.budget)
  }

  /// Puts the wheel right after the connection's deadlines have changed.
  mutating func rearmTimer(of i: UInt32) {
    guard connections[i].marks.contains(.onWire), let deadline = nextDeadline(of: i) else {
      wheel.cancel(i)
      return
    }
    let key = connections[i].key
    let lot = UInt32(key.localPort) << 16 | UInt32(key.remotePort)
    wheel.arm(i, at: deadline.milliseconds(near: clock), lot: lot)
  }

  /// Its own next deadline, or the end of its listener's patience.
  @inline(__always)
  private mutating func nextDeadline(of i: UInt32) -> Tick? {
    let own = connections[i].tcb.nextDeadline(near: clock)
    guard connections[i].origin.hasIdleLimit, let idle = idleDeadline(of: i) else { return own }
    guard let own, own.precedes(idle) else { return idle }
    return own
  }

  /// The connection's timer has come up. The wheel may be early: then nothing is due yet.
  mutating func timerFires(_ i: UInt32) {
    guard connections.isLive(i), connections[i].marks.contains(.onWire) else { return }
    if connections[i].origin.hasIdleLimit, endIfIdle(i) { return }
    guard let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let isFirst = connections[i].tcb.timers.tries == 0
    let reaction = connections[i].tcb.timerFires(cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    if isFirst, connections[i].tcb.timers.tries == 1, connections[i].tcb.state == .synSent,
      connections[i].tcb.offersFastOpen
    {
      failFastOpen(of: i)
    }
    apply(reaction.union(.rearmTimer), to: i)
  }

  // MARK: Cold blocks

  /// Where the connection's cold block is: its own, one made for it if `needed`, else the one that
  /// is always idle. Nil: the budget refused.
  mutating func coldIndex(of i: UInt32, needed: Bool) -> UInt32? {
    let own = connections[i].cold
    if own != IndexList.none { return own }
    if !needed { return scratch == IndexList.none ? nil : scratch }
    guard let made = cold.allocate(ColdBlock(), &around.budget) else { return nil }
    connections[i].cold = made.index
    return made.index
  }

  /// Blocks that belong to the stack and not to a connection.
  var ownColdBlocks: Int {
    (scratch == IndexList.none ? 0 : 1) &+ (pristine == IndexList.none ? 0 : 1)
  }

  /// After a call: an idle block goes, one that is no longer idle stays.
  mutating func settleCold(_ i: UInt32, _ j: UInt32) {
    let isIdle = cold[j].isIdle
    if j != scratch {
      guard isIdle else { return }
      cold.free(j, &around.budget)
      connections[i].cold = IndexList.none
      return
    }
    if !isIdle {
      var block = cold[j]
      if let made = cold.allocate(block, &around.budget) {
        connections[i].cold = made.index
      } else {
        counts.drop(.noMemory)
        block.release(&around)
      }
    }
    if pristine == IndexList.none { cold[j] = ColdBlock() } else { cold[j] = cold[pristine] }
  }

  // MARK: Senders

  /// Lists the connection among those that `nextPacket` asks.
  mutating func becomeSender(_ i: UInt32) {
    if connections[i].marks.contains(.isSender) { return }
    let interface = Int(connections[i].interface)
    guard interfaces[interface].isPresent else { return loseOutput(of: i) }
    connections[i].marks.insert(.isSender)
    connections[i].nextSender = IndexList.none
    let last = interfaces[interface].senders.last
    if last == IndexList.none {
      interfaces[interface].senders.first = i
    } else {
      connections[last].nextSender = i
    }
    interfaces[interface].senders.last = i
  }

  /// What a connection sends through an interface that was taken away is lost like on any wire: its timers
  /// must run, or it would wait for ever.
  mutating func loseOutput(of i: UInt32) {
    guard let j = coldIndex(of: i, needed: false) else { return }
    while connections[i].tcb.nextSegment(cold: &cold[j], &around, now: clock) != nil {}
    settleCold(i, j)
    rearmTimer(of: i)
  }

  /// Takes the first sender, `i`, off the list. If it is dead its slot goes.
  mutating func dropFirstSender(_ i: UInt32, on interface: Int) {
    let next = connections[i].nextSender
    interfaces[interface].senders.first = next
    if next == IndexList.none { interfaces[interface].senders.last = IndexList.none }
    connections[i].nextSender = IndexList.none
    connections[i].marks.remove(.isSender)
    freeIfDead(i)
  }

  // MARK: Answers

  /// Turns an acknowledgment that must not wait for the next pull into a reply of its own.
  mutating func queueOwedAcknowledgment(_ i: UInt32) {
    guard let j = coldIndex(of: i, needed: false) else { return }
    let plan = connections[i].tcb.acknowledgment(cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    queueReply(plan, of: i)
  }
}

extension TCB {
  /// Changes when the peer has heard something, or said something new.
  var progress: UInt64 { UInt64(snd.una.rawValue) << 32 | UInt64(rcv.nxt.rawValue) }
}

extension ColdBlock {
  /// Gives back everything that is queued.
  mutating func release(_ around: inout Surroundings) {
    send.removeAll(&around.pool, &around.budget)
    receive.removeAll(&around.pool, &around.budget)
    outOfOrder.removeAll(&around.pool, &around.budget)
    forgetFlight(&around.pool, &around.budget)
  }
}
