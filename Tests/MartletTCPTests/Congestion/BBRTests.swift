import MartletTCP
import Testing

/// The example test cases of the draft's appendix A, on a path of one queue.
@Suite("BBR on a path (draft-ietf-ccwg-bbr, appendix A)")
struct BBRTests {
  /// 10 Mbit/s and 40 ms: a BDP of 50,000 octets, 50 segments.
  private func path(queue: UInt64 = 200_000, megabits: UInt64 = 10, milliseconds: UInt64 = 40) -> Bottleneck {
    Bottleneck(.bbr, megabits: megabits, milliseconds: milliseconds, queue: queue)
  }

  /// Runs until BBR enters a state anew.
  @discardableResult
  private func run(
    _ path: inout Bottleneck, to state: BBRModel.State, within milliseconds: UInt64 = 20_000
  ) throws -> BBRModel {
    if path.bbr?.state == state { path.run(milliseconds: milliseconds) { $0.bbr?.state != state } }
    #expect(path.run(milliseconds: milliseconds) { $0.bbr?.state == state }, "\(path.states)")
    return try #require(path.bbr)
  }

  @Test("§5.3.1.2: a plateau of the bandwidth over three rounds ends Startup")
  func startupPlateau() throws {
    var path = path()
    path.run(milliseconds: 2_000) { $0.bbr?.fullBWCount == 2 }
    let before = try #require(path.bbr)
    #expect(before.state == .startup && !before.fullBWReached)
    let rounds = before.roundCount
    let model = try run(&path, to: .drain)
    #expect(model.roundCount == rounds + 1)
    #expect(model.fullBWCount == 3)
    #expect(model.fullBWNow && model.fullBWReached)
    #expect(model.inflightLongterm == BBRModel.infinity)
    #expect((1_225_000...1_275_000).contains(model.maxBW.octetsPerSecond), "within 2 % of 1.25 MB/s")
    #expect(path.drops == 0)
  }

  @Test("§5.3.1.3: losses over a full round end Startup where the application sets the pace")
  func startupHighLoss() throws {
    var path = path(megabits: 100)
    path.supply = 2_000_000
    path.run(milliseconds: 2_000)
    #expect(path.bbr?.state == .startup)
    path.lossPerMille = 150
    // So little is in flight that Drain is over at once.
    #expect(path.run(milliseconds: 5_000) { $0.bbr?.state != .startup })
    let model = try #require(path.bbr)
    #expect(model.fullBWNow && model.fullBWReached)
    #expect(model.undoState == .startup)
    #expect(model.inflightLongterm < BBRModel.infinity)
  }

  @Test("§5.3.1.2: application-limited and without loss, Startup never ends")
  func applicationLimitedStartup() {
    var path = path(megabits: 100)
    path.supply = 500_000
    path.run(milliseconds: 30_000)
    #expect(!path.states.contains(.drain))
    #expect(path.bbr?.fullBWReached == false)
  }

  @Test("§5.3.2: Drain sends at half the rate until the BDP is in flight")
  func drain() throws {
    var path = path()
    let model = try run(&path, to: .drain)
    #expect(model.pacingGain == 50)
    #expect(path.inflight > 90_000)
    // 100,000 octets drain in 80 ms while half as much is sent.
    #expect(path.run(milliseconds: 120) { $0.bbr?.state != .drain })
    let target = try #require(path.bbr).inflight(100)
    #expect(target == 51_000 || target == 50_999 || target == 50_998, "\(target): 1.25 MB/s for 40.8 ms")
    #expect((target - 1_000...target).contains(path.inflight))
  }

  @Test("§5.3.3: DOWN, CRUISE, REFILL for one round, UP until the plateau, DOWN")
  func cycle() throws {
    var path = path()
    try run(&path, to: .probeBWCruise)
    let wait = try #require(path.bbr).bwProbeWait
    #expect((2_000_000..<3_000_000).contains(wait))
    let began = try #require(path.bbr).cycleStamp
    let refill = try run(&path, to: .probeBWRefill)
    let elapsed = refill.now &- began
    // BDP of 50 segments: Reno's time scale would be 49 or 50 rounds of 40 ms.
    #expect((1_900_000...3_100_000).contains(elapsed), "\(elapsed)")
    #expect(refill.bwShortterm == .unlimited)
    let up = try run(&path, to: .probeBWUp)
    #expect(up.roundCount == refill.roundCount + 1)
    #expect(up.pacingGain == 125 && up.cwndGain == 225)
    let down = try run(&path, to: .probeBWDown)
    #expect(down.fullBWNow && !down.prevProbeTooHigh)
    #expect(down.pacingGain == 90)
    try run(&path, to: .probeBWCruise)
    #expect(try #require(path.bbr).pacingGain == 100)
    #expect(UInt64(path.inflight) <= path.bdp + 2_000)
    #expect(path.drops == 0)
  }

