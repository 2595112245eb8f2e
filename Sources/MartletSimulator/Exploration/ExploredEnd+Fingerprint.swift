import MartletTCP
import MartletWire

// The canonical form: everything that what happens next may depend on, and nothing else.
//
// * Sequence numbers count from the ISS of their stream, times from the clock of their end.
// * Times are their order: which timer fires first, which segment left first, which timestamp is older. How long
//   something takes is left out, unless `ExplorationBounds.exactTimes` asks for it.
// * Octets of queues stand in the order of the stream; indices, chunks and counters of events do not count.
// * What congestion control and rate measurement keep is left out: a few octets never fill a window of one
//   segment, and that the window is never smaller is checked in every state.

extension ExploredEnd {
  func fingerprint(_ origins: Origins, withBounds: Bool) -> UInt64 {
    var print = Fingerprint()
    application.add(to: &print, withBounds: withBounds)
    print.add(passiveOpens)
    print.add(isSender)
    switch record {
    case .none: print.add(listens)
    case .embryonic(let tcb): tcb.add(to: &print, origins)
    case .connection(let tcb):
      tcb.add(to: &print, origins)
      if let block = cold.first {
        block.add(to: &print, tcb, rest, origins)
      }
    case .lingering(let tcb): tcb.add(to: &print, origins)
    }
    return print.value
  }
}

extension EmbryonicTCB {
  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    print.add(1)
    print.add(origins.received(irs))
    print.add(origins.sent(iss))
    print.add(origins.otherStamps[tsRecent])
    print.add(origins.ahead(deadline))
    print.add(options.rawValue)
    print.add(tries)
    if options.contains(.answered) { print.add(origins.ago(lowHalf: answered, most: 500)) }
  }
}

extension TimeWaitTCB {
  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    print.add(2)
    print.add(origins.sent(sndNxt))
    print.add(origins.received(rcvNxt))
    if hasTimestamps { print.add(origins.otherStamps[tsRecent]) }
    print.add(origins.ahead(deadline))
    print.add(window.field)
    print.add(hasAnswered)
    if hasAnswered { print.add(origins.ago(lowHalf: answered, most: 500)) }
  }
}

extension TCB {
  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    print.add(3)
    print.add(state.rawValue)
    print.add(endReason.rawValue)
    print.add(softError.rawValue)
    print.add(mode.rawValue)
    print.add(pending.rawValue)
    addSend(to: &print, origins)
    // Before the peer's SYN nothing is known of its numbers.
    if state != .synSent { addReceive(to: &print, origins) }
    addTimers(to: &print, origins)
    if origins.isExact {
      print.add(rtt.srtt8)
      print.add(rtt.rttvar4)
    }
    print.add(UInt8(recovery.phase.rawValue))
    print.add(recovery.reorderingSeen)
    print.add(recovery.reorderingSteps)
    print.add(recovery.reorderingPersists)
  }

  private func addSend(to print: inout Fingerprint, _ origins: Origins) {
    print.add(origins.sent(snd.una))
    print.add(origins.sent(snd.nxt))
    print.add(snd.wnd.octets)
    print.add(snd.maxWnd.field)
    print.add(snd.mss)
    print.add(snd.probesNxt)
    if state != .synSent, state != .synReceived { print.add(origins.received(snd.wl1)) }
  }

  private func addReceive(to print: inout Fingerprint, _ origins: Origins) {
    print.add(origins.received(rcv.nxt))
    print.add(origins.received(rcv.advertisedEdge))
    print.add(origins.received(rcv.lastAckSent))
    print.add(rcv.segmentSize)
    print.add(rcv.quickAcks)
    if mode.contains(.timestamps) { print.add(origins.otherStamps[timestamps.recent]) }
  }

  private func addTimers(to print: inout Fingerprint, _ origins: Origins) {
    print.add(timers.armed.rawValue)
    print.add(timers.backoff)
    print.add(timers.tries)
    addDeadlines(to: &print, origins)
    // From 200 ms on it is an idle spell (RFC 5681 §4.1).
    print.add(origins.ago(timers.lastArrival, most: 200))
    // The user timeout counts from it while something is out, and the round trip of the handshake.
    if origins.isExact, snd.una != snd.max || timers.armed.contains(.persist) {
      print.add(origins.ago(timers.progress, most: limits.userTimeout))
    }
    if mode.contains(.challenged) {
      print.add(origins.ago(lowHalf: timers.challengeSent, most: 500))
    }
  }
}

