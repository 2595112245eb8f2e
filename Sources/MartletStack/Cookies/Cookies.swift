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

  /// Writes the SYN-ACK whose initial sequence number is a cookie.
  @inline(__always)
  mutating func sendCookie(_ tcb: EmbryonicTCB, _ flow: Flow, listener l: UInt32) {
    guard let interface = routing.interface(to: flow.remote, zone: flow.zone), isPresent(interface) else {
      return counts.drop(.noRoute)
    }
    guard let r = makeReply(on: interface.index) else {
      counts.listenDrops &+= 1
      return
    }
    counts.syncookiesSent &+= 1
    let terms = listeners[l].cookieLeaves()
    let options = tcb.synAckOptions(
      mss: offeredMSS(flow, interface, cap: terms.mss),
      shift: handshake.shift, timestampOffset: secrets.timestampOffset(flow), now: clock)
    let window = WindowSize(configuration.receiveBuffer(terms.receiveBuffer)).unscaled(by: WindowScale(0))
    around.counters.outSegs &+= 1
    let isPartial = interfaces[interface.index].offload.contains(.checksum)
    replies[r].writeSynAck(
      tcb, flow, window, options, configuration.hopLimit(terms.hopLimit), terms.dscp, isPartial: isPartial)
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
    switch SynCookie.open(iss, irs: irs, flow, secrets.cookie, now: clock) {
    case .genuine(let offer):
      counts.syncookiesRecv &+= 1
      listeners[l].meter.cookieReturns()
      if seg.len > 0 { counts.syncookiesWithText &+= 1 }
      let stamp = secrets.timestampOffset(flow)
      let tcb = record(of: offer, iss: iss, irs: irs, seg, isIPv4: flow.local.isIPv4, stamp)
      establish(tcb, flow, hash, stamp, seg, listener: l, text: text)
      return true
    case .expired:
      counts.syncookiesExpired &+= 1
      counts.syncookiesFailed &+= 1
    case .forged:
      counts.syncookiesFailed &+= 1
    }
    return false
  }

  /// The half-open record as it would have been.
  @inline(__always)
  private mutating func record(
    of offer: CookieOffer, iss: SequenceNumber, irs: SequenceNumber, _ seg: Segment, isIPv4: Bool,
    _ timestampOffset: UInt32
  ) -> EmbryonicTCB {
    let shift = offer.shift
    var agreed: EmbryonicTCB.Options = []
    if offer.sack { agreed.insert(.sack) }
    if offer.ecn { agreed.insert(.ecn) }
    if shift != nil { agreed.insert(.windowScaling) }
    if echoesOurClock(seg, timestampOffset) { agreed.insert(.timestamps) }
    return EmbryonicTCB(
      iss: iss, irs: irs, peerMSS: offer.mss(isIPv4: isIPv4), peerShift: shift ?? .none, agreed,
      tsRecent: seg.options.tsval, now: clock)
  }

  /// Timestamps are on exactly when the acknowledgment echoes one that we can have sent while its cookie was
  /// good: the SYN-ACK had one, so the SYN did too.
  @inline(__always)
  private mutating func echoesOurClock(_ seg: Segment, _ timestampOffset: UInt32) -> Bool {
    guard handshake.agreed.contains(.timestamps), seg.options.present.contains(.timestamps) else {
      return false
    }
    return Tick(clock).rawValue &+ timestampOffset &- seg.options.tsecr <= 30_000
  }
}
