import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("E4 Reassembly against an array")
struct FragmentTests {
  @Test("E4 What the stack puts together is what an array has", arguments: 0..<100)
  func property(seed: Int) {
    var octets = ScriptOctets(seed: seed)
    var script = [seed % 3 == 0 ? octets.next() | 1 : 0]
    while script.count < 400 {
      // Fragments of one or two datagrams, most of them true.
      let isTrue = octets.next() & 3 != 0
      script.append(octets.next() & (seed % 2 == 0 ? 0x1f : 0xff))
      script.append(octets.next() & (seed % 2 == 0 ? 1 : 15))
      script.append(octets.next() & 3)
      script.append(isTrue ? 0 : octets.next())
    }
    do throws(Finding) {
      try driveFragments(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
