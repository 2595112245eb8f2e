/// BBR, version 3 (draft-ietf-ccwg-bbr): a model of the path, its bandwidth and its
/// round trip, decides how fast and how much is sent, instead of the losses alone.
///
/// This is what outlives an idle spell, in 13 octets. While text is in flight
/// `BBRModel`, in the epoch, is the whole truth, and this is its digest.
@frozen
package struct BBR: BitwiseCopyable, Sendable {
  package var maxBW = Bandwidth.zero
  /// Microseconds; `UInt32.max` stands for infinity.
  package var minRTT = UInt32.max
  /// In units of 1,024 octets; `UInt16.max` stands for infinity, and for 64 MiB and more.
  package var longterm = UInt16.max
  /// In units of 2^16 microseconds, modulo 2^16.
  package var minRTTStamp: UInt16 = 0
  package var search = Search.under

  /// BBR.full_bw_reached, and how the last probe for more went: one octet, which leaves room for the
  /// algorithm's own mark.
  @frozen
  package enum Search: UInt8, BitwiseCopyable, Sendable {
    /// Still in Startup.
    case under
    case done
    /// BBR.prev_probe_too_high.
    case tooHigh
    /// BBR.prev_probe_precautionary.
    case precautionary
  }

  package init() {}

  package var fullBWReached: Bool { search != .under }

  // MARK: §5.2, algorithm organization

  /// §5.2.3, per-ACK steps.
  package mutating func acknowledged(
    _ ack: CongestionAck, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    begin(&epoch, window, mss: ack.mss, now: ack.now, srtt: ack.srtt)
    epoch.bbr.updateOnAck(ack, cwnd: window.cwnd)
    keep(epoch.bbr, &window)
  }

  /// A loss was found and recovery begins (§5.6.4.4), the peer echoed a mark, or the timer fired.
  package mutating func reduce(
    _ event: CongestionEvent, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    begin(&epoch, window, mss: event.mss, now: event.now, srtt: 0)
    epoch.bbr.cwnd = window.cwnd
    epoch.bbr.now = event.now
    switch event.kind {
    case .loss: epoch.bbr.enterFastRecovery()
    case .timeout: epoch.bbr.enterTimeout()
    case .mark: epoch.bbr.noteMark(flight: event.flight)
    }
    keep(epoch.bbr, &window)
  }

  package mutating func recovered(_ window: inout CongestionWindow, _ epoch: inout CongestionEpoch) {
    guard epoch.kind == .bbr, epoch.bbr.isInRecovery else { return }
    epoch.bbr.cwnd = window.cwnd
    epoch.bbr.leaveRecovery()
    keep(epoch.bbr, &window)
  }

  /// §5.2.5: the recovery was spurious.
  package mutating func undo(_ window: inout CongestionWindow, _ epoch: inout CongestionEpoch) {
    guard epoch.kind == .bbr else { return }
    epoch.bbr.cwnd = window.cwnd
    epoch.bbr.spuriousLossDetected()
    keep(epoch.bbr, &window)
  }

  /// §5.4.1: text is about to be sent, and nothing is in flight.
  package mutating func restartFromIdle(
    now: UInt32, _ window: inout CongestionWindow, _ epoch: inout CongestionEpoch
  ) {
    guard epoch.kind == .bbr else { return }
    epoch.bbr.cwnd = window.cwnd
    epoch.bbr.now = now
    epoch.bbr.restartFromIdle()
    keep(epoch.bbr, &window)
  }

  /// §5.6.2: octets a second.
  package func pacingRate(
    _ window: CongestionWindow, srtt: UInt32, _ epoch: borrowing CongestionEpoch
  ) -> UInt64 {
    if epoch.kind == .bbr { return max(epoch.bbr.pacingRate.octetsPerSecond, 1) }
    return max(initialPacingRate(window.cwnd, srtt: srtt).octetsPerSecond, 1)
  }

  /// Before the first sample "BBR.StartupPacingGain * nominal_bandwidth"; after idle what the model says:
  /// §5.4.1, "paces packets at exactly BBR.bw".
  private func initialPacingRate(_ cwnd: UInt32, srtt: UInt32) -> Bandwidth {
    if fullBWReached { return maxBW.times(99, over: 100) }
    let nominal = Bandwidth(
      octetsPerSecond: UInt64(cwnd) &* 1_000_000 / UInt64(srtt == 0 ? 1_000 : srtt))
    return max(nominal, maxBW).times(277 * 99, over: 10_000)
  }

  // MARK: Between the digest and the model

  private func begin(
    _ epoch: inout CongestionEpoch, _ window: CongestionWindow, mss: UInt16, now: UInt32, srtt: UInt32
  ) {
    if epoch.kind == .bbr { return }
    epoch.kind = .bbr
    epoch.bbr = BBRModel(
      self, window.cwnd, initialPacingRate(window.cwnd, srtt: srtt), mss: mss, now: now, srtt: srtt)
  }

  private mutating func keep(_ model: borrowing BBRModel, _ window: inout CongestionWindow) {
    window.cwnd = model.cwnd
    maxBW = model.maxBW
    minRTT = model.minRTT
    minRTTStamp = UInt16(truncatingIfNeeded: model.minRTTStamp >> 16)
    longterm = UInt16(clamping: model.inflightLongterm >> 10)
    search =
      !model.fullBWReached
      ? .under : model.prevProbeTooHigh ? .tooHigh : model.prevProbePrecautionary ? .precautionary : .done
  }
}
