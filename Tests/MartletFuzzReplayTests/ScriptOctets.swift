/// Octets of a script from a seed: a generator of Marsaglia's, so that a failing seed is a failing script.
struct ScriptOctets {
  private var state: UInt64

  init(seed: Int) { state = UInt64(seed) &* 0x9e37_79b9_7f4a_7c15 | 1 }

  mutating func next() -> UInt8 {
    state ^= state << 13
    state ^= state >> 7
    state ^= state << 17
    return UInt8(truncatingIfNeeded: state >> 24)
  }

  mutating func next(_ count: Int) -> [UInt8] { (0..<count).map { _ in next() } }
}
