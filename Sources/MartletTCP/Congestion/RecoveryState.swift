import MartletWire

/// Where loss recovery stands (RFC 6582).
@frozen
package struct RecoveryState: BitwiseCopyable, Sendable {
  @frozen
  package enum Phase: UInt8, BitwiseCopyable, Sendable {
    case open
    /// Fast recovery: until `recover` is acknowledged.
    case fastRecovery
    /// After a retransmission time-out: until `recover` is acknowledged.
    case timeout
  }

  /// "recover": the highest sequence number sent when the last recovery began.
  package var recover: SequenceNumber
  package var duplicateAcks: UInt8 = 0
  package var phase: Phase = .open

  package init(recover: SequenceNumber) {
    self.recover = recover
  }
}
