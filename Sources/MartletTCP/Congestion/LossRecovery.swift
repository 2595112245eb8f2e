import MartletWire

// Fast retransmit and fast recovery as NewReno does them (RFC 5681 §3.2, RFC
// 6582), and what an acknowledgment of new octets does to the window.

extension TCB {
  /// `SEG.ACK = SND.UNA`: counts it if it is a duplicate in the sense of RFC 5681 §2.
  mutating func duplicateAcknowledgment(
    _ seg: Segment, _ windowBefore: WindowSize, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant, _ reaction: inout Reaction
  ) {
    // The peer answers: a shut window, an idle connection, a probe.
    if timers.tries != 0, !timers.armed.contains(.retransmission) { timers.tries = 0 }
    // RFC 9293 §3.8.6.1: answers to window probes repeat the number for want of room, not for a loss.
    guard !timers.armed.contains(.persist) else { return }
    let outstanding = snd.max.distance(from: snd.una)
    guard outstanding > 0, seg.len == 0, seg.wnd.scaled(by: snd.wndShift) == windowBefore else { return }
    around.counters.tcpDupAcks &+= 1
    let mss = UInt32(effectiveSendMSS)
    if recovery.phase == .fastRecovery {
      // RFC 5681 §3.2 step 4: each one says that a segment has left the network. No more of them than
      // there are segments can be true (robustness rule R3).
      if congestion.cwnd < congestion.ssthresh &+ outstanding &+ 3 &* mss {
        congestion.cwnd = congestion.cwnd &+ mss
        reaction.insert(.output)
      }
      return
    }
    recovery.duplicateAcks = recovery.duplicateAcks == .max ? .max : recovery.duplicateAcks &+ 1
    around.recorder.note(.duplicateAck, seg.ack.rawValue, UInt32(recovery.duplicateAcks), at: now)
    guard recovery.duplicateAcks == 3, recovery.phase == .open else { return }
    // RFC 6582 §3.2 step 2: "check … to see if the Cumulative Acknowledgment field covers more than
    // recover": otherwise these are echoes of the last recovery's own retransmissions.
    guard snd.una.follows(recovery.recover) else { return }
    congestion.reduce(
      CongestionEvent(.loss, flight: outstanding, mss: effectiveSendMSS, now: now.microseconds),
      &cold.congestion)
    windowWasReduced(&cold)
    congestion.cwnd = congestion.ssthresh &+ 3 &* mss
    recovery.recover = snd.max.retreated(by: 1)
    recovery.phase = .fastRecovery
    cold.timesSegment = false  // Karn
    pending.insert(.retransmit)
    around.counters.tcpFastRetrans &+= 1
    around.recorder.note(.fastRetransmit, snd.una.rawValue, recovery.recover.rawValue, at: now)
    reaction.insert(.output)
  }

  /// New octets are acknowledged: leave recovery, go on in it, or let the window grow.
  mutating func growOrRecover(
    _ ack: SequenceNumber, _ octets: UInt32, _ flightBefore: UInt32, _ cold: inout ColdBlock,
    _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    recovery.duplicateAcks = 0
    let mss = effectiveSendMSS
    switch recovery.phase {
    case .open:
      // Nothing is being recovered: "recover" follows, or it would lie half a turn behind one day.
      recovery.recover = ack.retreated(by: 1)
      congestion.acknowledged(
        congestionAck(octets, flightBefore, ack), &cold.congestion)
    case .timeout:
      if ack.follows(recovery.recover) { recovery.phase = .open }
      // RFC 3465 §2.3: after a time-out "L MUST be no more than 1*SMSS": what is acknowledged at once may
      // have been there before it was sent again.
      congestion.acknowledged(
        congestionAck(min(octets, UInt32(mss)), flightBefore, ack), &cold.congestion)
    case .fastRecovery where ack.follows(recovery.recover):
      // RFC 6582 §3.2 step 3, full acknowledgment: "set cwnd to … min (ssthresh, max(FlightSize, SMSS) + SMSS)".
      let flight = snd.max.distance(from: ack)
      congestion.cwnd = min(congestion.ssthresh, max(flight, UInt32(mss)) &+ UInt32(mss))
      recovery.phase = .open
      pending.remove(.retransmit)
      around.recorder.note(.recoveryEnds, ack.rawValue, congestion.cwnd, at: now)
    case .fastRecovery:
      // Partial acknowledgment: "retransmit the first unacknowledged segment. Deflate the congestion
      // window by the amount of new data acknowledged …"
      let deflated = congestion.cwnd > octets ? congestion.cwnd &- octets : 0
      congestion.cwnd = max(deflated &+ (octets >= UInt32(mss) ? UInt32(mss) : 0), UInt32(mss))
      pending.insert(.retransmit)
      around.counters.tcpPartialAcks &+= 1
      around.recorder.note(.partialAck, ack.rawValue, at: now)
      reaction.insert(.output)
    }
  }

  private func congestionAck(
    _ octets: UInt32, _ flightBefore: UInt32, _ acked: SequenceNumber
  ) -> CongestionAck {
    let mss = effectiveSendMSS
    var ack = CongestionAck(
      octets: octets, flightBefore: flightBefore, flight: snd.max.distance(from: acked), mss: mss)
    ack.isWindowLimited =
      congestion.inSlowStart
      ? flightBefore >= congestion.cwnd / 2 : flightBefore &+ 2 &* UInt32(mss) >= congestion.cwnd
    return ack
  }

  /// A round trip from the timed segment; failing that, from the echoed timestamp (RFC 7323 §4.1).
  mutating func sampleRoundTrip(
    _ ack: SequenceNumber, _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) {
    var sample: UInt32 = 0
    if cold.timesSegment {
      guard ack.follows(cold.timedSegment) else { return }
      cold.timesSegment = false
      sample = UInt32(clamping: now.since(cold.timedAt).nanoseconds / 1_000)
    } else if mode.contains(.timestamps), seg.options.present.contains(.timestamps), seg.options.tsecr != 0 {
      // Milliseconds, so only good where nothing finer was measured: after a retransmission, where the
      // echo says which transmission arrived (Karn's problem solved: RFC 7323 §4.1).
      let elapsed = timestampValue(now) &- seg.options.tsecr
      guard elapsed < 60_000 else { return }
      if rtt.isMeasured && recovery.phase == .open && timers.backoff == 0 { return }
      sample = max(1, elapsed) &* 1_000
    } else {
      return
    }
    rtt.measured(microseconds: sample)
    // Karn's second half: the back-off ends with the first valid measurement (MUST-18).
    timers.backoff = 0
    around.recorder.note(.roundTripSample, sample, rtt.srtt, at: now)
  }

  /// TSval: milliseconds and this connection's offset (RFC 7323 §5.4: 1 ms to 1 s a tick).
  @inline(__always)
  func timestampValue(_ now: Instant) -> UInt32 {
    Tick(now).rawValue &+ timestamps.offset
  }
}
