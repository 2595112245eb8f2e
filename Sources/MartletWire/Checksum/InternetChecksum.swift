/// A running Internet checksum (RFC 1071): a one's-complement sum of 16-bit words.
///
/// The sum is kept in the machine's own byte order, because one's-complement
/// addition does not care (RFC 1071 §2 (B)); `folded` and `field` turn it round once.
/// Words of 32 bits are summed into 64 and folded at the end: no carries in between.
@frozen
public struct InternetChecksum: BitwiseCopyable, Sendable {
  /// The sum of native 16-bit words, unfolded. Every addition is below 2^35, so it
  /// would take 2^29 of them to wrap it.
  @usableFromInline
  var sum: UInt64

  /// The sum of nothing.
  @inlinable @inline(__always)
  public init() {
    sum = 0
  }

  @inlinable @inline(__always)
  init(sum: UInt64) {
    self.sum = sum
  }

  /// Adds octets that begin at an even offset of the summed range. A last odd
  /// octet counts as the high half of a word (RFC 1071 §1).
  @inlinable @inline(__always)
  public mutating func add(_ bytes: RawSpan) {
    sum &+= Self.wordSum(bytes)
  }

  /// Adds octets that may begin at an odd offset of the summed range.
  @inlinable
  public mutating func add(_ bytes: RawSpan, oddOffset: Bool) {
    add(InternetChecksum(sum: Self.wordSum(bytes)), oddOffset: oddOffset)
  }

  /// Merges a sum made elsewhere, of octets that begin at an even or odd offset of the
  /// summed range. At an odd one its halves change places (RFC 1071 §2 (B)).
  @inlinable
  public mutating func add(_ piece: InternetChecksum, oddOffset: Bool = false) {
    let word = Self.fold(piece.sum)
    sum &+= UInt64(oddOffset ? word.byteSwapped : word)
  }

  /// Adds one word, given as the number it means on the wire.
  @inlinable @inline(__always)
  public mutating func add(word: UInt16) {
    sum &+= UInt64(word.bigEndian)
  }

  /// Adds two words, given as the number they mean on the wire.
  @inlinable @inline(__always)
  public mutating func add(_ value: UInt32) {
    sum &+= UInt64(value.bigEndian)
  }

  /// The sum, folded to 16 bits, not complemented.
  @inlinable @inline(__always)
  public var folded: UInt16 {
    UInt16(bigEndian: Self.fold(sum))
  }

  /// The complement of the sum: what a checksum field holds, as a number to be stored big-endian.
  @inlinable @inline(__always)
  public var field: UInt16 {
    ~folded
  }

  /// Whether a range that includes its checksum field is intact: it folds to 0xffff.
  ///
  /// Never compare a field with a recomputed one instead: zero has two forms (rule P5).
  @inlinable @inline(__always)
  public var isValid: Bool {
    Self.fold(sum) == 0xffff
  }

  /// Folds 64 bits to 16, carries brought round: a number added to itself with its halves exchanged has in its
  /// upper half their sum, and the carry out of the lower one is the one that comes round.
  @inlinable @inline(__always)
  static func fold(_ sum: UInt64) -> UInt16 {
    let half = UInt32(truncatingIfNeeded: (sum &+ (sum &<< 32 | sum &>> 32)) &>> 32)
    return UInt16(truncatingIfNeeded: (half &+ (half &<< 16 | half &>> 16)) &>> 16)
  }
}

// MARK: - Pseudo-headers

extension InternetChecksum {
  /// The pseudo-header of TCP and UDP over IPv4 (RFC 9293 §3.1).
  ///
  /// `length` is that of transport header and text, in octets.
  @inlinable @inline(__always)
  public static func pseudoHeader(
    source: IPv4Address, destination: IPv4Address, proto: IPProtocol, length: Int
  ) -> InternetChecksum {
    var checksum = InternetChecksum()
    checksum.add(source.bits)
    checksum.add(destination.bits)
    checksum.add(UInt32(proto.rawValue))
    checksum.add(UInt32(truncatingIfNeeded: length))
    return checksum
  }

