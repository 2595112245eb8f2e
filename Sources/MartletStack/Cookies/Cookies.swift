import MartletTCP
import MartletWire

// What SYN cookies cannot do stands in Documentation/Defence.md.

extension NetworkStack {
  // MARK: Leaving

  /// Whether the SYN-ACKs of a listener carry cookies now. From a half-full queue on they do, so that most of
  /// what will have to make room can complete without its record.
  mutating func isSealing(_ l: UInt32, _ policy: SynCookiePolicy) -> Bool {
    policy == .always || listeners[l].meter.isFlooded(at: clock) || isPressed(l)
  }

  /// Half of the half-open queue, of the listener or of the stack, is taken.
  mutating func isPressed(_ l: UInt32) -> Bool {
    listeners[l].halfOpen >= listeners[l].options.halfOpenLimit / 2
      || flows4.embryos.live &+ flows6.embryos.live >= Int(configuration.halfOpenLimit / 2)
  }

  /// The initial sequence number that stands for a SYN; nil: it offered what no cookie can hold.
  mutating func cookie(for tcb: EmbryonicTCB, _ flow: Flow) -> SequenceNumber? {
    guard let offer = CookieOffer(tcb, isIPv4: flow.local.isIPv4) else { return nil }
    return SynCookie.make(offer, irs: tcb.irs, flow, secrets.cookie, now: clock)
  }

  /// Answers a SYN and forgets it.
  mutating func answer(
    _ flow: Flow, sealing tcb: EmbryonicTCB, with cookie: SequenceNumber, listener l: UInt32
  ) {
    var tcb = tcb
    tcb.iss = cookie
    countCookie(l)
    sendSynAck(tcb, flow, listener: l)
  }

  mutating func countCookie(_ l: UInt32) {
    counts.syncookiesSent &+= 1
    listeners[l].meter.cookieLeaves()
  }

  // MARK: Coming back

  /// An acknowledgment to a listener, of a flow that has no record. True: it brought a cookie back, and is
  /// dealt with.
  mutating func cookieReturns(_ seg: Segment, _ flow: Flow, listener l: UInt32, text: RawSpan) -> Bool {
    guard seg.flags.contains(.ack), !seg.flags.contains(.syn), !seg.flags.contains(.rst), believesCookies(l)
    else { return false }
    let irs = seg.seq.retreated(by: 1)
    let iss = seg.ack.retreated(by: 1)
    switch SynCookie.open(iss, irs: irs, flow, secrets.cookie, now: clock) {
    case .genuine(let offer):
      counts.syncookiesRecv &+= 1
      listeners[l].meter.cookieReturns()
      if seg.len > 0 { counts.syncookiesWithText &+= 1 }
      if let reason = refusal(of: flow, l) {
        refuse(seg, flow, reason)
        return true
      }
      let tcb = record(of: offer, iss: iss, irs: irs, seg, flow)
      establish(tcb, flow, seg, listener: l, text: text)
      return true
    case .expired:
      counts.syncookiesExpired &+= 1
      counts.syncookiesFailed &+= 1
    case .forged:
      counts.syncookiesFailed &+= 1
    }
    return false
  }

  /// Only who may have been sent one: a guess must not have all the time in the world.
  private mutating func believesCookies(_ l: UInt32) -> Bool {
    switch listeners[l].options.synCookies {
    case .off: return false
    case .auto: return !listeners[l].options.defersAccept && listeners[l].meter.isFlooded(at: clock)
    case .always: return !listeners[l].options.defersAccept
    }
  }

  /// The half-open record as it would have been.
  private mutating func record(
    of offer: CookieOffer, iss: SequenceNumber, irs: SequenceNumber, _ seg: Segment, _ flow: Flow
  ) -> EmbryonicTCB {
    let shift = offer.shift
    var agreed: UInt8 = 0
    if offer.sack { agreed |= EmbryonicTCB.Options.sack.rawValue }
    if offer.ecn { agreed |= EmbryonicTCB.Options.ecn.rawValue }
    if shift != nil { agreed |= EmbryonicTCB.Options.windowScaling.rawValue }
    if echoesOurClock(seg, flow) { agreed |= EmbryonicTCB.Options.timestamps.rawValue }
    return EmbryonicTCB(
      iss: iss, irs: irs, peerMSS: offer.mss(isIPv4: flow.local.isIPv4), peerShift: shift ?? .none,
      EmbryonicTCB.Options(rawValue: agreed), tsRecent: seg.options.tsval, now: clock)
  }

  /// Timestamps are on exactly when the acknowledgment echoes one that we can have sent while its cookie was
  /// good: the SYN-ACK had one, so the SYN did too.
  private mutating func echoesOurClock(_ seg: Segment, _ flow: Flow) -> Bool {
    guard configuration.tcp.timestamps, seg.options.present.contains(.timestamps) else { return false }
    let own = Tick(clock).rawValue &+ secrets.timestampOffset(flow)
    return own &- seg.options.tsecr <= 30_000
  }
}
