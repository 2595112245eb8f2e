import MartletWire

// Eighth, check the FIN bit (RFC 9293 §3.10.7.4).

extension TCB {
  mutating func checkFinish(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    guard !mode.contains(.finReceived) else { return }
    if seg.flags.contains(.fin) {
      let fin = seg.seq.advanced(by: seg.textCount)
      if fin != rcv.nxt {
        rememberFinish(fin, &cold, &around, now)
        // RFC 5681 §4.2: "… an immediate duplicate ACK when an out-of-order segment arrives". Text has had its own.
        if seg.textCount == 0 { acknowledgeAtOnce(&reaction) }
      } else {
        finishArrives(&cold, &around, now, &reaction)
        return
      }
    }
    if cold.finWaits, cold.finSequence == rcv.nxt { finishArrives(&cold, &around, now, &reaction) }
  }

  /// A FIN whose text in front is not all here yet: kept, so that it need not be sent again. Text that was refused for
  /// want of memory leaves its FIN ahead of us too. Of two FINs the earlier one counts: a forged one far ahead must not
  /// keep the true one out.
  private func rememberFinish(
    _ fin: SequenceNumber, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard fin.isWithin(from: rcv.nxt, length: rcv.wnd), !holdsText(beyond: fin, cold, around),
      !cold.finWaits || fin.precedes(cold.finSequence)
    else { return }
    cold.finWaits = true
    cold.finSequence = fin
    around.recorder.note(.finOutOfOrder, fin.rawValue, at: now)
  }

  /// Text waits behind a hole, and behind what would be the stream's end: one of the two is a lie.
  private func holdsText(
    beyond fin: SequenceNumber, _ cold: ColdBlock, _ around: borrowing Surroundings
  ) -> Bool {
    endOfOutOfOrder(cold, around)?.follows(fin) ?? false
  }

  /// "… signal the user 'connection closing' and return any pending RECEIVEs with same message, advance
  /// RCV.NXT over the FIN, and send an acknowledgment for the FIN."
  private mutating func finishArrives(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    around.recorder.note(.finArrives, rcv.nxt.rawValue, at: now)
    rcv.nxt = rcv.nxt.advanced(by: 1)
    if rcv.advertisedEdge.precedes(rcv.nxt) { rcv.advertisedEdge = rcv.nxt }
    mode.insert(.finReceived)
    cold.finWaits = false
    // Only a peer that lies has sent text beyond its FIN.
    dropOutOfOrder(&cold, &around)
    pending.insert(.ack)
    reaction.formUnion([.output, .readable])
    switch state {
    case .synReceived, .established:
      transition(to: .closeWait, &around, now)
    case .finWait1:
      // Our FIN is not acknowledged, else the fifth check had left FIN-WAIT-1.
      transition(to: .closing, &around, now)
    case .finWait2:
      transition(to: .timeWait, &around, now)
      timers.armed = []
      reaction.insert(.enterTimeWait)
    case .closeWait, .closing, .lastAck, .timeWait, .closed, .listen, .synSent:
      break
    }
  }
}
