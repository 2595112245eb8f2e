/// The 128-bit key of a SipHash.
@frozen
public struct SipKey: BitwiseCopyable, Sendable {
  public var k0: UInt64
  public var k1: UInt64

  @inlinable
  public init(_ k0: UInt64, _ k1: UInt64) {
    self.k0 = k0
    self.k1 = k1
  }
}

/// SipHash (Aumasson and Bernstein, 2012) over a few 64-bit words: a keyed hash that an
/// attacker who does not know the key can neither predict nor make collide.
///
/// `hash13` (one round per word, three at the end) spreads table entries; `hash24` is the
/// conservative choice for what travels on the wire: initial sequence numbers, cookies,
/// ports. A word stands for its eight bytes in little-endian order, so n words give the
/// hash of the 8n bytes that the paper defines.
public enum SipHash {
  /// SipHash-1-3 of one word.
  @inlinable
  public static func hash13(_ key: SipKey, _ a: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    return state.finish(byteCount: 8, rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of one word and the four octets of half another.
  @inlinable
  public static func hash13(_ key: SipKey, _ a: UInt64, tail: UInt32) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    return state.finish(byteCount: 12, tail: UInt64(tail), rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of two words.
  @inlinable
  public static func hash13(_ key: SipKey, _ a: UInt64, _ b: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    state.absorb(b, rounds: 1)
    return state.finish(byteCount: 16, rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of three words.
  @inlinable
  public static func hash13(_ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    state.absorb(b, rounds: 1)
    state.absorb(c, rounds: 1)
    return state.finish(byteCount: 24, rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of four words.
  @inlinable
  public static func hash13(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    state.absorb(b, rounds: 1)
    state.absorb(c, rounds: 1)
    state.absorb(d, rounds: 1)
    return state.finish(byteCount: 32, rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of five words.
  @inlinable
  public static func hash13(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    state.absorb(b, rounds: 1)
    state.absorb(c, rounds: 1)
    state.absorb(d, rounds: 1)
    state.absorb(e, rounds: 1)
    return state.finish(byteCount: 40, rounds: 1, finalRounds: 3)
  }

  /// SipHash-1-3 of six words.
  @inlinable
  public static func hash13(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 1)
    state.absorb(b, rounds: 1)
    state.absorb(c, rounds: 1)
    state.absorb(d, rounds: 1)
    state.absorb(e, rounds: 1)
    state.absorb(f, rounds: 1)
    return state.finish(byteCount: 48, rounds: 1, finalRounds: 3)
  }

  /// SipHash-2-4 of one word.
  @inlinable
  public static func hash24(_ key: SipKey, _ a: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    return state.finish(byteCount: 8, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of two words.
  @inlinable
  public static func hash24(_ key: SipKey, _ a: UInt64, _ b: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    state.absorb(b, rounds: 2)
    return state.finish(byteCount: 16, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of three words.
  @inlinable
  public static func hash24(_ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    state.absorb(b, rounds: 2)
    state.absorb(c, rounds: 2)
    return state.finish(byteCount: 24, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of four words.
  @inlinable
  public static func hash24(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    state.absorb(b, rounds: 2)
    state.absorb(c, rounds: 2)
    state.absorb(d, rounds: 2)
    return state.finish(byteCount: 32, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of five words.
  @inlinable
  public static func hash24(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    state.absorb(b, rounds: 2)
    state.absorb(c, rounds: 2)
    state.absorb(d, rounds: 2)
    state.absorb(e, rounds: 2)
    return state.finish(byteCount: 40, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of six words.
  @inlinable
  public static func hash24(
    _ key: SipKey, _ a: UInt64, _ b: UInt64, _ c: UInt64, _ d: UInt64, _ e: UInt64, _ f: UInt64
  ) -> UInt64 {
    var state = SipState(key)
    state.absorb(a, rounds: 2)
    state.absorb(b, rounds: 2)
    state.absorb(c, rounds: 2)
    state.absorb(d, rounds: 2)
    state.absorb(e, rounds: 2)
    state.absorb(f, rounds: 2)
    return state.finish(byteCount: 48, rounds: 2, finalRounds: 4)
  }

  /// SipHash-2-4 of any number of bytes.
  public static func hash24(_ key: SipKey, bytes: RawSpan) -> UInt64 {
    var state = SipState(key)
    var word: UInt64 = 0
    for i in 0..<bytes.byteCount {
      let byte = unsafe bytes.unsafeLoad(fromByteOffset: i, as: UInt8.self)
      word |= UInt64(byte) << UInt64((i & 7) &* 8)
      if i & 7 == 7 {
        state.absorb(word, rounds: 2)
        word = 0
      }
    }
    return state.finish(byteCount: bytes.byteCount, tail: word, rounds: 2, finalRounds: 4)
  }
}

/// The four words that the rounds stir (SipHash, §2). By itself for several hashes that begin with the same
/// words: those are absorbed once.
@frozen
@usableFromInline
package struct SipState: BitwiseCopyable {
  @usableFromInline var v0: UInt64
  @usableFromInline var v1: UInt64
  @usableFromInline var v2: UInt64
  @usableFromInline var v3: UInt64

  @inlinable @inline(__always)
  package init(_ key: SipKey) {
    v0 = key.k0 ^ 0x736f_6d65_7073_6575
    v1 = key.k1 ^ 0x646f_7261_6e64_6f6d
    v2 = key.k0 ^ 0x6c79_6765_6e65_7261
    v3 = key.k1 ^ 0x7465_6462_7974_6573
  }

  @inlinable @inline(__always)
  package mutating func absorb(_ word: UInt64, rounds: Int) {
    v3 ^= word
    for _ in 0..<rounds { stir() }
    v0 ^= word
  }

  /// `tail` holds the up to seven bytes that filled no word.
  @inlinable @inline(__always)
  package mutating func finish(byteCount: Int, tail: UInt64 = 0, rounds: Int, finalRounds: Int) -> UInt64 {
    absorb(UInt64(truncatingIfNeeded: byteCount) << 56 | tail, rounds: rounds)
    v2 ^= 0xFF
    for _ in 0..<finalRounds { stir() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  @inlinable @inline(__always)
  mutating func stir() {
    v0 &+= v1
    v2 &+= v3
    v1 = rotate(v1, by: 13) ^ v0
    v3 = rotate(v3, by: 16) ^ v2
    v0 = rotate(v0, by: 32)
    v2 &+= v1
    v0 &+= v3
    v1 = rotate(v1, by: 17) ^ v2
    v3 = rotate(v3, by: 21) ^ v0
    v2 = rotate(v2, by: 32)
  }

  @inlinable @inline(__always)
  func rotate(_ word: UInt64, by n: UInt64) -> UInt64 {
    word &<< n | word &>> (64 &- n)
  }
}
