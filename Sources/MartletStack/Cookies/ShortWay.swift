import MartletTCP
import MartletWire

// The short way of what a flood consists of, over IPv4, to a listener under one: a SYN that gets a cookie, and an
// acknowledgment that brings one. It comes to what `newcomerArrives`, `conceive` and `answer` come to, without a
// `Segment` on the way and with every value in a register: while somebody sends SYNs as fast as the line takes
// them, this is all that runs. Whatever is unusual takes the long way, and nothing has been counted before that is
// decided.

extension NetworkStack {
  /// True: the segment, of a flow that has no record, has been dealt with.
  ///
  /// - Parameters:
  ///   - hash: `key.hash`.
  ///   - search: for its record, which found none.
  @inline(__always)
  mutating func isDealtWithShortly(
    _ segment: borrowing TCPHeaderView, _ key: IPv4FlowKey, _ hash: UInt64, _ search: FlowTable.Search,
    _ ecn: ECN
  ) -> Bool {
    // By values: a view that is handed on has to be kept in memory for each segment that comes.
    let flags = segment.flags
    if flags.subtracting([.ece, .cwr]) == .syn {
      // RFC 3168 §6.1.1: both bits.
      let asksForECN = flags.contains([.ece, .cwr]) && ecn == .notECT
      return answersShortly(segment.seq, segment.options, asksForECN: asksForECN, key, hash)
    }
    if flags == .ack, segment.textCount == 0, ecn != .ce {
      return opensShortly(segment.seq, segment.ack, segment.window, segment.options, key, search)
    }
    return false
  }

  /// True: the SYN was answered with a cookie.
  @inline(never)
  private mutating func answersShortly(
    _ irs: SequenceNumber, _ octets: RawSpan, asksForECN: Bool, _ key: IPv4FlowKey, _ hash: UInt64
  ) -> Bool {
    guard let l = listenerPorts.sole(key.localPort), hasRoom, var options = HandshakeOptions(words: octets)
    else { return false }
    var terms = handshake
    let usual = EmbryonicTCB.Options.usual
    guard options.present == HandshakeOptions.usual, terms.agreed.intersection(usual) == usual, !asksForECN
    else {
      return answersUnusual(irs, options, asksForECN: asksForECN, key, hash, listener: l)
    }
    // The same, but the compiler knows what comes and what leaves, and leaves out the rest.
    options.present = HandshakeOptions.usual
    terms.agreed = usual
    return answers(irs, options, asksForECN: false, terms, key, hash, listener: l)
  }

  @inline(never)
  private mutating func answersUnusual(
    _ irs: SequenceNumber, _ options: HandshakeOptions, asksForECN: Bool, _ key: IPv4FlowKey, _ hash: UInt64,
    listener l: UInt32
  ) -> Bool {
    answers(irs, options, asksForECN: asksForECN, handshake, key, hash, listener: l)
  }

  @inline(__always)
  private mutating func answers(
    _ irs: SequenceNumber, _ options: HandshakeOptions, asksForECN: Bool, _ terms: HandshakeTerms,
    _ key: IPv4FlowKey, _ hash: UInt64, listener l: UInt32
  ) -> Bool {
    var tcb = EmbryonicTCB(irs: irs, options, asksForECN: asksForECN, defaultPeerMSS: 536, terms)
    guard let offer = CookieOffer(tcb, isIPv4: true),
      let interface = routing.interface(to: IPv4Address(bits: key.remote)), let way = wayOut(interface),
      let own = listeners[l].answersByCookie(key, secrets.sourceHash(key.remote), at: clock)
    else { return false }
    around.counters.inSegs &+= 1
    if own.hasNews { raise(ofListener: l) }
    let addresses = AddressHash(local: key.local, remote: key.remote, secrets.addresses)
    tcb.iss = SynCookie.make(offer, addresses.mac(ports: key.ports, zone: 0, irs: irs), now: clock)
    if own.hasQueue {
      counts.tcpReqQFullDoCookies &+= 1
      if hasSpare { replaceOldest(with: tcb, key.flow, hash, listener: l, isListenerFull: true) }
    }
    guard let reply = appendReply(on: interface.index) else {
      listeners[l].meter.cookieStays()
      counts.listenDrops &+= 1
      return true
    }
    counts.syncookiesSent &+= 1
    noteStranger(.cookieSent, tcb.iss.rawValue, of: key.flow)
    around.counters.outSegs &+= 1
    let answer = tcb.synAckOptions(
      mss: own.mss == 0 ? way.mss : min(way.mss, own.mss), shift: terms.shift,
      timestampOffset: addresses.timestampOffset, now: clock)
    replies.records[reply].writeSynAck(
      tcb, key, WindowSize(configuration.receiveBuffer(own.receiveBuffer)).unscaled(by: WindowScale(0)),
      answer, configuration.hopLimit(own.hopLimit), own.dscp, to: caller, isPartial: way.isPartial)
    return true
  }

