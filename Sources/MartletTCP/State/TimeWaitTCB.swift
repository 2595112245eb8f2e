import MartletWire

/// TIME-WAIT: what it takes to acknowledge the peer's FIN again and to keep the
/// old incarnation's segments out of a new one, and no more (S4.9).
public struct TimeWaitTCB: BitwiseCopyable, Sendable {
  package var sndNxt: SequenceNumber
  package var rcvNxt: SequenceNumber
  package var tsRecent: UInt32
  /// The end of 2·MSL.
  public var deadline: Tick
  /// As the field says: what the last acknowledgment offered.
  package var window: UnscaledWindow
  /// The low half of the tick of the last answer to an empty segment.
  package var answered: UInt16
  package var wndShift: WindowScale
  package var hasTimestamps: Bool
  package var hasAnswered: Bool

  /// From a connection whose state is TIME-WAIT. Pull its owed acknowledgment first.
  public init(_ tcb: TCB, _ around: borrowing Surroundings, now: Instant) {
    sndNxt = tcb.snd.max
    rcvNxt = tcb.rcv.nxt
    tsRecent = tcb.timestamps.recent
    deadline = Tick(roundingUp: now).advanced(by: around.configuration.timeWait.timerMilliseconds)
    window = WindowSize(tcb.rcv.wnd).unscaled(by: tcb.rcv.wndShift)
    answered = 0
    wndShift = tcb.rcv.wndShift
    hasTimestamps = tcb.mode.contains(.timestamps)
    hasAnswered = false
  }
}

/// What the engine does with a TIME-WAIT record after a segment.
@frozen
public enum TimeWaitVerdict: BitwiseCopyable, Sendable {
  /// Nothing.
  case drop
  /// Send this; `deadline` may have moved.
  case acknowledge(SegmentPlan)
  /// A new SYN that cannot be of the old incarnation: hand it to the listener; its ISS must follow
  /// this one (RFC 9293 §3.10.7.4, RFC 6191).
  case reopen(minimumISS: SequenceNumber)
}

extension TimeWaitTCB {
  /// - Parameter timestampOffset: that of the connection, which its addresses give.
  public mutating func segmentArrives(
    _ seg: Segment, timestampOffset: UInt32, _ around: inout Surroundings, now: Instant
  ) -> TimeWaitVerdict {
    around.counters.inSegs &+= 1
    // A reset would free the record early and let the old incarnation's segments in (RFC 1337): ignored.
    // A recorded deviation from RFC 9293 §3.10.7.4.
    if seg.flags.contains(.rst) {
      around.recorder.note(.resetIgnored, seg.seq.rawValue, at: now)
      return .drop
    }
    let sendsTimestamps = hasTimestamps && seg.options.present.contains(.timestamps)
    let age = Int32(bitPattern: seg.options.tsval &- tsRecent)
    if seg.flags.contains(.syn), !seg.flags.contains(.ack), isNewIncarnation(seg, sendsTimestamps, age) {
      around.recorder.note(.timeWaitReopened, seg.seq.rawValue, rcvNxt.rawValue, at: now)
      return .reopen(minimumISS: sndNxt.advanced(by: 65_537))
    }
    if sendsTimestamps, age < 0 {
      around.counters.pawsEstab &+= 1
      // RFC 7323 §5.3 R1: "Send an acknowledgment in reply".
      return seg.mayHaveLostItsAnswer
        ? answer(seg, timestampOffset, &around, now) : challenge(seg, timestampOffset, &around, now)
    }
    if seg.flags.contains(.fin), seg.end == rcvNxt {
      // "The only thing that can arrive in this state is a retransmission of the remote FIN.
      // Acknowledge it, and restart the 2 MSL timeout."
      let wait = around.configuration.timeWait.timerMilliseconds
      deadline = Tick(roundingUp: now).advanced(by: wait)
      around.recorder.note(.timeWaitRestarts, wait, at: now)
      return .acknowledge(acknowledgment(timestampOffset, now))
    }
    if seg.mayHaveLostItsAnswer { return answer(seg, timestampOffset, &around, now) }
    // Empty and exactly where it should be says nothing new. Anything else empty, and a SYN that may be
    // old, is answered once per interval (robustness rule E11).
    if seg.seq == rcvNxt, !seg.flags.contains(.syn) { return .drop }
    return challenge(seg, timestampOffset, &around, now)
  }

  /// RFC 6191 §2: a later timestamp, or without timestamps a higher sequence number.
  private func isNewIncarnation(_ seg: Segment, _ sendsTimestamps: Bool, _ age: Int32) -> Bool {
    if sendsTimestamps { return age > 0 || (age == 0 && seg.seq.follows(rcvNxt)) }
    return seg.seq.follows(rcvNxt)
  }

  private mutating func challenge(
    _ seg: Segment, _ timestampOffset: UInt32, _ around: inout Surroundings, _ now: Instant
  ) -> TimeWaitVerdict {
    let tick = UInt16(truncatingIfNeeded: Tick(now).rawValue)
    if hasAnswered, UInt32(tick &- answered) < around.configuration.challengeInterval.timerMilliseconds {
      around.counters.ackSkipped &+= 1
      return .drop
    }
    hasAnswered = true
    answered = tick
    around.counters.challengeACK &+= 1
    return answer(seg, timestampOffset, &around, now)
  }

  private func answer(
    _ seg: Segment, _ timestampOffset: UInt32, _ around: inout Surroundings, _ now: Instant
  ) -> TimeWaitVerdict {
    around.recorder.note(.timeWaitAnswers, seg.seq.rawValue, seg.len, at: now)
    return .acknowledge(acknowledgment(timestampOffset, now))
  }

  private func acknowledgment(_ timestampOffset: UInt32, _ now: Instant) -> SegmentPlan {
    var plan = SegmentPlan(seq: sndNxt, ack: rcvNxt, flags: .ack, window: window)
    if hasTimestamps {
      plan.options.present = .timestamps
      plan.options.tsval = Tick(now).rawValue &+ timestampOffset
      plan.options.tsecr = tsRecent
    }
    return plan
  }
}
