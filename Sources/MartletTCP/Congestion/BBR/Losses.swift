// §5.5.10 and §5.5.11: what a loss says about the path, and what to do when it was none.

extension BBRModel {
  // MARK: §5.5.10.2, while probing

  /// Do losses suggest that too much was in flight? BBR.LossThresh is 2 %.
  package func isInflightTooHigh(_ rs: BBRSample) -> Bool {
    if rs.lost > 0, !rs.hasSelectiveAcks { return true }
    return UInt64(rs.lost) &* 50 > UInt64(rs.txInFlight)
  }

  private mutating func inflightIsTooHigh(_ rs: BBRSample) {
    prevProbeTooHigh = true
    // "only react once per bw probe".
    isBWProbeSample = false
    if !rs.isAppLimited {
      inflightLongterm = max(rs.txInFlight, share(targetInflight, 70))
    }
    if state == .probeBWUp {
      undoState = .probeBWUp
      startProbeBWDown()
    }
  }

  private mutating func noteLoss() {
    if !isLossInRound {
      lossRoundDelivered = delivered
      saveStateUponLoss()
    }
    isLossInRound = true
  }

  /// HandleLostPacket(), for all that an acknowledgment shows to be lost: as one burst.
  package mutating func segmentsLost(_ ack: CongestionAck, _ sample: BBRSample) {
    noteLoss()
    lossEventsInRound = min(lossEventsInRound &+ min(max(ack.lostRanges, 1), 15), 15)
    guard isBWProbeSample else { return }
    var rs = sample
    if ack.loss.flight > 0 {
      rs.txInFlight = min(ack.loss.flight, 1 << 30)
      rs.lost = max(ack.loss.lost, ack.lost)
      rs.isAppLimited = ack.loss.isApplicationLimited
    }
    guard isInflightTooHigh(rs) else { return }
    rs.txInFlight = inflightAtLoss(rs, size: ack.lost)
    inflightIsTooHigh(rs)
  }

  /// InflightAtLoss(): the volume at which losses crossed the threshold,
  /// `lost_prefix = (LossThresh · inflight_prev - lost_prev) / (1 - LossThresh)` beyond what was there.
  private func inflightAtLoss(_ rs: BBRSample, size: UInt32) -> UInt32 {
    let before = Int64(rs.txInFlight > size ? rs.txInFlight &- size : 0)
    let lostBefore = Int64(rs.lost > size ? rs.lost &- size : 0)
    let prefix = (before &- 50 &* lostBefore) / 49
    return UInt32(truncatingIfNeeded: min(max(before &+ prefix, 0), 1 << 30))
  }

  /// §3.7: "MUST treat any CE marks as congestion": a mark is a loss rate that is too high, and ends
  /// Startup or the probe for bandwidth; at other times it is a loss in this round trip.
  package mutating func noteMark(flight: UInt32) {
    noteLoss()
    if state == .startup, !fullBWReached { return leaveStartupForCongestion() }
    guard isBWProbeSample else { return }
    var rs = BBRSample(CongestionAck(octets: 0, flightBefore: 0, flight: 0, mss: mss))
    rs.txInFlight = min(flight, 1 << 30)
    inflightIsTooHigh(rs)
  }

  // MARK: §5.6.4.4, recovery

  package mutating func enterFastRecovery() {
    saveCwnd()
    // What a recovery can undo is what came of its own losses.
    if !isInRecovery, isLossInRound { saveStateUponLoss() }
    noteLoss()
    isInRecovery = true
  }

  /// The window goes to one segment; nothing of what was in flight is counted on.
  package mutating func enterTimeout() {
    enterFastRecovery()
    inflight = 0
  }

  package mutating func leaveRecovery() {
    isInRecovery = false
    restoreCwnd()
    boundCwnd()
  }

  /// The latest good window, unmodulated by recovery or ProbeRTT.
  package mutating func saveCwnd() {
    priorCwnd = !isInRecovery && state != .probeRTT ? cwnd : max(priorCwnd, cwnd)
  }

  package mutating func restoreCwnd() {
    cwnd = max(cwnd, priorCwnd)
  }

  // MARK: §5.5.11, spurious recoveries

  private mutating func saveStateUponLoss() {
    saveCwnd()
    undoState = .none
    undoBWShortterm = bwShortterm
    undoInflightShortterm = inflightShortterm
    undoInflightLongterm = inflightLongterm
  }

  package mutating func spuriousLossDetected() {
    isInRecovery = false
    restoreCwnd()
    isLossInRound = false
    resetFullBW()
    bwShortterm = max(bwShortterm, undoBWShortterm)
    inflightShortterm = max(inflightShortterm, undoInflightShortterm)
    inflightLongterm = max(inflightLongterm, undoInflightLongterm)
    // Back to the probing that the losses had ended.
    switch undoState {
    case .none:
      break
    case .startup:
      guard state != .startup else { break }
      fullBWReached = false
      if state != .probeRTT { enterStartup() }
    case .probeBWUp:
      if state != .probeBWUp, state != .probeRTT { startProbeBWRefill() }
    }
    undoState = .none
    boundCwnd()
  }
}
