import MartletTCP

// Which states may face each other, by what a state says about the other end (RFC 9293 §3.3.2, §3.5, §3.6). It is
// written from the RFC and not from what was found.
//
// An end may be CLOSED whatever the other is: it was aborted, was reset, gave up, or has not begun; RFC 9293 §3.5.1
// calls that half-open. That it does not stay so is checked apart. LISTEN is the same where the stack listens.
//
// Between two ends that both have a record these hold, read "this end is in …, so the other …":
//
//   SYN-SENT       has seen no SYN of the other, so the other has no acknowledgment of its own SYN
//                  from here: it is in SYN-SENT or SYN-RECEIVED.
//   SYN-RECEIVED   has our SYN not acknowledged yet: the other may have got our SYN and ACK, be ESTABLISHED and have
//                  closed (FIN-WAIT-1), but nothing that we send from ESTABLISHED on.
//   ESTABLISHED    has sent no FIN and got none: the other has got none, and if it has sent one, we have not
//                  acknowledged it: SYN-RECEIVED, ESTABLISHED, FIN-WAIT-1.
//   FIN-WAIT-1     has sent a FIN, no acknowledgment of it came, nor a FIN: the other may have got it or not, and may
//                  have sent its own (CLOSE-WAIT, LAST-ACK, CLOSING, FIN-WAIT-1), but has no acknowledgment of that.
//   FIN-WAIT-2     our FIN is acknowledged, so the other got it; its own we do not have: CLOSE-WAIT, LAST-ACK, or
//                  CLOSING where the FINs crossed.
//   CLOSE-WAIT     has got a FIN and sent none: FIN-WAIT-1, or FIN-WAIT-2.
//   CLOSING        has sent a FIN before it got the other's, and no acknowledgment: the other is in FIN-WAIT-1, or in
//                  FIN-WAIT-2 when our acknowledgment overtook our FIN, in CLOSING, or in TIME-WAIT when it has got
//                  both. Not in LAST-ACK: a FIN that was sent after ours came acknowledges ours.
//   LAST-ACK       has got a FIN, then sent one: FIN-WAIT-1, FIN-WAIT-2 or TIME-WAIT. Not in CLOSING: our FIN
//                  acknowledges the other's.
//   TIME-WAIT      both FINs are exchanged and ours is acknowledged: the other got it and has sent its own: LAST-ACK,
//                  CLOSING, TIME-WAIT.

extension ExploredWorld {
  func mayFace(_ a: ExploredEnd, _ b: ExploredEnd) -> Bool {
    // A SYN of long ago came to LISTEN: RFC 9293 §3.5, Figure 8. Until its reset it stands for LISTEN.
    if a.isLeftover || b.isLeftover { return true }
    return a.state.mayFace(b.state)
  }
}

extension TCPState {
  /// Whether RFC 9293 lets two ends be in these states at the same time.
  public func mayFace(_ other: TCPState) -> Bool {
    switch self {
    case .closed, .listen: return true
    case .synSent:
      return other == .closed || other == .listen || other == .synSent || other == .synReceived
    case .synReceived:
      return other == .closed || other == .listen || other == .synSent || other == .synReceived
        || other == .established || other == .finWait1
    case .established:
      return other == .closed || other == .listen || other == .synReceived || other == .established
        || other == .finWait1
    case .finWait1:
      return other == .closed || other == .listen || other == .synReceived || other == .established
        || other == .finWait1 || other == .closeWait || other == .closing || other == .lastAck
    case .finWait2:
      return other == .closed || other == .listen || other == .closeWait || other == .closing
        || other == .lastAck
    case .closeWait:
      return other == .closed || other == .listen || other == .finWait1 || other == .finWait2
    case .closing:
      return other == .closed || other == .listen || other == .finWait1 || other == .finWait2
        || other == .closing || other == .timeWait
    case .lastAck:
      return other == .closed || other == .listen || other == .finWait1 || other == .finWait2
        || other == .timeWait
    case .timeWait:
      return other == .closed || other == .listen || other == .closing || other == .lastAck
        || other == .timeWait
    }
  }
}
