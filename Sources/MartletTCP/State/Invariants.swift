import MartletWire

extension TCB {
  /// What must hold between events, checked after every one of them by tests, the simulator and the
  /// fuzzers. Nil, or the first that does not hold.
  public func checkInvariants(cold: ColdBlock, _ pool: borrowing ChunkPool) -> StaticString? {
    guard state != .closed else {
      return timers.armed.isEmpty && pending.isEmpty && cold.send.isEmpty
        ? nil : "a closed connection owes nothing"
    }
    if snd.nxt.precedes(snd.una) { return "SND.UNA <= SND.NXT" }
    if snd.max.precedes(snd.nxt) { return "SND.NXT <= SND.MAX" }
    if state.isSynchronized {
      let finish: UInt32 = mode.contains(.finQueued) && state != .finWait2 && state != .timeWait ? 1 : 0
      if snd.max.distance(from: snd.una) > cold.send.count &+ finish { return "what is in flight is queued" }
    }
    if snd.max.distance(from: snd.nxt) > 1 { return "SND.MAX is at most a probe beyond SND.NXT" }
    if rcv.wnd > 1 << 30 { return "RCV.WND <= 2^30" }
    if rcv.nxt.precedes(rcv.lastAckSent) { return "Last.ACK.sent <= RCV.NXT" }
    if congestion.cwnd < 1 { return "cwnd > 0" }
    if state == .established || state == .closeWait, mode.contains(.finQueued) {
      return "a queued FIN leaves ESTABLISHED and CLOSE-WAIT"
    }
    let peerFinished = state == .closeWait || state == .closing || state == .lastAck || state == .timeWait
    if state.isSynchronized, peerFinished != mode.contains(.finReceived) {
      return "the peer's FIN and the state agree"
    }
    if !cold.outOfOrder.isEmpty, mode.contains(.finReceived) { return "nothing lies beyond the peer's FIN" }
    if !cold.duplicate.isEmpty, !pending.contains(.ackNow) { return "what came twice is reported at once" }
    if state.isSynchronized, state != .timeWait, snd.una != snd.max,
      timers.armed.isDisjoint(with: ConnectionTimers.Armed.lossTimers.union(.persist))
    {
      return "what is in flight has a timer"
    }
    if let wrong = cold.scoreboard.checkInvariants(snd.una, snd.nxt, pool) { return wrong }
    return cold.scoreboard.isInUse && snd.flight == 0 ? "a scoreboard is for what is in flight" : nil
  }
}
