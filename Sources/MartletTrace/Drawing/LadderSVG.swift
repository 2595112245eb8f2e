extension Ladder {
  /// The ladder as a picture, eight units wide for each of the style's columns. It follows the reader's choice of light or
  /// dark, and needs no font but one of fixed width.
  public func svg(_ style: LadderStyle = LadderStyle(), title: String = "") -> String {
    var drawing = LadderSVG(LadderSheet(self, style), columns: style.columns)
    return drawing.draw(title)
  }
}

private struct LadderSVG {
  private let sheet: LadderSheet
  /// Units of a column, and of a line of words.
  private let column = 8
  private let row = 18
  private let width: Int
  /// Where the lifelines are.
  private let left: Int
  private let right: Int
  /// There is little room: states are written small, and reasons have all of it.
  private let isNarrow: Bool
  private var body = ""
  /// The top of what is drawn next.
  private var top = 0

  init(_ sheet: LadderSheet, columns: Int) {
    self.sheet = sheet
    let columns = min(max(columns, 44), 160)
    width = columns &* column
    isNarrow = columns < 70
    left = (isNarrow ? 10 : 14) &* column
    right = width &- left
  }

  /// Columns between the lifelines.
  private var room: Int { max(8, (right &- left) / column &- 3) }

  mutating func draw(_ title: String) -> String {
    top = row
    if !title.isEmpty { drawTitle(title) }
    drawTitles()
    let start = top
    for line in sheet.lines { draw(line) }
    top &+= 6
    let lifelines = line(left, start, left, top, "life") + line(right, start, right, top, "life")
    for words in sheet.legend {
      for words in words.wrapped(to: width / column &- 2) { write(words, column, "start", "faint") }
    }
    let height = top &+ 8
    var text =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 " + String(width) + " " + String(height)
    text += "\" width=\"" + String(width) + "\" height=\"" + String(height) + "\" role=\"img\">\n"
    text += "<title>" + escapedMarkup(title.isEmpty ? sheet.titles.left + " – " + sheet.titles.right : title)
    text += "</title>\n<style>\n" + Self.look + "</style>\n"
    text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
    return text + lifelines + body + "</svg>\n"
  }

  private mutating func drawTitle(_ title: String) {
    for words in title.wrapped(to: width / column &- 2) { write(words, column, "start", "strong") }
    top &+= 6
  }

  private mutating func drawTitles() {
    let (first, second) = sheet.titles
    if first.columns &+ second.columns &+ 4 <= width / column {
      let line = top
      write(first, column, "start", "strong")
      top = line
      write(second, width &- column, "end", "strong")
    } else {
      write(first, column, "start", "strong")
      write(second, width &- column, "end", "strong")
    }
  }

  private mutating func draw(_ line: LadderSheet.Line) {
    switch line.kind {
    case .caption(let words):
      top &+= 8
      write(words.clipped(to: room), (left &+ right) / 2, "middle", "faint strong")
    case .arrow(let shape, let toRight, let label, let tone):
      drawArrow(shape, toRight, label, tone, line.time)
    case .change(let words):
      let words = line.time.isEmpty || words.isEmpty ? words : words + " · " + line.time
      for part in words.wrapped(to: room) where !part.isEmpty {
        write(part, (left &+ right) / 2, "middle", "faint")
      }
      if words.isEmpty { top &+= row }
    case .note(let side, let words): drawNote(side, words)
    case .fold(let words):
      top &+= 4
      for part in ("… " + words + " …").wrapped(to: room) {
        write(part, (left &+ right) / 2, "middle", "faint")
      }
    }
    drawStates(line)
  }

  /// Beside the last line of words, or the arrow.
  private mutating func drawStates(_ line: LadderSheet.Line) {
    guard !line.left.isEmpty || !line.right.isEmpty else { return }
    let bottom = top
    if !line.left.isEmpty {
      top = bottom &- row &+ 4
      write(line.left, left &- 6, "end", isNarrow ? "strong small" : "strong")
    }
    if !line.right.isEmpty {
      top = bottom &- row &+ 4
      write(line.right, right &+ 6, "start", isNarrow ? "strong small" : "strong")
    }
    top = bottom
  }

