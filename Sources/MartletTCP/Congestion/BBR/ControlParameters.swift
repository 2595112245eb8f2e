// §5.6: the pacing rate, the send quantum and the congestion window that follow from
// the model.

extension BBRModel {
  // MARK: §5.6.2

  package mutating func setPacingRate() {
    setPacingRate(gain: pacingGain)
  }

  /// BBR.PacingMarginPercent is 1: a queue that stands for nothing drains.
  ///
  /// Before the first sample the model's bandwidth is none at all, and start-up can end without one, by losses:
  /// then what was reckoned from the window stays.
  package mutating func setPacingRate(gain: UInt64) {
    guard bw > .zero else { return }
    let rate = bw.times(gain &* 99, over: 10_000)
    if fullBWReached || rate > pacingRate { pacingRate = rate }
  }

  // MARK: §5.6.3

  package mutating func setSendQuantum() {
    sendQuantum = max(min(pacingRate.octets(in: 1_000), 64 << 10), 2 &* UInt32(mss))
  }

  // MARK: §5.6.4.2, BBR.max_inflight

  package func bdpMultiple(_ percent: UInt64) -> UInt32 { bdpMultiple(percent, of: bw) }

  package func bdpMultiple(_ percent: UInt64, of bandwidth: Bandwidth) -> UInt32 {
    guard minRTT != BBRModel.infinity else { return initialCwnd }
    return share(bandwidth.octets(in: minRTT), percent)
  }

  /// BBR.offload_budget is three quanta (§5.5.8.1).
  package func quantizationBudget(_ cap: UInt32) -> UInt32 {
    let cap = max(cap, max(3 &* sendQuantum, minPipeCwnd))
    return min(state == .probeBWUp ? cap &+ 2 &* UInt32(mss) : cap, 1 << 30)
  }

  package func inflight(_ percent: UInt64) -> UInt32 { quantizationBudget(bdpMultiple(percent)) }

  private var maxInflight: UInt32 {
    quantizationBudget(bdpMultiple(cwndGain) &+ extraAckedFilter.value)
  }

  // MARK: §5.6.4.6, the window

  package mutating func setCwnd(_ rs: BBRSample) {
    let maxInflight = maxInflight
    let grown = min(cwnd &+ rs.newlyAcked, 1 << 30)
    if fullBWReached {
      cwnd = min(grown, maxInflight)
    } else if cwnd < maxInflight || delivered < initialCwnd {
      cwnd = grown
    }
    cwnd = max(cwnd, minPipeCwnd)
    boundCwnd()
  }

  package mutating func boundCwnd() {
    boundCwndForProbeRTT()
    boundCwndForModel()
    cwnd = min(cwnd, 1 << 30)
  }

  // MARK: §5.6.4.5, in ProbeRTT

  package var probeRTTCwnd: UInt32 { max(bdpMultiple(50), minPipeCwnd) }

  private mutating func boundCwndForProbeRTT() {
    if state == .probeRTT { cwnd = min(cwnd, probeRTTCwnd) }
  }

  // MARK: §5.6.4.7, for recent congestion

  private mutating func boundCwndForModel() {
    var cap = BBRModel.infinity
    switch state {
    case .probeBWDown, .probeBWRefill, .probeBWUp: cap = inflightLongterm
    case .probeRTT, .probeBWCruise: cap = inflightWithHeadroom
    case .startup, .drain: break
    }
    cwnd = min(cwnd, max(min(cap, inflightShortterm), minPipeCwnd))
  }
}
