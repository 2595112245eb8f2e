extension Ladder {
  /// The ladder as a sequence diagram in Mermaid's language, every line ended by a newline.
  public func mermaid(_ style: LadderStyle = LadderStyle(), title: String = "") -> String {
    var drawing = LadderMermaid(LadderSheet(self, style))
    return drawing.draw(title)
  }
}

private struct LadderMermaid {
  private let sheet: LadderSheet
  private var text = ""

  init(_ sheet: LadderSheet) { self.sheet = sheet }

  mutating func draw(_ title: String) -> String {
    if !title.isEmpty { text += "---\ntitle: " + JSONObject.quoted(title) + "\n---\n" }
    text += "sequenceDiagram\n"
    add("participant L as " + escaped(sheet.titles.left))
    add("participant R as " + escaped(sheet.titles.right))
    for line in sheet.lines { draw(line) }
    for words in sheet.legend { add("Note over L,R: " + escaped(words)) }
    return text
  }

  private mutating func draw(_ line: LadderSheet.Line) {
    switch line.kind {
    case .caption(let words): add("Note over L,R: " + escaped("— " + words + " —"))
    case .arrow(let shape, let toRight, let label, _):
      // A segment whose arrival is a line of its own leaves with an open arrow.
      let stroke =
        switch shape {
        case .whole, .arrival: "->>"
        case .departure: "--)"
        case .lost: "-x"
        }
      let words = label.line(width: 200, more: "…") + (line.time.isEmpty ? "" : " · " + line.time)
      add((toRight ? "L" + stroke + "R: " : "R" + stroke + "L: ") + escaped(words))
    case .change(let words): if !words.isEmpty { add("Note over L,R: " + escaped(words)) }
    case .note(let side, let words):
      add((side == .left ? "Note left of L: " : "Note right of R: ") + escaped(folded(words)))
    case .fold(let words): add("Note over L,R: " + escaped("… " + words + " …"))
    }
    if !line.left.isEmpty { add("Note left of L: " + escaped(line.left)) }
    if !line.right.isEmpty { add("Note right of R: " + escaped(line.right)) }
  }

  private mutating func add(_ line: String) { text += "  " + line + "\n" }

  private func folded(_ words: String) -> String { joined(words.wrapped(to: 40), by: "\n") }

  /// What ends a statement, or begins an entity, there.
  private func escaped(_ words: String) -> String {
    var result = ""
    for scalar in words.unicodeScalars {
      switch scalar {
      case ";": result += "#59;"
      case "#": result += "#35;"
      case "<": result += "#60;"
      case ">": result += "#62;"
      case "\n": result += "<br/>"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
