// §5.3.3: where a long transfer spends its time, in cycles of slowing down, cruising,
// refilling the pipe, and probing for more.

extension BBRModel {
  package mutating func enterProbeBW() {
    startProbeBWDown()
  }

  // MARK: §5.3.3.9, entering each state

  package mutating func startProbeBWDown() {
    resetCongestionSignals()
    probeUpAckedPerInc = BBRModel.infinity
    pickProbeWait()
    cycleStamp = now
    ackPhase = .probeStopping
    startRound()
    state = .probeBWDown
  }

  package mutating func startProbeBWCruise() {
    state = .probeBWCruise
  }

  package mutating func startProbeBWRefill() {
    resetShortTermModel()
    bwProbeUpRounds = 0
    bwProbeUpAcked = 0
    prevProbePrecautionary = false
    ackPhase = .refilling
    startRound()
    state = .probeBWRefill
  }

  private mutating func startProbeBWUp(_ rs: BBRSample) {
    ackPhase = .probeStarting
    startRound()
    resetFullBW()
    fullBW = rs.deliveryRate
    state = .probeBWUp
    raiseInflightLongtermSlope()
  }

  // MARK: The cycle

  package mutating func updateProbeBWCyclePhase(_ rs: BBRSample) {
    guard fullBWReached else { return }
    if adaptLongTermModel(rs) { return }
    switch state {
    case .startup, .drain, .probeRTT:
      break
    case .probeBWDown:
      if probeIfItIsTime() { return }
      if isTimeToCruise { startProbeBWCruise() }
    case .probeBWCruise:
      _ = probeIfItIsTime()
    case .probeBWRefill:
      // One round trip fills the pipe.
      if roundStart {
        isBWProbeSample = true
        startProbeBWUp(rs)
      }
    case .probeBWUp:
      if isTimeToGoDown(rs) {
        prevProbeTooHigh = false
        startProbeBWDown()
      }
    }
  }

  private var isTimeToCruise: Bool {
    inflight <= inflightWithHeadroom && inflight <= quantizationBudget(bdpMultiple(100, of: maxBW))
  }

  private mutating func isTimeToGoDown(_ rs: BBRSample) -> Bool {
    // §5.3.3.6: precautionary bandwidth probing, deceleration.
    if prevProbeTooHigh, inflight >= inflightLongterm {
      prevProbePrecautionary = true
      return true
    }
    if isCwndLimited, cwnd >= inflightLongterm {
      // inflight_longterm is in the way of finding out.
      resetFullBW()
      fullBW = rs.deliveryRate
      return false
    }
    return fullBWNow
  }

  /// A volume that leaves room for others (BBR.Headroom = 0.15).
  package var inflightWithHeadroom: UInt32 {
    guard inflightLongterm != BBRModel.infinity else { return BBRModel.infinity }
    let headroom = max(UInt32(mss), share(inflightLongterm, 15))
    return max(inflightLongterm > headroom ? inflightLongterm &- headroom : 0, minPipeCwnd)
  }

  // MARK: §5.3.3.8, the time scale

  /// IsTimeToProbeBW(): from DOWN or CRUISE to REFILL.
  private mutating func probeIfItIsTime() -> Bool {
    guard now &- cycleStamp > bwProbeWait || isRenoCoexistenceProbeTime else { return false }
    startProbeBWRefill()
    return true
  }

  private mutating func pickProbeWait() {
    // "for better mixing and fairness convergence": flows that all probe at one time see nothing of each other.
    // The lowest bit of a number that grows by whole segments hardly ever changes.
    roundsSinceProbeUp = entropy >> 31
    // 2 to 3 s.
    bwProbeWait = 2_000_000 &+ UInt32(truncatingIfNeeded: (UInt64(entropy << 1) &* 1_000_000) >> 32)
  }

  /// Reno would have grown back by now: one segment a round trip.
  private var isRenoCoexistenceProbeTime: Bool {
    roundsSinceProbeUp >= min(targetInflight / UInt32(max(mss, 1)), 63)
  }

  package var targetInflight: UInt32 { min(bdpMultiple(100), cwnd) }

  // MARK: inflight_longterm

  /// RaiseInflightLongtermSlope(): 1, 2, 4, … segments in a round trip.
  private mutating func raiseInflightLongtermSlope() {
    probeUpAckedPerInc = max(cwnd >> UInt32(bwProbeUpRounds), UInt32(mss))
    bwProbeUpRounds = min(bwProbeUpRounds &+ 1, 30)
  }

  private mutating func probeInflightLongtermUpward(_ rs: BBRSample) {
    // Not fully used, so no reason to grow.
    guard isCwndLimited, cwnd >= inflightLongterm else { return }
    bwProbeUpAcked = bwProbeUpAcked &+ rs.newlyAcked
    if bwProbeUpAcked >= probeUpAckedPerInc, probeUpAckedPerInc > 0 {
      let delta = bwProbeUpAcked / probeUpAckedPerInc
      bwProbeUpAcked = bwProbeUpAcked % probeUpAckedPerInc
      let growth = min(UInt64(delta) &* UInt64(mss), 1 << 30)
      inflightLongterm = min(inflightLongterm &+ UInt32(truncatingIfNeeded: growth), 1 << 30)
    }
    if roundStart { raiseInflightLongtermSlope() }
  }

  /// AdaptLongTermModel(): follows the acknowledgments of a probe.
  ///
  /// - Returns: true when it decided a transition.
  private mutating func adaptLongTermModel(_ rs: BBRSample) -> Bool {
    if ackPhase == .probeStarting, roundStart { ackPhase = .probeFeedback }
    if ackPhase == .probeStopping, roundStart {
      isBWProbeSample = false
      ackPhase = .initial
      if isInAProbeBWState, !rs.isAppLimited { advanceMaxBWFilter() }
      // §5.3.3.6: precautionary bandwidth probing, acceleration.
      if isInAProbeBWState, prevProbePrecautionary, !prevProbeTooHigh {
        startProbeBWRefill()
        return true
      }
    }
    guard !isInflightTooHigh(rs), inflightLongterm != BBRModel.infinity else { return false }
    inflightLongterm = max(inflightLongterm, rs.txInFlight)
    if state == .probeBWUp { probeInflightLongtermUpward(rs) }
    return false
  }
}
