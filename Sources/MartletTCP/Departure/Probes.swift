import MartletWire

extension TCB {
  /// "The sending TCP peer must regularly transmit at least one octet of new data (if available), or
  /// retransmit to the receiving TCP peer even if the send window is zero" (RFC 9293 §3.8.6.1). SND.NXT
  /// stays: the octet counts as sent only in SND.MAX, so that its acknowledgment is acceptable.
  mutating func windowProbe(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    pending.remove(.probe)
    guard hasUnsent(cold), snd.nxt == snd.una else { return nil }
    var plan = segment(seq: snd.una, flags: .ack, &cold, &around, now)
    if cold.send.isEmpty {
      plan.flags.insert(.fin)
      mode.insert(.finSent)
    } else {
      plan.textCount = 1
      plan.segmentSize = effectiveSendMSS
      if cold.send.count == 1 { plan.flags.insert(.psh) }
    }
    plan.isRetransmission = snd.una.precedes(snd.max)
    snd.probesNxt = true
    around.counters.tcpWinProbe &+= 1
    around.recorder.note(.windowProbe, snd.una.rawValue, UInt32(timers.tries), at: now)
    return plan
  }

  /// SHLD-12: no text, and a sequence number that the peer has acknowledged already, so that it must answer.
  mutating func keepAliveProbe(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan {
    pending.remove(.keepAlive)
    around.counters.tcpKeepAlive &+= 1
    around.recorder.note(.keepAliveProbe, UInt32(timers.tries), at: now)
    return segment(seq: snd.una.retreated(by: 1), flags: .ack, &cold, &around, now)
  }

  /// The reset that ends a connection from this side: "<SEQ=SND.NXT><CTL=RST>" (RFC 9293 §3.10.5),
  /// with the acknowledgment that lets more middleboxes believe it.
  public func abortingReset() -> SegmentPlan {
    SegmentPlan(seq: sequenceWithoutText, ack: rcv.nxt, flags: [.rst, .ack], window: UnscaledWindow(0))
  }
}
