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
    while count &- offset >= 8 {
      sum &+= halves(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self))
      offset &+= 8
    }
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
    while count &- offset >= 8 {
      let word = unsafe source.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
      destination.storeBytes(of: word, toByteOffset: start &+ offset, as: UInt64.self)
      sum &+= halves(word)
      offset &+= 8
    }
    sum &+= tailSum(source, from: offset)
    while offset < count {
      destination.store8(source.u8(offset), at: start &+ offset)
      offset &+= 1
    }
    return InternetChecksum(sum: sum)
  }

  /// The sum of the at most seven octets from `start` on.
  @inlinable @inline(__always)
  static func tailSum(_ bytes: RawSpan, from start: Int) -> UInt64 {
    var offset = start
    let count = bytes.byteCount
    var sum: UInt64 = 0
    if count &- offset >= 4 {
      sum &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt32.self))
      offset &+= 4
    }
    if count &- offset >= 2 {
      sum &+= UInt64(unsafe bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self))
      offset &+= 2
    }
    if count &- offset >= 1 {
      sum &+= UInt64((UInt16(bytes.u8(offset)) << 8).bigEndian)
    }
    return sum
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
  /// The sum of `count` octets from `offset` on, which begin at an even offset of the summed range.
  @inlinable
  public func checksum(from offset: Int, count: Int) -> InternetChecksum {
    var checksum = InternetChecksum()
    checksum.add(bytes.extracting(offset..<(offset &+ count)))
    return checksum
  }
}
