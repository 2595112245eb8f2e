/// How many distinct sources there were, in 128 octets however many they are: HyperLogLog (Flajolet, Fusy,
/// Gandouet and Meunier, 2007) with 128 registers, whose standard error is 9 %.
///
/// Of a keyed hash, seven bits choose a register, which remembers the longest run of zeros that the others
/// began with. A run of k zeros is seen once in 2^k sources. The key matters: who knew it could send from
/// addresses that all look like one.
struct SourceSketch: BitwiseCopyable {
  private var registers: InlineArray<128, UInt8> = InlineArray(repeating: 0)

  mutating func add(_ hash: UInt64) {
    let register = Int(truncatingIfNeeded: hash & 127)
    let rank = UInt8(truncatingIfNeeded: min((hash >> 7 | 1 << 57).trailingZeroBitCount &+ 1, 32))
    if registers[register] < rank { registers[register] = rank }
  }

  /// The number of different hashes that were added, within a few per cent of it.
  var estimate: UInt64 {
    // The sum of 2^-rank, in units of 2^-32.
    var sum: UInt64 = 0
    var empty: UInt64 = 0
    for i in 0..<128 {
      sum &+= 1 << (32 &- UInt64(registers[i]))
      if registers[i] == 0 { empty &+= 1 }
    }
    // alpha · m² is 0.71527 · 128².
    let raw = (11_719 << 32) / sum
    return raw <= 320 && empty > 0 ? Self.sources(leaving: empty) : raw
  }

  /// How many sources leave so many registers empty on average: each new one finds an empty register with a
  /// chance of k / 128, so that the first of k is found after 128 / k more. Exact for few.
  private static func sources(leaving empty: UInt64) -> UInt64 {
    var sum: UInt64 = 0
    var k: UInt64 = 128
    while k > empty {
      sum &+= (128 << 16) / k
      k &-= 1
    }
    return (sum &+ 1 << 15) >> 16
  }
}
