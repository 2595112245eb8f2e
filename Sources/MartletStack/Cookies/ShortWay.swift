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
  /// - Parameter hash: `key.hash`.
  @inline(__always)
  mutating func isDealtWithShortly(
    _ segment: borrowing TCPHeaderView, _ key: IPv4FlowKey, _ hash: UInt64, _ ecn: ECN
  ) -> Bool {
    if segment.flags.subtracting([.ece, .cwr]) == .syn { return answersShortly(segment, key, hash, ecn) }
    if segment.flags == .ack, segment.textCount == 0, ecn != .ce { return opensShortly(segment, key, hash) }
    return false
  }

  /// True: the SYN was answered with a cookie.
  @inline(never)
  private mutating func answersShortly(
    _ syn: borrowing TCPHeaderView, _ key: IPv4FlowKey, _ hash: UInt64, _ ecn: ECN
  ) -> Bool {
    guard let l = listenerPorts.sole(key.localPort), hasRoom,
      listeners[l].makesOnlyCookies(for: IPv4Address(bits: key.local), at: clock),
      let options = HandshakeOptions(words: syn.options)
    else { return false }
    // RFC 3168 §6.1.1: both bits.
    let asksForECN = syn.flags.contains([.ece, .cwr]) && ecn == .notECT
    var tcb = EmbryonicTCB(irs: syn.seq, options, asksForECN: asksForECN, defaultPeerMSS: 536, handshake)
    guard let offer = CookieOffer(tcb, isIPv4: true),
      let interface = routing.interface(to: IPv4Address(bits: key.remote)), isPresent(interface)
    else { return false }
    around.counters.inSegs &+= 1
    let reply = makeReply(on: interface.index)
    let source = secrets.sourceHash(.v4(IPv4Address(bits: key.remote)))
    let terms = listeners[l].answersByCookie(source, isSent: reply != nil, at: clock)
    if terms.hasNews { raise(ofListener: l) }
    tcb.iss = SynCookie.make(offer, irs: tcb.irs, key.flow, secrets.cookie, now: clock)
    if terms.hasQueue {
      replaceSpare(with: tcb, key.flow, hash, listener: l, isListenerFull: true)
    }
    if let reply {
      counts.syncookiesSent &+= 1
      around.counters.outSegs &+= 1
      let own = terms.synAck
      let mss = interfaces[interface.index].mss(isIPv4: true)
      let stamp = secrets.timestampOffset(IPv4Address(bits: key.local), IPv4Address(bits: key.remote))
      let options = tcb.synAckOptions(
        mss: own.mss == 0 ? mss : min(mss, own.mss), shift: handshake.shift, timestampOffset: stamp,
        now: clock)
      replies[reply].writeSynAck(
        tcb, key, WindowSize(configuration.receiveBuffer(own.receiveBuffer)).unscaled(by: WindowScale(0)),
        options, configuration.hopLimit(own.hopLimit), own.dscp,
        isPartial: interfaces[interface.index].offload.contains(.checksum))
    } else {
      counts.listenDrops &+= 1
    }
    return true
  }

  /// True: the acknowledgment, which brings nothing but a cookie, has opened a connection or was found wanting.
  @inline(never)
  private mutating func opensShortly(
    _ ack: borrowing TCPHeaderView, _ key: IPv4FlowKey, _ hash: UInt64
  ) -> Bool {
    guard let l = listenerPorts.sole(key.localPort), hasRoom,
      listeners[l].opensByCookies(for: IPv4Address(bits: key.local), at: clock),
      let options = HandshakeOptions(words: ack.options),
      let interface = routing.interface(to: IPv4Address(bits: key.remote)), isPresent(interface)
    else { return false }
    let irs = ack.seq.retreated(by: 1)
    let iss = ack.ack.retreated(by: 1)
    let verdict = SynCookie.open(iss, irs: irs, key.flow, secrets.cookie, now: clock)
    guard case .genuine(let offer) = verdict else {
      around.counters.inSegs &+= 1
      cookieFails(verdict)
      counts.drop(.listenRefused)
      resetStranger(ack.ack, key)
      return true
    }
    guard let i = connections.allocateAsItIs(&around.budget)?.index else { return false }
    guard wheel.reserve(upTo: i, &around.budget),
      flows4.table.insert(hash, FlowEntry(.connection, i).rawValue, &around.budget)
    else {
      connections.free(i, &around.budget)
      return false
    }
    around.counters.inSegs &+= 1
    counts.syncookiesRecv &+= 1
    let stamp = secrets.timestampOffset(key.flow)
    let embryo = record(of: offer, iss: iss, irs: irs, options, isIPv4: true, stamp)
    let third = ThirdSegment(
      seq: ack.seq, ack: ack.ack, wnd: ack.window,
      tsecr: options.present.contains(.timestamps) ? options.tsecr : nil)
    begin(i, embryo, third, key, stamp, on: interface, listener: l)
    return true
  }

  /// What `establish` comes to.
  @inline(__always)
  private mutating func begin(
    _ i: UInt32, _ embryo: EmbryonicTCB, _ third: ThirdSegment, _ key: IPv4FlowKey, _ stamp: UInt32,
    on interface: InterfaceID, listener l: UInt32
  ) {
    let connection = listeners[l].options.connection
    let remote = IPAddress.v4(IPv4Address(bits: key.remote))
    let mss = interfaces[interface.index].mss(isIPv4: true)
    var limit = mss
    if !destinations.isEmpty, let known = destinations.find(remote, zone: 0, now: clock), known.pathMTU > 40 {
      limit = min(limit, known.pathMTU &- 40)
    }
    let cap = connection.maximumSegmentSize
    connections[i] = Connection(
      tcb: listeners[l].unopened, marks: [.onWire, .inBacklog, .passive], interface: interface.rawValue,
      linger: connection.linger.deciseconds, key: key, hopLimit: connection.hopLimit, dscp: connection.dscp)
    connections[i].tcb.accept(
      embryo, third, timestampOffset: stamp, mss: cap == 0 ? mss : min(mss, cap), sendMSSLimit: limit,
      handshake, now: clock)
    around.counters.passiveOpens &+= 1
    let isLimited = listeners[l].countConnection()
    connections[i].begin(Origin(listener: l, isLimited: isLimited), at: clock)
    listeners[l].meter.cookieReturns()
    noteTransition(.listen, .synReceived)
    noteTransition(.synReceived, .established, of: i)
    appendToBacklog(i, of: l)
    if isLimited || connections[i].tcb.hasTimers { rearmTimer(of: i) }
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
  /// A SYN can come to nothing but a cookie: the policy says so, or the half-open queue is full and overflowed
  /// before. And the listener would refuse no connection.
  @inline(__always)
  mutating func makesOnlyCookies(for local: IPv4Address, at now: Instant) -> Bool {
    guard !options.defersAccept, options.connectionLimit == 0, backlogCount < options.acceptLimit else {
      return false
    }
    if let address = self.local.address, address != .v4(local) { return false }
    switch options.synCookies {
    case .off: return false
    case .always: return true
    case .auto: return halfOpen >= options.halfOpenLimit && meter.isFlooded(at: now)
    }
  }

  /// What becomes of such a SYN.
  struct CookieTerms {
    /// A flood is to be told of.
    var hasNews: Bool
    /// There is a half-open queue, which is full.
    var hasQueue: Bool
    var synAck: SynAckTerms
  }

  /// Counts a SYN that gets a cookie and nothing else.
  @inline(__always)
  mutating func answersByCookie(_ source: UInt64, isSent: Bool, at now: Instant) -> CookieTerms {
    let hasQueue = options.synCookies != .always
    meter.synArrives(at: now)
    var hasNews = false
    if hasQueue {
      halfOpenOverflows &+= 1
      hasNews = meter.overflows(at: now)
      if hasNews { hasFloodNews = true }
      meter.note(source: source)
    }
    if isSent { meter.cookieLeaves() }
    return CookieTerms(hasNews: hasNews, hasQueue: hasQueue, synAck: synAckTerms)
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

  /// What the SYN-ACK of a cookie takes from its listener.
  struct SynAckTerms {
    var mss: UInt16
    var receiveBuffer: UInt32
    var hopLimit: UInt8
    var dscp: UInt8
  }

  @inline(__always)
  var synAckTerms: SynAckTerms {
    SynAckTerms(
      mss: options.connection.maximumSegmentSize, receiveBuffer: options.connection.receiveBuffer,
      hopLimit: options.connection.hopLimit, dscp: options.connection.dscp)
  }

  /// An acknowledgment may open a connection by a cookie, and the listener would refuse none.
  @inline(__always)
  mutating func opensByCookies(for local: IPv4Address, at now: Instant) -> Bool {
    guard options.connectionLimit == 0, backlogCount < options.acceptLimit else { return false }
    if let address = self.local.address, address != .v4(local) { return false }
    return believesCookies(at: now)
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
