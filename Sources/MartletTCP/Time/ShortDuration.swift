/// A span of time in two octets: a count of milliseconds, tenths of a second, seconds or minutes, whichever
/// is the least unit that 14 bits suffice for, rounded up; at most 11 days. For what an application sets
/// once in a connection's life, which is a round number of one of them.
@frozen
package struct ShortDuration: BitwiseCopyable, Equatable, Sendable {
  /// The count, and the unit in the top two bits.
  private var count14unit2: UInt16

  package init(milliseconds: UInt32) {
    var unit: UInt16 = 0
    var count = milliseconds
    while count > 0x3fff, unit < 3 {
      unit &+= 1
      let size = ShortDuration.milliseconds(of: unit)
      count = milliseconds / size &+ (milliseconds % size == 0 ? 0 : 1)
    }
    count14unit2 = UInt16(truncatingIfNeeded: min(count, 0x3fff)) | unit << 14
  }

  package var milliseconds: UInt32 {
    UInt32(count14unit2 & 0x3fff) &* ShortDuration.milliseconds(of: count14unit2 >> 14)
  }

  private static func milliseconds(of unit: UInt16) -> UInt32 {
    switch unit {
    case 0: 1
    case 1: 100
    case 2: 1_000
    default: 60_000
    }
  }
}
