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
    let configuration = around.configuration
    self.init(unopened: options, configuration)
    begin(iss, timestampOffset, mss: mss, sendMSSLimit: sendMSSLimit, HandshakeTerms(configuration), now)
    congestion.open(mss: snd.mss, segments: configuration.initialWindowSegments)
    // Holds the default until the peer's SYN tells its MSS.
    rcv.segmentSize = defaultPeerMSS
    state = .synSent
    mode.insert(.active)
    pending = .syn
    if configuration.timestamps { mode.insert(.timestamps) }
    if configuration.sack { mode.insert(.sack) }
    if configuration.ecn == .on { mode.insert(.ecn) }
    if configuration.windowScaling { mode.insert(.windowScaling) } else { rcv.wndShift = .none }
  }

  /// The third segment of a passive open: an ESTABLISHED connection. Give it the same segment next,
  /// which may carry text, or a FIN (S2.5).
  public init(
    accepting embryo: EmbryonicTCB, _ seg: Segment, timestampOffset: UInt32, mss: UInt16,
    sendMSSLimit: UInt16, options: ConnectionOptions, _ configuration: TCPConfiguration, now: Instant
  ) {
    self.init(unopened: options, configuration)
    accept(
      AcceptedHandshake(
        embryo: embryo, third: ThirdSegment(seg), timestampOffset: timestampOffset, mss: mss,
        sendMSSLimit: sendMSSLimit), HandshakeTerms(configuration), now: now)
  }

  /// What all connections with these options have in common before they begin.
  package init(unopened options: ConnectionOptions, _ configuration: TCPConfiguration) {
    let cap = options.maximumSegmentSize == 0 ? UInt16.max : max(options.maximumSegmentSize, 88)
    let receive = min(
      options.receiveBuffer == 0 ? configuration.receiveBuffer : options.receiveBuffer,
      configuration.maximumReceiveBuffer)
    let send = min(
      options.sendBuffer == 0 ? configuration.sendBuffer : options.sendBuffer, configuration.maximumSendBuffer
    )
    let (nowhere, never) = (SequenceNumber(0), Tick(rawValue: 0))
    snd = SendSequence(
      una: nowhere, nxt: nowhere, wnd: .zero, wl1: nowhere, maxWnd: UnscaledWindow(0), mss: cap,
      buffer: BufferSize(max(send, 1)), wndShift: .none)
    rcv = ReceiveSequence(
      nxt: nowhere, advertisedEdge: nowhere, lastAckSent: nowhere, buffer: BufferSize(max(receive, 1)),
      mss: cap, segmentSize: cap, roundStart: 0, readAtStart: 0,
      wndShift: .fitting(configuration.maximumReceiveBuffer), quickAcks: configuration.quickAcks)
    timestamps = TimestampState(recent: 0, offset: 0)
    rtt = RoundTripTime()
    timers = ConnectionTimers(
      retransmission: never, life: never, lastArrival: never, progress: never, delayedAck: 0,
      challengeSent: 0, pacing: 0, recentEpoch: 0, armed: [], backoff: 0, tries: 0)
    congestion = CongestionController(
      mss: 0, segments: 0, options.congestionControl ?? configuration.congestionControl)
    recovery = RecoveryState()
    mode = options.sendBuffer == 0 ? .fitsSendBuffer : []
    if options.receiveBuffer == 0, configuration.fitsReceiveBuffer { mode.insert(.fitsReceiveBuffer) }
    limits = ConnectionLimits()
    pending = []
    state = .closed
    adopt(options)
  }

  /// What both kinds of open have in common.
  @inline(__always)
  private mutating func begin(
    _ iss: SequenceNumber, _ timestampOffset: UInt32, mss: UInt16, sendMSSLimit: UInt16,
    _ terms: HandshakeTerms, _ now: Instant
  ) {
    snd.una = iss
    snd.nxt = iss
    snd.mss = max(min(sendMSSLimit, snd.mss), terms.minimumSendMSS)
    rcv.mss = min(mss, rcv.mss)
    rcv.segmentSize = rcv.mss
    timestamps.offset = timestampOffset
    let tick = Tick(now)
    timers.retransmission = tick
    timers.life = tick
    timers.lastArrival = tick
    timers.progress = tick
  }

  /// Makes an unopened connection an ESTABLISHED one. True: it has a timer.
  @discardableResult
  package mutating func accept(
    _ handshake: AcceptedHandshake, _ terms: HandshakeTerms, now: Instant
  ) -> Bool {
    let (embryo, third) = (handshake.embryo, handshake.third)
    begin(
      third.ack, handshake.timestampOffset, mss: handshake.mss,
      sendMSSLimit: min(handshake.sendMSSLimit, embryo.peerMSS), terms, now)
    rcv.nxt = embryo.irs.advanced(by: 1)
    rcv.lastAckSent = rcv.nxt
    rcv.advertisedEdge = rcv.nxt.advanced(by: min(rcv.buffer.octets, 65_535))
    restartReceiveRound(Tick(now))
    let agreed = embryo.options
    if agreed.contains(.windowScaling) {
      mode.insert(.windowScaling)
      snd.wndShift = embryo.peerShift
    } else {
      rcv.wndShift = .none
    }
    if agreed.contains(.sack) { mode.insert(.sack) }
    if agreed.contains(.ecn) { mode.insert(.ecn) }
    if agreed.contains(.timestamps) {
      mode.insert(.timestamps)
      timestamps.recent = embryo.tsRecent
      timers.recentEpoch = now.epoch
    }
    snd.mss = max(snd.mss, leastSendMSS(terms.minimumSendMSS))
    rcv.segmentSize = fullSegment(of: embryo.peerMSS)
    snd.wnd = third.wnd.scaled(by: snd.wndShift)
    snd.maxWnd = third.wnd
    snd.wl1 = third.seq
    // RFC 5681 §3.1: one segment when the SYN-ACK was lost.
    congestion.open(mss: effectiveSendMSS, segments: embryo.tries == 0 ? terms.initialWindowSegments : 1)
    // RFC 6298 (5.7), likewise.
    if embryo.tries > 0 { mode.insert(.synResent) }
    sampleHandshake(third, now)
    state = .established
    guard mode.contains(.keepAlive) else { return false }
    armKeepAlive(now)
    return true
  }

  /// The round trip of our SYN-ACK, when it was sent once: from the echoed timestamp.
  @inline(__always)
  private mutating func sampleHandshake(_ third: ThirdSegment, _ now: Instant) {
    guard mode.contains(.timestamps), let echoed = third.tsecr else { return }
    let elapsed = timestampValue(now) &- echoed
    if elapsed < 60_000 { rtt.begin(microseconds: max(elapsed &* 1_000, 1)) }
  }
}

