public import MartletTCP
internal import MartletWire

/// Finds what is odd about the segments of one flow, one by one as they pass.
///
/// The questions are those that Wireshark's user's guide lists under "TCP Analysis", in its order of precedence, so that both
/// name the same segments; `Tests/EndToEnd/captures` counts how many.
public struct SegmentAnalysis: BitwiseCopyable, Sendable {
  /// What is known of what one end has sent.
  private struct Way: BitwiseCopyable, Sendable {
    var hasSent = false
    /// One past the highest number that has passed, and when that segment did.
    var next = SequenceNumber(0)
    var nextTime = Instant.origin
    var hasAcknowledged = false
    var ack = SequenceNumber(0)
    var ackTime = Instant.origin
    /// As the field said last.
    var window: UInt16 = 0
    var hasWindow = false
    /// How often the last acknowledgment was repeated.
    var duplicates: UInt32 = 0
    /// The highest number that it has let the other end send, where its scale is known.
    var edge: SequenceNumber?
    var scale: WindowScale?
    /// Its SYN was not kept as far as its options.
    var hidesScale = false
    var sentKeepAlive = false
    var sentWindowProbe = false
    var iss: SequenceNumber?
    var sentFin = false
  }

  private var left = Way()
  private var right = Way()
  private var synTime: Instant?
  /// From the SYN to the third segment, as seen here.
  private var firstRoundTrip: TimeAmount?
  /// Why the last segment is a reset; nil: it is none.
  public private(set) var resetCause: ResetCause?
  /// Both SYNs have passed.
  private var knowsScales = false

  public init() {}

  /// The next segment. What it finds of it counts for those that follow.
  public mutating func examine(_ segment: TracedSegment, from side: Side, at time: Instant) -> SegmentFindings
  {
    var (own, peer) = side == .left ? (left, right) : (right, left)
    var findings: SegmentFindings = []
    if segment.flags.contains(.syn) { begin(segment, &own, &peer, time, &findings) }
    measure(segment, time)
    resetCause = segment.flags.contains(.rst) ? cause(ofReset: segment, own, peer) : nil
    judgeAcknowledgment(segment, own, peer, &findings)
    judgeRepetition(segment, own, peer, time, &findings)
    judgeWindow(segment, own, peer, &findings)
    note(segment, &own, peer, findings, time)
    if peer.sentKeepAlive, segment.textCount == 0 { peer.sentKeepAlive = false }
    if segment.textCount > 0 || findings.isEmpty { peer.sentWindowProbe = false }
    if side == .left { (left, right) = (own, peer) } else { (right, left) = (own, peer) }
    return findings
  }

  // MARK: Beginning

  private mutating func begin(
    _ segment: TracedSegment, _ own: inout Way, _ peer: inout Way, _ time: Instant,
    _ findings: inout SegmentFindings
  ) {
    let isAnswer = segment.flags.contains(.ack)
    if let iss = own.iss, iss != segment.seq {
      if !isAnswer {
        findings.insert(.portsUsedAgain)
        peer = Way()
      }
      own = Way()
    }
    if own.iss == nil { own.iss = segment.seq }
    let options = segment.header.options
    own.scale = options.present.contains(.windowScale) ? options.windowScale : nil
    own.hidesScale = segment.lacksOptions
    if isAnswer {
      knowsScales = true
    } else {
      knowsScales = false
      synTime = time
      firstRoundTrip = nil
    }
  }

  private mutating func measure(_ segment: TracedSegment, _ time: Instant) {
    guard firstRoundTrip == nil, knowsScales, let synTime, !segment.flags.contains(.syn),
      segment.flags.contains(.ack)
    else { return }
    firstRoundTrip = time.since(synTime)
  }

  // MARK: Judging

  private func judgeAcknowledgment(
    _ segment: TracedSegment, _ own: Way, _ peer: Way, _ findings: inout SegmentFindings
  ) {
    guard segment.flags.contains(.ack), peer.hasSent, !segment.flags.contains(.rst) else { return }
    if segment.ack.follows(peer.next) { findings.insert(.acknowledgesUnseen) }
    guard segment.textCount == 0, segment.flags.isDisjoint(with: [.syn, .fin]), own.hasAcknowledged,
      segment.seq == own.next
    else { return }
    let window = segment.header.window.field
    if peer.sentKeepAlive, segment.ack == own.ack {
      findings.insert(.keepAliveAnswer)
    } else if segment.ack == own.ack, own.hasWindow, peer.sentWindowProbe, window == 0 {
      // It answers a probe, and says nothing of order.
    } else if segment.ack == own.ack, own.hasWindow, window == own.window, window != 0 {
      // RFC 5681 §2: one that offers another window is none, whatever its SACK blocks say.
      findings.insert(.duplicateAcknowledgment)
    } else if segment.ack == own.ack, own.hasWindow, window != 0,
      !segment.header.options.present.contains(.sack)
    {
      findings.insert(.windowUpdate)
    }
  }

