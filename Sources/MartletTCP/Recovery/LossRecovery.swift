import MartletWire

// What an acknowledgment does once the scoreboard has taken it in: the window grows,
// or a loss begins, goes on, or ends. RACK finds losses where there is SACK; the
// third duplicate acknowledgment and partial ones do where there is none.

extension TCB {
  /// Octets believed to be in the network (RFC 6675 §4).
  @inline(__always)
  func pipe(_ cold: ColdBlock) -> UInt32 { cold.scoreboard.pipe(snd.flight) }

  /// After the scoreboard: the clock, the round trip, and then growth or recovery.
  @inline(__always)
  mutating func recoverOrGrow(
    _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant, _ reaction: inout Reaction
  ) {
    if delivery.octets > 0 {
      delivery.startsRound = cold.rate.deliver(delivery.octets, delivery.newest, now: now.microseconds)
      if congestion.ownsWindow { delivery.rate = cold.rate.sample(delivery.newest, now: now.microseconds) }
    }
    if delivery.acknowledged > 0 || delivery.roundTrip > 0 {
      sampleRoundTrip(seg, delivery, &cold, &around, now)
    }
    if delivery.acknowledged > 0 {
      // RFC 5681 §3.2: three duplicates "without any intervening ACKs which move SND.UNA".
      cold.duplicateAcks = 0
      restartLossTimer(&cold, &around, now, &reaction)
    }
    guard recovery.phase == .open, !cold.scoreboard.isInUse, !cold.probe.isOut, delivery.duplicated == 0,
      !cold.search.isOut
    else { return recover(seg, &delivery, &cold, &around, now, &reaction) }
    // A window update, or an acknowledgment of nothing new.
    guard delivery.octets > 0 else { return }
    // Nothing is being recovered: "recover" follows, or it would lie half a turn behind one day.
    cold.recover = snd.una.retreated(by: 1)
    if cold.isReduced, snd.una.follows(cold.reducedAt) { cold.isReduced = false }
    grow(delivery, delivery.octets, &cold, &around, now)
    forgetIfDone(&cold, &around)
  }

  /// All text has arrived; a FIN alone needs no scoreboard, and no cold block.
  @inline(__always)
  private mutating func forgetIfDone(_ cold: inout ColdBlock, _ around: inout Surroundings) {
    guard cold.send.isEmpty else { return }
    rememberSearch(&cold)
    cold.forgetFlight(&around.pool, &around.budget)
  }

  /// RFC 6298 (5.2), (5.3): SND.UNA moved.
  @inline(__always)
  private mutating func restartLossTimer(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    if snd.max == snd.una {
      timers.armed.subtract(.lossTimers)
    } else {
      let old = timers.retransmission
      armLossTimer(cold.wantsNoProbe, around.configuration.rto, now)
      // The first round trip was measured, or a back-off is over: it is due before the engine would look.
      if timers.retransmission.precedes(old) { reaction.insert(.rearmTimer) }
    }
  }

  /// The window grows, by as much as the algorithm likes.
  @inline(__always)
  private mutating func grow(
    _ delivery: Delivery, _ octets: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    var ack = CongestionAck(
      octets: octets, flightBefore: delivery.flightBefore, flight: pipe(cold), mss: effectiveSendMSS)
    ack.lost = delivery.lost
    ack.lostRanges = delivery.lostRanges
    ack.now = now.microseconds
    ack.roundTrip = delivery.roundTrip
    ack.srtt = rtt.srtt
    ack.startsRound = delivery.startsRound
    ack.isPaced = isPaced(cold.spreadsWindow, burst: around.configuration.initialWindowSegments)
    ack.isWindowLimited = isWindowValidated(ack, &cold, &around, now)
    ack.hasSelectiveAcks = mode.contains(.sack)
    if congestion.ownsWindow {
      ack.rate = delivery.rate
      ack.entropy = timestamps.offset &+ snd.una.rawValue &* 0x9e37_79b1
      if ack.lost > 0 { ack.loss = lossSample(cold, around) }
    }
    let wasInSlowStart = around.recorder.capacity > 0 && congestion.window.inSlowStart
    congestion.acknowledged(ack, &cold.congestion)
    if wasInSlowStart, !congestion.window.inSlowStart {
      around.recorder.note(.slowStartEnds, congestion.cwnd, congestion.ssthresh, at: now)
    }
    // One acknowledgment of half the flight: those before it were lost, or the peer sends few on purpose.
    if ack.octets > ack.flightBefore / 2 {
      spreadWindow(over: pipe(cold), burst: around.configuration.initialWindowSegments, &cold)
    }
    fitSendBuffer(&around)
  }

