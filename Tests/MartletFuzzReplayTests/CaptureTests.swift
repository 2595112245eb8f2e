import FuzzDrivers
import Testing

/// The fuzzer's driver with scripts from a seed, as an ordinary test.
@Suite("P1 Captures of any kind")
struct CaptureTests {
  @Test(
    "P1 Whatever is in a capture, it is read to where it makes no sense, by parts as in one, and what is told of it fits together",
    arguments: 0..<200)
  func property(seed: Int) {
    var octets = ScriptOctets(seed: seed)
    var script = [UInt8(truncatingIfNeeded: seed) | 1, octets.next()]
    while script.count < 900 {
      // Mostly segments, with text, in order.
      let isSegment = octets.next() & 15 != 0
      script.append(isSegment ? octets.next() & 0xe0 : octets.next())
      script.append(octets.next() & octets.next())
    }
    do throws(Finding) {
      try driveCapture(script)
    } catch {
      Issue.record("seed \(seed): \(error)")
    }
  }
}
