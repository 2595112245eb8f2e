extension Ladder {
  /// The ladder as a page of its own, with nothing to load: it follows the reader's choice of light or dark, and any width
  /// from a telephone's on.
  public func html(_ style: LadderStyle = LadderStyle(), title: String = "") -> String {
    var drawing = LadderHTML(LadderSheet(self, style))
    return drawing.draw(title)
  }
}

private struct LadderHTML {
  private let sheet: LadderSheet
  private var text = ""

  init(_ sheet: LadderSheet) { self.sheet = sheet }

  mutating func draw(_ title: String) -> String {
    let language = sheet.language == .english ? "en" : "zh-Hans"
    let name = title.isEmpty ? sheet.titles.left + " – " + sheet.titles.right : title
    text = "<!DOCTYPE html>\n<html lang=\"" + language + "\">\n<head>\n<meta charset=\"utf-8\">\n"
    text += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    text +=
      "<title>" + escapedMarkup(name) + "</title>\n<style>\n" + Self.look + "</style>\n</head>\n<body>\n"
    if !title.isEmpty { text += "<h1>" + escapedMarkup(title) + "</h1>\n" }
    text += "<header><span>" + escapedMarkup(sheet.titles.left) + "</span><span>"
    text += escapedMarkup(sheet.titles.right) + "</span></header>\n<ol>\n"
    for line in sheet.lines { draw(line) }
    text += "</ol>\n"
    if !sheet.legend.isEmpty {
      text += "<footer>" + escapedMarkup(joined(sheet.legend, by: "   ")) + "</footer>\n"
    }
    return text + "</body>\n</html>\n"
  }

  private mutating func draw(_ line: LadderSheet.Line) {
    text += "<li><b>" + escapedMarkup(line.left) + "</b><div>"
    switch line.kind {
    case .caption(let words): text += "<h2>" + escapedMarkup(words) + "</h2>"
    case .arrow(let shape, let toRight, let label, let tone):
      let words = label.line(width: 200, more: "…")
      text += "<p class=\"" + tone.rawValue + "\">" + escapedMarkup(words)
      text += line.time.isEmpty ? "" : " <time>" + escapedMarkup(line.time) + "</time>"
      text +=
        "</p><i class=\"" + (toRight ? "right " : "left ") + tone.rawValue + " " + form(shape) + "\"></i>"
    case .change(let words):
      if !words.isEmpty {
        text +=
          "<p class=\"change\">" + escapedMarkup(words) + " <time>" + escapedMarkup(line.time) + "</time></p>"
      }
    case .note(let side, let words):
      text += "<p class=\"note " + (side == .left ? "left" : "right") + "\">" + escapedMarkup(words) + "</p>"
    case .fold(let words): text += "<p class=\"change\">… " + escapedMarkup(words) + " …</p>"
    }
    text += "</div><b>" + escapedMarkup(line.right) + "</b></li>\n"
  }

  private func form(_ shape: LadderSheet.Shape) -> String {
    switch shape {
    case .whole: "whole"
    case .departure: "leaving"
    case .arrival: "arriving"
    case .lost: "lost"
    }
  }

  private static let look = """
    :root { color-scheme: light dark; --ink: #1d2330; --paper: #fdfdfb; --faint: #5d6675; --line: #9aa3b2;
      --open: #1a7f37; --close: #8a5a00; --alarm: #b3261e; --data: #0b5cad; --plain: #3c4454; }
    @media (prefers-color-scheme: dark) {
      :root { --ink: #e7eaf0; --paper: #14171d; --faint: #a3adbd; --line: #5c6675;
        --open: #5fd27f; --close: #e5b454; --alarm: #ff8a80; --data: #7db8ff; --plain: #c4ccd9; }
    }
    * { box-sizing: border-box; margin: 0; padding: 0; }
    body { font: 14px/1.4 ui-monospace, "SF Mono", Menlo, Consolas, "Noto Sans Mono CJK SC", monospace;
      color: var(--ink); background: var(--paper); max-width: 1100px; margin: 0 auto; padding: 16px; }
    h1 { font-size: 18px; margin-bottom: 12px; }
    header { display: flex; justify-content: space-between; gap: 16px; font-weight: 600; margin-bottom: 4px; }
    header span:last-child { text-align: right; }
    ol { list-style: none; }
    li { display: grid; grid-template-columns: 8.5em minmax(0, 1fr) 8.5em; }
    li > b { font-weight: 600; padding: 4px 8px; align-self: end; overflow-wrap: anywhere; }
    li > b:first-child { text-align: right; }
    li > div { border-left: 2px solid var(--line); border-right: 2px solid var(--line); min-height: 22px; }
    h2 { font-size: 13px; text-align: center; color: var(--faint); padding: 10px 8px 4px; }
    p { padding: 6px 12px 1px; overflow-wrap: anywhere; }
    p.open { color: var(--open); } p.close { color: var(--close); } p.alarm { color: var(--alarm); }
    p.data { color: var(--data); } p.plain { color: var(--plain); }
    p.change { text-align: center; color: var(--faint); padding: 6px 12px; }
    p.note { color: var(--faint); font-size: 13px; padding: 2px 12px 2px 24px; text-indent: -12px; max-width: 85%; }
    p.note::before { content: "· "; }
    p.note.right { margin-left: 15%; }
    time { color: var(--faint); white-space: nowrap; }
    i { display: block; position: relative; height: 12px; color: var(--plain); }
    i.open { color: var(--open); } i.close { color: var(--close); } i.alarm { color: var(--alarm); }
    i.data { color: var(--data); }
    i::before { content: ""; position: absolute; left: 2px; right: 2px; top: 5px; border-top: 2px solid; }
    i::after { content: ""; position: absolute; top: 1px; border: 5px solid transparent; }
    i.right::after { right: 0; border-left-color: currentColor; border-right-width: 0; border-left-width: 10px; }
    i.left::after { left: 0; border-right-color: currentColor; border-left-width: 0; border-right-width: 10px; }
    i.leaving::before, i.arriving::before { border-top-style: dotted; }
    i.leaving::after { display: none; }
    i.lost.right::before { right: 28%; } i.lost.left::before { left: 28%; }
    i.lost::after { content: "✗"; border: 0; top: -6px; font-style: normal; font-weight: 700; }
    i.lost.right::after { right: calc(28% - 14px); } i.lost.left::after { left: calc(28% - 14px); }
    footer { color: var(--faint); margin-top: 10px; white-space: pre-wrap; }
    @media (max-width: 700px) {
      body { font-size: 12px; padding: 8px; }
      li { grid-template-columns: 76px minmax(0, 1fr) 76px; }
      li > b { padding: 4px 3px; font-size: 10px; overflow-wrap: normal; }
      p { padding: 6px 6px 1px; } p.note { padding-left: 18px; font-size: 12px; max-width: 100%; }
      p.note.right { margin-left: 0; }
    }

    """
}

/// Text as it stands between tags, or in an attribute: no character of it has a meaning there.
func escapedMarkup(_ words: String) -> String {
  var result = ""
  for scalar in words.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
