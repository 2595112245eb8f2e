/// Where loss recovery stands, and what it has learned of the path's reordering.
@frozen
package struct RecoveryState: BitwiseCopyable, Sendable {
  @frozen
  package enum Phase: UInt8, BitwiseCopyable, Sendable {
    case open = 0
    /// Fast recovery: until `recover` is acknowledged (RFC 6582, RFC 6675, RFC 8985).
    case fastRecovery
    /// After a retransmission time-out: until `recover` is acknowledged.
    case timeout
    /// The path's MTU fell: what was too large is sent again, without a reaction to congestion.
    case pathMTU
  }

  /// `phase` in the low two bits, `reorderingSeen` in the third, `reorderingPersists` above: an octet instead of
  /// three.
  private var bits: UInt8 = 0
  /// RACK.reo_wnd_mult, less one.
  package var reorderingSteps: UInt8 = 0

  package init() {}

  @inline(__always)
  package var phase: Phase {
    get { Phase(rawValue: bits & 3) ?? .open }
    set { bits = bits & ~3 | newValue.rawValue }
  }

  /// RACK.reordering_seen.
  @inline(__always)
  package var reorderingSeen: Bool {
    get { bits & 4 != 0 }
    set { bits = bits & ~4 | (newValue ? 4 : 0) }
  }

  /// RACK.reo_wnd_persist: at most 16.
  package var reorderingPersists: UInt8 {
    get { bits >> 3 }
    set { bits = bits & 7 | min(newValue, 31) << 3 }
  }
}
