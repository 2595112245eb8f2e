package import MartletTCP

/// A ladder as rows, before anything is drawn: what happened, in an order that
/// both ends agree with, and the states to show beside it.
package struct Chart: Sendable {
  package enum Kind: Equatable, Sendable {
    /// A segment from end to end.
    case whole
    /// A segment leaves; something else happens before it arrives.
    case departure
    case arrival
    case lost
    /// A change of state without a segment.
    case transition
    /// Something that happened at an end: which of the notes.
    case note(Int)
    /// Rows `0 ..< count` of a run, left out.
    case folded(segments: UInt64, octets: UInt64, acknowledgments: UInt64)
  }

  package struct Row: Equatable, Sendable {
    package var kind: Kind
    /// The observation that it draws; for other rows the last one before them.
    package var index: Int
    package var time: Instant
    /// States to print, where they changed.
    package var left: TCPState?
    package var right: TCPState?
    package var phase: Phrase?

    /// Whether an arrow is drawn in it.
    package var isSegment: Bool {
      switch kind {
      case .whole, .departure, .arrival, .lost: true
      case .transition, .note, .folded: false
      }
    }
  }

  /// In order of departure.
  package var observations: [Observation]
  package var relative: [RelativeSegment]
  package var inferred: InferredStates
  package var known: KnownStates
  package var notes: [LadderNote]
  package var rows: [Row] = []
  package var origin: Instant

  package init(
    _ observations: [Observation], _ transitions: [KnownTransition], _ notes: [LadderNote] = []
  ) {
    let sorted = observations.inOrderOfDeparture
    let events = EventOrder.events(of: sorted)
    var numbers = RelativeNumbers()
    relative = sorted.map { numbers.next($0) }
    inferred = InferredStates(sorted: sorted, events: events)
    known = KnownStates(sorted, events, transitions, inferred)
    self.notes = notes
    origin = sorted.first?.time ?? transitions.first?.time ?? .origin
    self.observations = sorted
    rows = RowBuilder(self, events).build()
    assignPhases()
  }

  /// Rows that go on where others ended: of one segment, or of none.
  package init(
    _ seen: Observation?, _ numbers: RelativeSegment, _ notes: [LadderNote], _ rows: [Row], origin: Instant
  ) {
    observations = seen.map { [$0] } ?? []
    relative = [numbers]
    inferred = InferredStates(of: [])
    known = KnownStates([], [], [], inferred)
    self.notes = notes
    self.rows = rows
    self.origin = origin
  }

  /// The state of `side` after `event`: as it reported, else as inferred; nil when unknown.
  package func state(of side: Side, after event: LocalEvent) -> TCPState? {
    if known.isKnown(side) { return known.state(after: event) }
    return event.kind == .departure ? inferred.senders[event.index] : inferred.receivers[event.index]
  }

  /// What the numbers of `side`, and of its peer, are counted from in the connection that a row belongs to.
  package func base(of side: Side, at row: Row) -> RecordBase {
    guard relative.indices.contains(row.index) else { return RecordBase() }
    let last = relative[row.index...].lastIndex { $0.incarnation == relative[row.index].incarnation }
    let segment = relative[last ?? row.index]
    return side == .left
      ? RecordBase(own: segment.leftOrigin, peer: segment.rightOrigin)
      : RecordBase(own: segment.rightOrigin, peer: segment.leftOrigin)
  }

  package func initialState(of side: Side) -> TCPState? {
    if known.isKnown(side) { return side == .left ? known.initialLeft : known.initialRight }
    return side == .left ? inferred.initialLeft : inferred.initialRight
  }
}
