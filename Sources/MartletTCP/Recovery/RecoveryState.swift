/// Where loss recovery stands, and what it has learned of the path's reordering.
@frozen
package struct RecoveryState: BitwiseCopyable, Sendable {
  @frozen
  package enum Phase: UInt8, BitwiseCopyable, Sendable {
    case open
    /// Fast recovery: until `recover` is acknowledged (RFC 6582, RFC 6675, RFC 8985).
    case fastRecovery
    /// After a retransmission time-out: until `recover` is acknowledged.
    case timeout
    /// The path's MTU fell: what was too large is sent again, without a reaction to congestion.
    case pathMTU
  }

  package var phase: Phase = .open
  /// RACK.reordering_seen.
  package var reorderingSeen = false
  /// RACK.reo_wnd_mult, less one.
  package var reorderingSteps: UInt8 = 0
  /// RACK.reo_wnd_persist.
  package var reorderingPersists: UInt8 = 0

  package init() {}
}
