/// Proportional Rate Reduction (RFC 6937, RFC 8985 §9.3): while a loss is repaired, the window comes
/// down to ssthresh in step with what is delivered, instead of stopping for half a
/// round trip and then bursting.
@frozen
package struct ProportionalReduction: BitwiseCopyable, Sendable {
  /// RecoverFS: octets in flight when recovery began.
  package var flight: UInt32
  /// prr_delivered.
  package var delivered: UInt32 = 0
  /// prr_out.
  package var out: UInt32 = 0

  package init(flight: UInt32 = 0) {
    self.flight = max(flight, 1)
  }

  /// §3: the window after an acknowledgment.
  ///
  /// - Parameter makesProgress: SND.UNA moved and nothing more was found lost: then slow start towards
  ///   ssthresh (the reduction bound SSRB), else no more than was delivered (CRB).
  package mutating func window(
    delivered octets: UInt32, pipe: UInt32, ssthresh: UInt32, mss: UInt16, makesProgress: Bool
  ) -> UInt32 {
    delivered = delivered &+ octets
    let mss = UInt32(mss)
    let more: UInt32
    if pipe > ssthresh {
      // CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out
      let share = (UInt64(delivered) &* UInt64(ssthresh) &+ UInt64(flight) &- 1) / UInt64(flight)
      let target = UInt32(truncatingIfNeeded: min(share, UInt64(UInt32.max)))
      more = target > out ? target &- out : 0
    } else {
      let owed = delivered > out ? delivered &- out : 0
      let limit = max(owed, octets) &+ (makesProgress ? mss : 0)
      more = min(ssthresh &- pipe, limit)
    }
    // The fast retransmission itself is always sent.
    return max(pipe &+ more, mss)
  }
}