extension TCB {
  /// Each deadline, or how many are earlier.
  private func addDeadlines(to print: inout Fingerprint, _ origins: Origins) {
    let now = Tick(origins.clock)
    var deadlines = InlineArray<4, Tick>(repeating: now)
    var count = 0
    func add(_ deadline: Tick) {
      deadlines[count] = deadline
      count &+= 1
    }
    func add(half: UInt16) {
      let ahead = Int16(bitPattern: half &- UInt16(truncatingIfNeeded: now.rawValue))
      add(Tick(rawValue: now.rawValue &+ UInt32(bitPattern: Int32(ahead))))
    }
    let armed = timers.armed
    if !armed.isDisjoint(with: ConnectionTimers.Armed.lossTimers.union(.persist)) {
      add(timers.retransmission)
    }
    if !armed.isDisjoint(with: ConnectionTimers.Armed.keepAlive.union(.ending)) { add(timers.life) }
    if armed.contains(.delayedAck) { add(half: timers.delayedAck) }
    if armed.contains(.pacing) { add(half: timers.pacing) }
    for i in 0..<count {
      if origins.isExact {
        print.add(origins.ahead(deadlines[i]))
      } else {
        var earlier = 0
        for j in 0..<count where deadlines[j].precedes(deadlines[i]) { earlier &+= 1 }
        print.add(earlier)
      }
    }
  }
}

extension ExploredEnd {
  /// Adds the times that it knows to what `origins` compares.
  func addMoments(own: inout Moments, other: inout Moments, departures: inout Moments) {
    switch record {
    case .none: break
    case .embryonic(let tcb): other.add(tcb.tsRecent)
    case .lingering(let tcb): other.add(tcb.tsRecent)
    case .connection(let tcb):
      if tcb.state != .synSent { other.add(tcb.timestamps.recent) }
      guard let block = cold.first else { return }
      if !block.outOfOrder.isEmpty { other.add(block.disorderStamp) }
      if block.probe.isOut { own.add(block.probe.stamp) }
      if block.undo.isPossible, block.undo.hasRetransmitted { own.add(block.undo.stamp) }
      block.rack.addMoment(to: &departures)
      block.sent.addMoments(rest.sent, to: &departures)
      block.scoreboard.resent.addMoments(rest.resent, to: &departures)
    }
  }
}

extension ColdBlock {
  fileprivate func add(
    to print: inout Fingerprint, _ tcb: TCB, _ rest: RestingQueues, _ origins: Origins
  ) {
    print.add(4)
    print.add(rest.send.count)
    for octet in rest.send { print.add(origins.ownOctet(octet)) }
    for octets in [rest.receive, rest.outOfOrder] {
      print.add(octets.count)
      for octet in octets { print.add(origins.otherOctet(octet)) }
    }
    addArrived(to: &print, tcb, origins)
    print.add(sent.count)
    sent.add(to: &print, rest.sent, origins)
    addRecovery(to: &print, tcb, rest, origins)
  }

  /// What is known of the other end's stream.
  private func addArrived(to print: inout Fingerprint, _ tcb: TCB, _ origins: Origins) {
    outOfOrder.add(to: &print, from: origins.other)
    if !outOfOrder.isEmpty {
      print.add(origins.received(disorderStart))
      if tcb.mode.contains(.timestamps) { print.add(origins.otherStamps[disorderStamp]) }
      for i in 0..<Int(recentCount) { print.add(origins.received(recentRanges[i])) }
    }
    if !duplicate.isEmpty {
      print.add(origins.received(duplicate.start))
      print.add(duplicate.count)
    }
    print.add(finWaits)
    if finWaits { print.add(origins.received(finSequence)) }
  }

