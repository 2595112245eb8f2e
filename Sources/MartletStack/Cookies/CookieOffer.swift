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
    var mssIndex: UInt8 = 4
    let mss = isIPv4 ? Self.mss4 : Self.mss6
    repeat {
      guard mssIndex > 0 else { return nil }
      mssIndex &-= 1
    } while mss[Int(mssIndex)] > embryo.peerMSS
    var scaleIndex: UInt8 = 0
    // Bits instead of sets: the compiler calls a set of another module through its witness table.
    let offered = embryo.options.rawValue
    if offered & EmbryonicTCB.Options.windowScaling.rawValue != 0 {
      scaleIndex = 7
      while Self.shifts[Int(scaleIndex)] > embryo.peerShift.shift { scaleIndex &-= 1 }
    }
    var bits = scaleIndex << 2 | mssIndex
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
    return index == 0 ? nil : WindowScale(Self.shifts[Int(index)])
  }

  var sack: Bool { bits & 1 << 6 != 0 }
  var ecn: Bool { bits & 1 << 5 != 0 }

  /// No option; what fits Ethernet in a tunnel, with PPPoE, and as it is.
  private static var mss4: InlineArray<4, UInt16> { [536, 1_300, 1_440, 1_460] }
  private static var mss6: InlineArray<4, UInt16> { [1_220, 1_360, 1_420, 1_440] }
  /// The first stands for "not offered"; the second is 0, so that looking for a shift always ends.
  private static var shifts: InlineArray<8, UInt8> { [0, 0, 2, 4, 6, 7, 8, 10] }
}