  /// True: the acknowledgment, which brings nothing but a cookie, has opened a connection or was found wanting.
  @inline(never)
  private mutating func opensShortly(
    _ seq: SequenceNumber, _ ack: SequenceNumber, _ window: UnscaledWindow, _ octets: RawSpan,
    _ key: IPv4FlowKey, _ search: FlowTable.Search
  ) -> Bool {
    guard let l = listenerPorts.sole(key.localPort), hasRoom,
      listeners[l].opensByCookies(for: key, at: clock), let options = HandshakeOptions(words: octets),
      let interface = routing.interface(to: IPv4Address(bits: key.remote)), let way = wayOut(interface)
    else { return false }
    let hasTimestamps = options.present.contains(.timestamps) && handshake.agreed.contains(.timestamps)
    let irs = seq.retreated(by: 1)
    let iss = ack.retreated(by: 1)
    let addresses = AddressHash(local: key.local, remote: key.remote, secrets.addresses)
    let verdict = SynCookie.open(iss, addresses.mac(ports: key.ports, zone: 0, irs: irs), now: clock)
    guard case .genuine(let offer) = verdict else {
      refuse(verdict, ack, key)
      return true
    }
    let stamp = addresses.timestampOffset
    guard let i = connections.allocateAsItIs(&around.budget)?.index else { return false }
    guard wheel.reserve(upTo: i, &around.budget),
      flows4.table.insert(at: search, FlowEntry(.connection, i).rawValue, &around.budget)
    else {
      connections.free(i, &around.budget)
      return false
    }
    around.counters.inSegs &+= 1
    counts.syncookiesRecv &+= 1
    let embryo = record(
      of: offer, iss: iss, irs: irs, options, hasTimestamps: hasTimestamps, isIPv4: true, stamp)
    let third = ThirdSegment(
      seq: seq, ack: ack, wnd: window,
      tsecr: options.present.contains(.timestamps) ? options.tsecr : nil)
    begin(i, embryo, third, key, stamp, on: interface, mss: way.mss, listener: l)
    return true
  }

  /// What `establish` comes to.
  @inline(__always)
  private mutating func begin(
    _ i: UInt32, _ embryo: EmbryonicTCB, _ third: ThirdSegment, _ key: IPv4FlowKey, _ stamp: UInt32,
    on interface: InterfaceID, mss: UInt16, listener l: UInt32
  ) {
    let limit = destinations.isEmpty ? mss : pathMSS(to: key.remote, mss)
    let opening = listeners[l].opensByCookie(i)
    let hasTimers = connections[i].open(
      listeners[l].unopened, key, on: interface,
      AcceptedHandshake(
        embryo: embryo, third: third, timestampOffset: stamp,
        mss: opening.mss == 0 ? mss : min(mss, opening.mss), sendMSSLimit: limit), handshake, at: clock)
    around.counters.passiveOpens &+= 1
    if around.recorder.capacity > 0 { noteOpening(of: i, third.ack, key) }
    if opening.last != IndexList.none { connections[opening.last].nextEvent = i }
    if !opening.hasEvent { raise(ofListener: l) }
    if opening.isLimited || hasTimers { rearmTimer(of: i) }
  }

  /// What a segment may carry to a destination of which something may be known.
  @inline(never)
  private mutating func pathMSS(to remote: UInt32, _ mss: UInt16) -> UInt16 {
    guard let known = destinations.find(.v4(IPv4Address(bits: remote)), zone: 0, now: clock),
      known.pathMTU > 40
    else { return mss }
    return min(mss, known.pathMTU &- 40)
  }

  @inline(never)
  private mutating func noteOpening(of i: UInt32, _ ack: SequenceNumber, _ key: IPv4FlowKey) {
    noteName(of: i, key.flow)
    around.recorder.note(
      .cookieReturned, ack.rawValue, UInt32(connections[i].tcb.snd.mss), at: clock)
    noteTransition(.listen, .synReceived, of: i)
    noteTransition(.synReceived, .established, of: i)
  }

  /// An acknowledgment that brought no good cookie.
  @inline(never)
  private mutating func refuse(_ verdict: SynCookie.Verdict, _ ack: SequenceNumber, _ key: IPv4FlowKey) {
    around.counters.inSegs &+= 1
    cookieFails(verdict)
    noteStranger(.cookieRefused, ack.rawValue, of: key.flow)
    counts.drop(.listenRefused)
    resetStranger(ack, key)
  }

  /// "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>" (RFC 9293 §3.10.7.1), within the limits.
  private mutating func resetStranger(_ ack: SequenceNumber, _ key: IPv4FlowKey) {
    guard mayAnswer(.reset, to: .v4(IPv4Address(bits: key.remote)), zone: 0) else {
      return counts.drop(.resetLimited)
    }
    let reset = SegmentPlan(seq: ack, ack: SequenceNumber(0), flags: .rst, window: UnscaledWindow(0))
    queueReply(reset, key.flow, hopLimit: 0, dscp: 0)
  }

