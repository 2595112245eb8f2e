import MartletWire

/// STATUS (RFC 9293 §3.10.6): everything that the RFC lists, and what Linux's
/// `TCP_INFO` adds to it, under its names. Addresses, ports and the owner are the
/// engine's to add.
public struct ConnectionStatus: BitwiseCopyable, Sendable {
  public var state: TCPState
  public var endReason: EndReason
  public var softError: SoftError

  /// Octets.
  public var sndUna: SequenceNumber
  public var sndNxt: SequenceNumber
  public var sndMax: SequenceNumber
  public var sndWnd: UInt32
  public var rcvNxt: SequenceNumber
  public var rcvWnd: UInt32
  public var sndWscale: UInt8
  public var rcvWscale: UInt8

  /// "number of buffers awaiting acknowledgment": octets sent and not acknowledged.
  public var unacked: UInt32
  /// Octets in the send queue that were never sent.
  public var notsentBytes: UInt32
  /// Octets waiting for the reader.
  public var unread: UInt32
  /// Octets held behind a hole, and in how many ranges.
  public var outOfOrder: UInt32
  public var outOfOrderRanges: UInt16
  /// Send and receive buffer limits.
  public var sendBuffer: UInt32
  public var receiveBuffer: UInt32

  public var sndMss: UInt16
  public var rcvMss: UInt16
  public var advmss: UInt16
  /// Octets, where `TCP_INFO` counts segments; `UInt32.max` as threshold: no loss was met yet.
  public var sndCwnd: UInt32
  public var sndSsthresh: UInt32
  public var inRecovery: Bool
  public var inTimeoutRecovery: Bool
  /// Why the window does not grow as usual.
  public var recovery: Recovery
  /// Octets believed to be in the network (RFC 6675 §4).
  public var pipe: UInt32
  /// Octets reported by SACK, judged lost and not sent again yet, and sent again and not known to have arrived: each
  /// octet is in one of them only, where Linux's `tcpi_lost` still has what was sent again.
  public var sacked: UInt32
  public var lost: UInt32
  public var retrans: UInt32
  /// Segments sent again in all of the connection's life (`tcpi_total_retrans`).
  public var totalRetrans: UInt32
  /// Octets delivered and found lost since the connection was last idle, modulo 2^32.
  public var delivered: UInt32
  public var lostTotal: UInt32
  /// The path was seen to reorder; by how much, in microseconds, a segment may be late.
  public var reorderingSeen: Bool
  public var reorderingWindow: UInt32
  /// Octets a second; 0: not paced.
  public var pacingRate: UInt64
  public var congestionControl: CongestionControl
  /// Microseconds: the least of this busy period; 0: none.
  public var minRtt: UInt32
  /// Microseconds.
  public var rtt: UInt32
  public var rttvar: UInt32
  /// Milliseconds, with the back-off.
  public var rto: UInt32
  public var backoff: UInt8
  /// Unanswered retransmissions or probes. For a connection that gave up: how many it made.
  public var retransmits: UInt8
  /// Milliseconds from the first unanswered segment until it gave up; else 0.
  public var gaveUpAfter: UInt32

  public var timestamps: Bool
  public var sack: Bool
  public var windowScaling: Bool
  public var ecn: Bool
  /// The text of the SYN counted (RFC 7413).
  public var fastOpen: Bool
  public var noDelay: Bool
  public var keepAlive: Bool
  /// The application has closed it.
  public var isOrphan: Bool
  /// The peer's FIN came; our FIN was asked for.
  public var finReceived: Bool
  public var finQueued: Bool
  /// "urgent state": urgent octets that are not read yet (MUST-33).
  public var urgentPending: UInt32
  /// "transmission timeout": the user timeout in milliseconds; 0: none.
  public var userTimeout: UInt32
  /// Milliseconds since the last segment came.
  public var lastReceived: UInt32
  /// What the retransmission timer is for.
  public var timer: Timer
  /// Milliseconds until it fires.
  public var timerIn: UInt32

  public enum Timer: UInt8, BitwiseCopyable, Sendable {
    case off = 0
    case retransmission
    case persist
    case keepAlive
    case ending
    case delayedAck
    case tailProbe
    case reordering
  }

  /// Linux's `tcpi_ca_state`, by the RFCs' names.
  public enum Recovery: UInt8, BitwiseCopyable, Sendable {
    case none = 0
    /// A loss was found by what arrived after it (RFC 8985, RFC 6582).
    case fastRecovery
    /// The retransmission timer fired (RFC 6298).
    case timeout
    /// The path's MTU fell (RFC 1191, RFC 8201, RFC 4821).
    case pathMTU

    init(_ phase: RecoveryState.Phase) {
      switch phase {
      case .open: self = .none
      case .fastRecovery: self = .fastRecovery
      case .timeout: self = .timeout
      case .pathMTU: self = .pathMTU
      }
    }
  }
}

