import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("P6 Two stacks on a wire that does its worst")
struct PairTests {
  @Test("What is read is what was written, and everything ends", arguments: 0..<100)
  func property(seed: Int) {
    var octets = ScriptOctets(seed: seed)
    var script = octets.next(300)
    // Every second one forges nothing, and so is judged by what is read.
    if seed % 2 == 0 { script[0] &= 0xfe }
    do throws(Finding) {
      try drivePair(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
