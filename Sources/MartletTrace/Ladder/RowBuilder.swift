internal import MartletTCP
internal import MartletWire

/// Draws two lists of local events as one list of rows.
///
/// Each end has its own order of events, and a row with an arrow is an event of
/// both. While the next event of one end is the other end of an arrow that the
/// peer is also at, the arrow is one row. Where segments cross, no order of whole
/// arrows is true to both ends: then a segment that matters (SYN, FIN, RST, or a
/// change of state when it arrives) is drawn in two rows, leaving and arriving,
/// and any other stands where it left.
struct RowBuilder {
  private enum Item {
    case event(LocalEvent)
    case lone(KnownTransition)
    /// Which of the notes.
    case note(Int)
  }

  private let chart: Chart
  private var queues: (left: [Item], right: [Item]) = ([], [])
  private var heads = (left: 0, right: 0)
  private var rows: [Chart.Row] = []
  private var shown: (left: TCPState?, right: TCPState?)
  /// Departed in a row of its own, so that its arrival needs one too.
  private var isSplit: [Bool]
  /// Drawn whole before its arrival came up.
  private var isDone: [Bool]
  private let arrives: [Bool]
  /// What left its sender later was there before.
  private let isOvertaken: [Bool]
  /// The place of each departure and arrival in the order of all events.
  private let changesReceiver: [Bool]

  init(_ chart: Chart, _ events: [LocalEvent]) {
    self.chart = chart
    let count = chart.observations.count
    isSplit = [Bool](repeating: false, count: count)
    isDone = isSplit
    var arrives = isSplit
    var changes = isSplit
    var before = (left: chart.initialState(of: .left), right: chart.initialState(of: .right))
    shown = before
    for event in events {
      let state = chart.state(of: event.side, after: event)
      if event.kind == .arrival {
        arrives[event.index] = true
        changes[event.index] = state != (event.side == .left ? before.left : before.right)
      }
      if event.side == .left { before.left = state } else { before.right = state }
    }
    self.arrives = arrives
    isOvertaken = Self.overtaken(chart.observations)
    changesReceiver = changes
    queues = (
      Self.queue(.left, events, chart), Self.queue(.right, events, chart)
    )
  }

  private static func overtaken(_ observations: [Observation]) -> [Bool] {
    var isOvertaken = [Bool](repeating: false, count: observations.count)
    var earliest: (left: Instant?, right: Instant?)
    for (index, seen) in observations.enumerated().reversed() {
      guard let arrival = seen.arrival else { continue }
      let next = seen.from == .left ? earliest.left : earliest.right
      isOvertaken[index] = seen.isCopy || next.map { $0 < arrival } ?? false
      let first = next.map { min($0, arrival) } ?? arrival
      if seen.from == .left { earliest.left = first } else { earliest.right = first }
    }
    return isOvertaken
  }

  private static func queue(_ side: Side, _ events: [LocalEvent], _ chart: Chart) -> [Item] {
    let own = events.filter { $0.side == side }
    var items: [Item] = []
    var lone = chart.known.lone.filter { $0.transition.side == side }[...]
    var notes = Self.notes(of: side, beside: own, chart)[...]
    for position in 0...own.count {
      while true {
        let note = notes.first.flatMap { $0.position <= position ? $0.note : nil }
        let change = lone.first.flatMap { $0.position <= position ? $0.transition : nil }
        if let note, change.map({ chart.notes[note].time <= $0.time }) ?? true {
          items.append(.note(note))
          notes.removeFirst()
        } else if let change {
          items.append(.lone(change))
          lone.removeFirst()
        } else {
          break
        }
      }
      if position < own.count { items.append(.event(own[position])) }
    }
    return items
  }

  /// The notes of a side, and how many of its events come before each: what arrived in the same instant is its cause, and
  /// what leaves in it, its effect.
  private static func notes(
    of side: Side, beside own: [LocalEvent], _ chart: Chart
  ) -> [(note: Int, position: Int)] {
    var placed: [(note: Int, position: Int)] = []
    var next = 0
    for (note, seen) in chart.notes.enumerated() where seen.side == side {
      while next < own.count, own[next].time < seen.time { next &+= 1 }
      var position = next
      for later in own.indices[next...] {
        if own[later].time > seen.time { break }
        if own[later].kind == .arrival { position = later &+ 1 }
      }
      placed.append((note, position))
    }
    return placed
  }

  consuming func build() -> [Chart.Row] {
    while true {
      skipDone()
      let (left, right) = (head(.left), head(.right))
      guard left != nil || right != nil else { return rows }
      let first: Side = isEarlier(left, right) ? .left : .right
      if emit(first) || emit(first.other) { continue }
      breakCrossing(first)
    }
  }

