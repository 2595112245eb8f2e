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

  /// Sends the SYN-ACK whose initial sequence number is a cookie.
  mutating func sendCookie(_ tcb: EmbryonicTCB, _ flow: Flow, listener l: UInt32) {
    guard sendSynAck(tcb, flow, listener: l) else {
      counts.listenDrops &+= 1
      return
    }
    counts.syncookiesSent &+= 1
    noteStranger(.cookieSent, tcb.iss.rawValue, of: flow)
    listeners[l].meter.cookieLeaves()
  }

  // MARK: Coming back

  /// An acknowledgment to a listener, of a flow that has no record. True: it brought a cookie back, and is
  /// dealt with.
  mutating func cookieReturns(
    _ seg: Segment, _ flow: Flow, _ hash: UInt64, listener l: UInt32, text: RawSpan
  ) -> Bool {
    guard seg.flags.intersection([.ack, .syn, .rst]) == .ack, listeners[l].believesCookies(at: clock) else {
      return false
    }
    let irs = seg.seq.retreated(by: 1)
    let iss = seg.ack.retreated(by: 1)
    let verdict = SynCookie.open(iss, secrets.cookieMAC(flow, irs: irs), now: clock)
    guard case .genuine(let offer) = verdict else {
      cookieFails(verdict)
      noteStranger(.cookieRefused, seg.ack.rawValue, of: flow)
      return false
    }
    counts.syncookiesRecv &+= 1
    noteStranger(
      .cookieReturned, seg.ack.rawValue, UInt32(offer.mss(isIPv4: flow.local.isIPv4)), of: flow)
    listeners[l].meter.cookieReturns()
    if seg.len > 0 { counts.syncookiesWithText &+= 1 }
    let stamp = secrets.timestampOffset(flow)
    let tcb = record(
      of: offer, iss: iss, irs: irs, HandshakeOptions(seg.options),
      hasTimestamps: handshake.agreed.contains(.timestamps) && seg.options.present.contains(.timestamps),
      isIPv4: flow.local.isIPv4, stamp)
    establish(tcb, flow, hash, stamp, seg, listener: l, text: text)
    return true
  }

  @inline(__always)
  mutating func cookieFails(_ verdict: SynCookie.Verdict) {
    counts.syncookiesFailed &+= 1
    if case .expired = verdict { counts.syncookiesExpired &+= 1 }
  }

  /// The half-open record as it would have been.
  ///
  /// - Parameter hasTimestamps: there are timestamps among the options, and we use them.
  @inline(__always)
  mutating func record(
    of offer: CookieOffer, iss: SequenceNumber, irs: SequenceNumber, _ options: HandshakeOptions,
    hasTimestamps: Bool, isIPv4: Bool, _ timestampOffset: UInt32
  ) -> EmbryonicTCB {
    let shift = offer.shift
    var agreed: EmbryonicTCB.Options = []
    if offer.sack { agreed.insert(.sack) }
    if offer.ecn { agreed.insert(.ecn) }
    if shift != nil { agreed.insert(.windowScaling) }
    if hasTimestamps, echoesOurClock(options, timestampOffset) { agreed.insert(.timestamps) }
    return EmbryonicTCB(
      iss: iss, irs: irs, peerMSS: offer.mss(isIPv4: isIPv4), peerShift: shift ?? .none, agreed,
      tsRecent: options.tsval, now: clock)
  }

  /// Timestamps are on exactly when the acknowledgment echoes one that we can have sent while its cookie was
  /// good: the SYN-ACK had one, so the SYN did too.
  @inline(__always)
  private mutating func echoesOurClock(_ options: HandshakeOptions, _ timestampOffset: UInt32) -> Bool {
    Tick(clock).rawValue &+ timestampOffset &- options.tsecr <= 30_000
  }
}