  @Test("§5.3.3.8: with a small BDP Reno's time scale decides")
  func renoTimeScale() throws {
    var path = path(milliseconds: 10)
    try run(&path, to: .probeBWDown)
    let model = try #require(path.bbr)
    let start = model.now
    try run(&path, to: .probeBWRefill)
    // 12 segments: 11 or 12 rounds of 10 ms or a little more.
    #expect((110_000...250_000).contains(try #require(path.bbr).now &- start))
  }

  @Test("§5.5.10.2: losses in UP set inflight_longterm and end the probe")
  func lossInUp() throws {
    var path = path(queue: 12_500)
    path.run(milliseconds: 30_000) { $0.bbr?.prevProbeTooHigh == true && $0.bbr?.state == .probeBWDown }
    let model = try #require(path.bbr)
    #expect(model.undoState == .probeBWUp)
    // Not below β times the target, not above what the path holds and a loss threshold more.
    #expect(model.inflightLongterm >= model.share(model.targetInflight, 70))
    #expect(UInt64(model.inflightLongterm) <= (path.bdp + 12_500) * 115 / 100)
    // §5.3.3.6: the next probe is a cautious one.
    try run(&path, to: .probeBWUp)
    let down = try run(&path, to: .probeBWDown)
    #expect(down.prevProbePrecautionary || down.prevProbeTooHigh)
    // And the window leaves headroom of 15 %.
    try run(&path, to: .probeBWCruise)
    let cruise = try #require(path.bbr)
    #expect(path.controller.cwnd <= cruise.inflightLongterm - cruise.share(cruise.inflightLongterm, 15))
  }

  @Test("§5.3.4: ProbeRTT every five seconds, for 200 ms and a round trip, at half the BDP")
  func probeRTT() throws {
    var path = path()
    let enter = try run(&path, to: .probeRTT)
    #expect(enter.cwndGain == 50)
    #expect((5_000_000...6_000_000).contains(enter.now), "\(enter.now)")
    path.run(milliseconds: 150)
    #expect(path.controller.cwnd == path.bbr?.probeRTTCwnd)
    #expect((24_000...26_000).contains(path.inflight))
    let leave = try run(&path, to: .probeBWCruise)
    #expect((200_000...400_000).contains(leave.now &- enter.now), "\(leave.now &- enter.now)")
    #expect((40_000...41_000).contains(leave.minRTT))
    path.run(milliseconds: 200)
    #expect(path.controller.cwnd >= 2 * UInt32(path.bdp))
    let next = try run(&path, to: .probeRTT)
    #expect(next.now &- leave.now >= 5_000_000)
  }

  @Test("§5.3.4.4: ProbeRTT in Startup goes back to Startup")
  func probeRTTInStartup() throws {
    var path = path(megabits: 100)
    path.supply = 1_000_000
    // The round trip grows, so that no new minimum is found.
    path.run(milliseconds: 1_000)
    path.aggregation = 10_000
    try run(&path, to: .probeRTT)
    #expect(path.bbr?.fullBWReached == false)
    try run(&path, to: .startup, within: 1_000)
  }

  @Test("§5.4.1: after idle no ProbeRTT, and the pace is BBR.bw")
  func restartFromIdle() throws {
    var path = path()
    try run(&path, to: .probeBWCruise)
    let bw = try #require(path.bbr).bw
    path.supply = 0
    path.run(milliseconds: 7_000)
    #expect(path.inflight == 0)
    path.controller.restartFromIdle(
      now: UInt32(truncatingIfNeeded: path.microseconds), &path.epoch)
    let model = try #require(path.bbr)
    #expect(model.idleRestart)
    #expect(model.pacingRate == bw.times(99, over: 100))
    let before = path.states.count
    path.supply = nil
    path.run(milliseconds: 100)
    #expect(!path.states[before...].contains(.probeRTT))
    #expect(path.bbr?.idleRestart == false)
  }

  @Test("What outlives an idle spell is enough to go on: 13 octets")
  func digest() throws {
    var path = path()
    try run(&path, to: .probeBWCruise)
    let before = try #require(path.bbr)
    path.supply = 0
    path.run(milliseconds: 8_000)
    path.epoch = .fresh
    let pace = path.controller.pacingRate(srtt: 40_000, path.epoch)
    #expect(pace == before.maxBW.times(99, over: 100).octetsPerSecond)
    path.supply = nil
    let delivered = path.delivered
    path.run(milliseconds: 1_000)
    let model = try #require(path.bbr)
    #expect(model.state == .probeBWCruise && model.fullBWReached)
    #expect(!path.states.contains(.probeRTT))
    #expect(model.minRTT == before.minRTT)
    // A second, less the round trip that it takes to fill the pipe.
    #expect(path.delivered - delivered > 1_150_000)
  }

