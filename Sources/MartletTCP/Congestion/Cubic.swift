/// CUBIC (RFC 9438): between two losses the window follows a cubic curve of the time
/// since the last one, flat around the size where that happened; where Reno would be
/// faster, it keeps up with Reno.
///
/// This much outlives an idle spell. The rest is `CubicEpoch`: one that is begun anew
/// from a window below W_max lies on the same curve as the one before (§4.2 gives K
/// the time that is left).
@frozen
package struct Cubic: BitwiseCopyable, Sendable {
  /// W_max in octets; 0: undefined.
  package var wMax: UInt32 = 0
  /// cwnd_prior in octets; 0: undefined.
  package var cwndPrior: UInt32 = 0

  package init() {}

  @inline(__always)
  package mutating func acknowledged(
    _ ack: CongestionAck, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    var octets = ack.octets
    if window.inSlowStart {
      octets = SlowStart.acknowledged(ack, &window, &epoch)
      if octets == 0 { return }
    }
    guard epoch.kind == .cubic else { return begin(ack, window, &epoch) }
    epoch.cubic.acknowledged(octets, ack, cwndPrior, &window)
  }

  /// A stage of congestion avoidance begins.
  private mutating func begin(
    _ ack: CongestionAck, _ window: CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    // §4.10, after the first slow start ended without a loss, and §4.8, after a time-out: "K is set to 0,
    // and W_max is set to the congestion window size at the beginning of the current congestion avoidance
    // stage".
    if wMax == 0 { wMax = window.cwnd }
    if cwndPrior == 0 { cwndPrior = window.cwnd }
    epoch.kind = .cubic
    epoch.cubic = CubicEpoch(window.cwnd, wMax: wMax, mss: ack.mss, now: ack.now)
  }

  /// §4.6, multiplicative decrease.
  package mutating func reduce(
    _ event: CongestionEvent, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    let mss = UInt32(event.mss)
    if event.kind == .timeout {
      wMax = 0
    } else {
      // §4.7, fast convergence: cwnd · (1 + β) / 2 when the saturation point went down.
      wMax = window.cwnd < wMax ? times(window.cwnd, 17, over: 20) : window.cwnd
    }
    cwndPrior = window.cwnd
    // β = 0.7; "ssthresh is at least 2 MSS".
    let reduced = times(event.flight, 7, over: 10)
    window.ssthresh = max(reduced, 2 &* mss)
    // "CUBIC MUST continue to reduce cwnd in response to congestion events due to ECN-Echo ACKs until it
    // reaches a value of 1 MSS."
    if event.kind == .mark, reduced < 2 &* mss { window.cwnd = min(window.cwnd, max(reduced, mss)) }
    epoch.end()
  }

  private func times(_ octets: UInt32, _ numerator: UInt64, over denominator: UInt64) -> UInt32 {
    UInt32(truncatingIfNeeded: UInt64(octets) &* numerator / denominator)
  }
}

