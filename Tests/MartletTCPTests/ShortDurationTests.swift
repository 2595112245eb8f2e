import MartletTCP
import Testing

@Suite("Spans of time in two octets")
struct ShortDurationTests {
  @Test("MUST-21 a user timeout is exact to 16 s and for round numbers, and never less than asked for")
  func precision() {
    for milliseconds: UInt32 in 0...16_383 {
      #expect(ShortDuration(milliseconds: milliseconds).milliseconds == milliseconds)
    }
    for seconds: UInt32 in [17, 60, 100, 600, 3_600, 7_200, 86_400, 11 * 86_400] {
      #expect(ShortDuration(milliseconds: seconds * 1_000).milliseconds == seconds * 1_000)
    }
    var milliseconds: UInt32 = 16_384
    while milliseconds < 11 * 86_400_000 {
      let kept = ShortDuration(milliseconds: milliseconds).milliseconds
      #expect(kept >= milliseconds && kept - milliseconds <= milliseconds / 150, "\(milliseconds)")
      milliseconds += milliseconds / 97 + 1
    }
    #expect(ShortDuration(milliseconds: .max).milliseconds == 16_383 * 60_000)
  }
}
