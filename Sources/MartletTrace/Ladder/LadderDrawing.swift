internal import MartletTCP
internal import MartletWire

/// Draws one chart in one style, line by line.
struct LadderDrawing: Sendable {
  private let ends: (left: TraceEndpoint, right: TraceEndpoint)
  private let style: LadderStyle
  private var chart: Chart
  private let layout: LadderLayout
  private let glyphs: Glyphs
  private let body: ArrowBody
  private var text = ""
  private var used: (lost: Bool, inFlight: Bool) = (false, false)
  private var notes: NoteText
  /// The time that was printed last.
  private var lastTime = ""

  init(_ ladder: Ladder, _ style: LadderStyle) {
    let chart = ladder.chart(style)
    self.init((ladder.left, ladder.right), chart, LadderLayout(chart, style), style)
  }

  /// For rows that are still to come.
  ///
  /// - Parameter starred: sides whose states are inferred.
  init(_ left: TraceEndpoint, _ right: TraceEndpoint, starred: [Side], _ style: LadderStyle) {
    self.init((left, right), Chart([], []), LadderLayout(starred: starred, style), style)
  }

  private init(
    _ ends: (left: TraceEndpoint, right: TraceEndpoint), _ chart: Chart, _ layout: LadderLayout,
    _ style: LadderStyle
  ) {
    self.ends = ends
    self.style = style
    self.chart = chart
    self.layout = layout
    notes = NoteText(style.language)
    glyphs = style.glyphs
    body = ArrowBody(glyphs: style.glyphs, width: layout.body)
  }

  /// What stands above.
  mutating func drawHead() -> String {
    drawTitles()
    return takeText()
  }

  /// The rows of a chart that goes on where others ended, without phases, which only the whole has.
  mutating func draw(next chart: Chart) -> String {
    self.chart = chart
    for row in chart.rows { draw(row, margin: "") }
    return takeText()
  }

  mutating func draw() -> String {
    drawTitles()
    line(
      Line(
        left: name(chart.initialState(of: .left), .left), right: name(chart.initialState(of: .right), .right))
    )
    for index in chart.rows.indices {
      drawPhaseCaption(index)
      draw(chart.rows[index], margin: margin(index))
    }
    drawTimeWaitNote()
    drawLegend()
    return text
  }

  /// The same in parts: what stands above, then an arrow or a change with all that belongs to it, and when it was over.
  mutating func drawSteps() -> (head: String, steps: [(text: String, time: Instant)]) {
    drawTitles()
    line(
      Line(
        left: name(chart.initialState(of: .left), .left), right: name(chart.initialState(of: .right), .right))
    )
    let head = takeText()
    var steps: [(text: String, time: Instant)] = []
    for index in chart.rows.indices {
      let row = chart.rows[index]
      drawPhaseCaption(index)
      draw(row, margin: margin(index))
      var time = row.time
      if row.isSegment, row.kind != .departure, let arrival = chart.observations[row.index].arrival {
        time = max(time, arrival)
      }
      let isReason = if case .note(let note) = row.kind { chart.notes[note].isReason } else { false }
      if isReason, let last = steps.last {
        steps[steps.count &- 1] = (last.text + takeText(), max(last.time, time))
      } else {
        steps.append((takeText(), time))
      }
    }
    drawTimeWaitNote()
    drawLegend()
    if let last = steps.last { steps[steps.count &- 1].text = last.text + takeText() }
    return (head, steps)
  }

  private mutating func takeText() -> String {
    defer { text = "" }
    return text
  }

  private mutating func drawTitles() {
    let left = Phrase.client.text(style.language) + " " + ends.left.text
    let right = Phrase.server.text(style.language) + " " + ends.right.text
    let column = max(0, min(layout.rightLifeline, layout.total &- right.columns))
    if left.columns &+ 2 <= column {
      end(paint(left, .strong) + spaces(column &- left.columns) + paint(right, .strong))
    } else {
      end(paint(left, .strong))
      end(spaces(column) + paint(right, .strong))
    }
  }

  // MARK: Rows

