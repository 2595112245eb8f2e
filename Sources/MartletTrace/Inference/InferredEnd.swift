public import MartletTCP
internal import MartletWire

/// One end of a connection as its segments show it: the state that RFC 9293
/// requires after each segment that it sent or took.
///
/// Timers leave no segment, so TIME-WAIT is where an inferred active closer
/// stays. A RST in TIME-WAIT is taken to be ignored (RFC 1337 §3).
public struct InferredEnd: Sendable {
  /// Nil: the segments so far allow more than one.
  public internal(set) var state: TCPState?

  private var iss: SequenceNumber?
  private var sndUna = SequenceNumber(0)
  private var sndNxt = SequenceNumber(0)
  private var rcvNxt: SequenceNumber?
  /// One past the own FIN.
  private var finEnd: SequenceNumber?
  /// One past the peer's FIN.
  private var peerFinEnd: SequenceNumber?
  private var openedPassively = false
  private var pastHoles = ReceivedRanges()
  /// The state before a reset that some systems take and others challenge: whoever sends anything afterwards is still in it.
  private var stateBeforeDoubt: TCPState?

  public init(state: TCPState?) {
    self.state = state
  }

  /// This end sent `segment`.
  public mutating func sends(_ segment: TracedSegment) {
    if segment.flags.contains(.rst) { return sendsReset(segment) }
    if let before = stateBeforeDoubt {
      state = before
      stateBeforeDoubt = nil
    }
    if segment.flags.contains(.syn) {
      sendsSyn(segment)
    } else if iss == nil {
      // The flow began before the capture did.
      iss = segment.seq
      sndUna = segment.seq
      sndNxt = segment.seq
    } else if state == .synSent, segment.flags.contains(.ack) {
      // Only the SYN-ACK, which the capture missed, lets it send anything but SYN.
      state = .established
    }
    sndNxt = SequenceNumber.latest(sndNxt, segment.end)
    if segment.flags.contains(.ack) { showsReceipt(upTo: segment.ack) }
    if segment.flags.contains(.fin) { sendsFin(segment) }
  }

  /// This end took `segment`. Follows the order of RFC 9293 §3.10.7.
  public mutating func takes(_ segment: TracedSegment) {
    if segment.flags.contains(.rst) { return takesReset(segment) }
    switch state {
    case nil, .closed: return
    case .listen: return takesSynInListen(segment)
    case .synSent: return takesInSynSent(segment)
    case .timeWait where segment.flags.contains(.syn): return takesSynInTimeWait(segment)
    default: break
    }
    if segment.flags.contains(.syn), state != .synReceived { return }
    if segment.flags.contains(.ack), !takesAck(segment.ack) { return }
    takesText(segment)
  }
}

extension InferredEnd {
  private mutating func sendsSyn(_ segment: TracedSegment) {
    if iss == segment.seq { return }
    let isAnswer = segment.flags.contains(.ack)
    let irs = rcvNxt
    self = InferredEnd(state: isAnswer ? .synReceived : .synSent)
    openedPassively = isAnswer
    if isAnswer { rcvNxt = irs }
    iss = segment.seq
    sndUna = segment.seq
    sndNxt = segment.seq
  }

  private mutating func sendsFin(_ segment: TracedSegment) {
    finEnd = segment.end
    switch state {
    case .established, .synReceived: state = .finWait1
    case .closeWait: state = .lastAck
    default: break
    }
  }

  /// A reset from where it would send next is an abort; one that answers a wrong
  /// acknowledgment changes nothing (RFC 9293 §3.10.7.3, §3.10.7.4 fifth check).
  private mutating func sendsReset(_ segment: TracedSegment) {
    guard let now = state, now != .closed, now != .listen else { return }
    guard iss != nil else {
      state = .closed
      return
    }
    switch now {
    case .synSent, .synReceived: if segment.seq != sndNxt { return }
    default: if segment.seq.precedes(sndUna) || segment.seq.follows(sndNxt) { return }
    }
    state = .closed
  }

  /// What it acknowledges it has taken, seen or not.
  private mutating func showsReceipt(upTo ack: SequenceNumber) {
    guard let next = rcvNxt else {
      rcvNxt = ack
      return
    }
    guard ack.follows(next) else { return }
    rcvNxt = pastHoles.insert(ack, ack, next: ack)
    takesPeerFin()
  }
}

