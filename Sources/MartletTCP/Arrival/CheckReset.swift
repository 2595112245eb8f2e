import MartletWire

// Second, check the RST bit (RFC 9293 §3.10.7.4, with RFC 5961 §1.1, §3.2).

extension TCB {
  mutating func checkReset(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    guard seg.flags.contains(.rst) else { return .next }
    // "2) If the RST bit is set and the sequence number exactly matches the next expected sequence
    // number (RCV.NXT), then TCP endpoints MUST reset the connection."
    guard seg.seq == rcv.nxt else {
      // "3) … does not exactly match … yet is within the current receive window, TCP endpoints MUST
      // send an acknowledgment (challenge ACK)."
      around.recorder.note(.challengeAck, seg.seq.rawValue, rcv.nxt.rawValue, at: now)
      challenge(&around, now, &reaction)
      return .done
    }
    around.recorder.note(.resetAccepted, seg.seq.rawValue, at: now)
    around.counters.estabResets &+= 1
    switch state {
    case .synReceived:
      // MUST-11: an active open was refused; a passive one has a TCB only by Fast Open.
      around.counters.attemptFails &+= 1
      end(mode.contains(.active) ? .refused : .reset, &cold, &around, now, &reaction)
    case .established, .finWait1, .finWait2, .closeWait:
      end(.reset, &cold, &around, now, &reaction)
    case .closing, .lastAck:
      // "… if the RST bit is set, then enter the CLOSED state": both FINs are exchanged, unless ours still
      // waits behind text, which is then lost.
      end(cold.send.isEmpty ? .closed : .reset, &cold, &around, now, &reaction)
    case .closed, .listen, .synSent, .timeWait:
      break
    }
    reaction.insert(.reset)
    return .done
  }
}