  /// How things stood when the newest segment left that is judged lost.
  private func lossSample(_ cold: ColdBlock, _ around: borrowing Surroundings) -> LossSample {
    var sample = LossSample()
    let i = cold.sent.index(endingAfter: cold.scoreboard.lostEdge.retreated(by: 1), around.pool)
    guard i < cold.sent.count else { return sample }
    let record = cold.sent.record(i, around.pool)
    sample.flight = record.flight
    sample.lost = (cold.rate.lost &- record.lostAndLimit) & 0x7fff_ffff
    sample.isApplicationLimited = record.lostAndLimit >> 31 != 0
    return sample
  }

  /// The long way: something is lost, out of order, or sent twice.
  private mutating func recover(
    _ seg: Segment, _ delivery: inout Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant, _ reaction: inout Reaction
  ) {
    if mode.contains(.sack) { updateRACK(delivery, &cold, now) }
    delivery.isUndone = undoIfSpurious(seg, delivery, &cold, &around, now)
    let phase = recovery.phase
    if recovery.phase != .open, snd.una.follows(cold.recover) || snd.una == snd.nxt {
      leaveRecovery(&cold, &around, now)
      if cold.lostBeyond { answerBeyond(&cold, &around, now) }
    }
    let rangesBefore = cold.scoreboard.lost.count
    var found = Losses()
    if mode.contains(.sack) {
      let waits = timers.armed.contains(.reordering)
      found = detectLosses(&cold, &around, now, &reaction)
      if waits, !cold.scoreboard.isInUse {
        armLossTimer(cold.wantsNoProbe, around.configuration.rto, now)
      }
    } else {
      found.octets = losePartially(delivery, &cold, &around, now)
    }
    delivery.lost = found.octets
    if delivery.lost > 0 {
      delivery.lostRanges = UInt8(clamping: max(cold.scoreboard.lost.count &- rangesBefore, 1))
    }
    cold.rate.lost = cold.rate.lost &+ delivery.lost
    delivery.lost &-= resolvePathProbe(lost: delivery.lost, &cold, &around, now)
    resolveTailProbe(seg, delivery, &cold, &around, now)
    if delivery.lost > 0 { answer(found, &cold, &around, now) }
    // The acknowledgment that ends a recovery is still one of it.
    adjustWindow(delivery, recovery.phase == .open ? phase : recovery.phase, &cold, &around, now)
    if snd.flight == 0 {
      cold.scoreboard.removeAll(&around.pool, &around.budget)
    } else {
      cold.endScoreboardIfIdle()
    }
    forgetIfDone(&cold, &around)
    reaction.insert(.output)
  }

  private mutating func adjustWindow(
    _ delivery: Delivery, _ phase: RecoveryState.Phase, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) {
    if congestion.ownsWindow { return grow(delivery, delivery.octets, &cold, &around, now) }
    if recovery.phase == .open, delivery.acknowledged > 0 { cold.recover = snd.una.retreated(by: 1) }
    switch phase {
    case .open:
      // RFC 3042: limited transmit leaves cwnd alone; on a path that reorders, SACK alone is progress.
      if delivery.acknowledged == 0, delivery.octets > 0, hasUnsent(cold) {
        around.recorder.note(.limitedTransmit, snd.nxt.rawValue, at: now)
      }
      if delivery.acknowledged > 0 || recovery.reorderingSeen {
        grow(delivery, delivery.octets, &cold, &around, now)
      }
    case .fastRecovery:
      // RFC 6937 §3: at the end "cwnd = ssthresh", and so it is already.
      guard recovery.phase == .fastRecovery else { return }
      congestion.cwnd = cold.reduction.window(
        delivered: delivery.octets, pipe: pipe(cold), ssthresh: congestion.ssthresh, mss: effectiveSendMSS,
        makesProgress: delivery.acknowledged > 0 && delivery.lost == 0)
      // What was delivered while the peer's window was shut may leave when it opens.
      spreadWindow(over: pipe(cold), burst: around.configuration.initialWindowSegments, &cold)
    case .timeout, .pathMTU:
      // RFC 3465 §2.3: after a time-out "L MUST be no more than 1*SMSS": what is acknowledged at once may
      // have been there before it was sent again.
      guard delivery.acknowledged > 0 else { return }
      grow(delivery, min(delivery.octets, UInt32(effectiveSendMSS)), &cold, &around, now)
    }
  }

