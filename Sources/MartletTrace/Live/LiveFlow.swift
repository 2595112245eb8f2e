internal import MartletTCP
internal import MartletWire

/// What has to be known of a flow that is watched while it goes on, so that its next segment can be told of.
struct LiveFlow {
  /// As the stack sees it, or as its first segment went where nobody knows the direction.
  let name: TraceFlow
  /// Which of all flows that were watched so far it is.
  let number: Int
  /// Nil: it has no segment yet, only records.
  private(set) var summary: FlowSummary?
  /// The side of the stack that is watched; nil: nobody knows, or there is no segment yet.
  private(set) var ownSide: Side?
  /// What the stack says its own state is.
  var known: TCPState?
  private(set) var newest = RelativeSegment(seq: 0, windowField: 0)
  private var numbers = RelativeNumbers()
  private var inference = StateInference()
  fileprivate(set) var lastUse: UInt64 = 0

  init(_ name: TraceFlow, number: Int) {
    self.name = name
    self.number = number
  }

  /// Takes in the next segment, which passed a place where leaving and arriving are one.
  mutating func take(
    _ segment: TracedSegment, _ direction: PacketDirection, at time: Instant
  ) -> (seen: Observation, numbers: RelativeSegment) {
    var summary = self.summary ?? begin(segment, at: time)
    // Both names are those of the flow, so one of the sides is its sender.
    let side = summary.side(of: segment) ?? .left
    var seen = Observation(segment, from: side, at: time)
    seen.findings = summary.take(segment, from: side, at: time)
    seen.resetCause = summary.newestResetCause
    self.summary = summary
    if direction != .unknown { ownSide = direction == .outbound ? side : side.other }
    newest = numbers.next(seen)
    inference.departs(segment, from: side)
    inference.arrives(segment, at: side.other)
    return (seen, newest)
  }

  private mutating func begin(_ segment: TracedSegment, at time: Instant) -> FlowSummary {
    if !segment.flags.contains(.syn) {
      inference = StateInference(left: .established, right: .established)
    } else if segment.flags.contains(.ack) {
      inference = StateInference(left: .synSent, right: .listen)
    }
    return FlowSummary(number, segment, at: time)
  }

  /// As the stack says itself, else as its segments show.
  func state(of side: Side) -> TCPState? { side == ownSide ? known ?? inference[side] : inference[side] }

  /// Sides whose states are inferred.
  var starred: [Side] { Side.allCases.filter { $0 != ownSide || known == nil } }

  /// What the numbers in the stack's records are counted from.
  var base: RecordBase {
    ownSide == .right
      ? RecordBase(own: newest.rightOrigin, peer: newest.leftOrigin)
      : RecordBase(own: newest.leftOrigin, peer: newest.rightOrigin)
  }
}

/// The flows that somebody watches: so many that were used last.
struct LiveFlows {
  private var flows: [LiveFlow] = []
  private let limit: Int
  private var uses: UInt64 = 0
  private var count = 0

  init(limit: Int = 256) { self.limit = max(limit, 1) }

  subscript(_ place: Int) -> LiveFlow {
    get { flows[place] }
    set { flows[place] = newValue }
  }

  /// Where a flow stands, from either end's point of view. It may take the place of one that was not used for longest:
  /// `isNew` then.
  mutating func place(of name: TraceFlow) -> (place: Int, isNew: Bool) {
    uses &+= 1
    if let place = flows.firstIndex(where: { $0.name == name || $0.name == name.reversed }) {
      flows[place].lastUse = uses
      return (place, false)
    }
    count += 1
    var flow = LiveFlow(name, number: count)
    flow.lastUse = uses
    guard flows.count >= limit, let oldest = flows.indices.min(by: { flows[$0].lastUse < flows[$1].lastUse })
    else {
      flows.append(flow)
      return (flows.count - 1, true)
    }
    flows[oldest] = flow
    return (oldest, true)
  }
}

extension TraceFlow {
  fileprivate var reversed: TraceFlow { TraceFlow(local: remote, remote: local) }
}
