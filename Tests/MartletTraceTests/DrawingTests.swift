import Foundation
import MartletTCP
import MartletTrace
import Testing

/// Ladders as pictures, pages and diagrams.
@Suite("S7.1 drawings")
struct DrawingTests {
  @Test("S7.1 SVG and HTML are well-formed, whatever the words are", arguments: [44, 80, 120, 160])
  func wellFormed(columns: Int) throws {
    for language in Language.allCases {
      let style = LadderStyle(columns: columns, language: language)
      for ladder in try ladders() {
        #expect(isWellFormed(ladder.svg(style, title: "<a> & \"b\"")))
        #expect(ladder.html(style, title: "<a> & \"b\"").contains("&lt;a&gt; &amp; &quot;b&quot;"))
      }
    }
  }

  @Test("S7.1 every segment and every state of the ladder stands in the drawing")
  func complete() throws {
    let ladder = try Scenario.requestAndClose().ladder
    let style = LadderStyle(columns: 140)
    for drawing in [ladder.svg(style), ladder.html(style), ladder.mermaid(style)] {
      for words in [
        "SYN-SENT*", "SYN-RECEIVED*", "FIN-WAIT-2*", "TIME-WAIT*", "LAST-ACK*", "four-segment close",
        "SYN seq=0 win=64240", "PSH ACK seq=1 ack=101 len=300", "FIN ACK seq=301 ack=102", "0.390 ms",
        "2 MSL, then CLOSED",
      ] {
        #expect(drawing.contains(words), "\(words)")
      }
    }
    #expect(ladder.svg(style).components(separatedBy: "<path ").count - 1 == 11)
    #expect(ladder.html(style).components(separatedBy: "<i class=").count - 1 == 11)
    #expect(ladder.mermaid(style).components(separatedBy: "->>").count - 1 == 11)
  }

  @Test("S7.1 a lost segment ends in a cross, one that crosses another is dotted")
  func shapes() throws {
    let lost = try Scenario.losses().ladder
    #expect(lost.svg().contains("✗"))
    #expect(lost.html().contains("lost"))
    #expect(lost.mermaid().contains("R-xL: "))
    let crossed = try Scenario.simultaneousClose(delay: 10_000).ladder
    #expect(crossed.svg().contains("class=\"close flight\""))
    #expect(crossed.html().contains("leaving"))
    #expect(crossed.mermaid().contains("L--)R: "))
  }

  @Test("S7.1 in a picture no words are wider than their place", arguments: [44, 60, 80, 120])
  func fits(columns: Int) throws {
    for ladder in try ladders() {
      let svg = ladder.svg(LadderStyle(columns: columns))
      for line in svg.split(separator: "\n") where line.hasPrefix("<text") {
        let (x, words, anchor) = try parse(String(line))
        // More than a character of 13 units takes, or a small one of 10.
        let width = words.unicodeScalars.count * (line.contains("small") ? 6 : 8)
        let left = anchor == "end" ? x - width : anchor == "start" ? x : x - width / 2
        let right = left + width
        #expect(left >= -8 && right <= columns * 8 + 8, "\(line)")
      }
    }
  }

  @Test("S7.1 Mermaid's own signs are written as entities")
  func mermaidEscapes() throws {
    var ladder = try Scenario.halfOpen().ladder
    ladder.note(LadderNote(.event(.closes), at: .left, time: Exchange.time(20)))
    let text = ladder.mermaid(LadderStyle(), title: "a; b # c")
    #expect(text.hasPrefix("---\ntitle: \"a; b # c\"\n---\nsequenceDiagram\n"))
    for line in text.split(separator: "\n").dropFirst(4) {
      let words = line.split(separator: ":", maxSplits: 1).last ?? ""
      let plain = words.replacing("#35;", with: "").replacing("#59;", with: "").replacing("#60;", with: "")
        .replacing("#62;", with: "").replacing("<br/>", with: "")
      #expect(!plain.contains(";") && !plain.contains("#") && !plain.contains("<"), "\(line)")
    }
  }

  // MARK: Helpers

  private func ladders() throws -> [Ladder] {
    [
      try Scenario.requestAndClose().ladder, try Scenario.losses().ladder, try Scenario.wrapAndFold().ladder,
      try Scenario.simultaneousOpen(delay: 5_000).ladder, try Scenario.knownToBothEnds().ladder,
    ]
  }

  private func isWellFormed(_ text: String) -> Bool {
    var open: [Substring] = []
    var rest = text[...]
    while let start = rest.firstIndex(of: "<"), let end = rest[start...].firstIndex(of: ">") {
      let tag = rest[rest.index(after: start)..<end]
      rest = rest[rest.index(after: end)...]
      if tag.hasSuffix("/") { continue }
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { return false }
      } else {
        open.append(tag.prefix { $0 != " " })
      }
    }
    return open.isEmpty && !rest.contains("<")
  }

  private func parse(_ line: String) throws -> (x: Int, words: String, anchor: String) {
    func attribute(_ name: String) throws -> String {
      let after = try #require(line.range(of: " " + name + "=\"")).upperBound
      return String(line[after...].prefix { $0 != "\"" })
    }
    let words = try #require(line.split(separator: ">", maxSplits: 1).last)
      .replacing("</text>", with: "").replacing("&lt;", with: "<").replacing("&amp;", with: "&")
    return (try #require(Int(try attribute("x"))), String(words), try attribute("text-anchor"))
  }
}