  // MARK: Phases

  /// The window shrinks for what was found lost. In a fast recovery proportional rate reduction sees to it. After a
  /// time-out, and after a smaller path MTU, whatever left before is no news; but what has left since and is lost is the
  /// next loss (RFC 8985 §9.3, RFC 5681 §4.3).
  mutating func answer(
    _ found: Losses, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    switch recovery.phase {
    case .open: enterRecovery(isNew: found.isNew, &cold, &around, now)
    case .fastRecovery:
      if found.isBeyond, !congestion.ownsWindow { cold.lostBeyond = true }
    case .timeout, .pathMTU:
      if found.isNew, !congestion.ownsWindow { reduceWithinRepair(&cold, &around, now) }
    }
  }

  /// "A new recovery phase … MUST NOT be initiated until HighACK is greater than or equal to the new value of
  /// RecoveryPoint" (RFC 6675 §5.1): it would keep the window at what two or three segments of slow start have left of it
  /// until the whole flight is repaired, which may be ten thousand. So the window shrinks, once for what leaves in a round
  /// trip, and grows again as it does while a repair goes on.
  ///
  /// What is lost leaves at once, however small the window is now, and has a time-out of its own (RFC 6675 §5 step 4.3, §6).
  private mutating func reduceWithinRepair(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    // Back before the time-out, what was lost since would go unanswered.
    cold.undo.isPossible = false
    cold.forwardRTO = .off
    reduceForLoss(&cold, &around, now)
    congestion.cwnd = min(congestion.cwnd, congestion.ssthresh)
    pending.insert(.retransmit)
    if !timers.armed.contains(.reordering) { armRetransmission(around.configuration.rto, now) }
  }

  /// RFC 5681 §4.3: losses in two successive windows "MUST" lower the window twice. What left during the recovery that
  /// ends here, and was found lost in it, is the second's.
  private mutating func answerBeyond(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    cold.lostBeyond = false
    if !cold.scoreboard.lost.isEmpty || cold.scoreboard.resentOctets(around.pool) > 0 {
      // Both are taken back together, if everything that either sent again has come twice.
      var undo = cold.undo
      if cold.probe.isOut { undo.isPossible = false }
      enterRecovery(flight: congestion.cwnd, &cold, &around, now)
      cold.undo = undo
      return
    }
    // It was repaired meanwhile.
    guard !congestion.ownsWindow else { return }
    congestion.reduce(
      CongestionEvent(
        .loss, flight: congestion.cwnd, lost: UInt32(effectiveSendMSS), mss: effectiveSendMSS,
        now: now.microseconds), &cold.congestion)
    congestion.cwnd = min(congestion.cwnd, congestion.ssthresh)
    windowWasReduced(&cold, &around, now)
  }

  private mutating func reduceForLoss(
    flight: UInt32? = nil, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    congestion.reduce(
      CongestionEvent(
        .loss, flight: flight ?? min(snd.flight, congestion.cwnd), lost: cold.scoreboard.lost.totalBytes,
        mss: effectiveSendMSS, now: now.microseconds), &cold.congestion)
    windowWasReduced(&cold, &around, now)
  }

