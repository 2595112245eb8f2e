import MartletTCP
import MartletWire

// The short way of a SYN over IPv4 to a listener under a flood. It comes to what `newcomerArrives`, `conceive`
// and `answer` come to, without a `Segment` on the way and with every value in a register: while somebody
// sends SYNs as fast as the line takes them, this is all that runs. Whatever is unusual takes the long way,
// and nothing has been counted before that is decided.

extension NetworkStack {
  /// True: the SYN was answered with a cookie.
  ///
  /// - Parameters:
  ///   - syn: a header with SYN, perhaps ECE and CWR, and no other flag.
  ///   - hash: `key.hash`.
  @inline(never)
  mutating func answersShortly(
    _ syn: borrowing TCPHeaderView, _ key: IPv4FlowKey, _ hash: UInt64, _ ecn: ECN
  ) -> Bool {
    guard let l = listenerPorts.sole(key.localPort), hasRoom,
      listeners[l].makesOnlyCookies(for: .v4(IPv4Address(bits: key.local)), at: clock),
      let options = HandshakeOptions(words: syn.options)
    else { return false }
    var search = flows4.table.search(hash)
    guard flows4.table.next(&search) == nil else { return false }
    // RFC 3168 §6.1.1: both bits.
    let asksForECN = syn.flags.contains([.ece, .cwr]) && ecn == .notECT
    var tcb = EmbryonicTCB(irs: syn.seq, options, asksForECN: asksForECN, defaultPeerMSS: 536, handshake)
    guard let offer = CookieOffer(tcb, isIPv4: true) else { return false }
    around.counters.inSegs &+= 1
    let isFull = meterSyn(l, .v4(IPv4Address(bits: key.remote)))
    tcb.iss = SynCookie.make(offer, irs: tcb.irs, key.flow, secrets.cookie, now: clock)
    if isFull, listeners[l].options.synCookies != .always {
      tcb.deadline = Tick(roundingUp: clock).advanced(by: handshake.wait)
      replaceSpare(with: tcb, key.flow, hash, listener: l, isListenerFull: true)
    }
    sendCookie(tcb, key.flow, listener: l)
    return true
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
  mutating func makesOnlyCookies(for local: IPAddress, at now: Instant) -> Bool {
    guard !options.defersAccept, options.connectionLimit == 0, backlogCount < options.acceptLimit else {
      return false
    }
    if let address = self.local.address, address != local { return false }
    switch options.synCookies {
    case .off: return false
    case .always: return true
    case .auto: return halfOpen >= options.halfOpenLimit && meter.isFlooded(at: now)
    }
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

  /// Counts a SYN-ACK that carries a cookie.
  @inline(__always)
  mutating func cookieLeaves() -> SynAckTerms {
    meter.cookieLeaves()
    return SynAckTerms(
      mss: options.connection.maximumSegmentSize, receiveBuffer: options.connection.receiveBuffer,
      hopLimit: options.connection.hopLimit, dscp: options.connection.dscp)
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
