/// The congestion window and who decides about it (MUST-19).
///
/// Loss recovery owns `cwnd` from the first loss until it is repaired (RFC
/// 6937), unless the algorithm does without (`ownsWindow`); everything else is
/// the algorithm's. An algorithm is a small struct in a file of its own and one
/// case of `CongestionAlgorithm`: a closed set, so that a TCB stays plain data
/// and a call costs a jump, not a table.
///
/// What must outlive an idle spell is here, in 32 octets; what an algorithm needs
/// only while text is in flight is its case of `CongestionEpoch`, in the cold
/// block, and comes with each call. A fresh epoch is always a right one.
@frozen
package struct CongestionController: BitwiseCopyable, Sendable {
  package var window: CongestionWindow
  package var algorithm: CongestionAlgorithm

  /// The initial window (RFC 6928 §2): `segments` of them.
  package init(mss: UInt16, segments: UInt8, _ control: CongestionControl) {
    window = CongestionWindow(cwnd: 0, ssthresh: .max)
    algorithm = CongestionAlgorithm(control)
    open(mss: mss, segments: segments)
  }

  /// The same, when the size of a segment is known.
  @inline(__always)
  package mutating func open(mss: UInt16, segments: UInt8) {
    window = CongestionWindow(cwnd: UInt32(max(segments, 1)) &* UInt32(mss), ssthresh: .max)
  }

  @inline(__always)
  package var cwnd: UInt32 {
    get { window.cwnd }
    set { window.cwnd = newValue }
  }
  @inline(__always)
  package var ssthresh: UInt32 { window.ssthresh }

  /// Looking for the size of the path by doubling.
  package var inSlowStart: Bool {
    switch algorithm {
    case .newReno, .cubic: window.inSlowStart
    case .bbr(let bbr): !bbr.fullBWReached
    }
  }

  /// True: the algorithm sets `cwnd` in recovery too, and PRR keeps its hands off.
  @inline(__always)
  package var ownsWindow: Bool {
    switch algorithm {
    case .newReno, .cubic: false
    case .bbr: true
    }
  }

  /// True: the algorithm sets a rate, and segments are spread by it.
  @inline(__always)
  package var isPaced: Bool { ownsWindow }

  /// Octets were delivered. Called for every acknowledgment outside recovery; inside only if `ownsWindow`.
  @inline(__always)
  package mutating func acknowledged(_ ack: CongestionAck, _ epoch: inout CongestionEpoch) {
    switch algorithm {
    case .newReno(var newReno):
      newReno.acknowledged(ack, &window, &epoch)
      algorithm = .newReno(newReno)
    case .cubic(var cubic):
      cubic.acknowledged(ack, &window, &epoch)
      algorithm = .cubic(cubic)
    case .bbr(var bbr):
      bbr.acknowledged(ack, &window, &epoch)
      algorithm = .bbr(bbr)
    }
  }

  /// The path is congested: sets `ssthresh` (and `cwnd` if `ownsWindow`). Once per round trip.
  package mutating func reduce(_ event: CongestionEvent, _ epoch: inout CongestionEpoch) {
    switch algorithm {
    case .newReno(var newReno):
      newReno.reduce(event, &window, &epoch)
      algorithm = .newReno(newReno)
    case .cubic(var cubic):
      cubic.reduce(event, &window, &epoch)
      algorithm = .cubic(cubic)
    case .bbr(var bbr):
      bbr.reduce(event, &window, &epoch)
      algorithm = .bbr(bbr)
    }
  }

  /// The retransmission timer fired (RFC 5681 §3.1): one segment, and slow start towards what `reduce` says.
  /// A timer that fires again for the same octets leaves `ssthresh` alone.
  package mutating func timedOut(
    _ event: CongestionEvent, repeated: Bool, _ epoch: inout CongestionEpoch
  ) {
    if !repeated {
      reduce(event, &epoch)
    } else if !ownsWindow {
      epoch.end()
    }
    window.cwnd = UInt32(event.mss)
  }

  /// Everything that was outstanding when recovery began is acknowledged.
  package mutating func recovered(_ epoch: inout CongestionEpoch) {
    guard case .bbr(var bbr) = algorithm else { return }
    bbr.recovered(&window, &epoch)
    algorithm = .bbr(bbr)
  }

  /// Recovery turned out to be spurious: as before it, and not less than now (RFC 4015 §3.2).
  package mutating func undo(to prior: CongestionController, _ epoch: inout CongestionEpoch) {
    if case .bbr(var bbr) = algorithm {
      bbr.undo(&window, &epoch)
      algorithm = .bbr(bbr)
      return
    }
    let cwnd = max(window.cwnd, prior.window.cwnd)
    if prior.algorithm.control == algorithm.control {
      self = prior
    } else {
      // Another algorithm has taken over since.
      window.ssthresh = prior.window.ssthresh
    }
    window.cwnd = cwnd
    epoch.end()
  }

  /// Text is about to be sent while nothing is in flight.
  package mutating func restartFromIdle(now: UInt32, _ epoch: inout CongestionEpoch) {
    guard case .bbr(var bbr) = algorithm else { return }
    bbr.restartFromIdle(now: now, &window, &epoch)
    algorithm = .bbr(bbr)
  }

  /// Another algorithm takes over: the window stays, the rest begins anew.
  package mutating func change(to control: CongestionControl, hasReduced: Bool, mss: UInt16) {
    guard control != algorithm.control else { return }
    // Who owned the window set no ssthresh for the reduction that goes on, or that losses are held against.
    if ownsWindow, hasReduced { window.ssthresh = max(window.cwnd, 2 &* UInt32(mss)) }
    algorithm = CongestionAlgorithm(control)
  }

  /// Octets a second at which a paced connection sends; 0: as fast as the window allows.
  package func pacingRate(
    srtt: UInt32, isRecovering: Bool = false, _ epoch: borrowing CongestionEpoch
  ) -> UInt64 {
    switch algorithm {
    case .newReno, .cubic: window.pacingRate(srtt: srtt, isRecovering: isRecovering)
    case .bbr(let bbr): bbr.pacingRate(window, srtt: srtt, epoch)
    }
  }

  /// What may leave at once where the rate is bounded: a millisecond of it, at least two segments, at most
  /// 64 KiB (draft-ietf-ccwg-bbr §5.6.3).
  package func sendQuantum(rate: UInt64, mss: UInt16) -> UInt32 {
    max(UInt32(truncatingIfNeeded: min(rate / 1_000, 64 << 10)), 2 &* UInt32(mss))
  }
}