  /// A loss was found: the window is to shrink, and what is lost leaves again (RFC 5681 §4.3, RFC 2018 §5.1).
  ///
  /// - Parameters:
  ///   - isNew: what was sent again since the window was last reduced is lost, wherever its numbers lie: "a new
  ///     instance of congestion" (RFC 3168 §6.1.2).
  ///   - flight: what was in flight when it was lost, where that is not what is now.
  private mutating func enterRecovery(
    isNew: Bool = false, flight: UInt32? = nil, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    around.recorder.note(.fastRetransmit, snd.una.rawValue, snd.nxt.retreated(by: 1).rawValue, at: now)
    cold.undo = UndoState(congestion, cold)
    cold.forwardRTO = .off
    cold.lostBeyond = false
    let isAnswered = !isNew && isLossAnswered(cold, around)
    cold.undo.answersMark = isAnswered || mode.contains(.owesCWR)
    if !isAnswered { reduceForLoss(flight: flight, &cold, &around, now) }
    cold.reduction = ProportionalReduction(flight: snd.flight)
    if cold.probe.isOut, cold.probe.isRetransmission {
      cold.undo.follow(probe: cold.probe.range(lastSegmentLimit, from: snd.una))
      // It may have repaired the tail, whatever the recovery is about (RFC 8985 §7.4).
      cold.undo.mayHaveRepaired = true
    }
    cold.probe.isOut = false
    cold.recover = snd.nxt.retreated(by: 1)
    recovery.phase = .fastRecovery
    pending.insert(.retransmit)
    around.counters.tcpFastRetrans &+= 1
  }

  /// All that is lost left before the window was last reduced (RFC 3168 §6.1.2). (What was sent again since lies there by
  /// its numbers only.)
  private func isLossAnswered(_ cold: ColdBlock, _ around: borrowing Surroundings) -> Bool {
    let lost = cold.scoreboard.lost
    return cold.isReduced && !lost.isEmpty
      && isAnswered(upTo: lost.range(at: lost.count &- 1, around.pool).end, cold)
  }

  /// Everything that was out when recovery began is acknowledged.
  private mutating func leaveRecovery(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    if recovery.phase == .fastRecovery {
      // RFC 6937 §3: "cwnd = ssthresh". Where the peer's window held new text back, the pipe is emptier.
      if !congestion.ownsWindow {
        congestion.cwnd = congestion.ssthresh
        spreadWindow(over: pipe(cold), burst: around.configuration.initialWindowSegments, &cold)
      }
    }
    // A smaller MTU is no congestion (RFC 1191 §6.4): there is nothing to recover from.
    if recovery.phase != .pathMTU { congestion.recovered(&cold.congestion) }
    recovery.phase = .open
    recoveryWithoutDuplicates()
    pending.remove(.retransmit)
    cold.duplicateAcks = 0
    cold.forwardRTO = .off
    around.recorder.note(.recoveryEnds, snd.una.rawValue, congestion.cwnd, at: now)
  }

  // MARK: Without SACK

  /// `SEG.ACK = SND.UNA`: counts it if it is a duplicate in the sense of RFC 5681 §2.
  mutating func repeatedAcknowledgment(
    _ seg: Segment, _ windowBefore: WindowSize, _ delivery: inout Delivery, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant
  ) {
    // The peer answers: a shut window, an idle connection, a probe. An orphan is not kept by that (robustness rule
    // E8; CVE-2015-5358).
    if timers.tries != 0, snd.wnd == .zero || timers.armed.isDisjoint(with: .lossTimers),
      !mode.contains(.orphan)
    {
      timers.tries = 0
    }
    // RFC 9293 §3.8.6.1: answers to window probes repeat the number for want of room, not for a loss.
    guard !timers.armed.contains(.persist), snd.flight > 0, seg.len == 0,
      seg.wnd.scaled(by: snd.wndShift) == windowBefore
    else { return }
    around.counters.tcpDupAcks &+= 1
    cold.duplicateAcks = cold.duplicateAcks == .max ? .max : cold.duplicateAcks &+ 1
    around.recorder.note(.duplicateAck, seg.ack.rawValue, UInt32(cold.duplicateAcks), at: now)
    guard !mode.contains(.sack) else { return }
    // Each one says that a segment has left the network. No more of them than there are segments can be
    // true (robustness rule R3).
    cold.scoreboard.begin(snd.una)
    let mss = UInt32(effectiveSendMSS)
    let most = snd.flight > mss ? snd.flight &- mss : 0
    let before = cold.scoreboard.reported
    cold.scoreboard.reported = min(before &+ mss, max(most, before))
    delivery.octets = cold.scoreboard.reported &- before
  }

