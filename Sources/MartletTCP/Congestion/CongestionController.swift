/// The congestion window and who decides about it.
///
/// Loss recovery owns `cwnd` while it inflates and deflates it (RFC 6582);
/// everything else is the algorithm's. An algorithm is a small struct in a file
/// of its own and one case of `CongestionAlgorithm`: a closed set, so that a TCB
/// stays plain data and a call costs a jump, not a table.
@frozen
package struct CongestionController: BitwiseCopyable, Sendable {
  /// Octets.
  package var cwnd: UInt32
  /// Octets; `UInt32.max` until the first loss.
  package var ssthresh: UInt32
  package var algorithm: CongestionAlgorithm

  /// The initial window (RFC 6928 §2): `segments` of them.
  package init(mss: UInt16, segments: UInt8, algorithm: CongestionAlgorithm = .newReno(NewReno())) {
    cwnd = UInt32(max(segments, 1)) &* UInt32(mss)
    ssthresh = .max
    self.algorithm = algorithm
  }

  package var inSlowStart: Bool { cwnd < ssthresh }

  /// New octets were acknowledged outside recovery.
  package mutating func acknowledged(_ ack: CongestionAck) {
    switch algorithm {
    case .newReno(var newReno):
      newReno.acknowledged(ack, cwnd: &cwnd, ssthresh: ssthresh)
      algorithm = .newReno(newReno)
    }
  }

  /// A loss was found by duplicate acknowledgments: sets `ssthresh`. `cwnd` is recovery's.
  package mutating func lossDetected(flight: UInt32, mss: UInt16) {
    switch algorithm {
    case .newReno(let newReno):
      ssthresh = newReno.reducedThreshold(flight: flight, mss: mss)
    }
  }

  /// The retransmission timer fired (RFC 5681 §3.1): one segment, and slow start towards half of what
  /// was in flight. A timer that fires again for the same octets leaves `ssthresh` alone.
  package mutating func timedOut(flight: UInt32, mss: UInt16, repeated: Bool) {
    if !repeated { lossDetected(flight: flight, mss: mss) }
    cwnd = UInt32(mss)
    switch algorithm {
    case .newReno(var newReno):
      newReno.restarted()
      algorithm = .newReno(newReno)
    }
  }

  /// Nothing was sent for a retransmission time-out: no more than the restart window (RFC 5681 §4.1).
  package mutating func restartAfterIdle(mss: UInt16, segments: UInt8) {
    cwnd = min(cwnd, UInt32(max(segments, 2)) &* UInt32(mss))
  }
}

@frozen
package enum CongestionAlgorithm: BitwiseCopyable, Sendable {
  case newReno(NewReno)
}

/// What an algorithm learns from an acknowledgment.
@frozen
package struct CongestionAck: BitwiseCopyable, Sendable {
  /// Octets newly acknowledged.
  package var octets: UInt32
  /// Octets in flight before it.
  package var flight: UInt32
  package var mss: UInt16

  package init(octets: UInt32, flight: UInt32, mss: UInt16) {
    self.octets = octets
    self.flight = flight
    self.mss = mss
  }
}
