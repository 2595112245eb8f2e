internal import MartletTCP

/// Ladders of flows that go on: each row as soon as all that belongs to it has happened.
///
/// Whoever watches from one place sees a segment once, so that every arrow is whole. Where a stack tells of itself, its own
/// state is what it says; all else is inferred, and marked. Several flows take turns, each with its title.
public struct LadderStream: Sendable {
  private let style: LadderStyle
  private var flows = LiveFlows()
  private var drawings: [Drawing] = []
  private var origin: Instant?
  /// The place of the flow that was drawn last.
  private var drawn: Int?
  private var hasDrawn = false
  /// An arrow that waits for what was decided when it arrived.
  private var held: Held?

  private struct Held {
    var place: Int
    var seen: Observation
    var numbers: RelativeSegment
    var notes: [LadderNote] = []
    /// It reached the stack that is watched.
    var isArrival: Bool
  }

  /// How a flow is drawn, and what has been.
  private struct Drawing {
    var ladder: LadderDrawing?
    var starred: [Side] = []
    var shown: (left: TCPState?, right: TCPState?)
  }

  public init(_ style: LadderStyle) { self.style = style }

  /// Takes in the next event. Returns what can be drawn now: lines, each ended by a newline.
  public mutating func take(_ event: TraceEvent) -> String {
    switch event {
    case .segment(let segment, let direction, let time): take(segment, direction, time, event.flow)
    case .record(let record, let flow): take(record, flow)
    case .lost(let events): settle() + style.language.left(out: events) + "\n"
    }
  }

  /// Nothing has come for a while: what waits is drawn.
  public mutating func settle() -> String {
    var text = drawHeld()
    for place in drawings.indices where drawings[place].ladder != nil {
      let states = news(of: place)
      guard states.left != nil || states.right != nil, let time = origin else { continue }
      let row = Chart.Row(kind: .transition, index: 0, time: time, left: states.left, right: states.right)
      text += draw([row], nil, flows[place].newest, [], place)
    }
    return text
  }

  // MARK: Events

  private mutating func take(
    _ segment: TracedSegment, _ direction: PacketDirection, _ time: Instant, _ name: TraceFlow?
  ) -> String {
    guard let name else { return "" }
    let text = drawHeld()
    let place = place(of: name)
    let (seen, numbers) = flows[place].take(segment, direction, at: time)
    if origin == nil { origin = time }
    held = Held(place: place, seen: seen, numbers: numbers, isArrival: direction == .inbound)
    return text
  }

  private mutating func take(_ record: FlightRecorder.Record, _ name: TraceFlow?) -> String {
    guard !record.rule.isName, let name else { return "" }
    if origin == nil { origin = record.time }
    let place = place(of: name)
    let change = KnownTransition(record, of: .left)
    if var held, held.place == place, held.isArrival, record.time <= held.seen.time {
      if let change { flows[place].known = change.new } else { held.notes.append(note(record, place)) }
      self.held = held
      return ""
    }
    let text = drawHeld()
    if let change {
      flows[place].known = change.new
      return text
    }
    let note = note(record, place)
    guard style.draws(note), flows[place].summary != nil else { return text }
    let row = Chart.Row(kind: .note(0), index: 0, time: record.time)
    return text + draw([row], nil, flows[place].newest, [note], place)
  }

  private func note(_ record: FlightRecorder.Record, _ place: Int) -> LadderNote {
    LadderNote(.record(record), at: flows[place].ownSide ?? .left, time: record.time)
  }

  private mutating func place(of name: TraceFlow) -> Int {
    let (place, isNew) = flows.place(of: name)
    while drawings.count <= place { drawings.append(Drawing()) }
    if isNew {
      drawings[place] = Drawing()
      if drawn == place { drawn = nil }
    }
    return place
  }

  // MARK: Drawing

  private mutating func drawHeld() -> String {
    guard let held else { return "" }
    self.held = nil
    let states = news(of: held.place)
    var rows = [
      Chart.Row(kind: .whole, index: 0, time: held.seen.time, left: states.left, right: states.right)
    ]
    let notes = held.notes.filter { style.draws($0) }
    for (index, note) in notes.enumerated() {
      rows.append(Chart.Row(kind: .note(index), index: 0, time: note.time))
    }
    return draw(rows, held.seen, held.numbers, notes, held.place)
  }

  /// States that have not been shown yet.
  private mutating func news(of place: Int) -> (left: TCPState?, right: TCPState?) {
    var news: (left: TCPState?, right: TCPState?)
    let states = (left: flows[place].state(of: .left), right: flows[place].state(of: .right))
    if states.left != drawings[place].shown.left { news.left = states.left }
    if states.right != drawings[place].shown.right { news.right = states.right }
    drawings[place].shown = states
    return news
  }

  private mutating func draw(
    _ rows: [Chart.Row], _ seen: Observation?, _ numbers: RelativeSegment, _ notes: [LadderNote], _ place: Int
  ) -> String {
    guard let summary = flows[place].summary else { return "" }
    let starred = flows[place].starred
    if drawings[place].ladder == nil || drawings[place].starred != starred {
      drawings[place].ladder = LadderDrawing(summary.left, summary.right, starred: starred, style)
      drawings[place].starred = starred
      drawn = nil
    }
    var text = ""
    if drawn != place {
      if hasDrawn { text += "\n" }
      text += drawings[place].ladder?.drawHead() ?? ""
      drawn = place
      hasDrawn = true
    }
    let chart = Chart(seen, numbers, notes, rows, origin: origin ?? .origin)
    return text + (drawings[place].ladder?.draw(next: chart) ?? "")
  }
}