  private mutating func drawArrow(
    _ shape: LadderSheet.Shape, _ toRight: Bool, _ label: SegmentLabel, _ tone: LadderSheet.Tone,
    _ time: String
  ) {
    top &+= 4
    var lines = label.lines(width: room, more: "…")
    if let last = lines.last, !time.isEmpty {
      if last.columns &+ time.columns &+ 3 <= room {
        lines[lines.count &- 1] = last + " · " + time
      } else {
        lines.append(time)
      }
    }
    for words in lines { write(words, left &+ 12, "start", tone.rawValue) }
    let y = top &+ 5
    let span = right &- left
    var (from, to) = toRight ? (left, right) : (right, left)
    let way = toRight ? 1 : -1
    if shape == .lost { to = from &+ way &* (span &* 3 / 4) }
    from &+= way &* 2
    to &-= way &* 2
    let form = shape == .departure || shape == .arrival ? " flight" : ""
    body += self.line(from, y, to, y, tone.rawValue + form)
    if shape == .lost {
      let lastTop = top
      top &-= 5
      write("✗", to &+ way &* 8, "middle", tone.rawValue)
      top = lastTop
    } else if shape != .departure {
      body += head(to, y, way, tone)
    }
    top &+= 12
  }

  private mutating func drawNote(_ side: Side, _ words: String) {
    let margin = isNarrow ? 0 : room / 5
    let indent = side == .left ? 0 : margin
    let lines = words.wrapped(to: max(8, room &- margin &- 2))
    for (index, words) in lines.enumerated() {
      if index == 0 { dot(left &+ 14 &+ indent &* column) }
      write(words, left &+ 22 &+ indent &* column, "start", "faint")
    }
  }

  // MARK: Shapes

  /// A line of words on the next line.
  private mutating func write(_ words: String, _ x: Int, _ anchor: String, _ look: String) {
    body += "<text x=\"" + String(x) + "\" y=\"" + String(top &+ 13) + "\" text-anchor=\"" + anchor
    body += "\" class=\"" + look + "\">" + escapedMarkup(words) + "</text>\n"
    top &+= row
  }

  private func line(_ x1: Int, _ y1: Int, _ x2: Int, _ y2: Int, _ look: String) -> String {
    "<line x1=\"" + String(x1) + "\" y1=\"" + String(y1) + "\" x2=\"" + String(x2) + "\" y2=\"" + String(y2)
      + "\" class=\"" + look + "\"/>\n"
  }

  private func head(_ x: Int, _ y: Int, _ way: Int, _ tone: LadderSheet.Tone) -> String {
    let back = String(x &- way &* 10)
    return "<path d=\"M" + String(x) + " " + String(y) + "L" + back + " " + String(y &- 5) + "L" + back + " "
      + String(y &+ 5) + "Z\" class=\"" + tone.rawValue + "\"/>\n"
  }

  private mutating func dot(_ x: Int) {
    body += "<circle cx=\"" + String(x) + "\" cy=\"" + String(top &+ 9) + "\" r=\"2\" class=\"faint\"/>\n"
  }

  private static let look = """
    svg { --ink: #1d2330; --paper: #fdfdfb; --faint: #5d6675; --life: #9aa3b2;
      --open: #1a7f37; --close: #8a5a00; --alarm: #b3261e; --data: #0b5cad; --plain: #3c4454; }
    @media (prefers-color-scheme: dark) {
      svg { --ink: #e7eaf0; --paper: #14171d; --faint: #a3adbd; --life: #5c6675;
        --open: #5fd27f; --close: #e5b454; --alarm: #ff8a80; --data: #7db8ff; --plain: #c4ccd9; }
    }
    text { font: 13px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", "Noto Sans Mono CJK SC", monospace; fill: var(--ink); }
    line { stroke: var(--plain); stroke-width: 2; } line.flight { stroke-dasharray: 2 5; } line.life { stroke: var(--life); }
    .paper { fill: var(--paper); } .strong { font-weight: 600; }
    text.small { font-size: 10px; }
    text.faint, circle.faint { fill: var(--faint); }
    text.open, path.open { fill: var(--open); } line.open { stroke: var(--open); }
    text.close, path.close { fill: var(--close); } line.close { stroke: var(--close); }
    text.alarm, path.alarm { fill: var(--alarm); } line.alarm { stroke: var(--alarm); }
    text.data, path.data { fill: var(--data); } line.data { stroke: var(--data); }
    text.plain, path.plain { fill: var(--plain); }

    """
}
