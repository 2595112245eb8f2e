import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("E13 A host on an Ethernet")
struct LinkTests {
  @Test(
    "E13 Whatever neighbours, routers, servers and switches say, nothing breaks and nothing is left",
    arguments: 0..<60)
  func property(seed: Int) {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    func next() -> UInt8 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
    let script = [seed % 2 == 0 ? 0 : next(), seed % 3 == 0 ? next() : 0] + (0..<600).map { _ in next() }
    do throws(Finding) {
      try driveLink(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