@frozen
package struct CongestionWindow: BitwiseCopyable, Sendable {
  /// Octets.
  package var cwnd: UInt32
  /// Octets; `UInt32.max` until the first loss.
  package var ssthresh: UInt32

  package init(cwnd: UInt32, ssthresh: UInt32) {
    self.cwnd = cwnd
    self.ssthresh = ssthresh
  }

  @inline(__always)
  package var inSlowStart: Bool { cwnd < ssthresh }

  /// Stops at 1 GiB: the largest window a peer can offer.
  @inline(__always)
  package mutating func grow(by octets: UInt32) {
    cwnd = min(cwnd &+ min(octets, 1 << 30), 1 << 30)
  }

  /// The window over the smoothed round trip, with room to grow: twice it in slow start, 6/5 later. While PRR
  /// says how much may leave, and begins with next to nothing after many losses, the rate is that of the window
  /// it leads to.
  package func pacingRate(srtt: UInt32, isRecovering: Bool) -> UInt64 {
    guard srtt > 0 else { return 0 }
    let octets = isRecovering ? max(cwnd, ssthresh) : cwnd
    let window = UInt64(octets) &* (inSlowStart && !isRecovering ? 2_000_000 : 1_200_000)
    return max(window / UInt64(srtt), 1)
  }
}

/// The algorithms there are, and what outlives an idle spell of each: at most 20 octets.
@frozen
package enum CongestionAlgorithm: BitwiseCopyable, Sendable {
  case newReno(NewReno)
  case cubic(Cubic)
  case bbr(BBR)

  package init(_ control: CongestionControl) {
    switch control {
    case .newReno: self = .newReno(NewReno())
    case .cubic: self = .cubic(Cubic())
    case .bbr: self = .bbr(BBR())
    }
  }

  package var control: CongestionControl {
    switch self {
    case .newReno: .newReno
    case .cubic: .cubic
    case .bbr: .bbr
    }
  }
}

/// What an algorithm keeps only while text is in flight. The parts stand side by side, and not in the cases of
/// an enumeration, so that one acknowledgment changes a few octets in place and moves none.
@frozen
package struct CongestionEpoch: BitwiseCopyable, Sendable {
  @frozen
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// Nothing is known yet: a new connection, or one that was idle.
    case fresh
    /// The first slow start (RFC 9406), of whichever algorithm.
    case slowStart
    case cubic
    case bbr
  }

  /// Which of the parts means something.
  package var kind = Kind.fresh
  package var slowStart = HyStart()
  package var cubic = CubicEpoch()
  package var bbr = BBRModel()

  package init() {}

  package static var fresh: CongestionEpoch { CongestionEpoch() }

  @inline(__always)
  package mutating func end() { kind = .fresh }
}

