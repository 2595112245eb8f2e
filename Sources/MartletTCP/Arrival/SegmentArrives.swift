import MartletWire

// SEGMENT ARRIVES for the states from SYN-SENT to LAST-ACK. The checks are those
// of RFC 9293 §3.10.7.4 in their order, each in a file of its own; this page is
// their table of contents. CLOSED, LISTEN, the passive half of SYN-RECEIVED and
// TIME-WAIT have no TCB: see Closed, Listen, EmbryonicTCB and TimeWaitTCB.

extension TCB {
  /// Takes one segment in.
  ///
  /// - Parameters:
  ///   - seg: the header's values; the checksum has been verified.
  ///   - text: its text, exactly `seg.textCount` octets.
  ///   - cold: the connection's cold block, or a fresh one when it has none.
  /// - Returns: what the engine must do now. Marks may repeat what was asked before; acting on them
  ///   again is harmless.
  public mutating func segmentArrives(
    _ seg: Segment, text: RawSpan, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    around.counters.inSegs &+= 1
    if isPredicted(seg, cold) {
      return predictedArrives(seg, text, &cold, &around, now)
    }
    if state == .synSent {
      return segmentArrivesSynSent(seg, text, &cold, &around, now)
    }
    return checkedArrives(seg, text, &cold, &around, now)
  }

  /// The list of checks for the synchronized states and SYN-RECEIVED.
  mutating func checkedArrives(
    _ arrived: Segment, _ text: RawSpan, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> Reaction {
    var seg = arrived
    var reaction: Reaction = []
    guard checkTimestamps(seg, &cold, &around, now, &reaction) == .next,  // RFC 7323 §5.3
      checkSequence(&seg, &cold, &around, now, &reaction) == .next,  // first
      checkReset(seg, &cold, &around, now, &reaction) == .next,  // second; there is no third
      checkSynchronize(seg, &around, now, &reaction) == .next,  // fourth
      checkAcknowledgment(seg, &cold, &around, now, &reaction) == .next  // fifth
    else {
      if !isNear(seg) { reaction.insert(.stray) }
      return reaction
    }
    noteArrival(seg, &around, now)
    if mode.contains(.ecn) { checkCongestionMarks(seg, &around, now, &reaction) }
    checkUrgent(seg, &cold, &around, now, &reaction)  // sixth
    guard takeText(seg, text, &cold, &around, now, &reaction) == .next  // seventh
    else { return reaction }
    checkFinish(seg, &cold, &around, now, &reaction)  // eighth
    return reaction
  }
}

/// Whether the next check is made.
@frozen
package enum Check: Equatable {
  case next
  /// "… drop the segment and return."
  case done
}

extension TCB {
  /// Both of its numbers lie near ours, before or behind: off the path one guess in a million does, or fewer.
  @inline(never)
  package func isNear(_ seg: Segment) -> Bool {
    let distance: UInt32 = 1 << 19
    return seg.flags.contains(.ack)
      && seg.seq.isWithin(from: rcv.nxt.retreated(by: distance), length: 2 &* distance)
      && seg.ack.isWithin(from: snd.una.retreated(by: distance), length: distance &+ snd.flight &+ 2)
  }

  /// An acceptable segment came: the peer lives, and its timestamp may become TS.Recent.
  mutating func noteArrival(_ seg: Segment, _ around: inout Surroundings, _ now: Instant) {
    let tick = Tick(now)
    let idle = tick.milliseconds(since: timers.lastArrival)
    if idle >= TCB.idleSpell { acknowledgeQuickly(around.configuration) }
    // Not after any spell: on a long path each round trip ends with one.
    if idle >= TCB.longestRound { restartReceiveRound(tick) }
    timers.lastArrival = tick
    // RFC 7323 §4.3 (2): only a segment that covers Last.ACK.sent (robustness rule O10).
    if mode.contains(.timestamps), seg.options.present.contains(.timestamps),
      seg.seq.precedesOrEquals(rcv.lastAckSent),
      !isOlder(seg.options.tsval, than: timestamps.recent) || isRecentStale(now)
    {
      timestamps.recent = seg.options.tsval
      timers.recentEpoch = now.epoch
    }
  }

  /// Timestamps compare like sequence numbers (RFC 7323 §5.2).
  @inline(__always)
  func isOlder(_ value: UInt32, than recent: UInt32) -> Bool {
    Int32(bitPattern: value &- recent) < 0
  }

  /// Asks for an acknowledgment that the next segment must not overtake.
  mutating func acknowledgeAtOnce(_ reaction: inout Reaction) {
    pending.formUnion([.ack, .ackNow])
    reaction.formUnion(.ackNow)
  }

  /// The answer to a segment that carries nothing new: once per interval and connection, so that two
  /// ends that disagree cannot feed each other (RFC 5961 §7; robustness rules O4, E11).
  mutating func challenge(_ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction) {
    let tick = UInt16(truncatingIfNeeded: Tick(now).rawValue)
    if mode.contains(.challenged),
      UInt32(tick &- timers.challengeSent) < around.configuration.challengeInterval.timerMilliseconds
    {
      around.counters.ackSkipped &+= 1
      around.recorder.note(.challengeSuppressed, at: now)
      return
    }
    mode.insert(.challenged)
    timers.challengeSent = tick
    around.counters.challengeACK &+= 1
    acknowledgeAtOnce(&reaction)
  }

  /// The only way from state to state.
  mutating func transition(to next: TCPState, _ around: inout Surroundings, _ now: Instant) {
    assert(state.canBecome(next), "not an edge of RFC 9293 Figure 5")
    around.recorder.note(.transition, UInt32(state.rawValue), UInt32(next.rawValue), at: now)
    state = next
  }

  /// CLOSED, for a reason that the application will be told.
  mutating func end(
    _ reason: EndReason, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    guard state != .closed else { return }
    transition(to: .closed, &around, now)
    endReason = reason
    timers.armed = []
    pending = []
    // What was to be sent has nowhere to go. What has arrived in order stays for the reader, unless a
    // reset or an abort says that the stream is not to be trusted (RFC 9293 §3.10.7.4: "flushed").
    cold.send.removeAll(&around.pool, &around.budget)
    cold.forgetFlight(&around.pool, &around.budget)
    cold.sendsUrgent = false
    cold.finWaits = false
    cold.duplicate = SequenceRange(start: rcv.nxt, end: rcv.nxt)
    let keepsText =
      !mode.contains(.orphan) && reason != .reset && reason != .aborted && reason != .evicted
      && reason != .idle
    if keepsText {
      dropOutOfOrder(&cold, &around)
    } else {
      // A stream that has lost text must not end like one that is complete.
      if !cold.receive.isEmpty, reason != .aborted { mode.remove(.finReceived) }
      cold.outOfOrder.removeAll(&around.pool, &around.budget)
      cold.receive.removeAll(&around.pool, &around.budget)
      cold.urgent = false
    }
    reaction.formUnion([.closed, .readable, .writable])
  }
}
