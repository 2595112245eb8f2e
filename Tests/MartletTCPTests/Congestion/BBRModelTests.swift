import MartletTCP
import Testing

/// Steps of the draft's pseudocode one at a time, with figures worked out from it.
@Suite("BBR's model (draft-ietf-ccwg-bbr §5)")
struct BBRModelTests {
  private static let mss: UInt16 = 1_000

  /// 1 MB/s and 50 ms: a BDP of 50,000 octets, or 49,999 where 16 does not divide.
  private func past() -> BBR {
    var past = BBR()
    past.maxBW = Bandwidth(octetsPerSecond: 1_000_000)
    past.minRTT = 50_000
    past.minRTTStamp = 15
    past.search = .done
    return past
  }

  private func model(_ state: BBRModel.State, longterm: UInt32 = BBRModel.infinity) -> BBRModel {
    var model = BBRModel(
      past(), 100_000, Bandwidth(octetsPerSecond: 1_000_000), mss: Self.mss, now: 1_000_000,
      srtt: 50_000)
    model.inflightLongterm = longterm
    model.state = state
    model.idleRestart = false
    return model
  }

  /// An acknowledgment with a sample of 50,000 octets in 50 ms; a new round if its segment was sent late enough.
  private func ack(at now: UInt32, delivered: UInt32, sent: UInt32, octets: UInt32 = 1_000) -> CongestionAck {
    var ack = CongestionAck(octets: octets, flightBefore: 100_000, flight: 50_000, mss: Self.mss)
    ack.now = now
    ack.roundTrip = 50_000
    ack.srtt = 50_000
    ack.rate.delivered = 50_000
    ack.rate.interval = 50_000
    ack.rate.priorDelivered = sent
    ack.rate.totalDelivered = delivered
    ack.rate.flight = 50_000
    return ack
  }

  @Test("The state fits: 21 octets for a connection at rest")
  func size() {
    #expect(MemoryLayout<CongestionController>.size <= 21)
    #expect(MemoryLayout<BBR>.size <= 13 && MemoryLayout<Cubic>.size <= 20)
    #expect(MemoryLayout<CongestionEpoch>.size <= 320)
  }

  // Schedule 20866213: the rate was none, each repair put the next departure off by a second, and their sum overflowed
  // the timer.
  @Test(
    "Without a sample of bandwidth the rate is what the window over the round trip comes to, whatever ended start-up"
  )
  func noSample() {
    var model = BBRModel(
      BBR(), 10_000, Bandwidth(octetsPerSecond: 200_000), mss: Self.mss, now: 1_000_000, srtt: 50_000)
    model.fullBWReached = true
    model.setPacingRate()
    #expect(model.pacingRate == Bandwidth(octetsPerSecond: 200_000))
    model.setPacingRate(gain: 100)
    #expect(model.pacingRate == Bandwidth(octetsPerSecond: 200_000))
  }

  @Test("Rates in units of 16 octets a second, and what flows in a time")
  func bandwidth() {
    let megabyte = Bandwidth(octetsPerSecond: 1_000_000)
    #expect(megabyte.octets(in: 50_000) == 50_000)
    #expect(megabyte.times(277 * 99, over: 10_000).octetsPerSecond == 2_742_288)
    #expect(Bandwidth(octetsPerSecond: .max) < .unlimited)
    #expect(Bandwidth.unlimited.octets(in: .max) == 1 << 30)
    #expect(Bandwidth(octetsPerSecond: 68_000_000_000).octetsPerSecond == 68_000_000_000, "544 Gbit/s")
  }

  @Test(
    "§5.5.5: the maximum of a window is that of the window, within the filter's grain",
    arguments: [
      UInt64(1), 2, 3,
    ])
  func windowedMaximum(_ seed: UInt64) {
    var random = StorageRandom(seed: seed)
    var filter = WindowedMaximum()
    var history: [(time: UInt32, value: UInt32)] = []
    for time in UInt32(1)..<2_000 {
      let value = UInt32(random.below(1_000))
      history.append((time, value))
      filter.update(value, at: time, over: 10)
      let exact = history.filter { time - $0.time <= 10 }.map(\.value).max() ?? 0
      #expect(filter.value <= exact, "seed \(seed): nothing that has left the window")
      #expect(filter.value >= value, "seed \(seed): nothing less than what has just come")
    }
  }

  @Test("§5.3.2: Drain ends when more than three rounds have passed, whatever is in flight")
  func drainInTime() {
    var model = model(.drain)
    model.drainStartRound = model.roundCount
    var sent: UInt32 = 0
    for round in 1...4 {
      #expect(model.state == .drain)
      var ack = ack(at: 1_000_000 + UInt32(round) * 50_000, delivered: sent + 50_000, sent: sent)
      ack.flight = 90_000
      model.updateOnAck(ack, cwnd: 100_000)
      sent += 50_000
    }
    #expect(model.state == .probeBWDown)
  }

