import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("E4 Reassembly against an array")
struct FragmentTests {
  @Test("E4 What the stack puts together is what an array has", arguments: 0..<100)
  func property(seed: Int) {
    var state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1
    func next() -> UInt8 {
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 24)
    }
    var script = [seed % 3 == 0 ? next() | 1 : 0]
    while script.count < 400 {
      // Fragments of one or two datagrams, most of them true.
      let isTrue = next() & 3 != 0
      script.append(next() & (seed % 2 == 0 ? 0x1f : 0xff))
      script.append(next() & (seed % 2 == 0 ? 1 : 15))
      script.append(next() & 3)
      script.append(isTrue ? 0 : next())
    }
    do throws(Finding) {
      try driveFragments(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