extension TCB {
  public func status(
    cold: ColdBlock, _ around: borrowing Surroundings, now: Instant
  ) -> ConnectionStatus {
    let outstanding = min(snd.max.distance(from: snd.una), cold.send.count)
    let (timer, timerIn) = shownTimer(now)
    let read = rcv.nxt.retreated(by: cold.receive.count)
    let gaveUp = endReason == .timedOut || endReason == .keepAliveTimedOut
    return ConnectionStatus(
      state: state, endReason: endReason, softError: softError,
      sndUna: snd.una, sndNxt: snd.nxt, sndMax: snd.max, sndWnd: snd.wnd.octets,
      rcvNxt: rcv.nxt, rcvWnd: rcv.wnd, sndWscale: snd.wndShift.shift, rcvWscale: rcv.wndShift.shift,
      unacked: snd.max.distance(from: snd.una), notsentBytes: cold.send.count &- outstanding,
      unread: cold.receive.count, outOfOrder: cold.outOfOrder.totalBytes,
      outOfOrderRanges: UInt16(clamping: cold.outOfOrder.count),
      sendBuffer: snd.buffer.octets, receiveBuffer: rcv.buffer.octets,
      sndMss: effectiveSendMSS, rcvMss: rcv.segmentSize, advmss: rcv.mss,
      sndCwnd: congestion.cwnd, sndSsthresh: congestion.ssthresh,
      inRecovery: recovery.phase == .fastRecovery, inTimeoutRecovery: recovery.phase == .timeout,
      recovery: ConnectionStatus.Recovery(recovery.phase), pipe: pipe(cold),
      sacked: cold.scoreboard.sacked.totalBytes, lost: cold.scoreboard.lost.totalBytes,
      retrans: cold.scoreboard.resentOctets(around.pool), totalRetrans: retransmissions,
      delivered: cold.rate.delivered, lostTotal: cold.rate.lost,
      reorderingSeen: recovery.reorderingSeen, reorderingWindow: reorderingWindow(cold),
      pacingRate: isPaced(cold.spreadsWindow, burst: around.configuration.initialWindowSegments)
        ? pacingRate(cold) : 0,
      congestionControl: congestion.algorithm.control, minRtt: cold.rack.minimumRoundTrip,
      rtt: rtt.srtt, rttvar: rtt.rttvar, rto: backedOffTimeout(around.configuration.rto),
      backoff: timers.backoff, retransmits: timers.tries,
      gaveUpAfter: gaveUp ? timers.life.rawValue : 0,
      timestamps: mode.contains(.timestamps), sack: mode.contains(.sack),
      windowScaling: mode.contains(.windowScaling), ecn: mode.contains(.ecn),
      fastOpen: mode.contains(.fastOpen),
      noDelay: mode.contains(.noDelay),
      keepAlive: mode.contains(.keepAlive), isOrphan: mode.contains(.orphan),
      finReceived: mode.contains(.finReceived), finQueued: mode.contains(.finQueued),
      urgentPending: cold.urgent ? cold.urgentPointer.distance(from: read) : 0,
      userTimeout: limits.userTimeout,
      lastReceived: Tick(now).milliseconds(since: timers.lastArrival),
      timer: timer, timerIn: timerIn)
  }

  private func shownTimer(_ now: Instant) -> (ConnectionStatus.Timer, UInt32) {
    let tick = Tick(now)
    if timers.armed.contains(.retransmission) {
      return (.retransmission, timers.retransmission.milliseconds(since: tick))
    }
    if timers.armed.contains(.tailProbe) {
      return (.tailProbe, timers.retransmission.milliseconds(since: tick))
    }
    if timers.armed.contains(.reordering) {
      return (.reordering, timers.retransmission.milliseconds(since: tick))
    }
    if timers.armed.contains(.persist) { return (.persist, timers.retransmission.milliseconds(since: tick)) }
    if timers.armed.contains(.ending) { return (.ending, timers.life.milliseconds(since: tick)) }
    if timers.armed.contains(.keepAlive) { return (.keepAlive, timers.life.milliseconds(since: tick)) }
    if timers.armed.contains(.delayedAck) {
      return (.delayedAck, delayedAckTick(near: tick).milliseconds(since: tick))
    }
    return (.off, 0)
  }

  // MARK: Readiness, as a level

  /// `receive` would return octets, the end of the stream, or the reason why it ended.
  public func isReadable(_ cold: ColdBlock) -> Bool {
    !cold.receive.isEmpty || mode.contains(.finReceived) || mode.contains(.discardsText) || state == .closed
  }

  /// `send` would take something, or fail for good.
  public func isWritable(_ cold: ColdBlock) -> Bool {
    if state == .closed || mode.contains(.finQueued) { return true }
    return (state.isSynchronized || isOpenEarly) && hasRoomForWriter(cold)
  }

  /// The peer has closed its half.
  public var hasPeerFinished: Bool { mode.contains(.finReceived) }
}
