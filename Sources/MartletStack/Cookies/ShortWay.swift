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
    guard let l = listenerPorts.sole(key.localPort), makesOnlyCookies(l), hasRoom(l),
      isFor(key.local, l), let options = HandshakeOptions(words: syn.options)
    else { return false }
    var search = flows4.table.search(hash)
    guard flows4.table.next(&search) == nil else { return false }
    // RFC 3168 §6.1.1: both bits.
    let asksForECN = syn.flags.contains([.ece, .cwr]) && ecn == .notECT
    var tcb = EmbryonicTCB(irs: syn.seq, options, asksForECN: asksForECN, defaultPeerMSS: 536, handshake)
    guard let offer = CookieOffer(tcb, isIPv4: true) else { return false }
    around.counters.inSegs &+= 1
    _ = meterSyn(l, .v4(IPv4Address(bits: key.remote)))
    tcb.iss = SynCookie.make(offer, irs: tcb.irs, key.flow, secrets.cookie, now: clock)
    if listeners[l].options.synCookies != .always {
      tcb.deadline = Tick(roundingUp: clock).advanced(by: handshake.wait)
      replaceSpare(with: tcb, key.flow, hash, listener: l)
    }
    sendCookie(tcb, key.flow, listener: l)
    return true
  }

  /// A SYN can come to nothing but a cookie: its policy says so, or its half-open queue is full and
  /// overflowed before.
  @inline(__always)
  private mutating func makesOnlyCookies(_ l: UInt32) -> Bool {
    guard !listeners[l].options.defersAccept else { return false }
    switch listeners[l].options.synCookies {
    case .off: return false
    case .always: return true
    case .auto:
      return listeners[l].halfOpen >= listeners[l].options.halfOpenLimit
        && listeners[l].meter.isFlooded(at: clock)
    }
  }

  /// Nobody would refuse the connection, and none of those who might has to be asked.
  @inline(__always)
  private mutating func hasRoom(_ l: UInt32) -> Bool {
    listeners[l].backlogCount < listeners[l].options.acceptLimit
      && listeners[l].options.connectionLimit == 0 && configuration.connectionsPerSource == 0
      && UInt32(truncatingIfNeeded: connections.live) < configuration.connectionLimit
      && around.budget.held < around.budget.growthEnd
  }

  @inline(__always)
  private mutating func isFor(_ local: UInt32, _ l: UInt32) -> Bool {
    guard let address = listeners[l].local.address else { return true }
    return address == .v4(IPv4Address(bits: local))
  }
}
