import MartletWire

/// A generator of test inputs with a seed that a failure can print (SplitMix64).
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }

  mutating func bytes(_ count: Int) -> [UInt8] {
    var result = [UInt8]()
    result.reserveCapacity(count)
    while result.count < count {
      var word = next()
      for _ in 0..<min(8, count - result.count) {
        result.append(UInt8(truncatingIfNeeded: word))
        word >>= 8
      }
    }
    return result
  }

  mutating func next16() -> UInt16 { UInt16(truncatingIfNeeded: next()) }
  mutating func next32() -> UInt32 { UInt32(truncatingIfNeeded: next()) }
  mutating func chance(_ one: UInt64, in many: UInt64) -> Bool { next() % many < one }
}

/// `count` octets of 0xEE, after `write` had its way with them.
func written(_ count: Int, _ write: (inout MutableRawSpan) -> Void) -> [UInt8] {
  var bytes = [UInt8](repeating: 0xEE, count: count)
  var elements = bytes.mutableSpan
  var out = elements.mutableBytes
  write(&out)
  return bytes
}

extension RawSpan {
  /// A copy, for comparison.
  var array: [UInt8] { (0..<byteCount).map { u8($0) } }
}

/// The octets of a string of hexadecimal digits; spaces are ignored.
func hex(_ text: String) -> [UInt8] {
  let digits = text.compactMap { $0.hexDigitValue.map { UInt8($0) } }
  return stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
