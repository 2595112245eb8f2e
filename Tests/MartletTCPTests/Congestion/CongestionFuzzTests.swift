import MartletTCP
import Testing

@Suite("Whatever a peer and a clock may say to congestion control")
struct CongestionFuzzTests {
  @Test(
    "R1–R4: no input traps, and cwnd stays between one segment and 2^30 octets",
    arguments: CongestionControl.allCases, [UInt64(1), 2, 3, 4])
  func anything(_ control: CongestionControl, _ seed: UInt64) {
    var random = StorageRandom(seed: seed)
    for _ in 0..<40 {
      let mss = [76, 536, 1_448, 9_000, 65_495][random.below(5)] as UInt16
      var controller = CongestionController(mss: mss, segments: 10, control)
      var epoch = CongestionEpoch.fresh
      var prior = controller
      for step in 0..<500 {
        stir(&controller, &epoch, &prior, mss, &random)
        if random.oneIn(50) { epoch = .fresh }
        #expect(
          controller.cwnd >= UInt32(mss) && controller.cwnd <= 1 << 30,
          "seed \(seed), step \(step): \(controller.cwnd)")
        _ = controller.pacingRate(srtt: random.value(), epoch)
      }
    }
  }

  private func stir(
    _ controller: inout CongestionController, _ epoch: inout CongestionEpoch,
    _ prior: inout CongestionController, _ mss: UInt16, _ random: inout StorageRandom
  ) {
    switch random.below(16) {
    case 0:
      prior = controller
      controller.reduce(event(.loss, mss, &random), &epoch)
    case 1: controller.reduce(event(.mark, mss, &random), &epoch)
    case 2: controller.timedOut(event(.timeout, mss, &random), repeated: random.oneIn(2), &epoch)
    case 3: controller.recovered(&epoch)
    case 4: controller.undo(to: prior, &epoch)
    default: controller.acknowledged(ack(mss, &random), &epoch)
    }
  }

  private func event(_ kind: CongestionEvent.Kind, _ mss: UInt16, _ random: inout StorageRandom)
    -> CongestionEvent
  {
    CongestionEvent(kind, flight: random.value(), lost: random.value(), mss: mss, now: random.value())
  }

  private func ack(_ mss: UInt16, _ random: inout StorageRandom) -> CongestionAck {
    var ack = CongestionAck(
      octets: random.value(), flightBefore: random.value(), flight: random.value(), mss: mss)
    ack.lost = random.oneIn(4) ? random.value() : 0
    ack.now = random.value()
    ack.roundTrip = random.value()
    ack.srtt = random.value()
    ack.startsRound = random.oneIn(3)
    ack.isWindowLimited = !random.oneIn(4)
    ack.isPaced = random.oneIn(2)
    ack.rate.delivered = random.value()
    ack.rate.interval = random.value()
    ack.rate.priorDelivered = random.value()
    ack.rate.totalDelivered = random.value()
    ack.rate.flight = random.value()
    ack.rate.lost = random.value()
    ack.rate.isApplicationLimited = random.oneIn(3)
    ack.entropy = random.value()
    return ack
  }
}

extension StorageRandom {
  /// Of any magnitude, and the extremes more often than fair.
  fileprivate mutating func value() -> UInt32 {
    switch below(8) {
    case 0: 0
    case 1: .max
    case 2: UInt32.max &- UInt32(below(4))
    default: UInt32(truncatingIfNeeded: next()) >> UInt32(below(32))
    }
  }
}