/// A stage of congestion avoidance: from a loss, or an idle spell, to the next.
///
/// Times on the curve are in ticks of 1/1024 s, windows in octets.
@frozen
package struct CubicEpoch: BitwiseCopyable, Sendable {
  /// t in microseconds.
  package var elapsed: UInt32 = 0
  /// When the last acknowledgment came, in microseconds modulo 2^32.
  package var lastAck: UInt32 = 0
  /// K in ticks.
  package var k: UInt32 = 0
  /// The window at which the curve is flat: W_max, or cwnd where that is larger.
  package var plateau: UInt32 = 0
  /// W_est.
  package var wEst: UInt32 = 0
  /// The tick for which the next two were computed: a curve of time need not be drawn finer than the clock.
  package var tick = UInt32.max
  /// W_cubic(t) and W_cubic(t + RTT).
  package var wCubic: UInt32 = 0
  package var wCubicAhead: UInt32 = 0
  /// Octets acknowledged times (target - cwnd): one `cwnd` of it is one octet of growth.
  package var credit: UInt64 = 0
  /// Octets acknowledged times 17 α: 17 `cwnd` of it are one segment of W_est.
  package var estimateCredit: UInt64 = 0

  package init() {}

  package init(_ cwnd: UInt32, wMax: UInt32, mss: UInt16, now: UInt32) {
    lastAck = now
    wEst = cwnd
    plateau = max(wMax, cwnd)
    // K³ = (W_max - cwnd) / (C · MSS), in ticks³ of 2^-30 s³, with C = 2/5. The product stays below 2^63.
    let distance = UInt64(min(plateau &- cwnd, 1 << 30))
    k = CubicEpoch.cubeRoot(((distance &* 5) << 29) / UInt64(max(mss, 1)))
  }

  @inline(__always)
  package mutating func acknowledged(
    _ octets: UInt32, _ ack: CongestionAck, _ cwndPrior: UInt32, _ window: inout CongestionWindow
  ) {
    advanceClock(ack)
    // §5.8: "CUBIC does not increase its congestion window if a flow is application-limited."
    guard ack.isWindowLimited else { return }
    let cwnd = window.cwnd
    let octets = UInt64(min(octets, cwnd))

    // §4.3, equation 4: α = 3 (1 - β) / (1 + β) = 9/17, and 1 from cwnd_prior on.
    estimateCredit = estimateCredit &+ octets &* (wEst < cwndPrior ? 9 : 17)
    let round = 17 &* UInt64(cwnd)
    if estimateCredit >= round {
      estimateCredit = min(estimateCredit &- round, round)
      wEst = min(wEst &+ UInt32(ack.mss), 1 << 30)
    }
    // "… checks whether W_cubic(t) is less than W_est. If so, CUBIC is in the Reno-friendly region and cwnd
    // SHOULD be set to W_est".
    if wCubic < wEst {
      if wEst > cwnd { window.cwnd = wEst }
      return
    }

    // §4.2: "target", between cwnd and 1.5 cwnd. §4.4, §4.5: (target - cwnd) / cwnd for each segment.
    let target = min(max(wCubicAhead, cwnd), cwnd &+ cwnd / 2)
    credit = credit &+ octets &* UInt64(target &- cwnd)
    let segment = UInt64(cwnd) &* UInt64(ack.mss)
    if credit >= segment {
      // At least a segment of it. A window cut meanwhile (RFC 7661) may have left more credit than its worth.
      let growth = min(credit / UInt64(max(cwnd, 1)), UInt64(cwnd / 2))
      credit = min(credit &- growth &* UInt64(cwnd), segment)
      window.grow(by: UInt32(truncatingIfNeeded: growth))
    }
  }

  /// t goes on, except where the application or the peer held the window back (§4.2): a pause before the
  /// segment was sent that is acknowledged now does not count either.
  @inline(__always)
  private mutating func advanceClock(_ ack: CongestionAck) {
    let gap = ack.now &- lastAck
    lastAck = ack.now
    guard ack.isWindowLimited else { return }
    let roundTrip = min(ack.roundTrip == 0 ? ack.srtt : ack.roundTrip, 1 << 30)
    elapsed = min(elapsed &+ min(gap, roundTrip), 1 << 30)
    let tick = CubicEpoch.ticks(elapsed)
    if tick != self.tick { draw(tick, ack) }
  }

  private mutating func draw(_ tick: UInt32, _ ack: CongestionAck) {
    self.tick = tick
    wCubic = curve(tick, ack.mss)
    wCubicAhead = curve(tick &+ CubicEpoch.ticks(min(ack.srtt, 1 << 30)), ack.mss)
  }

  /// Equation 1: W_cubic(t) = C (t - K)³ + W_max.
  package func curve(_ t: UInt32, _ mss: UInt16) -> UInt32 {
    let isConvex = t >= k
    // 256 s away from K every window is reached; 2^54 ticks³ fit.
    let distance = UInt64(min(isConvex ? t &- k : k &- t, 1 << 18))
    let cube = distance &* distance &* distance
    // C · MSS · cube / 2^30, where C = 2/5.
    let octets = ((cube >> 10) &* (2 &* UInt64(mss)) / 5) >> 20
    let difference = UInt32(truncatingIfNeeded: min(octets, 1 << 30))
    if isConvex { return min(plateau &+ difference, 1 << 30) }
    return plateau > difference ? plateau &- difference : 0
  }

  /// Microseconds in ticks of 1/1024 s.
  @inline(__always)
  package static func ticks(_ microseconds: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: (UInt64(microseconds) << 10) / 1_000_000)
  }

  /// The largest integer whose cube is no more: bit by bit, once in a stage.
  package static func cubeRoot(_ number: UInt64) -> UInt32 {
    var root: UInt64 = 0
    var bit: UInt64 = 1 << 20
    while bit > 0 {
      let candidate = root | bit
      if candidate &* candidate &* candidate <= number { root = candidate }
      bit >>= 1
    }
    return UInt32(truncatingIfNeeded: root)
  }
}