  @Test("§5.5.9: aggregated acknowledgments widen the window, so that the path stays full")
  func aggregation() throws {
    var path = path()
    path.aggregation = 20_000
    path.run(milliseconds: 2_500)
    let model = try #require(path.bbr)
    // 20 ms of 1.25 MB/s come at once: 25,000 octets, less what had been expected.
    #expect(model.extraAckedFilter.value >= 20_000)
    #expect((1_225_000...1_300_000).contains(model.maxBW.octetsPerSecond), "\(model.maxBW)")
    let delivered = path.delivered
    path.run(milliseconds: 2_000)
    #expect(path.delivered - delivered > 2_400_000)
  }

  @Test("§5.6.4.3: four segments where the BDP is less than one")
  func subPacketBDP() {
    var path = path(megabits: 1, milliseconds: 1)
    path.run(milliseconds: 10_000)
    #expect(path.controller.cwnd >= 4_000)
    #expect(path.delivered >= 1_225_000, "98 % of 1 Mbit/s")
    #expect(path.longestQueue < 60_000)
  }

  @Test("§5.3.3.5: ten times the bandwidth is found within a probe")
  func tenTimesFaster() throws {
    var path = path(queue: 500_000)
    try run(&path, to: .probeBWCruise)
    path.rate *= 10
    try run(&path, to: .probeBWUp)
    path.run(milliseconds: 1_500)
    #expect(try #require(path.bbr).maxBW.octetsPerSecond >= 12_250_000)
  }

  @Test(
    "§5.5.6, §5.5.10.3: a tenth of the bandwidth is seen at once by bw_shortterm, in two cycles by max_bw")
  func tenTimesSlower() throws {
    var path = path(queue: 100_000, megabits: 100)
    path.run(milliseconds: 5_000)
    path.rate /= 10
    path.run(milliseconds: 1_500)
    let model = try #require(path.bbr)
    #expect(model.bwShortterm.octetsPerSecond < 2_500_000, "\(model.bwShortterm)")
    // Two cycles, each of up to 3 s and seven rounds; ProbeRTT may make one of them begin anew.
    let found = path.run(milliseconds: 12_000) {
      (1_225_000...1_275_000).contains($0.bbr?.maxBW.octetsPerSecond ?? 0)
    }
    #expect(found, "\(path.bbr?.maxBW.octetsPerSecond ?? 0)")
  }

  @Test("§5.5.10.3: a token bucket policer is obeyed, and not run into all the time")
  func policer() {
    var path = path()
    path.bucket = 30_000
    path.run(milliseconds: 10_000)
    let (delivered, drops) = (path.delivered, path.drops)
    path.run(milliseconds: 10_000)
    #expect(path.delivered - delivered > 11_000_000)
    #expect((path.drops - drops) * 1_000 < Int(path.delivered - delivered) * 3 / 100, "3 % of what arrived")
  }

  @Test("§3.1: one random loss in a hundred costs little; CUBIC in the same place is left with crumbs")
  func randomLoss() {
    var bbr = path(queue: 1_000_000, megabits: 100)
    bbr.lossPerMille = 10
    bbr.run(milliseconds: 10_000)
    var cubic = Bottleneck(.cubic, megabits: 100, milliseconds: 40, queue: 1_000_000)
    cubic.lossPerMille = 10
    cubic.run(milliseconds: 10_000)
    #expect(bbr.delivered > 95_000_000, "\(bbr.delivered)")
    #expect(cubic.delivered < 10_000_000, "\(cubic.delivered)")
  }

  @Test("§3.2: the queue stays below one and a half BDP")
  func queue() throws {
    var path = path(queue: 10_000_000)
    path.run(milliseconds: 10_000)
    #expect(path.longestQueue < path.bdp * 3 / 2)
  }
}

@Suite("Loss-based control on a path")
struct LossBasedPathTests {
  @Test("RFC 9406: with HyStart++ the first queue that overflows costs a third of the losses, or less")
  func hyStart() {
    // 100 Mbit/s, 50 ms, a queue of four BDP.
    var path = Bottleneck(.cubic, megabits: 100, milliseconds: 50, queue: 2_500_000)
    var plain = path
    // Not "its initial value of arbitrarily high": plain slow start.
    plain.controller.window.ssthresh = .max - 1
    path.run(milliseconds: 3_000)
    plain.run(milliseconds: 3_000)
    #expect(path.drops * 3 <= plain.drops, "\(path.drops), \(plain.drops)")
    #expect(plain.drops > 1_000)
    #expect(path.controller.cwnd > 625_000, "the BDP is found")
  }

  @Test("RFC 9438: CUBIC fills a path whose queue holds a quarter of the BDP", arguments: [UInt64(20), 100])
  func smallQueue(_ milliseconds: UInt64) {
    let bdp = 1_250_000 * milliseconds / 1_000
    var path = Bottleneck(.cubic, megabits: 10, milliseconds: milliseconds, queue: max(bdp / 4, 10_000))
    path.run(milliseconds: 5_000)
    let before = path.delivered
    path.run(milliseconds: 20_000)
    // β = 0.7 and a quarter of a BDP queued: never below 0.875 of the path.
    #expect(path.delivered - before > 22_000_000, "\(path.delivered - before) of 25,000,000")
  }
}
