internal import MartletTCP
internal import MartletWire

/// A segment's numbers as a reader wants them: counted from the initial sequence
/// numbers, through any wrap, with the window in octets.
package struct RelativeSegment: Equatable, Sendable {
  package var seq: Int64
  /// Nil without the flag ACK.
  package var ack: Int64?
  /// Octets; nil when the scale is not known and the field stands in `windowField`.
  package var window: UInt32?
  package var windowField: UInt16
  /// Edges of the SACK blocks.
  package var sack: [(start: Int64, end: Int64)] = []
  /// All of it was sent before.
  package var isRetransmission = false
  /// One below SND.NXT, to ask whether the peer is there (RFC 9293 §3.8.4).
  package var isKeepAlive = false
  /// An octet into a window that is shut, to ask whether it has opened (RFC 9293 §3.8.6.1).
  package var isWindowProbe = false
  /// How many connections on this flow came before.
  package var incarnation = 0
  /// What is 0 of what the left end sends, and the right; 0 itself where that is not known yet.
  package var leftOrigin: UInt32 = 0
  package var rightOrigin: UInt32 = 0

  package static func == (a: RelativeSegment, b: RelativeSegment) -> Bool {
    a.seq == b.seq && a.ack == b.ack && a.window == b.window && a.windowField == b.windowField
      && a.isRetransmission == b.isRetransmission && a.isKeepAlive == b.isKeepAlive
      && a.incarnation == b.incarnation && a.sack.elementsEqual(b.sack, by: ==)
  }
}

/// Turns the numbers of one flow's segments, in order of departure, into relative ones.
package struct RelativeNumbers: Sendable {
  /// What a side's SYN said about window scaling.
  private enum Scaling: Sendable {
    case unknown, notOffered
    case offered(WindowScale)
  }

  /// What is known of one direction of sequence space.
  private struct Direction: Sendable {
    /// A raw number and the relative one that it stands for; moves along, so that wraps pass unseen.
    var anchor: (raw: SequenceNumber, relative: Int64)?
    var iss: SequenceNumber?
    /// One past the highest sequence number sent.
    var highest: SequenceNumber?
    var scaling = Scaling.unknown
    var sentSynAck = false
    /// What it offered last, as the field said.
    var lastWindow: UInt16?

    var origin: UInt32 {
      anchor.map { $0.raw.rawValue &- UInt32(truncatingIfNeeded: $0.relative) } ?? 0
    }

    mutating func relative(_ raw: SequenceNumber, orBegin first: Int64) -> Int64 {
      guard let anchor else {
        self.anchor = (raw, first)
        return first
      }
      let distance = Int64(Int32(bitPattern: raw.rawValue &- anchor.raw.rawValue))
      let value = anchor.relative &+ distance
      if distance > 0 { self.anchor = (raw, value) }
      return value
    }
  }

  private var left = Direction()
  private var right = Direction()
  private var incarnation = 0

  package init() {}

  package mutating func next(_ seen: Observation) -> RelativeSegment {
    var (own, peer) = seen.from == .left ? (left, right) : (right, left)
    let segment = seen.segment
    if segment.flags.contains(.syn) { begin(segment, &own, &peer) }
    let first: Int64 = segment.flags.isDisjoint(with: [.syn, .rst]) ? 1 : 0
    var result = RelativeSegment(
      seq: own.relative(segment.seq, orBegin: first), windowField: segment.header.window.field)
    result.incarnation = incarnation
    markRepetition(segment, own, peer, &result)
    if segment.flags.contains(.ack) {
      result.ack = peer.relative(segment.ack, orBegin: 1)
      for index in 0..<min(Int(segment.header.options.sackCount), 4) {
        let block = segment.header.options.sack[index]
        result.sack.append((peer.relative(block.start, orBegin: 1), peer.relative(block.end, orBegin: 1)))
      }
    }
    result.window = window(of: segment, own, peer)
    if segment.flags.isSuperset(of: [.syn, .ack]) { own.sentSynAck = true }
    if !segment.flags.contains(.rst) { own.lastWindow = segment.header.window.field }
    if seen.isForged { return withOrigins(result) }
    own.highest = own.highest.map { SequenceNumber.latest($0, segment.end) } ?? segment.end
    if seen.from == .left { (left, right) = (own, peer) } else { (right, left) = (own, peer) }
    return withOrigins(result)
  }

  private func withOrigins(_ segment: RelativeSegment) -> RelativeSegment {
    var segment = segment
    (segment.leftOrigin, segment.rightOrigin) = (left.origin, right.origin)
    return segment
  }

  /// A SYN starts its direction anew, and one without ACK on numbers not yet seen a new connection.
  private mutating func begin(_ segment: TracedSegment, _ own: inout Direction, _ peer: inout Direction) {
    guard own.iss != segment.seq else { return }
    if !segment.flags.contains(.ack), own.iss != nil {
      incarnation &+= 1
      peer = Direction()
    }
    own = Direction()
    own.anchor = (segment.seq, 0)
    own.iss = segment.seq
    let options = segment.header.options
    own.scaling = options.present.contains(.windowScale) ? .offered(options.windowScale) : .notOffered
  }

  private func markRepetition(
    _ segment: TracedSegment, _ own: Direction, _ peer: Direction, _ result: inout RelativeSegment
  ) {
    guard let highest = own.highest, segment.flags.isDisjoint(with: [.rst]) else { return }
    // A simultaneous open sends SYN, then SYN and ACK: the second says something new.
    if segment.flags.isSuperset(of: [.syn, .ack]), !own.sentSynAck { return }
    if peer.lastWindow == 0, segment.textCount == 1, segment.seq.followsOrEquals(highest.retreated(by: 1)) {
      result.isWindowProbe = true
    } else if segment.textCount <= 1, segment.len == segment.textCount,
      segment.seq == highest.retreated(by: 1)
    {
      result.isKeepAlive = true
    } else if segment.len > 0, segment.end.precedesOrEquals(highest) {
      result.isRetransmission = true
    }
  }

  /// RFC 7323 §2.2: scaled only when both SYNs offered, and never in a SYN itself.
  private func window(of segment: TracedSegment, _ own: Direction, _ peer: Direction) -> UInt32? {
    let field = segment.header.window
    if segment.flags.contains(.syn) { return field.scaled(by: .none).octets }
    switch (own.scaling, peer.scaling) {
    case (.unknown, _), (_, .unknown): return nil
    case (.offered(let scale), .offered): return field.scaled(by: scale).octets
    default: return field.scaled(by: .none).octets
    }
  }
}
