import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test: stacks from 64 KiB to 64 MiB at which
/// everything is thrown.
@Suite("E6 A memory budget under attack")
struct BudgetTests {
  @Test(
    "E5 E6 charged is what is held, never above the budget, nothing acknowledged is lost, the honest are served",
    arguments: 0..<110)
  func property(seed: Int) {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    // A budget, what is limited beside it, and for every second whether there is an Ethernet.
    var script = [UInt8(truncatingIfNeeded: seed % 11 + seed % 3 * 66 + seed % 2 * 33)]
    for _ in 0..<240 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      script.append(UInt8(truncatingIfNeeded: state >> 24))
    }
    do throws(Finding) {
      try driveBudget(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
