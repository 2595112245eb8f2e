import MartletTCP
import MartletWire

// The side that opens (RFC 7413 §4.1.3, §4.2). A connection knows whether its SYN has the option; what it
// brings, and what is learned from the answer, is here.

extension NetworkStack {
  /// Lets the SYN of a new connection ask for a cookie, or bring one and text.
  mutating func offerFastOpen(_ tcb: inout TCB, _ flow: Flow, _ path: Path) {
    guard let offer = fastOpens.offer(flow, now: clock, &around.budget) else { return }
    guard offer.cookie.count > 0 else { return tcb.offerFastOpen(text: 0) }
    // "the client MAY limit the cached MSS to 1460 bytes for IPv4 or 1440 for IPv6", and without one it is the
    // default of the address family.
    let usual: UInt16 = flow.local.isIPv4 ? 1_460 : 1_440
    let known = offer.mss == 0 ? flow.defaultMSS : min(offer.mss, usual)
    tcb.offerFastOpen(text: min(known, path.mss(isIPv4: flow.local.isIPv4)))
  }

  /// Writes the cookie into a SYN that leaves.
  mutating func fillCookie(_ plan: inout SegmentPlan, of i: UInt32) {
    fastOpens.cookie(connections.flow(of: i, keys6)).write(into: &plan.options)
  }

  /// What a SYN with the option had sent before its answer came. Nil: the segment answers no such SYN.
  @inline(__always)
  mutating func offeredText(of i: UInt32, _ seg: Segment) -> UInt32? {
    guard seg.flags.contains(.syn), connections[i].tcb.offersFastOpen, connections[i].tcb.state == .synSent
    else { return nil }
    return connections[i].tcb.snd.max.distance(from: connections[i].tcb.snd.una) &- 1
  }

  /// The answer to a SYN with the option (§4.2.2, "Client: Receiving SYN-ACK").
  mutating func learnFastOpen(of i: UInt32, _ seg: Segment, text: UInt32) {
    guard connections[i].tcb.state != .synSent, connections[i].tcb.state != .closed else { return }
    let flow = connections.flow(of: i, keys6)
    let had = fastOpens.cookie(flow).count > 0
    let given = FastOpenCookie(seg.options)
    if given.count > 0 {
      let hasMSS = seg.options.present.contains(.maximumSegmentSize)
      fastOpens.remember(given, mss: hasMSS ? seg.options.maximumSegmentSize : 0, flow)
    }
    if connections[i].tcb.isFastOpen {
      around.counters.tcpFastOpenActive &+= 1
      fastOpens.succeed(flow)
    } else if text > 0 {
      around.counters.tcpFastOpenActiveFail &+= 1
      // With a new cookie, the old one was too old; and a lost SYN has been counted.
      if given.count == 0, !connections[i].tcb.mode.contains(.synResent) { fastOpens.fail(flow, now: clock) }
    } else if !had, given.count == 0, !connections[i].tcb.mode.contains(.synResent) {
      fastOpens.refuse(flow, now: clock)
    }
  }

  /// The SYN with the option had no answer, or a router refused it: somebody on the way may dislike it
  /// (§4.1.3.1).
  mutating func failFastOpen(of i: UInt32) {
    fastOpens.fail(connections.flow(of: i, keys6), now: clock)
  }
}
