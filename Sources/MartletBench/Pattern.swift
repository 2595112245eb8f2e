#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The text of a stream: 65,521 pseudo-random octets over and over. A prime
/// length, so that text that is lost, repeated or moved by any multiple of a
/// segment shows up as a wrong octet.
struct Pattern {
  static let period = 65_521
  /// Two periods, so that any piece of up to one period is contiguous.
  private let octets: [UInt8]

  init() {
    var state: UInt64 = 0x9e37_79b9_7f4a_7c15
    let once = (0..<Pattern.period).map { _ in
      state ^= state << 13
      state ^= state >> 7
      state ^= state << 17
      return UInt8(truncatingIfNeeded: state >> 32)
    }
    octets = once + once
  }

  /// The text from `offset` of the stream on: at most a period of it.
  func withText<R>(at offset: Int, most: Int, _ body: (RawSpan) throws -> R) rethrows -> R {
    let from = offset % Pattern.period
    return try body(octets.span.bytes.extracting(from..<from + min(most, Pattern.period)))
  }

  /// Whether `text` is what stands at `offset`.
  func matches(_ text: RawSpan, at offset: Int) -> Bool {
    withText(at: offset, most: text.byteCount) { expected in
      expected.byteCount == text.byteCount
        && expected.withUnsafeBytes { a in
          text.withUnsafeBytes { b in a.isEmpty || memcmp(a.baseAddress!, b.baseAddress!, a.count) == 0 }
        }
    }
  }
}