extension InferredEnd {
  private mutating func takesReset(_ segment: TracedSegment) {
    switch state {
    case nil, .closed, .listen, .timeWait: return
    case .synSent:
      // RFC 9293 §3.10.7.3, second check: only with an acceptable acknowledgment.
      guard segment.flags.contains(.ack), isAcceptable(segment.ack) else { return }
      state = .closed
    case .synReceived where openedPassively:
      if let rcvNxt, segment.seq != rcvNxt { return }
      self = InferredEnd(state: .listen)
    default:
      // RFC 5961 §3.2: exactly at RCV.NXT, else it is challenged.
      if let rcvNxt, segment.seq != rcvNxt { return doubt(segment, rcvNxt) }
      state = .closed
    }
  }

  /// Linux also takes a reset that has the number of the peer's FIN, which answers what was sent before the FIN came, and one
  /// right behind all text that has come.
  private mutating func doubt(_ segment: TracedSegment, _ rcvNxt: SequenceNumber) {
    let hasNumberOfFin = peerFinEnd == rcvNxt && segment.seq == rcvNxt.retreated(by: 1)
    guard hasNumberOfFin || segment.seq == pastHoles.end else { return }
    stateBeforeDoubt = state
    state = nil
  }

  private mutating func takesSynInListen(_ segment: TracedSegment) {
    guard segment.flags.contains(.syn), !segment.flags.contains(.ack) else { return }
    self = InferredEnd(state: .synReceived)
    openedPassively = true
    rcvNxt = segment.seq.advanced(by: 1)
  }

  /// RFC 6191, RFC 9293 §3.10.7.4: a SYN beyond the old incarnation may open the next.
  private mutating func takesSynInTimeWait(_ segment: TracedSegment) {
    if segment.flags.contains(.ack) { return }
    if let rcvNxt, !segment.seq.follows(rcvNxt) { return }
    self = InferredEnd(state: .listen)
    takesSynInListen(segment)
  }

  private mutating func takesInSynSent(_ segment: TracedSegment) {
    let hasAck = segment.flags.contains(.ack)
    if hasAck, !isAcceptable(segment.ack) { return }
    guard segment.flags.contains(.syn) else { return }
    rcvNxt = segment.seq.advanced(by: 1)
    guard hasAck else {
      state = .synReceived
      return
    }
    sndUna = segment.ack
    state = .established
    takesText(segment)
  }

  /// False: the rest of the segment does not count.
  private mutating func takesAck(_ ack: SequenceNumber) -> Bool {
    if state == .synReceived {
      guard iss == nil || isAcceptable(ack) else { return false }
      state = .established
    }
    if iss == nil {
      iss = ack
      sndUna = ack
      sndNxt = ack
    }
    if ack.follows(sndNxt) { return false }
    sndUna = SequenceNumber.latest(sndUna, ack)
    guard let finEnd, ack.followsOrEquals(finEnd) else { return true }
    switch state {
    case .finWait1: state = .finWait2
    case .closing: state = .timeWait
    case .lastAck: state = .closed
    default: break
    }
    return true
  }

  /// ISS < ack =< SND.NXT.
  private func isAcceptable(_ ack: SequenceNumber) -> Bool {
    guard let iss else { return false }
    return ack.follows(iss) && ack.precedesOrEquals(sndNxt)
  }

  private mutating func takesText(_ segment: TracedSegment) {
    let start = segment.flags.contains(.syn) ? segment.seq.advanced(by: 1) : segment.seq
    let next = rcvNxt ?? start
    if segment.flags.contains(.fin) { peerFinEnd = segment.end }
    rcvNxt = pastHoles.insert(start, segment.end, next: next)
    takesPeerFin()
  }

  /// The eighth check of RFC 9293 §3.10.7.4, once everything before the FIN is there.
  private mutating func takesPeerFin() {
    guard let peerFinEnd, let rcvNxt, rcvNxt.followsOrEquals(peerFinEnd) else { return }
    switch state {
    case .established, .synReceived: state = .closeWait
    case .finWait1: state = .closing
    case .finWait2: state = .timeWait
    default: break
    }
  }
}