  /// The stack would refuse no connection, and who might does not have to be asked.
  @inline(__always)
  private var hasRoom: Bool {
    mutating get {
      configuration.connectionsPerSource == 0
        && UInt32(truncatingIfNeeded: connections.live) < configuration.connectionLimit
        && around.budget.held < around.budget.growthEnd
    }
  }
}

// One subscript of a slab for all of it: each is fifteen instructions.

extension Listener {
  /// What becomes of a SYN that gets a cookie and nothing else, and what its SYN-ACK takes from the listener.
  struct CookieTerms {
    /// A flood is to be told of.
    var hasNews: Bool
    /// There is a half-open queue, which is full.
    var hasQueue: Bool
    var mss: UInt16
    var receiveBuffer: UInt32
    var hopLimit: UInt8
    var dscp: UInt8
  }

  /// Counts a SYN that can come to nothing but a cookie: the policy says so, or the half-open queue is full and
  /// overflowed before. Nil: it can, or the listener would refuse a connection; and nothing was counted.
  @inline(__always)
  mutating func answersByCookie(_ key: IPv4FlowKey, _ source: UInt64, at now: Instant) -> CookieTerms? {
    guard !options.defersAccept, wouldAccept(key) else { return nil }
    var hasQueue = false
    switch options.synCookies {
    case .off: return nil
    case .always: break
    case .auto:
      guard halfOpen >= options.halfOpenLimit, meter.isFlooded(at: now) else { return nil }
      hasQueue = true
    }
    meter.synArrives(at: now)
    var hasNews = false
    if hasQueue {
      halfOpenOverflows &+= 1
      hasNews = meter.overflows(at: now)
      if hasNews { hasFloodNews = true }
      meter.note(source: source)
    }
    meter.cookieLeaves()
    return CookieTerms(
      hasNews: hasNews, hasQueue: hasQueue, mss: options.connection.maximumSegmentSize,
      receiveBuffer: options.connection.receiveBuffer, hopLimit: options.connection.hopLimit,
      dscp: options.connection.dscp)
  }

  /// It takes connections to this address, and would refuse none.
  @inline(__always)
  private func wouldAccept(_ key: IPv4FlowKey) -> Bool {
    guard options.connectionLimit == 0, backlogCount < options.acceptLimit else { return false }
    guard let address = local.address else { return true }
    return address == .v4(IPv4Address(bits: key.local))
  }

  /// What a SYN tells of the half-open queue.
  struct SynCount {
    var isFull: Bool
    /// A flood is to be told of.
    var hasNews: Bool
    var isFlooded: Bool
  }

  /// Counts a SYN.
  @inline(__always)
  mutating func synArrives(isStackFull: Bool, at now: Instant) -> SynCount {
    meter.synArrives(at: now)
    var count = SynCount(isFull: false, hasNews: false, isFlooded: false)
    count.isFull = isStackFull || halfOpen >= options.halfOpenLimit
    if count.isFull, options.synCookies != .always {
      halfOpenOverflows &+= 1
      count.hasNews = meter.overflows(at: now)
      if count.hasNews { hasFloodNews = true }
    }
    count.isFlooded = meter.isFlooded(at: now)
    return count
  }

  @inline(__always)
  mutating func countHalfOpen() {
    halfOpen &+= 1
    halfOpenHighWater = max(halfOpenHighWater, halfOpen)
  }

  /// An acknowledgment may open a connection by a cookie, and the listener would refuse none.
  @inline(__always)
  mutating func opensByCookies(for key: IPv4FlowKey, at now: Instant) -> Bool {
    wouldAccept(key) && believesCookies(at: now)
  }

  /// What a connection that a cookie opens takes from its listener.
  struct Opening {
    /// Who was the last in the accept queue, if anybody.
    var last: UInt32
    /// The application will hear that somebody is there.
    var hasEvent: Bool
    var isLimited: Bool
    var mss: UInt16
  }

  /// A cookie opens the connection `i`, which comes to the end of the accept queue.
  @inline(__always)
  mutating func opensByCookie(_ i: UInt32) -> Opening {
    meter.cookieReturns()
    return Opening(
      last: appendToBacklog(i), hasEvent: hasEvent, isLimited: countConnection(),
      mss: options.connection.maximumSegmentSize)
  }

  /// Only who may have been sent one: a guess must not have all the time in the world.
  @inline(__always)
  mutating func believesCookies(at now: Instant) -> Bool {
    switch options.synCookies {
    case .off: false
    case .auto: !options.defersAccept && meter.hasLooseCookies(at: now)
    case .always: !options.defersAccept
    }
  }
}
