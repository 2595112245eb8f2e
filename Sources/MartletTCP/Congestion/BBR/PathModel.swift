// §5.5: how fast the path delivers, and how much fits into it.

extension BBRModel {
  // MARK: §5.5.1, packet-timed round trips

  private mutating func updateRound(_ rs: BBRSample) {
    roundStart = rs.isPresent && isReached(nextRoundDelivered, by: rs.priorDelivered)
    guard roundStart else { return }
    (wasFullLastRound, isFullThisRound) = (isFullThisRound, false)
    startRound()
    roundCount = roundCount &+ 1
    roundsSinceProbeUp = min(roundsSinceProbeUp &+ 1, 1 << 30)
  }

  package mutating func startRound() {
    nextRoundDelivered = delivered
  }

  // MARK: §5.5.2 to §5.5.6, BBR.max_bw

  private mutating func updateMaxBW(_ rs: BBRSample) {
    updateRound(rs)
    // §5.5.4: an application-limited sample counts only if it is larger.
    guard rs.deliveryRate > .zero, rs.deliveryRate >= maxBW || !rs.isAppLimited else { return }
    thisCycleBW = max(thisCycleBW, rs.deliveryRate)
    maxBW = max(previousCycleBW, thisCycleBW)
  }

  /// A cycle without samples does not make the ones before it wrong.
  package mutating func advanceMaxBWFilter() {
    guard thisCycleBW > .zero else { return }
    previousCycleBW = thisCycleBW
    thisCycleBW = .zero
  }

  // MARK: §5.5.9, BBR.extra_acked

  /// BBR.ExtraAckedFilterLen in round trips.
  private static var extraAckedFilterLength: UInt32 { 10 }

  package mutating func updateAckAggregation(_ rs: BBRSample) {
    var expected = bw.octets(in: now &- extraAckedIntervalStart)
    if extraAckedDelivered <= expected {
      // Acknowledgments are no faster than they should be: a new interval.
      extraAckedDelivered = 0
      extraAckedIntervalStart = now
      expected = 0
    }
    extraAckedDelivered = min(extraAckedDelivered &+ rs.newlyAcked, 1 << 30)
    let extra = min(extraAckedDelivered > expected ? extraAckedDelivered &- expected : 0, cwnd)
    extraAckedFilter.update(
      extra, at: roundCount, over: fullBWReached ? BBRModel.extraAckedFilterLength : 1)
  }

  // MARK: §5.5.10.3, the last round trip

  package mutating func updateLatestDeliverySignals(_ rs: BBRSample) {
    lossRoundStart = false
    guard rs.isPresent else { return }
    bwLatest = max(bwLatest, rs.deliveryRate)
    inflightLatest = max(inflightLatest, rs.delivered)
    if isReached(lossRoundDelivered, by: rs.priorDelivered) {
      lossRoundDelivered = delivered
      lossRoundStart = true
    }
  }

  package mutating func advanceLatestDeliverySignals(_ rs: BBRSample) {
    guard lossRoundStart else { return }
    bwLatest = rs.deliveryRate
    inflightLatest = rs.delivered
  }

  package mutating func resetCongestionSignals() {
    isLossInRound = false
    bwLatest = .zero
    inflightLatest = 0
  }

  package mutating func updateCongestionSignals(_ rs: BBRSample) {
    updateMaxBW(rs)
    guard lossRoundStart else { return }
    adaptLowerBoundsFromCongestion()
    isLossInRound = false
  }

  /// Once in a round trip.
  private mutating func adaptLowerBoundsFromCongestion() {
    guard !isProbingBW, isLossInRound else { return }
    // The first congestion of this cycle starts from what there was.
    if bwShortterm == .unlimited { bwShortterm = maxBW }
    if inflightShortterm == BBRModel.infinity { inflightShortterm = cwnd }
    // BBR.Beta = 0.7.
    bwShortterm = max(bwLatest, bwShortterm.times(7, over: 10))
    inflightShortterm = max(min(inflightLatest, 1 << 30), share(inflightShortterm, 70))
  }

  package mutating func resetShortTermModel() {
    bwShortterm = .unlimited
    inflightShortterm = BBRModel.infinity
  }

  package mutating func boundBWForModel() {
    bw = min(maxBW, bwShortterm)
  }

  /// So many percent of a volume.
  @inline(__always)
  package func share(_ octets: UInt32, _ percent: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: min(UInt64(octets) &* percent / 100, 1 << 30))
  }
}
