import MartletWire

// When text that came in order is acknowledged (RFC 5681 §4.2, RFC 9293 §3.8.6.3).
// What came out of order, twice or for nothing is acknowledged at once, elsewhere.

extension TCB {
  /// SHLD-18, SHLD-19: delayed, but not once more than a full segment waits, so that every second one is
  /// acknowledged, also where the path takes somewhat smaller ones than the peer offered (if half as large, every
  /// third: RFC 5681 §4.2 lets two of the largest wait), and so is the rest of a message behind one. The
  /// acknowledgment leaves at the end of the batch and covers all of it (MUST-58, MUST-59): one for
  /// segments that a device has joined, however many they were.
  mutating func scheduleAcknowledgment(
    of seg: Segment, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    let size = seg.segmentSize == 0 ? UInt16(clamping: seg.textCount) : seg.segmentSize
    if size > rcv.segmentSize { rcv.segmentSize = min(size, rcv.mss) }
    let owed = rcv.nxt.distance(from: rcv.lastAckSent)
    if owed > UInt32(rcv.segmentSize) || mode.contains(.quickAck) || takesQuickAcknowledgment(seg) {
      pending.insert(.ack)
      reaction.insert(.output)
    } else if !timers.armed.contains(.delayedAck), !pending.contains(.ack) {
      // MUST-40: "less than 0.5 seconds", with the millisecond that a timer may be late.
      let delay = min(around.configuration.delayedAck.timerMilliseconds, TCB.longestDelay)
      let due = Tick(roundingUp: now).advanced(by: delay)
      timers.delayedAck = UInt16(truncatingIfNeeded: due.rawValue)
      timers.armed.insert(.delayedAck)
      reaction.insert(.rearmTimer)
    }
  }

  /// A sender whose window is small waits for each acknowledgment: at the start, after it was idle, and while
  /// it repairs losses. Then each full segment is acknowledged. Less than one is the end of what its sender
  /// has to say; the answer carries the acknowledgment.
  @inline(__always)
  private mutating func takesQuickAcknowledgment(_ seg: Segment) -> Bool {
    guard rcv.quickAcks > 0 else { return false }
    let isFull =
      seg.textCount >= UInt32(rcv.segmentSize) || (seg.textCount >= 536 && !seg.flags.contains(.psh))
    if isFull { rcv.quickAcks &-= 1 }
    return isFull
  }

  /// A hole is open, or its sender starts anew: the next full segments are acknowledged one by one.
  @inline(__always)
  mutating func acknowledgeQuickly(_ configuration: TCPConfiguration) {
    rcv.quickAcks = configuration.quickAcks
  }

  /// Milliseconds of silence after which a sender starts anew (RFC 5681 §4.1), or has timed out: what large
  /// deployments take for the least retransmission time-out.
  @inline(__always)
  static var idleSpell: UInt32 { 200 }

  /// Milliseconds.
  private static var longestDelay: UInt32 { 498 }

  /// The whole tick of which `timers.delayedAck` is the low half. It was never farther ahead than the longest
  /// delay, so a half that seems to be has long passed: the host slept.
  func delayedAckTick(near now: Tick) -> Tick {
    let ahead = UInt32(timers.delayedAck &- UInt16(truncatingIfNeeded: now.rawValue))
    return now.advanced(by: ahead <= TCB.longestDelay &+ 1 ? ahead : ahead &- 65_536)
  }
}
