import MartletTCP
import MartletWire

/// What a SYN offered, in the seven bits that a cookie has for it:
///
///      6     5    4       2 1     0
///     ┌─────┬────┬─────────┬───────┐
///     │SACK │ECN │  scale  │  MSS  │
///     └─────┴────┴─────────┴───────┘
///
/// Scale and MSS are indices of tables, rounded down: the peer is never sent more than it asked for, nor
/// believed to have a larger window. The values are those that hosts and links in use really offer.
struct CookieOffer: Equatable, BitwiseCopyable {
  let bits: UInt8

  init(bits: UInt8) {
    self.bits = bits & 0x7f
  }

  /// Nil: the MSS is below the smallest of the table. Such a peer has to have a record.
  @inline(__always)
  init?(_ embryo: EmbryonicTCB, isIPv4: Bool) {
    let sizes = isIPv4 ? Self.mss4 : Self.mss6
    let mss = embryo.peerMSS
    guard mss >= sizes[0] else { return nil }
    // Counted instead of looked for: no branch that depends on what somebody sends.
    var bits: UInt8 = (mss >= sizes[1] ? 1 : 0) &+ (mss >= sizes[2] ? 1 : 0) &+ (mss >= sizes[3] ? 1 : 0)
    // Bits instead of sets: the compiler calls a set of another module through its witness table.
    let offered = embryo.options.rawValue
    if offered & EmbryonicTCB.Options.windowScaling.rawValue != 0 {
      bits |= UInt8(truncatingIfNeeded: Self.indices &>> UInt64(embryo.peerShift.shift &* 4) & 7) << 2
    }
    if offered & EmbryonicTCB.Options.sack.rawValue != 0 { bits |= 1 << 6 }
    if offered & EmbryonicTCB.Options.ecn.rawValue != 0 { bits |= 1 << 5 }
    self.bits = bits
  }

  func mss(isIPv4: Bool) -> UInt16 {
    isIPv4 ? Self.mss4[Int(bits & 3)] : Self.mss6[Int(bits & 3)]
  }

  /// Nil: the SYN did not offer to scale windows.
  @inline(__always)
  var shift: WindowScale? {
    let index = bits >> 2 & 7
    return index == 0 ? nil : WindowScale(UInt8(truncatingIfNeeded: Self.shifts &>> UInt32(index &* 4) & 15))
  }

  var sack: Bool { bits & 1 << 6 != 0 }
  var ecn: Bool { bits & 1 << 5 != 0 }

  /// No option; what fits Ethernet in a tunnel, with PPPoE, and as it is.
  private static var mss4: InlineArray<4, UInt16> { [536, 1_300, 1_440, 1_460] }
  private static var mss6: InlineArray<4, UInt16> { [1_220, 1_360, 1_420, 1_440] }
  /// Four bits each, index 0 the lowest, which stands for "not offered"; then 0, 2, 4, 6, 7, 8, 10.
  private static var shifts: UInt32 { 0xa876_4200 }
  /// Likewise for each shift from 0 to 14 the index of the largest that is not above it.
  private static var indices: UInt64 { 0x0777_7766_5433_2211 }
}
