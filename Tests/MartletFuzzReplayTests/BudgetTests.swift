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
    var octets = ScriptOctets(seed: seed)
    // A budget, what is limited beside it, and for every second whether there is an Ethernet.
    var script = [UInt8(truncatingIfNeeded: seed % 11 + seed % 3 * 66 + seed % 2 * 33)]
    script += octets.next(240)
    do throws(Finding) {
      try driveBudget(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