  private mutating func draw(_ row: Chart.Row, margin: String) {
    var line = Line(left: name(row.left, .left), right: name(row.right, .right), margin: margin)
    line.time = row.time.since(chart.origin).text
    switch row.kind {
    case .transition:
      let ended = row.left == .closed || row.right == .closed
      if row.phase == .timeWait, ended {
        line.body = body.caption(Phrase.twoMSLOver.text(style.language), edge: "")
        line.ink = .faint
      }
      if layout.isNarrow, line.body.isEmpty { line.body = body.caption(line.time, edge: "") }
      self.line(line)
    case .note(let note): drawNote(chart.notes[note], row, line)
    case .folded(let segments, let octets, let acknowledgments):
      drawFold(
        style.language.folded(segments: segments, octets: octets, acknowledgments: acknowledgments), line)
    case .whole: drawSegment(row, .whole, line)
    case .departure: drawSegment(row, .departure, line)
    case .arrival: drawSegment(row, .arrival, line)
    case .lost: drawSegment(row, .lost, line)
    }
  }

  private mutating func drawSegment(_ row: Chart.Row, _ shape: ArrowBody.Shape, _ blank: Line) {
    let seen = chart.observations[row.index]
    let numbers = chart.relative[row.index]
    let toRight = seen.from == .left
    let label =
      shape == .arrival
      ? SegmentLabel(arrivalOf: seen, numbers) : SegmentLabel(seen, numbers, style.language)
    if shape == .lost { used.lost = true }
    if shape == .departure { used.inFlight = true }
    var line = blank
    line.ink = shape == .lost ? .alarm : ink(seen.segment.flags)
    if shape != .arrival {
      if toRight { line.leftGlyph = glyphs.leaveRight } else { line.rightGlyph = glyphs.leaveLeft }
    }
    if layout.isNarrow {
      for words in label.lines(width: layout.body &- 2, more: glyphs.more) {
        self.line(Line(body: " " + words, ink: line.ink))
      }
      line.body = body.arrow(shape, line.time, toRight: toRight)
    } else {
      line.body = body.arrow(shape, label.line(width: body.room, more: glyphs.more), toRight: toRight)
    }
    self.line(line)
  }

  /// Words beside the lifeline of their end, under the arrow that they are about.
  private mutating func drawNote(_ note: LadderNote, _ row: Chart.Row, _ blank: Line) {
    let indent = note.side == .left ? 0 : layout.body / 4
    let marker = " " + glyphs.note + " "
    let width = layout.body &- layout.body / 4 &- marker.columns
    let words = notes.words(of: note, chart.base(of: note.side, at: row))
    for (index, words) in words.wrapped(to: width).enumerated() {
      var line = index == 0 ? blank : Line(margin: blank.margin.isEmpty ? "" : glyphs.lifeline)
      line.body = spaces(indent) + (index == 0 ? marker : spaces(marker.columns)) + words
      line.ink = .faint
      if line.time.hasSameOctets(as: lastTime) { line.time = "" }
      self.line(line)
    }
  }

  private mutating func drawFold(_ words: String, _ last: Line) {
    let lines = (glyphs.more + " " + words + " " + glyphs.more).wrapped(to: layout.body &- 2)
    for (index, words) in lines.enumerated() {
      var line = Line(body: body.caption(words, edge: ""), ink: .faint)
      line.leftGlyph = glyphs.gap
      line.rightGlyph = glyphs.gap
      line.margin = last.margin
      if index == lines.count &- 1 { line.time = last.time }
      self.line(line)
    }
  }

  // MARK: Phases

  private mutating func drawPhaseCaption(_ index: Int) {
    guard layout.margin == 0, let phase = chart.rows[index].phase, beginsPhase(index) else { return }
    let edge = String(repeating: glyphs.rule, count: 3)
    line(Line(body: body.caption(phase.text(style.language), edge: edge), ink: .faint))
  }

  private func margin(_ index: Int) -> String {
    guard layout.margin > 0, let phase = chart.rows[index].phase else { return "" }
    let isLast = index &+ 1 == chart.rows.count || beginsPhase(index &+ 1)
    if beginsPhase(index) {
      return (isLast ? glyphs.bracketOne : glyphs.bracketTop) + " " + phase.text(style.language)
    }
    return isLast ? glyphs.bracketBottom : glyphs.lifeline
  }

  private func beginsPhase(_ index: Int) -> Bool {
    guard index > 0 else { return true }
    let (row, before) = (chart.rows[index], chart.rows[index &- 1])
    return row.phase != before.phase || isNewConnection(row, before)
  }

  private func isNewConnection(_ row: Chart.Row, _ before: Chart.Row) -> Bool {
    guard chart.relative.indices.contains(row.index) else { return false }
    return chart.relative[row.index].incarnation != chart.relative[before.index].incarnation
  }