/// What a passive open comes to.
@frozen @usableFromInline
package struct AcceptedHandshake: BitwiseCopyable, Sendable {
  @usableFromInline package var embryo: EmbryonicTCB
  @usableFromInline package var third: ThirdSegment
  @usableFromInline package var timestampOffset: UInt32
  /// What was offered.
  @usableFromInline package var mss: UInt16
  /// What the path allows.
  @usableFromInline package var sendMSSLimit: UInt16

  @inlinable @inline(__always)
  package init(
    embryo: EmbryonicTCB, third: ThirdSegment, timestampOffset: UInt32, mss: UInt16, sendMSSLimit: UInt16
  ) {
    self.embryo = embryo
    self.third = third
    self.timestampOffset = timestampOffset
    self.mss = mss
    self.sendMSSLimit = sendMSSLimit
  }
}

/// What a connection takes from the third segment of its handshake when it is made, or from a SYN with text that
/// does as well.
@frozen @usableFromInline
package struct ThirdSegment: BitwiseCopyable, Sendable {
  @usableFromInline package var seq: SequenceNumber
  @usableFromInline package var ack: SequenceNumber
  @usableFromInline package var wnd: UnscaledWindow
  /// Nil: it echoes no timestamp of ours.
  @usableFromInline package var tsecr: UInt32?

  @inlinable @inline(__always)
  package init(seq: SequenceNumber, ack: SequenceNumber, wnd: UnscaledWindow, tsecr: UInt32?) {
    self.seq = seq
    self.ack = ack
    self.wnd = wnd
    self.tsecr = tsecr
  }

  package init(_ seg: Segment) {
    // The SYN of a Fast Open echoes nothing.
    let echoes = seg.options.present.contains(.timestamps) && seg.flags.contains(.ack)
    self.init(seq: seg.seq, ack: seg.ack, wnd: seg.wnd, tsecr: echoes ? seg.options.tsecr : nil)
  }
}
