/// 256 bits from the shell's entropy source, or from a simulator's seed: every
/// secret of a stack is derived from them, so the same seed and the same inputs
/// give the same packets. There is no default.
public struct StackSeed: BitwiseCopyable, Sendable {
  public var words: InlineArray<4, UInt64>

  /// For production: 256 bits that nobody can guess.
  public init(_ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64) {
    words = [a, b, c, d]
  }

  /// For tests and simulation: four words stretched from one, which anybody can guess.
  public init(_ seed: UInt64) {
    var state = seed
    words = [0, 0, 0, 0]
    for i in 0..<4 {
      // A Weyl sequence with an avalanche behind it: distinct seeds give distinct words.
      state &+= 0x9e37_79b9_7f4a_7c15
      var z = state
      z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
      z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
      words[i] = z ^ (z >> 31)
    }
  }
}
