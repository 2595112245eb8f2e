import MartletWire

// Fourth, check the SYN bit (RFC 9293 §3.10.7.4, with RFC 5961 §4.2). The third
// check, security and compartment, has no counterpart on today's networks.

extension TCB {
  mutating func checkSynchronize(
    _ seg: Segment, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) -> Check {
    guard seg.flags.contains(.syn) else { return .next }
    // "… MUST send a 'challenge ACK' to the remote peer": a peer that restarted answers it with a
    // reset that fits, anybody else learns nothing.
    around.counters.synChallenge &+= 1
    around.recorder.note(.challengeAck, seg.seq.rawValue, rcv.nxt.rawValue, at: now)
    challenge(&around, now, &reaction)
    return .done
  }
}