  /// The first segment is lost: after three duplicates (RFC 5681 §3.2), or, in recovery, because an
  /// acknowledgment covered only a part (RFC 6582 §3.2 step 3).
  private mutating func losePartially(
    _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> UInt32 {
    guard snd.flight > 0 else { return 0 }
    if recovery.phase == .open {
      // Step 2: "… covers more than recover": otherwise these are echoes of the last recovery's own
      // retransmissions.
      guard cold.duplicateAcks == 3, delivery.acknowledged == 0, snd.una.follows(cold.recover) else {
        return 0
      }
    } else {
      // What was sent again last is on its way, if only a part of it is acknowledged.
      guard recovery.phase == .fastRecovery, delivery.acknowledged > 0,
        !cold.scoreboard.isInUse || snd.una.followsOrEquals(cold.scoreboard.lostEdge)
      else { return 0 }
      around.counters.tcpPartialAcks &+= 1
      around.recorder.note(.partialAck, snd.una.rawValue, at: now)
      pending.insert(.retransmit)
    }
    cold.scoreboard.begin(snd.una)
    let end = snd.una.advanced(by: min(UInt32(effectiveSendMSS), snd.flight))
    return cold.scoreboard.loseAll(upTo: end, &around.pool, &around.budget)
  }

  // MARK: Round trips

  /// A round trip for the retransmission time-out: one for each flight, like the measurements that RFC 6298
  /// was made with (RFC 6298 §3, RFC 7323 §4.2); after a retransmission, from the echoed timestamp (§4.1).
  @inline(__always)
  private mutating func sampleRoundTrip(
    _ seg: Segment, _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    let roundTrip = delivery.roundTrip
    if roundTrip != 0 {
      if delivery.acknowledged >= UInt32(effectiveSendMSS) { noteProvenSize(&cold) }
      let minimum = cold.rack.minimumRoundTrip
      if minimum == 0 || roundTrip < minimum { cold.rack.minimumRoundTrip = roundTrip }
      if delivery.startsRound || !rtt.isMeasured || timers.backoff != 0 {
        takeRoundTrip(roundTrip, &cold, &around, now)
      }
    } else if delivery.acknowledged > 0,
      recovery.phase != .open || timers.backoff != 0 || !rtt.isMeasured || isTimeUnknown(delivery)
    {
      sampleTimestamp(seg, &cold, &around, now)
    }
  }

  /// A round trip is over, but for want of memory its time was not kept.
  private func isTimeUnknown(_ delivery: Delivery) -> Bool {
    delivery.startsRound && delivery.newest?.isJoined == true
  }

  /// A full-size segment arrived, sent once: what ICMP claims against it is not true (RFC 5927 §7.2).
  @inline(__always)
  private mutating func noteProvenSize(_ cold: inout ColdBlock) {
    mode.insert(.provenSize)
    cold.search.claimed = 0
  }

  private mutating func sampleTimestamp(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard mode.contains(.timestamps), seg.options.present.contains(.timestamps), seg.options.tsecr != 0 else {
      return
    }
    // The echo says which transmission arrived: Karn's problem solved.
    let elapsed = timestampValue(now) &- seg.options.tsecr
    guard elapsed < 60_000 else { return }
    takeRoundTrip(max(1, elapsed) &* 1_000, &cold, &around, now)
  }

  private mutating func takeRoundTrip(
    _ sample: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    rtt.measured(microseconds: sample)
    // Karn's second half: the back-off ends with the first valid measurement (MUST-18).
    timers.backoff = 0
    mode.remove(.probed)
    around.recorder.note(.roundTripSample, sample, rtt.srtt, at: now)
  }

  /// TSval: milliseconds and this connection's offset (RFC 7323 §5.4: 1 ms to 1 s a tick).
  @inline(__always)
  func timestampValue(_ now: Instant) -> UInt32 {
    Tick(now).rawValue &+ timestamps.offset
  }
}
