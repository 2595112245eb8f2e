/// The two loops over bytes: sum, and copy with sum.
///
/// Both take 64 octets at a time as eight lanes of 64 bits. A lane is a high and a
/// low half of 32 bits, and two accumulators suffice to keep them apart: one adds the
/// lanes as they are, wrapping; the other adds the high halves alone, which cannot
/// wrap. The low halves then are the first minus the second shifted up, modulo 2^64.
/// That is one instruction fewer per lane than masking, and no carry is ever looked at.
extension InternetChecksum {
  /// The one's-complement sum of `bytes`, at most 35 bits, in native words.
  @inlinable
  static func wordSum(_ bytes: RawSpan) -> UInt64 {
    var total = SIMD8<UInt64>()
    var high = SIMD8<UInt64>()
    let count = bytes.byteCount
    var offset = 0
    while count &- offset >= 64 {
      let lanes = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
      total &+= lanes
      high &+= lanes &>> 32
      offset &+= 64
    }
    var sum: UInt64 = 0
    if offset > 0 { sum = foldLanes(total: total, high: high) }
    return sum &+ tailSum(bytes, from: offset)
  }

  /// Copies `source` to `destination[at...]` and returns the sum of its octets, in one
  /// pass. `destination` must have room for all of `source`.
  ///
  /// The sum takes `source` to begin at an even offset; merge it with
  /// `add(_:oddOffset:)` if it does not.
  @inlinable
  public static func copying(
    _ source: RawSpan, into destination: inout MutableRawSpan, at start: Int
  ) -> InternetChecksum {
    let count = source.byteCount
    precondition(start >= 0 && count <= destination.byteCount &- start, "no room for the copy")
    var total = SIMD8<UInt64>()
    var high = SIMD8<UInt64>()
    var offset = 0
    while count &- offset >= 64 {
      let lanes = unsafe source.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD8<UInt64>.self)
      destination.storeBytes(of: lanes, toByteOffset: start &+ offset, as: SIMD8<UInt64>.self)
      total &+= lanes
      high &+= lanes &>> 32
      offset &+= 64
    }
    var sum: UInt64 = 0
    if offset > 0 { sum = foldLanes(total: total, high: high) }
    sum &+= tailSum(source, from: offset)
    copyTail(source, into: &destination, at: start, from: offset)
    return InternetChecksum(sum: sum)
  }

  /// The sum of the at most 63 octets from `start` on: by the binary digits of how many
  /// they are, without a loop that an optimiser would unroll for a length it never has.
  @inlinable @inline(__always)
  static func tailSum(_ bytes: RawSpan, from start: Int) -> UInt64 {
    var offset = start
    let rest = bytes.byteCount &- start
    var sum: UInt64 = 0
    if rest & 32 != 0 {
      let lanes = unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: SIMD4<UInt64>.self)
      sum &+= ((lanes & 0xffff_ffff) &+ (lanes &>> 32)).wrappedSum()
      offset &+= 32
    }
    if rest & 16 != 0 {
      sum &+= halves(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
      sum &+= halves(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset &+ 8, as: UInt64.self))
      offset &+= 16
    }
    if rest & 8 != 0 {
      sum &+= halves(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset &+= 8
    }
    if rest & 4 != 0 {
      sum &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset &+= 4
    }
    if rest & 2 != 0 {
      sum &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset &+= 2
    }
    if rest & 1 != 0 {
      sum &+= UInt64((UInt16(bytes.u8(offset)) << 8).bigEndian)
    }
    return sum
  }

  /// Copies the at most 63 octets from `from` on, likewise.
  @inlinable @inline(__always)
  static func copyTail(
    _ source: RawSpan, into destination: inout MutableRawSpan, at start: Int, from: Int
  ) {
    var offset = from
    let rest = source.byteCount &- from
    if rest & 32 != 0 {
      copy(SIMD4<UInt64>.self, source, into: &destination, at: start, offset)
      offset &+= 32
    }
    if rest & 16 != 0 {
      copy(SIMD2<UInt64>.self, source, into: &destination, at: start, offset)
      offset &+= 16
    }
    if rest & 8 != 0 {
      copy(UInt64.self, source, into: &destination, at: start, offset)
      offset &+= 8
    }
    if rest & 4 != 0 {
      copy(UInt32.self, source, into: &destination, at: start, offset)
      offset &+= 4
    }
    if rest & 2 != 0 {
      copy(UInt16.self, source, into: &destination, at: start, offset)
      offset &+= 2
    }
    if rest & 1 != 0 {
      destination.store8(source.u8(offset), at: start &+ offset)
    }
  }

  @inlinable @inline(__always)
  static func copy<Word: BitwiseCopyable>(
    _ word: Word.Type, _ source: RawSpan, into destination: inout MutableRawSpan, at start: Int,
    _ offset: Int
  ) {
    let value = unsafe source.unsafeLoadUnaligned(fromByteOffset: offset, as: Word.self)
    destination.storeBytes(of: value, toByteOffset: start &+ offset, as: Word.self)
  }

  /// Both halves of a 64-bit word, added.
  @inlinable @inline(__always)
  static func halves(_ word: UInt64) -> UInt64 {
    (word & 0xffff_ffff) &+ (word >> 32)
  }

  /// Eight lanes to one sum of at most 34 bits.
  @inlinable @inline(__always)
  static func foldLanes(total: SIMD8<UInt64>, high: SIMD8<UInt64>) -> UInt64 {
    let low = total &- (high &<< 32)
    let sum = low &+ high
    let narrow = (sum & 0xffff_ffff) &+ (sum &>> 32)
    return halves(narrow.wrappedSum())
  }
}

extension MutableRawSpan {
  /// Copies octets that nobody needs the sum of to the start, where there must be room for them.
  @inlinable @inline(__always)
  public mutating func copy(_ source: RawSpan) {
    precondition(source.byteCount <= byteCount, "no room for the copy")
    let count = source.byteCount
    if count >= 32, count <= 64 {
      // An answer, mostly: two halves, which may overlap, without a loop.
      InternetChecksum.copy(SIMD4<UInt64>.self, source, into: &self, at: 0, 0)
      return InternetChecksum.copy(SIMD4<UInt64>.self, source, into: &self, at: 0, count &- 32)
    }
    var offset = 0
    while source.byteCount &- offset >= 64 {
      InternetChecksum.copy(SIMD8<UInt64>.self, source, into: &self, at: 0, offset)
      offset &+= 64
    }
    InternetChecksum.copyTail(source, into: &self, at: 0, from: offset)
  }

  /// The sum of `count` octets from `offset` on, which begin at an even offset of the summed range.
  @inlinable
  public func checksum(from offset: Int, count: Int) -> InternetChecksum {
    var checksum = InternetChecksum()
    checksum.add(bytes.extracting(offset..<(offset &+ count)))
    return checksum
  }
}
