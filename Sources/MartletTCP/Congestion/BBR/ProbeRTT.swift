// §5.3.4 and §5.4: the round trip of the path without a queue, looked for where the
// application does not let it be seen, and the return from idleness.

extension BBRModel {
  /// BBR.ProbeRTTInterval, BBR.MinRTTFilterLen and BBR.ProbeRTTDuration in microseconds.
  package static var probeRTTInterval: UInt32 { 5_000_000 }
  package static var minRTTFilterLength: UInt32 { 10_000_000 }
  package static var probeRTTDuration: UInt32 { 200_000 }

  // MARK: §5.3.4.3

  package mutating func updateMinRTT(_ rs: BBRSample) {
    probeRTTExpired = now &- probeRTTMinStamp > BBRModel.probeRTTInterval
    if rs.rtt > 0, rs.rtt < probeRTTMinDelay || probeRTTExpired {
      probeRTTMinDelay = rs.rtt
      probeRTTMinStamp = now
    }
    let isMinRTTExpired = now &- minRTTStamp > BBRModel.minRTTFilterLength
    if probeRTTMinDelay < minRTT || isMinRTTExpired {
      minRTT = probeRTTMinDelay
      minRTTStamp = probeRTTMinStamp
    }
  }

  package mutating func checkProbeRTT(_ rs: BBRSample) {
    if state != .probeRTT, probeRTTExpired, !idleRestart {
      state = .probeRTT
      saveCwnd()
      isProbeRTTTimed = false
      ackPhase = .probeStopping
      startRound()
    }
    if state == .probeRTT { stayInProbeRTT() }
    if rs.delivered > 0 { idleRestart = false }
  }

  /// HandleProbeRTT().
  private mutating func stayInProbeRTT() {
    // "Ignore low rate samples during ProbeRTT".
    if !isLimited { limitedFrom = delivered }
    isLimited = true
    limitedUntil = delivered &+ min(max(inflight, 1), 1 << 30)
    if !isProbeRTTTimed {
      guard inflight <= probeRTTCwnd else { return }
      isProbeRTTTimed = true
      probeRTTDoneStamp = now &+ BBRModel.probeRTTDuration
      probeRTTRoundDone = false
      startRound()
      return
    }
    if roundStart { probeRTTRoundDone = true }
    if probeRTTRoundDone { checkProbeRTTDone() }
  }

  private mutating func checkProbeRTTDone() {
    guard isProbeRTTTimed, Int32(bitPattern: now &- probeRTTDoneStamp) > 0 else { return }
    // The next one is due an interval from now.
    probeRTTMinStamp = now
    restoreCwnd()
    exitProbeRTT()
  }

  // MARK: §5.3.4.4

  private mutating func exitProbeRTT() {
    resetShortTermModel()
    if fullBWReached {
      startProbeBWAfterProbeRTT()
    } else {
      enterStartup()
    }
  }

  /// The pipe is below the BDP already: no need to slow down, and it is early to probe.
  package mutating func startProbeBWAfterProbeRTT() {
    startProbeBWDown()
    startProbeBWCruise()
  }

  // MARK: §5.4.1

  package mutating func restartFromIdle() {
    idleRestart = true
    extraAckedIntervalStart = now
    if isInAProbeBWState {
      setPacingRate(gain: 100)
    } else if state == .probeRTT {
      checkProbeRTTDone()
    }
  }
}
