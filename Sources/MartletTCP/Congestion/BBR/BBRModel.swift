/// What BBR knows while text is in flight, with the draft's names (its §2): the
/// connection as the last event left it, the state machine, and the model of the path.
///
/// Volumes are octets and at most 2^30, or `UInt32.max` for infinity; times are
/// microseconds modulo 2^32; `delivered` counts are octets modulo 2^32.
@frozen
package struct BBRModel: BitwiseCopyable, Sendable {
  @frozen
  package enum State: UInt8, BitwiseCopyable, Sendable {
    case startup, drain, probeBWDown, probeBWCruise, probeBWRefill, probeBWUp, probeRTT
  }

  /// BBR.ack_phase: what the acknowledgments that arrive say about the probing for bandwidth.
  @frozen
  package enum AckPhase: UInt8, BitwiseCopyable, Sendable {
    case initial, refilling, probeStarting, probeFeedback, probeStopping
  }

  @frozen
  package enum UndoState: UInt8, BitwiseCopyable, Sendable {
    case none, startup, probeBWUp
  }

  package static var infinity: UInt32 { .max }

  // §2.2: C.
  package var cwnd: UInt32 = 0
  package var inflight: UInt32 = 0
  package var delivered: UInt32 = 0
  package var now: UInt32 = 0
  /// 0 after an idle spell: more than C.InitialCwnd has been delivered.
  package var initialCwnd: UInt32 = 0
  package var entropy: UInt32 = 0
  package var mss: UInt16 = 0
  package var isInRecovery = false
  /// The window was full at an acknowledgment of this round trip, or of the one before: C.is_cwnd_limited.
  package var isCwndLimited: Bool { isFullThisRound || wasFullLastRound }
  package var isFullThisRound = false
  package var wasFullLastRound = false
  /// `delivered` counts mean something: a sample was seen since the epoch began.
  package var hasDelivered = false
  /// MarkConnectionAppLimited(): samples of what was sent once so much was delivered, and until so much was,
  /// are low on purpose.
  package var limitedFrom: UInt32 = 0
  package var limitedUntil: UInt32 = 0
  package var isLimited = false

  // §2.4, output.
  package var pacingRate = Bandwidth.zero
  package var sendQuantum: UInt32 = 0

  // §2.7, general algorithm state.
  package var state = State.startup
  package var roundStart = false
  package var idleRestart = false
  package var roundCount: UInt32 = 0
  package var nextRoundDelivered: UInt32 = 0
  package var drainStartRound: UInt32 = 0

  // §2.9.1, data rate.
  package var maxBW = Bandwidth.zero
  package var bwShortterm = Bandwidth.unlimited
  package var bw = Bandwidth.zero
  /// BBR.max_bw_filter: the ProbeBW cycle before this one, and this one.
  package var previousCycleBW = Bandwidth.zero
  package var thisCycleBW = Bandwidth.zero

  // §2.9.2, data volume.
  package var minRTT: UInt32 = 0
  package var minRTTStamp: UInt32 = 0
  package var inflightLongterm: UInt32 = 0
  package var inflightShortterm = BBRModel.infinity

  // §2.10, responding to congestion.
  package var bwLatest = Bandwidth.zero
  package var inflightLatest: UInt32 = 0
  package var lossRoundDelivered: UInt32 = 0
  package var lossRoundStart = false
  package var isLossInRound = false
  /// Ranges found lost in this loss round (§5.3.1.3).
  package var lossEventsInRound: UInt8 = 0

  // §2.12, BBR.extra_acked.
  package var extraAckedIntervalStart: UInt32 = 0
  package var extraAckedDelivered: UInt32 = 0
  package var extraAckedFilter = WindowedMaximum()

  // §2.13, Startup.
  package var fullBWReached = false
  package var fullBWNow = false
  package var fullBWCount: UInt8 = 0
  package var fullBW = Bandwidth.zero

  // §2.14, ProbeBW.
  package var ackPhase = AckPhase.initial
  package var isBWProbeSample = false
  package var prevProbeTooHigh = false
  package var prevProbePrecautionary = false
  package var bwProbeUpRounds: UInt8 = 0
  package var bwProbeUpAcked: UInt32 = 0
  package var probeUpAckedPerInc = BBRModel.infinity
  package var roundsSinceProbeUp: UInt32 = 0
  package var bwProbeWait: UInt32 = 0
  package var cycleStamp: UInt32 = 0

  // §2.15, undo.
  package var undoState = UndoState.none
  package var undoBWShortterm = Bandwidth.zero
  package var undoInflightShortterm: UInt32 = 0
  package var undoInflightLongterm: UInt32 = 0
  package var priorCwnd: UInt32 = 0

  // §2.16, ProbeRTT.
  package var probeRTTExpired = false
  package var probeRTTRoundDone = false
  package var isProbeRTTTimed = false
  package var probeRTTMinDelay: UInt32 = 0
  package var probeRTTMinStamp: UInt32 = 0
  package var probeRTTDoneStamp: UInt32 = 0

  package init() {}

  /// §5.2.1, initialization, from what is remembered: nothing on a new connection. After an idle spell the
  /// pipe is empty, as it is when ProbeRTT ends, and BBR goes on from there (§5.3.4.4).
  package init(_ past: BBR, _ cwnd: UInt32, _ rate: Bandwidth, mss: UInt16, now: UInt32, srtt: UInt32) {
    self.cwnd = cwnd
    self.now = now
    self.mss = mss
    pacingRate = rate
    maxBW = past.maxBW
    bw = past.maxBW
    previousCycleBW = past.maxBW
    inflightLongterm = past.longterm == .max ? BBRModel.infinity : UInt32(past.longterm) << 10
    fullBWReached = past.fullBWReached
    prevProbeTooHigh = past.search == .tooHigh
    prevProbePrecautionary = past.search == .precautionary
    extraAckedIntervalStart = now
    if past.minRTT == BBRModel.infinity {
      initialCwnd = cwnd
      minRTT = srtt == 0 ? BBRModel.infinity : srtt
      minRTTStamp = now
    } else {
      minRTT = past.minRTT
      minRTTStamp = UInt32(past.minRTTStamp) << 16
      // §5.4.1: "the idleness is deemed a sufficient attempt to coordinate to drain the queue".
      idleRestart = true
    }
    probeRTTMinDelay = minRTT
    probeRTTMinStamp = minRTTStamp
    setSendQuantum()
    if fullBWReached { startProbeBWAfterProbeRTT() }
  }

  /// BBR.MinPipeCwnd.
  package var minPipeCwnd: UInt32 { 4 &* UInt32(mss) }

  /// Percent (§5.6.1).
  package var pacingGain: UInt64 {
    switch state {
    case .startup: 277
    case .drain: 50
    case .probeBWDown: 90
    case .probeBWCruise, .probeBWRefill, .probeRTT: 100
    case .probeBWUp: 125
    }
  }

  /// Percent, likewise.
  package var cwndGain: UInt64 {
    switch state {
    case .startup, .drain, .probeBWDown, .probeBWCruise, .probeBWRefill: 200
    case .probeBWUp: 225
    case .probeRTT: 50
    }
  }

  package var isInAProbeBWState: Bool {
    switch state {
    case .probeBWDown, .probeBWCruise, .probeBWRefill, .probeBWUp: true
    case .startup, .drain, .probeRTT: false
    }
  }

  /// Accelerating: losses say how far one can go, not that the path has changed.
  package var isProbingBW: Bool {
    switch state {
    case .startup, .probeBWRefill, .probeBWUp: true
    case .drain, .probeBWDown, .probeBWCruise, .probeRTT: false
    }
  }

  // MARK: §5.2.3, per-ACK steps

  package mutating func updateOnAck(_ ack: CongestionAck, cwnd: UInt32) {
    self.cwnd = cwnd
    now = ack.now
    mss = ack.mss
    inflight = ack.flight
    entropy = ack.entropy
    if cwnd < min(ack.flightBefore, 1 << 30) &+ UInt32(mss) { isFullThisRound = true }
    let rs = takeSample(ack)
    if ack.lost > 0 { segmentsLost(ack, rs) }
    updateModelAndState(rs)
    updateControlParameters(rs)
  }

  private mutating func updateModelAndState(_ rs: BBRSample) {
    updateLatestDeliverySignals(rs)
    updateCongestionSignals(rs)
    updateAckAggregation(rs)
    checkFullBWReached(rs)
    checkStartupDone(rs)
    checkDrainDone()
    updateProbeBWCyclePhase(rs)
    updateMinRTT(rs)
    checkProbeRTT(rs)
    advanceLatestDeliverySignals(rs)
    boundBWForModel()
  }

  private mutating func updateControlParameters(_ rs: BBRSample) {
    setPacingRate()
    setSendQuantum()
    setCwnd(rs)
  }

  private mutating func takeSample(_ ack: CongestionAck) -> BBRSample {
    var rs = BBRSample(ack)
    guard rs.isPresent else { return rs }
    // §4.1.2.3: an interval shorter than a round trip has been acknowledged by something else.
    let least = rs.rtt == 0 ? minRTT : min(minRTT, rs.rtt)
    if minRTT != BBRModel.infinity, ack.rate.interval < least { rs.deliveryRate = .zero }
    delivered = ack.rate.totalDelivered
    if !hasDelivered {
      hasDelivered = true
      nextRoundDelivered = rs.priorDelivered
      lossRoundDelivered = rs.priorDelivered
    }
    if isLimited {
      if isReached(limitedUntil, by: rs.priorDelivered) {
        isLimited = false
      } else if isReached(limitedFrom, by: rs.priorDelivered) {
        rs.isAppLimited = true
      }
    }
    return rs
  }

  /// Whether one count of delivered octets is at least another.
  @inline(__always)
  package func isReached(_ mark: UInt32, by count: UInt32) -> Bool {
    Int32(bitPattern: count &- mark) >= 0
  }
}

/// RS: the rate sample of an acknowledgment (§2.3).
package struct BBRSample {
  package var deliveryRate: Bandwidth
  package var delivered: UInt32
  package var priorDelivered: UInt32
  package var txInFlight: UInt32
  package var lost: UInt32
  package var newlyAcked: UInt32
  /// Microseconds; 0: none.
  package var rtt: UInt32
  package var isAppLimited: Bool
  package var hasSelectiveAcks: Bool

  package init(_ ack: CongestionAck) {
    deliveryRate = Bandwidth(octetsPerSecond: ack.rate.octetsPerSecond)
    delivered = ack.rate.delivered
    priorDelivered = ack.rate.priorDelivered
    txInFlight = min(ack.rate.flight, 1 << 30)
    lost = ack.rate.lost
    newlyAcked = min(ack.octets, 1 << 30)
    rtt = ack.roundTrip
    isAppLimited = ack.rate.isApplicationLimited
    hasSelectiveAcks = ack.hasSelectiveAcks
  }

  /// The acknowledgment delivered something whose sending is on record.
  package var isPresent: Bool { delivered > 0 }
}
