/// What stands between the lifelines in one row: an arrow with words on it, exactly `width` columns.
struct ArrowBody {
  enum Shape { case whole, departure, arrival, lost }

  let glyphs: Glyphs
  let width: Int

  /// Columns that are left for words on an arrow.
  var room: Int { max(1, width &- 7) }

  /// Rightward, words near the left: `── words ─────▶`. Leftward the words stand in
  /// the same columns: `◀─ words ──────`.
  func arrow(_ shape: Shape, _ words: String, toRight: Bool) -> String {
    let fill = max(2, width &- words.columns &- 5)
    switch (shape, toRight) {
    case (.whole, true): return strokes(2) + spaced(words) + strokes(fill) + glyphs.headRight
    case (.whole, false): return glyphs.headLeft + strokes(1) + spaced(words) + strokes(fill &+ 1)
    case (.departure, true):
      let flight = min(6, fill / 2)
      return strokes(2) + spaced(words) + strokes(fill &+ 1 &- flight) + flying(flight)
    case (.departure, false): return flying(2) + spaced(words) + strokes(fill &+ 1)
    case (.arrival, true): return flying(2) + spaced(words) + strokes(fill) + glyphs.headRight
    case (.arrival, false):
      let flight = min(6, fill / 2)
      return glyphs.headLeft + strokes(1) + spaced(words) + strokes(fill &+ 1 &- flight) + flying(flight)
    case (.lost, true):
      let blank = min(width / 4, fill &- 1)
      return strokes(2) + spaced(words) + strokes(fill &- blank) + glyphs.lost + spaces(blank)
    case (.lost, false):
      let blank = min(width / 8, fill &- 1)
      return spaces(blank) + glyphs.lost + strokes(1) + spaced(words) + strokes(fill &+ 1 &- blank)
    }
  }

  /// Words in the middle, between `edge`s when they fit.
  func caption(_ words: String, edge: String) -> String {
    let text = words.columns &+ 2 &* edge.columns &+ 2 <= width ? edge + " " + words + " " + edge : words
    let fitting = text.clipped(to: width)
    let before = (width &- fitting.columns) / 2
    return spaces(before) + fitting + spaces(width &- fitting.columns &- before)
  }

  private func spaced(_ words: String) -> String { " " + words + " " }
  private func strokes(_ count: Int) -> String { String(repeating: glyphs.stroke, count: max(0, count)) }
  private func flying(_ count: Int) -> String { String(repeating: glyphs.inFlight, count: max(0, count)) }
}