  @Test("§5.5.10.3: a round with losses lowers the short-term bounds to 0.7 or what was delivered, once")
  func shortTermBounds() {
    var model = model(.probeBWCruise)
    model.updateOnAck(ack(at: 1_050_000, delivered: 50_000, sent: 0), cwnd: 100_000)
    #expect(model.bwShortterm == .unlimited)
    var lossy = ack(at: 1_060_000, delivered: 51_000, sent: 1_000)
    lossy.lost = 1_000
    lossy.rate.delivered = 30_000
    model.updateOnAck(lossy, cwnd: 100_000)
    #expect(model.isLossInRound)
    #expect(model.bwShortterm == .unlimited, "at the end of the round, not before")
    // The round of the loss ends with what was sent after it: bw_latest is 1 MB/s or less, 0.7 of max_bw less.
    var end = ack(at: 1_110_000, delivered: 101_000, sent: 51_000)
    end.rate.delivered = 40_000
    model.updateOnAck(end, cwnd: 100_000)
    #expect(model.bwShortterm == model.maxBW)
    #expect(model.inflightShortterm == 70_000, "0.7 of cwnd, above the 50,000 delivered")
    #expect(!model.isLossInRound)
    // The next: delivery has slowed down to 0.6 MB/s.
    lossy = ack(at: 1_120_000, delivered: 102_000, sent: 52_000)
    lossy.lost = 1_000
    lossy.rate.delivered = 30_000
    model.updateOnAck(lossy, cwnd: 100_000)
    end = ack(at: 1_170_000, delivered: 152_000, sent: 102_000)
    end.rate.delivered = 30_000
    model.updateOnAck(end, cwnd: 100_000)
    #expect(model.bwShortterm.octetsPerSecond / 1_000 == 800, "bw_latest of the round, 40,000 in 50 ms")
    #expect(model.inflightShortterm == 49_000)
    #expect(model.bw == model.bwShortterm)
    #expect(model.cwnd == 49_000)
  }

  @Test("§5.5.10.2: InflightAtLoss, and not below 0.7 of the target")
  func inflightAtLoss() {
    var model = model(.probeBWUp)
    model.isBWProbeSample = true
    var lossy = ack(at: 1_050_000, delivered: 50_000, sent: 0)
    lossy.lost = 3_000
    lossy.loss.flight = 80_000
    lossy.loss.lost = 3_000
    model.updateOnAck(lossy, cwnd: 100_000)
    // Before the 3,000 there were 77,000 in flight and none lost: 77,000 + 0.02 · 77,000 / 0.98 = 78,571.
    #expect(model.inflightLongterm == 78_571)
    #expect(model.prevProbeTooHigh && !model.isBWProbeSample)
    #expect(model.undoState == .probeBWUp)
    #expect(model.state != .probeBWUp)
    // "only react once per bw probe".
    model.updateOnAck(lossy, cwnd: 100_000)
    #expect(model.inflightLongterm == 78_571)

    var deep = self.model(.probeBWUp)
    deep.isBWProbeSample = true
    lossy.loss.flight = 20_000
    lossy.loss.lost = 10_000
    deep.updateOnAck(lossy, cwnd: 100_000)
    #expect(deep.inflightLongterm == 50_000, "0.7 · 50,000 at first; then the sample's 50,000 in flight held")
  }

