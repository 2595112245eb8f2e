import MartletWire

// TCP Fast Open (RFC 7413): text that rides on the SYN, and text that answers it before the third segment.
// Cookies are the engine's: a connection knows only whether it may.
//
// The connection that a listener makes of such a SYN is in SYN-RECEIVED like any other that is half open, but
// it has a TCB, and its SND.UNA is already past its SYN: what it sends is text, and only the SYN-ACK, which is
// repeated until the third segment comes, looks back.

extension TCB {
  /// The first SYN will ask for a cookie, or bring one (§4.2.2); the engine fills it in.
  ///
  /// - Parameter text: octets of text that may ride on the SYN: what the peer and the path are believed to
  ///   take in a segment, without options; 0: there is no cookie yet.
  public mutating func offerFastOpen(text: UInt16) {
    guard state == .synSent else { return }
    mode.insert(.offersFastOpen)
    // No window is known yet; this stands for it.
    snd.wnd = WindowSize(UInt32(text))
  }

  /// The SYN that has not been answered yet brings a Fast Open option, or brought one when it first left.
  @inline(__always)
  public var offersFastOpen: Bool { mode.contains(.offersFastOpen) }

  /// The text of the SYN counted.
  public var isFastOpen: Bool { mode.contains(.fastOpen) }

  /// Half open, and text can be exchanged all the same.
  @inline(__always)
  public var isOpenEarly: Bool { state == .synReceived && mode.contains(.fastOpen) }

  /// Adds the option to the SYN, without a cookie, and the text that fits. Returns how much that is.
  func addFastOpen(to plan: inout SegmentPlan, _ cold: ColdBlock) -> UInt32 {
    plan.options.present.insert(.fastOpen)
    let most = snd.wnd.octets
    let options = UInt32(TCPOptions.maximumCount)
    guard most > options else { return 0 }
    plan.textCount = min(cold.send.count, most &- options)
    plan.segmentSize = UInt16(truncatingIfNeeded: plan.textCount)
    return plan.textCount
  }

  /// The SYN-ACK came: what text it acknowledges is done with, the rest is to be sent again at once.
  mutating func settleFastOpen(
    _ ack: SequenceNumber, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    let text = ack.distance(from: snd.una) &- 1
    if snd.nxt != snd.una.advanced(by: 1) { around.recorder.note(.fastOpenAnswered, text, at: now) }
    if text > 0 {
      cold.send.consume(text, anchored: false, &around.pool, &around.budget)
      mode.insert(.fastOpen)
    }
    snd.nxt = ack
  }
}

extension TCB {
  /// A SYN with a cookie that holds: SYN-RECEIVED, with its text taken in and a SYN-ACK to pull (§4.2.2).
  /// A FIN is left to come again.
  public init(
    opening embryo: EmbryonicTCB, _ syn: Segment, text: RawSpan, timestampOffset: UInt32, mss: UInt16,
    sendMSSLimit: UInt16, options: ConnectionOptions, cold: inout ColdBlock, _ around: inout Surroundings,
    now: Instant
  ) {
    self.init(
      accepting: embryo, syn, timestampOffset: timestampOffset, mss: mss, sendMSSLimit: sendMSSLimit,
      options: options, around.configuration, now: now)
    snd.una = embryo.iss.advanced(by: 1)
    snd.nxt = snd.una
    // RFC 7323 §2.2: the window of a SYN is not scaled.
    let window = syn.wnd.scaled(by: .none)
    snd.wnd = window
    snd.maxWnd = window.unscaled(by: snd.wndShift)
    var rest = syn
    rest.flags.subtract([.syn, .fin])
    rest.seq = rcv.nxt
    var reaction: Reaction = []
    _ = takeText(rest, text, &cold, &around, now, &reaction)
    around.recorder.note(.fastOpenAccepted, cold.receive.count, at: now)
    state = .synReceived
    mode.insert(.fastOpen)
    pending = .syn
    timers.armed = []
  }

  /// The SYN of this connection again: nobody has heard our answer. SND.WL1 is its number until the third
  /// segment.
  @inline(__always)
  func isSynchronizeAgain(_ seg: Segment) -> Bool {
    guard state == .synReceived, seg.flags.contains(.syn) else { return false }
    return mode.contains(.fastOpen) ? seg.seq == snd.wl1 : seg.seq.advanced(by: 1) == rcv.nxt
  }

  /// "The server MAY include data in the SYN-ACK packet if the response data is readily available" and "more
  /// data packets" after it, within the initial window: what the window of the SYN surely takes.
  mutating func earlyText(
    _ limit: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> SegmentPlan? {
    guard isOpenEarly, hasUnsent(cold), snd.wnd.octets > snd.flight &+ UInt32(effectiveSendMSS)
    else { return nil }
    return textSegment(limit, &cold, &around, now)
  }

  /// The third segment: ESTABLISHED. What was sent before it is in flight already.
  mutating func completeFastOpen(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    guard seg.ack.isWithin(from: snd.una, length: snd.max.distance(from: snd.una) &+ 1) else {
      reaction.insert(.answerReset)
      return .done
    }
    let una = snd.una
    establish(wnd: seg.wnd.scaled(by: snd.wndShift), seg, &cold, &around, now, &reaction)
    // The fifth check goes on, and takes what is acknowledged off the queue.
    snd.una = una
    if una != snd.max { armRetransmission(around.configuration.rto, now) }
    return .next
  }
}