  /// What is known of its own stream.
  private func addRecovery(
    to print: inout Fingerprint, _ tcb: TCB, _ rest: RestingQueues, _ origins: Origins
  ) {
    print.add(scoreboard.isInUse)
    if scoreboard.isInUse {
      scoreboard.sacked.add(to: &print, from: origins.own)
      scoreboard.lost.add(to: &print, from: origins.own)
      print.add(scoreboard.resent.count)
      scoreboard.resent.add(to: &print, rest.resent, origins)
      print.add(scoreboard.reported)
      print.add(origins.sent(scoreboard.lostEdge))
    }
    print.add(tcb.snd.una.follows(recover))
    if tcb.recovery.phase != .open { print.add(origins.sent(recover)) }
    rack.add(to: &print, origins)
    print.add(probe.isOut)
    if probe.isOut {
      print.add(origins.sent(probe.end))
      print.add(probe.isRetransmission)
      print.add(origins.ownStamps[probe.stamp])
    }
    undo.add(to: &print, origins)
    print.add(forwardRTO.rawValue)
    print.add(duplicateAcks)
    print.add(hasRescued ? origins.sent(rescued) : UInt32.max)
    print.add(spreadsWindow ? origins.sent(spreadEnd) : UInt32.max)
  }
}

extension IntervalSet {
  fileprivate func add(to print: inout Fingerprint, from origin: SequenceNumber) {
    print.add(count)
    guard !isEmpty else { return }
    // All are inline: more than four ranges would need more octets than there are.
    let none = ChunkPool()
    for i in 0..<count {
      let range = range(at: i, none)
      print.add(range.start.distance(from: origin))
      print.add(range.count)
    }
  }
}

extension SendRecords {
  /// - Parameter resting: the records that lie outside, if they do.
  fileprivate func add(to print: inout Fingerprint, _ resting: [SendRecord], _ origins: Origins) {
    for record in resting { record.add(to: &print, origins) }
    guard resting.isEmpty, count > 0 else { return }
    let none = ChunkPool()
    for i in 0..<count { record(i, none).add(to: &print, origins) }
  }
}

extension SendRecords {
  fileprivate func addMoments(_ resting: [SendRecord], to departures: inout Moments) {
    for record in resting { departures.add(record.sentAt) }
    guard resting.isEmpty, count > 0 else { return }
    let none = ChunkPool()
    for i in 0..<count { departures.add(record(i, none).sentAt) }
  }
}

extension SendRecord {
  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    print.add(range.count)
    if !range.isEmpty { print.add(origins.sent(range.start)) }
    print.add(origins.departures[sentAt])
  }
}

extension RACKState {
  private var isFresh: Bool { sentAt == 0 && end == SequenceNumber(0) }

  fileprivate func addMoment(to departures: inout Moments) {
    if !isFresh { departures.add(sentAt) }
    if hasDuplicate { departures.add(duplicateAt) }
  }

  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    let isFresh = sentAt == 0 && end == SequenceNumber(0)
    print.add(isFresh)
    if !isFresh {
      print.add(origins.departures[sentAt])
      print.add(origins.sent(end))
    }
    if origins.isExact {
      print.add(roundTrip)
      print.add(minimumRoundTrip)
    }
    print.add(hasForward ? origins.sent(forward) : UInt32.max)
    print.add(hasDuplicate ? origins.departures[duplicateAt] : UInt32.max)
  }
}

extension UndoState {
  fileprivate func add(to print: inout Fingerprint, _ origins: Origins) {
    print.add(isPossible)
    guard isPossible else { return }
    print.add(hasRetransmitted ? origins.sent(resent.start) : UInt32.max)
    print.add(hasRetransmitted ? origins.sent(resent.end) : UInt32.max)
    print.add(hasRetransmitted ? origins.ownStamps[stamp] : UInt32.max)
    print.add(unaccounted)
    print.add(followsTimeout)
  }
}
