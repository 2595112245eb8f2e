import MartletSimulator
import MartletTCP
import Testing

/// S6.1: what a seed gives. The figures are those of every machine that runs these tests: 64 bits and 32, with a system
/// and without.
@Suite struct SimulationOctetsTests {
  /// Memory is not short: how large records are hangs on the machine.
  private func capture(of seed: UInt64) -> [UInt8] {
    var schedule = Schedule(seed: seed)
    schedule.client.memoryBudget = 0
    schedule.server.memoryBudget = 0
    return ScheduleStory(schedule).capture
  }

  /// FNV-1a.
  private func digest(of octets: [UInt8]) -> UInt64 {
    octets.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
  }

  @Test("A seed gives the same capture on every machine, octet by octet")
  func captures() {
    // Whatever changes what is sent changes these on purpose: then they are written anew, from any machine.
    let known: [(seed: UInt64, count: Int, digest: UInt64)] = [
      (0, 15_772, 0x0a74_f451_6420_fd22),
      (1, 7_244, 0xe70c_24d3_9cb3_d99e),
      (2, 12_128, 0xa513_991e_3171_ec01),
      (3, 8_032, 0x1885_a14e_1681_779b),
      (4, 3_424, 0x3b03_ebf2_1459_51e7),
    ]
    for (seed, count, digest) in known {
      let capture = capture(of: seed)
      #expect(
        capture.count == count && self.digest(of: capture) == digest,
        "seed \(seed): \(capture.count), \(self.digest(of: capture))")
    }
  }
}
