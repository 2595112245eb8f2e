import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("E13 A host on an Ethernet")
struct LinkTests {
  @Test(
    "E13 Whatever neighbours, routers, servers and switches say, nothing breaks and nothing is left",
    arguments: 0..<60)
  func property(seed: Int) {
    var octets = ScriptOctets(seed: seed)
    let script = [seed % 2 == 0 ? 0 : octets.next(), seed % 3 == 0 ? octets.next() : 0] + octets.next(600)
    do throws(Finding) {
      try driveLink(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