  @Test("§5.5.10.2: 2 % are tolerated")
  func lossThreshold() {
    let model = model(.probeBWUp)
    var ack = ack(at: 0, delivered: 0, sent: 0)
    ack.rate.lost = 1_000
    #expect(!model.isInflightTooHigh(BBRSample(ack)))
    ack.rate.lost = 1_001
    #expect(model.isInflightTooHigh(BBRSample(ack)))
    ack.rate.lost = 1
    ack.hasSelectiveAcks = false
    #expect(
      model.isInflightTooHigh(BBRSample(ack)), "one in a round trip is all that can be seen without SACK")
  }

  @Test("§5.3.3.5: inflight_longterm grows by 1, 2, 4 segments in successive rounds of UP")
  func inflightGrows() {
    var model = model(.probeBWRefill, longterm: 50_000)
    model.prevProbeTooHigh = false
    var delivered: UInt32 = 0
    var growth: [UInt32] = []
    for round in 0..<6 {
      let before = model.inflightLongterm
      let sent = delivered
      for index in UInt32(0)..<50 {
        delivered += 1_000
        var ack = ack(
          at: 1_050_000 + UInt32(round) * 50_000 + index * 1_000, delivered: delivered,
          sent: index == 0 ? sent : 0)
        ack.rate.flight = 0
        model.updateOnAck(ack, cwnd: max(model.inflightLongterm, 50_000))
      }
      if model.state == .probeBWUp { growth.append((model.inflightLongterm - before) / 1_000) }
    }
    // A round in UP is counted from its second acknowledgment, so each adds one of its segments late.
    #expect(growth.prefix(4) == [0, 2, 4, 8], "\(growth)")
  }

  @Test("§5.6.4.4: a time-out leaves one segment, and the window returns when it is repaired")
  func timeout() {
    var controller = CongestionController(mss: Self.mss, segments: 10, .bbr)
    controller.algorithm = .bbr(past())
    controller.cwnd = 90_000
    var epoch = CongestionEpoch.fresh
    controller.timedOut(
      CongestionEvent(.timeout, flight: 90_000, mss: Self.mss, now: 1_000_000), repeated: false, &epoch)
    #expect(controller.cwnd == 1_000)
    controller.acknowledged(ack(at: 1_050_000, delivered: 1_000, sent: 0), &epoch)
    #expect(controller.cwnd == 4_000, "MinPipeCwnd")
    controller.recovered(&epoch)
    #expect(controller.cwnd == 90_000)
  }

  @Test("§5.5.11: a spurious recovery is undone, and the probing that it ended goes on")
  func spurious() {
    var model = model(.probeBWUp, longterm: 90_000)
    model.isBWProbeSample = true
    model.prevProbeTooHigh = false
    var lossy = ack(at: 1_050_000, delivered: 50_000, sent: 0)
    lossy.lost = 5_000
    lossy.loss.flight = 60_000
    lossy.loss.lost = 5_000
    model.cwnd = 80_000
    model.enterFastRecovery()
    model.updateOnAck(lossy, cwnd: 80_000)
    #expect(model.state == .probeBWDown || model.state == .probeBWCruise)
    #expect(model.inflightLongterm == 56_122, "55,000 · 50 / 49")
    model.spuriousLossDetected()
    #expect(model.state == .probeBWRefill)
    #expect(model.inflightLongterm == 90_000)
    #expect(model.cwnd == 80_000)
    #expect(!model.isInRecovery && model.undoState == .none)
  }

  @Test("§5.5.11: Startup that losses had ended is taken up again")
  func spuriousStartup() {
    var model = model(.startup)
    model.fullBWReached = false
    model.cwnd = 80_000
    model.enterFastRecovery()
    model.leaveStartupForCongestion()
    #expect(model.state == .drain && model.inflightLongterm == 50_000)
    model.spuriousLossDetected()
    #expect(model.state == .startup && !model.fullBWReached)
    #expect(model.inflightLongterm == BBRModel.infinity)
  }

  @Test("§3.7: a mark is congestion: it ends Startup and probes, and lowers the bounds at other times")
  func marks() {
    var startup = model(.startup)
    startup.fullBWReached = false
    startup.noteMark(flight: 60_000)
    #expect(startup.state == .drain && startup.fullBWReached)

    var up = model(.probeBWUp)
    up.isBWProbeSample = true
    up.noteMark(flight: 60_000)
    #expect(up.state == .probeBWDown && up.inflightLongterm == 60_000 && up.prevProbeTooHigh)

    var cruise = model(.probeBWCruise)
    cruise.updateOnAck(ack(at: 1_050_000, delivered: 50_000, sent: 0), cwnd: 100_000)
    cruise.noteMark(flight: 60_000)
    cruise.updateOnAck(ack(at: 1_100_000, delivered: 100_000, sent: 50_000), cwnd: 100_000)
    #expect(cruise.inflightShortterm == 70_000)
    #expect(cruise.bwShortterm < .unlimited)
  }

  @Test("§5.5.4: application-limited samples count only when they are larger")
  func applicationLimited() {
    var model = model(.probeBWRefill)
    var slow = ack(at: 1_050_000, delivered: 10_000, sent: 0)
    slow.rate.delivered = 10_000
    slow.rate.isApplicationLimited = true
    model.updateOnAck(slow, cwnd: 100_000)
    #expect(model.maxBW.octetsPerSecond == 1_000_000)
    #expect(model.state == .probeBWUp, "REFILL is one round, whoever is the limit")
    var fast = ack(at: 1_060_000, delivered: 100_000, sent: 0)
    fast.rate.delivered = 75_000
    fast.rate.isApplicationLimited = true
    model.updateOnAck(fast, cwnd: 100_000)
    #expect(model.maxBW.octetsPerSecond == 1_500_000)
  }

  @Test("§5.3.3.8: the waits differ, though acknowledgments advance by whole segments")
  func probeWaits() {
    var model = model(.probeBWUp)
    var rounds = [0, 0]
    var waits: [UInt32] = []
    for segment in UInt32(1)...1_000 {
      // As the sender makes them: the lowest bit is always the same.
      model.entropy = 0x1234_5678 &+ (segment &* 86 &* 1_448) &* 0x9e37_79b1
      model.startProbeBWDown()
      rounds[Int(model.roundsSinceProbeUp)] += 1
      waits.append(model.bwProbeWait)
    }
    #expect(rounds[0] > 400 && rounds[1] > 400, "\(rounds)")
    #expect(waits.allSatisfy { (2_000_000..<3_000_000).contains($0) })
    for tenth in UInt32(0)..<10 {
      let slot = 2_000_000 + tenth * 100_000..<2_100_000 + tenth * 100_000
      #expect(waits.filter { slot.contains($0) }.count > 50, "\(slot)")
    }
  }

  @Test("§5.3.4.3: ProbeRTT makes application-limited what it sends, and not what had left before")
  func limitedByProbeRTT() {
    var model = model(.probeBWCruise)
    model.updateOnAck(ack(at: 6_100_000, delivered: 50_000, sent: 0), cwnd: 100_000)
    #expect(model.state == .probeRTT)
    model.thisCycleBW = .zero
    var before = ack(at: 6_110_000, delivered: 51_000, sent: 49_000)
    before.rate.delivered = 40_000
    model.updateOnAck(before, cwnd: 100_000)
    #expect(model.thisCycleBW.octetsPerSecond == 800_000)
    var since = ack(at: 6_120_000, delivered: 52_000, sent: 50_000)
    since.rate.delivered = 45_000
    model.updateOnAck(since, cwnd: 100_000)
    #expect(model.thisCycleBW.octetsPerSecond == 800_000)
  }

  @Test("§5.6.4.4: each recovery saves what it may undo, though the round trip has seen losses before")
  func secondRecovery() {
    var model = model(.probeBWCruise)
    model.updateOnAck(ack(at: 1_050_000, delivered: 50_000, sent: 0), cwnd: 100_000)
    model.enterFastRecovery()
    model.leaveRecovery()
    model.inflightShortterm = 70_000
    model.inflightLongterm = 90_000
    model.enterFastRecovery()
    model.inflightShortterm = 60_000
    model.inflightLongterm = 80_000
    model.spuriousLossDetected()
    #expect(model.inflightShortterm == 70_000)
    #expect(model.inflightLongterm == 90_000)
  }

  @Test("§5.6.4.6: after an idle spell in Startup the model bounds the window from the first acknowledgment")
  func windowAfterIdle() {
    var past = past()
    past.search = .under
    var model = BBRModel(
      past, 150_000, Bandwidth(octetsPerSecond: 1_000_000), mss: Self.mss, now: 1_000_000, srtt: 50_000)
    model.updateOnAck(ack(at: 1_050_000, delivered: 1_000, sent: 0), cwnd: 150_000)
    #expect(model.state == .startup)
    #expect(model.cwnd == 150_000)
  }

  @Test("§5.6.2: before the first sample 2.77 times the initial window in a round trip, or in a millisecond")
  func initialPace() {
    let controller = CongestionController(mss: Self.mss, segments: 10, .bbr)
    // 10,000 / 1 ms · 2.77 · 0.99, in units of 16.
    #expect(
      controller.pacingRate(srtt: 0, .fresh) / 1_000 == 27_422)
    #expect(controller.pacingRate(srtt: 100_000, .fresh) / 1_000 == 274)
    #expect(controller.inSlowStart && controller.ownsWindow)
  }

  @Test(
    "Another algorithm takes over: cwnd and ssthresh stay, the rest begins anew",
    arguments: [
      (CongestionControl.cubic, CongestionControl.bbr), (.bbr, .cubic), (.newReno, .cubic), (.bbr, .newReno),
    ])
  func change(_ from: CongestionControl, _ to: CongestionControl) {
    var controller = CongestionController(mss: Self.mss, segments: 10, from)
    controller.window = CongestionWindow(cwnd: 50_000, ssthresh: 40_000)
    var epoch = CongestionEpoch.fresh
    controller.acknowledged(ack(at: 1_050_000, delivered: 50_000, sent: 0), &epoch)
    let window = controller.window
    controller.change(to: to, hasReduced: false, mss: Self.mss)
    #expect(controller.algorithm.control == to)
    #expect(controller.window.cwnd == window.cwnd && controller.window.ssthresh == window.ssthresh)
    // The epoch is another's, and not mistaken for its own.
    controller.acknowledged(ack(at: 1_060_000, delivered: 51_000, sent: 1_000), &epoch)
    #expect(controller.cwnd >= 50_000)

    // In the middle of a recovery the reduction needs an aim.
    var recovering = CongestionController(mss: Self.mss, segments: 10, from)
    recovering.change(to: to, hasReduced: true, mss: Self.mss)
    #expect(recovering.ssthresh == (from == .bbr ? 10_000 : .max))
  }
}