  /// Segments do not show the end of TIME-WAIT.
  private mutating func drawTimeWaitNote() {
    var states = (left: chart.initialState(of: .left), right: chart.initialState(of: .right))
    for row in chart.rows { states = (row.left ?? states.left, row.right ?? states.right) }
    guard states.left == .timeWait || states.right == .timeWait else { return }
    line(Line(body: body.caption(Phrase.twoMSL.text(style.language), edge: ""), ink: .faint))
  }

  private mutating func drawLegend() {
    var notes: [String] = []
    if !layout.starred.isEmpty { notes.append(Phrase.inferred.text(style.language)) }
    if used.lost { notes.append(glyphs.lost + " " + Phrase.lost.text(style.language)) }
    if used.inFlight {
      let dots = glyphs.inFlight + glyphs.inFlight
      notes.append(dots + " " + Phrase.inFlight.text(style.language))
    }
    guard !notes.isEmpty else { return }
    let row = joined(notes, by: "   ")
    // A narrow ladder has a line for each.
    for line in row.columns <= layout.total ? [row] : notes { end(paint(line, .faint)) }
  }

  // MARK: Lines

  private struct Line {
    var left = ""
    var leftGlyph = ""
    var body = ""
    var rightGlyph = ""
    var right = ""
    var time = ""
    var margin = ""
    var ink = Ink.plain
  }

  private enum Ink { case plain, strong, faint, open, close, alarm, data }

  private mutating func line(_ line: Line) {
    var row = paint(line.left.aligned(right: layout.state), .strong) + " "
    row += line.leftGlyph.isEmpty ? glyphs.lifeline : line.leftGlyph
    row += paint(line.body.padded(to: layout.body), line.ink)
    row += line.rightGlyph.isEmpty ? glyphs.lifeline : line.rightGlyph
    row += " " + paint(line.right.padded(to: layout.state), .strong)
    if !line.time.isEmpty { lastTime = line.time }
    if !layout.isNarrow { row += "  " + paint(line.time.aligned(right: layout.time), .faint) }
    if !line.margin.isEmpty { row += " " + paint(line.margin, .faint) }
    end(row)
  }

  private mutating func end(_ row: String) { text += row.withoutTrailingSpaces + "\n" }

  private func name(_ state: TCPState?, _ side: Side) -> String {
    guard let state else { return "" }
    return state.text(.rfc) + (layout.starred.contains(side) ? "*" : "")
  }

  private func ink(_ flags: TCPFlags) -> Ink {
    if flags.contains(.rst) { return .alarm }
    if flags.contains(.syn) { return .open }
    if flags.contains(.fin) { return .close }
    return flags.contains(.psh) ? .data : .plain
  }

  private func paint(_ words: String, _ ink: Ink) -> String {
    guard style.colour, ink != .plain, words.columns > 0, !words.withoutTrailingSpaces.isEmpty else {
      return words
    }
    let code =
      switch ink {
      case .plain: "0"
      case .strong: "1"
      case .faint: "2"
      case .open: "32"
      case .close: "33"
      case .alarm: "31"
      case .data: "36"
      }
    return "\u{1b}[" + code + "m" + words + "\u{1b}[0m"
  }
}

/// Which columns hold what.
struct LadderLayout: Sendable {
  let isNarrow: Bool
  /// Columns of a state, the star of an inferred one included.
  let state: Int
  /// Columns between the lifelines.
  let body: Int
  let time: Int
  /// Columns of the phases' names; 0: they stand between the lifelines.
  let margin: Int
  let rightLifeline: Int
  let total: Int
  /// Sides whose states are inferred.
  let starred: [Side]

  init(_ chart: Chart, _ style: LadderStyle) {
    let phases = chart.rows.compactMap { $0.phase?.text(style.language).columns }.max() ?? 0
    self.init(
      starred: Side.allCases.filter { !chart.known.isKnown($0) }, style,
      longestTime: chart.rows.map { $0.time.since(chart.origin).text.columns }.max() ?? 0,
      margin: 3 &+ phases)
  }

  /// Where nobody knows what is to come: times have room for some hours, and phases have none.
  init(starred: [Side], _ style: LadderStyle, longestTime: Int = 13, margin phases: Int = 0) {
    let columns = min(max(style.columns, 48), 140)
    self.starred = starred
    state = starred.isEmpty ? 12 : 13
    isNarrow = columns < 92
    time = isNarrow ? 0 : longestTime
    margin = columns < 116 ? 0 : phases
    let sides = 2 &* (state &+ 2)
    body = columns &- sides &- (isNarrow ? 0 : 2 &+ time) &- margin
    rightLifeline = state &+ 2 &+ body
    total = columns &- margin
  }
}
