// §5.3.1 and §5.3.2: the search for the bandwidth of the path by doubling, and the
// draining of the queue that it leaves.

extension BBRModel {
  package mutating func enterStartup() {
    state = .startup
  }

  package mutating func checkStartupDone(_ rs: BBRSample) {
    checkStartupHighLoss(rs)
    if state == .startup, fullBWReached { enterDrain() }
  }

  // MARK: §5.3.1.2, a plateau of the bandwidth

  package mutating func resetFullBW() {
    fullBW = .zero
    fullBWCount = 0
    fullBWNow = false
  }

  package mutating func checkFullBWReached(_ rs: BBRSample) {
    guard !fullBWNow, roundStart, !rs.isAppLimited else { return }
    if rs.deliveryRate >= fullBW.times(125, over: 100) {
      // "bw is still growing, so reset", and record the new baseline.
      resetFullBW()
      fullBW = rs.deliveryRate
      return
    }
    fullBWCount &+= 1
    fullBWNow = fullBWCount >= 3
    if fullBWNow { fullBWReached = true }
  }

  // MARK: §5.3.1.3, losses

  /// BBRStartupFullLossCnt.
  package static var startupFullLossCount: UInt8 { 6 }

  private mutating func checkStartupHighLoss(_ rs: BBRSample) {
    let isOver =
      rs.hasSelectiveAcks
      // A loss round is a full one, and began with the first loss.
      ? lossRoundStart && lossEventsInRound >= BBRModel.startupFullLossCount && isInflightTooHigh(rs)
      : lossEventsInRound > 0
    if state == .startup, !fullBWReached, isInRecovery, isOver { leaveStartupForCongestion() }
    if lossRoundStart { lossEventsInRound = 0 }
  }

  package mutating func leaveStartupForCongestion() {
    undoState = .startup
    fullBWReached = true
    fullBWNow = true
    inflightLongterm = max(bdpMultiple(100), inflightLatest)
    enterDrain()
  }

  // MARK: §5.3.2

  private mutating func enterDrain() {
    state = .drain
    drainStartRound = roundCount
  }

  package mutating func checkDrainDone() {
    guard state == .drain else { return }
    if inflight <= inflight(100) || Int32(bitPattern: roundCount &- drainStartRound) > 3 { enterProbeBW() }
  }
}
