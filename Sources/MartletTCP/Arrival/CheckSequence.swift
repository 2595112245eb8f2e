import MartletWire

// First, check sequence number (RFC 9293 §3.10.7.4).

extension TCB {
  /// Answers a segment outside the window and stops it; trims nothing yet.
  mutating func checkSequence(
    _ seg: inout Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    if isSynchronizeAgain(seg) {
      return checkRepeatedSynchronize(&seg, &around, now, &reaction)
    }
    if isAcceptable(seg) { return .next }
    // "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to
    // accept valid ACKs, URGs, and RSTs" (MUST-66): the rest of the segment is looked at, its text is not.
    if rcv.wnd == 0, seg.seq == rcv.nxt, !seg.flags.contains(.syn) {
      if seg.textCount > 0 {
        seg.textCount = 0
        seg.flags.remove(.fin)
        around.counters.tcpFromZeroWindowAdv &+= 1
        acknowledgeAtOnce(&reaction)
      }
      return .next
    }
    around.counters.outOfWindow &+= 1
    around.recorder.note(.outOfWindow, seg.seq.rawValue, seg.len, at: now)
    guard !seg.flags.contains(.rst) else { return .done }
    noteReach(seg)
    // "… an acknowledgment should be sent in reply": once per interval for what says nothing new (robustness rule E11).
    if seg.mayHaveLostItsAnswer {
      noteOldText(seg, &cold, &around, now)
      acknowledgeAtOnce(&reaction)
    } else {
      challenge(&around, now, &reaction)
    }
    return .done
  }

  /// Where a window was taken back while text was on its way, we acknowledge from its edge. If the text has arrived
  /// all the same, that lies before what the peer takes, and if the same happened to its own, each would refuse
  /// whatever the other says, for ever. A segment that is too old to change anything can still tell where its sender
  /// listens, and our answer to it stands there.
  private mutating func noteReach(_ seg: Segment) {
    let missing = snd.max.distance(from: seg.ack)
    guard seg.flags.contains(.ack), seg.ack.followsOrEquals(snd.una), sequenceWithoutText != snd.max,
      missing <= seg.wnd.scaled(by: snd.wndShift).octets
    else { return }
    mode.insert(.isAheadOfWindow)
  }

  /// The four cases of RFC 9293 Table 6. One is wider: an empty segment may stand at the very edge of
  /// the window, where a peer whose text was lost on the way acknowledges from.
  func isAcceptable(_ seg: Segment) -> Bool {
    let window = rcv.wnd
    // Text of a reset is not looked at (SHLD-2).
    let length = seg.flags.contains(.rst) ? 0 : seg.len
    if length == 0 {
      return seg.seq.distance(from: rcv.nxt) <= window
    }
    guard window > 0 else { return false }
    return seg.seq.isWithin(from: rcv.nxt, length: window) || reachesIntoWindow(seg, length)
  }

  /// Begins before RCV.NXT, and ends in the window or, a large segment around a small window, past it.
  private func reachesIntoWindow(_ seg: Segment, _ length: UInt32) -> Bool {
    seg.seq.precedes(rcv.nxt) && seg.seq.advanced(by: length).follows(rcv.nxt)
  }

  /// The peer's SYN again, in SYN-RECEIVED of a simultaneous open: with our SYN acknowledged it is
  /// Figure 8's last step; bare, its sender has not heard our SYN and ACK.
  private mutating func checkRepeatedSynchronize(
    _ seg: inout Segment, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) -> Check {
    guard !seg.flags.contains(.rst) else { return .done }
    guard seg.flags.contains(.ack), seg.ack == snd.max, !mode.contains(.fastOpen) else {
      around.recorder.note(.synAgain, seg.seq.rawValue, at: now)
      pending.insert(.syn)
      reaction.insert(.output)
      return .done
    }
    seg.flags.remove(.syn)
    seg.seq = rcv.nxt
    seg.textCount = 0
    seg.flags.remove(.fin)
    // RFC 7323 §2.2: the window of a segment with SYN is not scaled; from here on it is a plain one.
    seg.wnd = seg.wnd.scaled(by: .none).unscaled(by: snd.wndShift)
    // The other end waits for this acknowledgment of its SYN.
    acknowledgeAtOnce(&reaction)
    return .next
  }
}