/// Which algorithm decides about the congestion window (MAY-18).
public enum CongestionControl: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// RFC 5681 with RFC 6582.
  case newReno
  /// RFC 9438.
  case cubic
  /// Version 3 (draft-ietf-ccwg-bbr): always paced.
  case bbr
}

/// What an algorithm learns from an acknowledgment.
@frozen
package struct CongestionAck: BitwiseCopyable, Sendable {
  /// Octets newly delivered: acknowledged, and newly reported by SACK.
  package var octets: UInt32
  /// RFC 6675's pipe before this acknowledgment …
  package var flightBefore: UInt32
  /// … and after it.
  package var flight: UInt32
  /// Octets found lost by this acknowledgment.
  package var lost: UInt32 = 0
  /// In how many ranges; 0: not counted, so one.
  package var lostRanges: UInt8 = 0
  /// Of the newest segment found lost.
  package var loss = LossSample()
  /// Octets of text in a full segment.
  package var mss: UInt16
  /// The clock in microseconds, modulo 2^32: compare by signed distance.
  package var now: UInt32 = 0
  /// Microseconds: the round trip of the newest segment delivered; 0: none, or it was sent twice.
  package var roundTrip: UInt32 = 0
  /// Microseconds; 0: nothing measured yet.
  package var srtt: UInt32 = 0
  /// The first acknowledgment of what was sent after the last round trip began.
  package var startsRound = false
  /// The window, not the application or the peer, held text back in this round trip.
  package var isWindowLimited = true
  /// Losses are reported one by one, by SACK, and not one in a round trip.
  package var hasSelectiveAcks = true
  /// The connection is paced: no burst to be feared from a large acknowledgment.
  package var isPaced = false
  package var rate = RateSample()
  /// Different for each acknowledgment and connection, the same for the same seed.
  package var entropy: UInt32 = 0

  package init(octets: UInt32, flightBefore: UInt32, flight: UInt32, mss: UInt16) {
    self.octets = octets
    self.flightBefore = flightBefore
    self.flight = flight
    self.mss = mss
  }
}

/// How fast text was delivered between the sending of a segment and its acknowledgment
/// (draft-ietf-ccwg-bbr §4.1).
@frozen
package struct RateSample: BitwiseCopyable, Sendable {
  /// Octets delivered in `interval`; 0: no sample.
  package var delivered: UInt32 = 0
  /// Microseconds: the longer of the time it took to send and to acknowledge them.
  package var interval: UInt32 = 0
  /// C.delivered, modulo 2^32, when the segment was sent …
  package var priorDelivered: UInt32 = 0
  /// … and now.
  package var totalDelivered: UInt32 = 0
  /// Octets in flight when the segment was sent, itself included.
  package var flight: UInt32 = 0
  /// Octets found lost between the sending of the segment and now.
  package var lost: UInt32 = 0
  /// The application, not the path, set the pace.
  package var isApplicationLimited = false

  package init() {}

  /// Octets a second; 0: no sample.
  package var octetsPerSecond: UInt64 {
    interval == 0 ? 0 : UInt64(delivered) &* 1_000_000 / UInt64(interval)
  }
}

/// What the newest segment that an acknowledgment shows to be lost says about the path
/// (draft-ietf-ccwg-bbr §5.5.10.2).
@frozen
package struct LossSample: BitwiseCopyable, Sendable {
  /// Octets in flight when it was sent, itself included; 0: not known, then the rate sample stands in.
  package var flight: UInt32 = 0
  /// Octets found lost since it was sent, itself included.
  package var lost: UInt32 = 0
  /// The application, not the path, set the pace when it was sent.
  package var isApplicationLimited = false

  package init() {}
}

/// A sign of congestion.
@frozen
package struct CongestionEvent: BitwiseCopyable, Sendable {
  @frozen
  package enum Kind: UInt8, BitwiseCopyable, Sendable {
    /// Recovery begins.
    case loss
    /// The peer echoed a congestion mark (RFC 3168).
    case mark
    case timeout
  }
  package var kind: Kind
  /// FlightSize of RFC 5681 in octets: what was sent and not acknowledged, at most cwnd.
  package var flight: UInt32
  /// Octets found lost.
  package var lost: UInt32
  package var mss: UInt16
  /// The clock in microseconds, modulo 2^32.
  package var now: UInt32

  package init(_ kind: Kind, flight: UInt32, lost: UInt32 = 0, mss: UInt16, now: UInt32) {
    self.kind = kind
    self.flight = flight
    self.lost = lost
    self.mss = mss
    self.now = now
  }
}
