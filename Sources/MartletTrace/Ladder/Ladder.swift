public import MartletTCP
internal import MartletWire

/// A ladder diagram of one flow, from segments that were really exchanged.
///
///     var ladder = Ladder(left: client, right: server)
///     try ladder.observe(packet.bytes, at: now)
///     print(ladder.text(LadderStyle(columns: 80)))
///
/// Beside each lifeline stands that end's state: as the endpoint itself reported
/// it (`know`, or an observation's own states), otherwise inferred from the
/// segments and marked with `*`.
public struct Ladder: Equatable, Sendable {
  public var left: TraceEndpoint
  public var right: TraceEndpoint
  public private(set) var observations: [Observation] = []
  public private(set) var transitions: [KnownTransition] = []
  public private(set) var notes: [LadderNote] = []

  public init(left: TraceEndpoint, right: TraceEndpoint) {
    self.left = left
    self.right = right
  }

  /// Takes the ends from a segment of the flow: the sender of a SYN-ACK is the
  /// server, any other sender the client.
  public init(flowOf segment: TracedSegment) {
    let isAnswer = segment.flags.isSuperset(of: [.syn, .ack])
    self.init(
      left: isAnswer ? segment.destination : segment.source,
      right: isAnswer ? segment.source : segment.destination)
  }

  /// Which end sent it; nil when it is of another flow.
  public func side(of segment: TracedSegment) -> Side? {
    if segment.source == left, segment.destination == right { return .left }
    if segment.source == right, segment.destination == left { return .right }
    return nil
  }

  public mutating func add(_ observation: Observation) { observations.append(observation) }

  /// Adds an IP packet. False, and nothing happens, when it is of another flow.
  @discardableResult
  public mutating func observe(
    _ packet: RawSpan, at time: Instant, arrival: Instant? = nil, isLost: Bool = false
  ) throws(TraceError) -> Bool {
    let segment = try TracedSegment(packet: packet)
    guard let side = side(of: segment) else { return false }
    add(Observation(segment, from: side, at: time, arrival: arrival, isLost: isLost))
    return true
  }

  /// Takes in what an end reported of itself; transitions of one side in the order of their happening.
  public mutating func know(_ transition: KnownTransition) { transitions.append(transition) }

  /// Takes in what happened at an end; of one side in the order of its happening.
  public mutating func note(_ note: LadderNote) {
    if let last = notes.last, last.time == note.time, last.side == note.side, last.happening == note.happening
    {
      notes[notes.count &- 1].count &+= 1
    } else {
      notes.append(note)
    }
  }

  /// Takes in what an end wrote down of itself, as a change of state or as a note. Whose a record is `FlowNames` tells.
  public mutating func know(_ record: FlightRecorder.Record, of side: Side) {
    if let transition = KnownTransition(record, of: side) {
      know(transition)
    } else if !record.rule.isName {
      // The number of a flow is of no interest any more, and what several flows decide alike is one note.
      var record = record
      record.flow = FlightRecorder.noFlow
      note(LadderNote(.record(record), at: side, time: record.time))
    }
  }

  /// What the segments alone say, in order of departure.
  public var inferred: InferredStates { InferredStates(of: observations) }

  /// Everywhere that the segments and the endpoints' own word differ; empty when they agree.
  public func mismatches() -> [StateMismatch] {
    let chart = Chart(observations, transitions)
    var found: [StateMismatch] = []
    for event in EventOrder.events(of: chart.observations) where chart.known.isKnown(event.side) {
      let inferred = event.kind == .departure ? chart.inferred.senders : chart.inferred.receivers
      guard let expected = inferred[event.index], let known = chart.known.state(after: event),
        expected != known
      else { continue }
      found.append(
        StateMismatch(observation: event.index, side: event.side, inferred: expected, known: known))
    }
    return found
  }

  /// The state of an end at `time`, everything of that instant included, as the
  /// segments show it: to lay beside what another tool printed then.
  public func inferredState(of side: Side, at time: Instant) -> TCPState? {
    let sorted = observations.inOrderOfDeparture
    let events = EventOrder.events(of: sorted)
    let states = InferredStates(sorted: sorted, events: events)
    guard let event = events.last(where: { $0.side == side && $0.time <= time }) else {
      return side == .left ? states.initialLeft : states.initialRight
    }
    return event.kind == .departure ? states.senders[event.index] : states.receivers[event.index]
  }

  package func chart(_ style: LadderStyle) -> Chart {
    Chart(observations, transitions, notes.filter { style.draws($0) }).folded(after: style.foldAfter)
  }

  /// The ladder as text, in parts to be shown one after the other: what stands above it, and each thing that happens with
  /// all that belongs to it, and when it was over.
  public func steps(_ style: LadderStyle = LadderStyle()) -> (
    head: String, steps: [(text: String, time: Instant)]
  ) {
    var drawing = LadderDrawing(self, style)
    return drawing.drawSteps()
  }

  /// The ladder as text, every line ended by a newline.
  public func text(_ style: LadderStyle = LadderStyle()) -> String {
    var drawing = LadderDrawing(self, style)
    return drawing.draw()
  }
}