  private func head(_ side: Side) -> Item? {
    switch side {
    case .left: heads.left < queues.left.count ? queues.left[heads.left] : nil
    case .right: heads.right < queues.right.count ? queues.right[heads.right] : nil
    }
  }

  private mutating func pop(_ side: Side) {
    if side == .left { heads.left &+= 1 } else { heads.right &+= 1 }
  }

  private mutating func skipDone() {
    for side in Side.allCases {
      while case .event(let event) = head(side), event.kind == .arrival, isDone[event.index] { pop(side) }
    }
  }

  private func isEarlier(_ a: Item?, _ b: Item?) -> Bool {
    guard let a else { return false }
    guard let b else { return true }
    let (first, second) = (time(a), time(b))
    if first != second { return first < second }
    if case .note(let x) = a, case .note(let y) = b { return x < y }
    // A departure comes before its own arrival, and a lone change before either.
    guard case .event(let x) = a else { return true }
    guard case .event(let y) = b else { return false }
    return x.index != y.index ? x.index < y.index : x.kind == .departure
  }

  private func time(_ item: Item) -> Instant {
    switch item {
    case .event(let event): event.time
    case .lone(let transition): transition.time
    case .note(let note): chart.notes[note].time
    }
  }

  /// Draws the next event of `side` if nothing has to come before it.
  private mutating func emit(_ side: Side) -> Bool {
    switch head(side) {
    case nil: return false
    case .lone(let transition):
      pop(side)
      append(.transition, max(0, rows.last?.index ?? 0), transition.time)
      show(transition.new, side)
      return true
    case .note:
      emitNotes(side, until: nil)
      return true
    case .event(let event) where event.kind == .arrival:
      guard isSplit[event.index] else { return false }
      pop(side)
      append(.arrival, event.index, event.time)
      show(chart.state(of: side, after: event), side)
      emitNotes(side, until: event.time)
      return true
    case .event(let event):
      return emitDeparture(event)
    }
  }

  private mutating func emitDeparture(_ event: LocalEvent) -> Bool {
    let state = chart.state(of: event.side, after: event)
    guard arrives[event.index] else {
      pop(event.side)
      append(chart.observations[event.index].isLost ? .lost : .whole, event.index, event.time)
      show(state, event.side)
      return true
    }
    guard case .event(let arrival) = head(event.side.other), arrival.index == event.index else {
      return false
    }
    pop(event.side)
    pop(event.side.other)
    append(.whole, event.index, event.time)
    show(state, event.side)
    show(chart.state(of: arrival.side, after: arrival), arrival.side)
    emitNotes(arrival.side, until: arrival.time)
    return true
  }

  /// Draws the next notes of `side`: one, or those of the time when a segment reached it, which stand under its arrow.
  private mutating func emitNotes(_ side: Side, until end: Instant?) {
    while case .note(let note) = head(side) {
      let time = chart.notes[note].time
      if let end, time > end { return }
      pop(side)
      append(.note(note), max(0, rows.last?.index ?? 0), time)
      if end == nil { return }
    }
  }

  /// Neither end can go on with a whole arrow: one that is ready to leave leaves alone.
  private mutating func breakCrossing(_ first: Side) {
    for side in [first, first.other] {
      guard case .event(let event) = head(side), event.kind == .departure else { continue }
      pop(side)
      let flags = chart.observations[event.index].segment.flags
      let matters =
        !flags.isDisjoint(with: [.syn, .fin, .rst]) || changesReceiver[event.index]
        || isOvertaken[event.index]
      append(matters ? .departure : .whole, event.index, event.time)
      show(chart.state(of: side, after: event), side)
      if matters { isSplit[event.index] = true } else { isDone[event.index] = true }
      return
    }
    // Two arrivals whose departures were never drawn cannot be; going on is better than standing still.
    pop(first)
  }

  private mutating func append(_ kind: Chart.Kind, _ index: Int, _ time: Instant) {
    rows.append(Chart.Row(kind: kind, index: index, time: time))
  }

  /// Puts a state beside the newest row when it is not the one last shown.
  private mutating func show(_ state: TCPState?, _ side: Side) {
    guard let state, !rows.isEmpty else { return }
    if side == .left, shown.left != state {
      rows[rows.count &- 1].left = state
      shown.left = state
    } else if side == .right, shown.right != state {
      rows[rows.count &- 1].right = state
      shown.right = state
    }
  }
}
