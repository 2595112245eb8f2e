import MartletWire

/// F-RTO (RFC 5682): after a time-out one segment is sent again, and then new text
/// instead of old. If what was sent before the time-out goes on being acknowledged,
/// it was not lost, only late.
package enum ForwardRTO: UInt8, BitwiseCopyable, Sendable {
  case off
  /// Step 1: the first segment was sent again.
  case retransmitted
  /// Step 2 (b): new text was sent.
  case probing
}

extension TCB {
  /// Steps 2 and 3 of §2.1, or, with SACK, of §3.1.
  mutating func checkForwardRTO(
    _ delivery: Delivery, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    guard cold.forwardRTO != .off else { return }
    if mode.contains(.sack) {
      if cold.forwardRTO == .probing {
        // §3.1 step 3 (b): something arrived that was not sent again.
        if delivery.originalArrived { return spurious(&cold, &around, now) }
        // Step 3 (a): only what left after the time-out arrives, so the time-out was right.
        if delivery.isSelective { cold.forwardRTO = .off }
      }
      // In step 2 that tells nothing of the first segment: reports may have been lost, or be of what was sent behind it.
    } else if delivery.acknowledged == 0 {
      // §2.1 steps 2 (a), 3 (a): a duplicate: conventional recovery.
      cold.forwardRTO = .off
    } else if cold.forwardRTO == .probing {
      // §2.1 step 3 (b): "data that was not retransmitted after the timeout".
      if delivery.originalArrived { return spurious(&cold, &around, now) }
      cold.forwardRTO = .off
    }
    guard cold.forwardRTO != .off, delivery.acknowledged > 0 else { return }
    // Step 2: "if … covers more than recover, or there is no new data", conventional recovery.
    if snd.una.follows(cold.recover) || !mayLeave(cold) {
      cold.forwardRTO = .off
    } else {
      cold.forwardRTO = .probing
    }
  }

  private mutating func spurious(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    around.counters.tcpSpuriousRTOs &+= 1
    undo(&cold, &around, now)
    // No echo tells which transmission of the probe's text this was: what follows does (RFC 8985 §7.4.2).
    if cold.probe.isOverdue, snd.una == cold.probe.end { cold.probe.isOut = true }
  }
}
