/// A rate in units of 16 octets a second: up to 549 Gbit/s in four octets.
@frozen
package struct Bandwidth: BitwiseCopyable, Comparable, Sendable {
  package var units: UInt32

  @inline(__always)
  package init(units: UInt32) { self.units = units }

  @inline(__always)
  package init(octetsPerSecond: UInt64) {
    units = UInt32(truncatingIfNeeded: min(octetsPerSecond >> 4, UInt64(UInt32.max &- 1)))
  }

  package static var zero: Bandwidth { Bandwidth(units: 0) }
  /// Infinity: no bound.
  package static var unlimited: Bandwidth { Bandwidth(units: .max) }

  @inline(__always)
  package var octetsPerSecond: UInt64 { UInt64(units) << 4 }

  @inline(__always)
  package static func < (left: Bandwidth, right: Bandwidth) -> Bool { left.units < right.units }

  /// - Parameter numerator: at most 2^31.
  @inline(__always)
  package func times(_ numerator: UInt64, over denominator: UInt64) -> Bandwidth {
    Bandwidth(units: UInt32(truncatingIfNeeded: min(UInt64(units) &* numerator / denominator, 0xffff_fffe)))
  }

  /// What flows in so many microseconds; at most 2^30 octets, as much as any window.
  @inline(__always)
  package func octets(in microseconds: UInt32) -> UInt32 {
    UInt32(truncatingIfNeeded: min(UInt64(units) &* UInt64(microseconds) / 62_500, 1 << 30))
  }
}