  private func judgeRepetition(
    _ segment: TracedSegment, _ own: Way, _ peer: Way, _ time: Instant, _ findings: inout SegmentFindings
  ) {
    guard own.hasSent, !segment.flags.contains(.rst) else { return }
    let isPlain = segment.flags.isDisjoint(with: [.syn, .fin])
    if isPlain, segment.textCount == 1, segment.seq == own.next, peer.hasWindow, peer.window == 0 {
      findings.insert(.windowProbe)
    } else if isPlain, segment.textCount <= 1, segment.seq == own.next.retreated(by: 1) {
      findings.insert(.keepAlive)
    } else if segment.seq.follows(own.next) {
      findings.insert(.gap)
    } else if segment.len > 0, segment.seq.precedes(own.next) {
      findings.insert(repetition(segment, own, peer, time))
    }
  }

  /// What began before what has passed already.
  private func repetition(
    _ segment: TracedSegment, _ own: Way, _ peer: Way, _ time: Instant
  ) -> SegmentFindings {
    let isAsked =
      peer.duplicates >= 2 && segment.seq == peer.ack && time.since(peer.ackTime) < .milliseconds(20)
    if isAsked { return .fastRetransmission }
    let patience = firstRoundTrip.map { $0 > .zero ? $0 : .milliseconds(3) } ?? .milliseconds(3)
    let isRecent = time.since(own.nextTime) < patience
    let isAcknowledged = peer.hasAcknowledged && segment.end.precedesOrEquals(peer.ack)
    if segment.textCount > 0, isAcknowledged { return .spuriousRetransmission }
    if isRecent, segment.end != own.next { return .outOfOrder }
    return .retransmission
  }

  private func judgeWindow(
    _ segment: TracedSegment, _ own: Way, _ peer: Way, _ findings: inout SegmentFindings
  ) {
    if segment.header.window.field == 0, segment.flags.isDisjoint(with: [.syn, .fin, .rst]) {
      findings.insert(.zeroWindow)
    }
    if let edge = peer.edge, segment.textCount > 0, segment.seq.followsOrEquals(edge),
      !findings.contains(.windowProbe), !findings.contains(.keepAlive)
    {
      findings.insert(.beyondWindow)
    }
  }

  private func cause(ofReset segment: TracedSegment, _ own: Way, _ peer: Way) -> ResetCause {
    if segment.flags.contains(.ack) {
      let answersSyn = !own.hasSent && peer.iss != nil && segment.ack == peer.next
      if answersSyn { return .nobodyListens }
      // Both numbers of one that answers a segment without ACK are zero and its end.
      if !own.hasSent || segment.seq == own.next { return .aborts }
      return peer.hasAcknowledged && segment.seq == peer.ack ? .aborts : .elsewhere
    }
    guard peer.hasAcknowledged else { return own.hasSent && segment.seq == own.next ? .aborts : .elsewhere }
    // "If the ACK bit is on, <SEQ=SEG.ACK><CTL=RST>".
    guard segment.seq == peer.ack else { return segment.seq == own.next ? .aborts : .elsewhere }
    return own.sentFin ? .readsNoMore : .unknownConnection
  }

  // MARK: Remembering

  private func note(
    _ segment: TracedSegment, _ own: inout Way, _ peer: Way, _ findings: SegmentFindings, _ time: Instant
  ) {
    guard !segment.flags.contains(.rst) else { return }
    if segment.flags.contains(.fin) { own.sentFin = true }
    own.sentKeepAlive = findings.contains(.keepAlive)
    own.sentWindowProbe = findings.contains(.windowProbe)
    if segment.flags.contains(.ack) {
      if findings.contains(.duplicateAcknowledgment) {
        own.duplicates &+= 1
      } else if !own.hasAcknowledged || segment.ack != own.ack {
        own.duplicates = 0
      }
      own.hasAcknowledged = true
      own.ack = segment.ack
      own.ackTime = time
      noteEdge(segment, &own, peer)
    }
    own.window = segment.header.window.field
    own.hasWindow = true
    // The octet of a probe is taken back.
    guard !findings.contains(.windowProbe), !findings.contains(.keepAlive) else { return }
    if !own.hasSent || segment.end.follows(own.next) {
      own.next = segment.end
      own.nextTime = time
      own.hasSent = true
    }
  }

  private func noteEdge(_ segment: TracedSegment, _ own: inout Way, _ peer: Way) {
    guard knowsScales, own.iss != nil, peer.iss != nil, !own.hidesScale, !peer.hidesScale else { return }
    let both = own.scale != nil && peer.scale != nil
    let scale = segment.flags.contains(.syn) || !both ? WindowScale.none : own.scale ?? .none
    let edge = segment.ack.advanced(by: segment.header.window.scaled(by: scale).octets)
    own.edge = own.edge.map { SequenceNumber.latest($0, edge) } ?? edge
  }
}
