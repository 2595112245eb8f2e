internal import MartletTCP
internal import MartletWire

/// A ladder as lines of words, before they have places: what SVG, HTML and Mermaid have in common.
struct LadderSheet {
  enum Shape { case whole, departure, arrival, lost }

  /// What a line is about, which gives it its colour.
  enum Tone: String { case plain, open, close, alarm, data }

  enum Kind {
    /// The name of a phase.
    case caption(String)
    case arrow(Shape, toRight: Bool, SegmentLabel, Tone)
    /// A state changes without a segment.
    case change(String)
    case note(Side, String)
    case fold(String)
  }

  struct Line {
    var kind: Kind
    /// States to show at the lifelines; empty: as before.
    var left = ""
    var right = ""
    var time = ""
  }

  let titles: (left: String, right: String)
  private(set) var lines: [Line] = []
  /// What the signs mean that occur.
  private(set) var legend: [String] = []
  let language: Language

  private let chart: Chart
  private var notes: NoteText
  private var signs: (lost: Bool, flight: Bool) = (false, false)

  init(_ ladder: Ladder, _ style: LadderStyle) {
    language = style.language
    chart = ladder.chart(style)
    notes = NoteText(style.language)
    titles = (
      Phrase.client.text(language) + " " + ladder.left.text,
      Phrase.server.text(language) + " " + ladder.right.text
    )
    lines.append(
      Line(
        kind: .change(""), left: name(chart.initialState(of: .left), .left),
        right: name(chart.initialState(of: .right), .right)))
    for index in chart.rows.indices { add(chart.rows[index], index) }
    addTimeWait()
    addLegend()
  }

  private mutating func add(_ row: Chart.Row, _ index: Int) {
    if let phase = row.phase, beginsPhase(index) {
      lines.append(Line(kind: .caption(phase.text(language))))
    }
    var line = Line(
      kind: .change(""), left: name(row.left, .left), right: name(row.right, .right),
      time: row.time.since(chart.origin).text)
    switch row.kind {
    case .whole: line.kind = arrow(row, .whole)
    case .departure: line.kind = arrow(row, .departure)
    case .arrival: line.kind = arrow(row, .arrival)
    case .lost: line.kind = arrow(row, .lost)
    case .transition:
      let isOver = row.phase == .timeWait && (row.left == .closed || row.right == .closed)
      line.kind = .change(isOver ? Phrase.twoMSLOver.text(language) : "")
    case .note(let note):
      let seen = chart.notes[note]
      line.kind = .note(seen.side, notes.words(of: seen, chart.base(of: seen.side, at: row)))
    case .folded(let segments, let octets, let acknowledgments):
      line.kind = .fold(
        language.folded(segments: segments, octets: octets, acknowledgments: acknowledgments))
    }
    lines.append(line)
  }

  private mutating func arrow(_ row: Chart.Row, _ shape: Shape) -> Kind {
    let seen = chart.observations[row.index]
    let numbers = chart.relative[row.index]
    let label =
      shape == .arrival ? SegmentLabel(arrivalOf: seen, numbers) : SegmentLabel(seen, numbers, language)
    if shape == .lost { signs.lost = true }
    if shape == .departure { signs.flight = true }
    return .arrow(
      shape, toRight: seen.from == .left, label, shape == .lost ? .alarm : tone(seen.segment.flags))
  }

  private func tone(_ flags: TCPFlags) -> Tone {
    if flags.contains(.rst) { return .alarm }
    if flags.contains(.syn) { return .open }
    if flags.contains(.fin) { return .close }
    return flags.contains(.psh) ? .data : .plain
  }

  private func beginsPhase(_ index: Int) -> Bool {
    guard index > 0 else { return true }
    let (row, before) = (chart.rows[index], chart.rows[index &- 1])
    guard row.phase == before.phase else { return true }
    guard chart.relative.indices.contains(row.index) else { return false }
    return chart.relative[row.index].incarnation != chart.relative[before.index].incarnation
  }

  private func name(_ state: TCPState?, _ side: Side) -> String {
    guard let state else { return "" }
    return state.text(.rfc) + (chart.known.isKnown(side) ? "" : "*")
  }

  /// Segments do not show the end of TIME-WAIT.
  private mutating func addTimeWait() {
    var states = (left: chart.initialState(of: .left), right: chart.initialState(of: .right))
    for row in chart.rows { states = (row.left ?? states.left, row.right ?? states.right) }
    guard states.left == .timeWait || states.right == .timeWait else { return }
    lines.append(Line(kind: .change(Phrase.twoMSL.text(language))))
  }

  private mutating func addLegend() {
    if Side.allCases.contains(where: { !chart.known.isKnown($0) }) {
      legend.append(Phrase.inferred.text(language))
    }
    if signs.lost { legend.append("✗ " + Phrase.lost.text(language)) }
    if signs.flight { legend.append("┄┄ " + Phrase.inFlight.text(language)) }
  }
}