  /// The pseudo-header of every transport over IPv6 (RFC 8200 §8.1).
  @inlinable @inline(__always)
  public static func pseudoHeader(
    source: IPv6Address, destination: IPv6Address, proto: IPProtocol, length: Int
  ) -> InternetChecksum {
    var checksum = InternetChecksum()
    checksum.add(quad: source.high)
    checksum.add(quad: source.low)
    checksum.add(quad: destination.high)
    checksum.add(quad: destination.low)
    checksum.add(UInt32(proto.rawValue))
    checksum.add(UInt32(truncatingIfNeeded: length))
    return checksum
  }

  /// The pseudo-header for addresses of one family; of two families, the sum of nothing.
  @inlinable
  public static func pseudoHeader(
    source: IPAddress, destination: IPAddress, proto: IPProtocol, length: Int
  ) -> InternetChecksum {
    switch (source, destination) {
    case (.v4(let source), .v4(let destination)):
      return pseudoHeader(source: source, destination: destination, proto: proto, length: length)
    case (.v6(let source), .v6(let destination)):
      return pseudoHeader(source: source, destination: destination, proto: proto, length: length)
    default:
      return InternetChecksum()
    }
  }

  /// Adds four words, given as the number they mean on the wire.
  @inlinable @inline(__always)
  mutating func add(quad value: UInt64) {
    add(UInt32(truncatingIfNeeded: value >> 32))
    add(UInt32(truncatingIfNeeded: value))
  }
}

// MARK: - Of numbers

/// The same sum of numbers as they mean on the wire, before they are written: none of them has to be turned round.
@frozen @usableFromInline
package struct NumberSum: BitwiseCopyable {
  @usableFromInline var sum: UInt64 = 0

  @inlinable @inline(__always)
  package init() {}

  /// Adds two words.
  @inlinable @inline(__always)
  package mutating func add(_ value: UInt32) { sum &+= UInt64(value) }

  /// Adds four words.
  @inlinable @inline(__always)
  package mutating func add(quad value: UInt64) { sum &+= InternetChecksum.halves(value) }

  /// The pseudo-header over IPv4.
  @inlinable @inline(__always)
  package mutating func addPseudoHeader(
    source: IPv4Address, destination: IPv4Address, proto: IPProtocol, length: Int
  ) {
    sum &+= UInt64(source.bits) &+ UInt64(destination.bits) &+ UInt64(proto.rawValue)
    sum &+= UInt64(truncatingIfNeeded: length)
  }

  /// Not complemented.
  @inlinable @inline(__always)
  package var folded: UInt16 { InternetChecksum.fold(sum) }

  /// What a checksum field holds.
  @inlinable @inline(__always)
  package var field: UInt16 { ~folded }

  /// The field was among what was added, and is right: all ones are all ones either way round.
  @inlinable @inline(__always)
  package var isValid: Bool { folded == 0xffff }
}

// MARK: - Incremental update

extension InternetChecksum {
  /// A checksum field after one of the words under it changed (RFC 1624 §3, equation 3).
  @inlinable @inline(__always)
  public static func update(_ field: UInt16, replacing old: UInt16, with new: UInt16) -> UInt16 {
    let sum = UInt32(~field) &+ UInt32(~old) &+ UInt32(new)
    let once = (sum & 0xffff) &+ (sum >> 16)
    return ~UInt16(truncatingIfNeeded: once &+ (once >> 16))
  }

  /// A checksum field after a 32-bit number under it changed, such as an address.
  @inlinable @inline(__always)
  public static func update(_ field: UInt16, replacing old: UInt32, with new: UInt32) -> UInt16 {
    let high = update(
      field, replacing: UInt16(truncatingIfNeeded: old >> 16), with: UInt16(truncatingIfNeeded: new >> 16))
    return update(
      high, replacing: UInt16(truncatingIfNeeded: old), with: UInt16(truncatingIfNeeded: new))
  }
}
