import MartletWire

extension TCB {
  /// Active OPEN (RFC 9293 §3.10.1): SYN-SENT with a SYN to pull.
  ///
  /// - Parameters:
  ///   - iss: from the stack's generator (§3.4.1).
  ///   - timestampOffset: likewise, per pair of addresses.
  ///   - mss: what to offer: the interface's MTU less the fixed headers (MUST-67).
  ///   - sendMSSLimit: what the path allows, likewise without headers.
  ///   - defaultPeerMSS: 536 on IPv4, 1,220 on IPv6 (MUST-15).
  public init(
    connecting iss: SequenceNumber, timestampOffset: UInt32, mss: UInt16, sendMSSLimit: UInt16,
    defaultPeerMSS: UInt16, options: ConnectionOptions, _ around: borrowing Surroundings, now: Instant
  ) {
    self.init(
      iss: iss, timestampOffset: timestampOffset, mss: mss, sendMSSLimit: sendMSSLimit, options: options,
      around.configuration, now: now)
    // Holds the default until the peer's SYN tells its MSS.
    rcv.segmentSize = defaultPeerMSS
    state = .synSent
    mode.insert(.active)
    pending = .syn
    let configuration = around.configuration
    if configuration.timestamps { mode.insert(.timestamps) }
    if configuration.sack { mode.insert(.sack) }
    if configuration.ecn == .on { mode.insert(.ecn) }
    if configuration.windowScaling {
      mode.insert(.windowScaling)
      rcv.wndShift = .fitting(configuration.maximumReceiveBuffer)
    }
  }

  /// The third segment of a passive open: an ESTABLISHED connection. Give it the same segment next,
  /// which may carry text, or a FIN (S2.5).
  public init(
    accepting embryo: EmbryonicTCB, _ seg: Segment, timestampOffset: UInt32, mss: UInt16,
    sendMSSLimit: UInt16, options: ConnectionOptions, _ configuration: TCPConfiguration, now: Instant
  ) {
    self.init(
      iss: embryo.iss, timestampOffset: timestampOffset, mss: mss, sendMSSLimit: sendMSSLimit,
      options: options, configuration, now: now)
    rcv.nxt = embryo.irs.advanced(by: 1)
    rcv.lastAckSent = rcv.nxt
    rcv.advertisedEdge = rcv.nxt.advanced(by: min(rcv.buffer.octets, 65_535))
    restartReceiveRound(Tick(now))
    if embryo.options.contains(.windowScaling) {
      mode.insert(.windowScaling)
      snd.wndShift = embryo.peerShift
      rcv.wndShift = .fitting(configuration.maximumReceiveBuffer)
    }
    if embryo.options.contains(.sack) { mode.insert(.sack) }
    if embryo.options.contains(.ecn) { mode.insert(.ecn) }
    if embryo.options.contains(.timestamps) {
      mode.insert(.timestamps)
      timestamps.recent = embryo.tsRecent
      timers.recentEpoch = now.epoch
    }
    rcv.segmentSize = fullSegment(of: embryo.peerMSS)
    snd.mss = max(min(snd.mss, embryo.peerMSS), configuration.minimumSendMSS)
    snd.una = seg.ack
    snd.nxt = seg.ack
    snd.wnd = seg.wnd.scaled(by: snd.wndShift)
    snd.maxWnd = seg.wnd
    snd.wl1 = seg.seq
    congestion = CongestionController(
      mss: effectiveSendMSS,
      // RFC 5681 §3.1: one segment when the SYN-ACK was lost.
      segments: embryo.tries == 0 ? configuration.initialWindowSegments : 1,
      congestion.algorithm.control)
    // RFC 6298 (5.7), likewise.
    if embryo.tries > 0 { mode.insert(.synResent) }
    sampleHandshake(embryo, seg, now)
    state = .established
    if mode.contains(.keepAlive) { armKeepAlive(now) }
  }

  /// What both kinds of open have in common.
  private init(
    iss: SequenceNumber, timestampOffset: UInt32, mss: UInt16, sendMSSLimit: UInt16,
    options: ConnectionOptions, _ configuration: TCPConfiguration, now: Instant
  ) {
    let cap = options.maximumSegmentSize == 0 ? UInt16.max : max(options.maximumSegmentSize, 88)
    let sendMSS = max(min(sendMSSLimit, cap), configuration.minimumSendMSS)
    let receive = min(
      options.receiveBuffer == 0 ? configuration.receiveBuffer : options.receiveBuffer,
      configuration.maximumReceiveBuffer)
    let send = min(
      options.sendBuffer == 0 ? configuration.sendBuffer : options.sendBuffer, configuration.maximumSendBuffer
    )
    snd = SendSequence(
      una: iss, nxt: iss, wnd: .zero, wl1: SequenceNumber(0), maxWnd: UnscaledWindow(0),
      mss: sendMSS, buffer: BufferSize(max(send, 1)), wndShift: .none)
    rcv = ReceiveSequence(
      nxt: SequenceNumber(0), advertisedEdge: SequenceNumber(0), lastAckSent: SequenceNumber(0),
      buffer: BufferSize(max(receive, 1)), mss: min(mss, cap), segmentSize: min(mss, cap),
      roundStart: 0, readAtStart: 0, wndShift: .none,
      quickAcks: configuration.quickAcks)
    timestamps = TimestampState(recent: 0, offset: timestampOffset)
    rtt = RoundTripTime()
    let tick = Tick(now)
    timers = ConnectionTimers(
      retransmission: tick, life: tick, lastArrival: tick, progress: tick, delayedAck: 0, challengeSent: 0,
      pacing: 0, recentEpoch: 0,
      armed: [], backoff: 0, tries: 0)
    congestion = CongestionController(
      mss: sendMSS, segments: configuration.initialWindowSegments,
      options.congestionControl ?? configuration.congestionControl)
    recovery = RecoveryState()
    mode = options.sendBuffer == 0 ? .fitsSendBuffer : []
    if options.receiveBuffer == 0, configuration.fitsReceiveBuffer { mode.insert(.fitsReceiveBuffer) }
    limits = ConnectionLimits()
    pending = []
    state = .closed
    adopt(options)
  }

  /// The round trip of our SYN-ACK, when it was sent once: from the echoed timestamp.
  private mutating func sampleHandshake(_ embryo: EmbryonicTCB, _ seg: Segment, _ now: Instant) {
    // The SYN of a Fast Open echoes nothing.
    guard mode.contains(.timestamps), seg.options.present.contains(.timestamps), seg.flags.contains(.ack)
    else { return }
    let elapsed = timestampValue(now) &- seg.options.tsecr
    if elapsed < 60_000 { rtt.measured(microseconds: max(elapsed &* 1_000, 1)) }
  }
}
