/// Stretches one word into many: a Weyl sequence with an avalanche behind it
/// (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
public struct SplitMix64: BitwiseCopyable, Sendable {
  public var state: UInt64

  @inlinable
  public init(_ state: UInt64) {
    self.state = state
  }

  @inlinable
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    return SplitMix64.scramble(state)
  }

  @inlinable
  static func scramble(_ word: UInt64) -> UInt64 {
    var z = word
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

/// The only source of chance in a simulation: xoshiro256** (Blackman, Vigna, 2018).
/// Integers only, so that a seed means the same on every platform.
public struct SimulatorRandom: RandomNumberGenerator, BitwiseCopyable, Sendable {
  private var a: UInt64
  private var b: UInt64
  private var c: UInt64
  private var d: UInt64

  public init(seed: UInt64) {
    var words = SplitMix64(seed)
    a = words.next()
    b = words.next()
    c = words.next()
    d = words.next()
  }

  public mutating func next() -> UInt64 {
    let product = b &* 5
    let result = (product << 7 | product >> 57) &* 9
    let shifted = b << 17
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = d << 45 | d >> 19
    return result
  }

  /// A number below `bound`, which is not 0; 0 if it is. Every one is equally likely to within 2^-32 for
  /// bounds below 2^32.
  public mutating func below(_ bound: UInt64) -> UInt64 {
    bound == 0 ? 0 : next().multipliedFullWidth(by: bound).high
  }

  /// A number of the range, both ends included.
  public mutating func within(_ range: ClosedRange<Int64>) -> Int64 {
    let span = UInt64(bitPattern: range.upperBound &- range.lowerBound) &+ 1
    return range.lowerBound &+ Int64(bitPattern: below(span))
  }

  /// True in so many of 1,000,000 cases.
  public mutating func chance(perMillion: UInt32) -> Bool {
    perMillion > 0 && below(1_000_000) < UInt64(perMillion)
  }

  /// An independent source; drawing from one does not shift the other.
  public mutating func fork() -> SimulatorRandom {
    SimulatorRandom(seed: next())
  }
}
