import MartletTCP
import MartletTrace

/// Every change of state in a capture, a line each in the order of their happening, for people and as JSON lines.
struct StateLines {
  private struct Line {
    var flow: Int
    var ladder: Ladder
    var change: InferredChange
  }

  private var lines: [Line] = []
  private let start: Instant
  private let language: Language

  /// - Parameter ladders: the flows' segments, by the flows' numbers.
  init(_ ladders: [Int: Ladder], start: Instant, language: Language) {
    self.start = start
    self.language = language
    for (flow, ladder) in ladders.sorted(by: { $0.key < $1.key }) {
      lines += ladder.inferredChanges.map { Line(flow: flow, ladder: ladder, change: $0) }
    }
    // Those of one instant stay as they were, flow by flow.
    let order = lines.indices.sorted {
      (lines[$0].change.time, $0) < (lines[$1].change.time, $1)
    }
    lines = order.map { lines[$0] }
  }

  var text: String {
    var text = ""
    for line in lines {
      let (own, other) = ends(line)
      text += line.change.time.since(start).text.aligned(right: 14) + "  #\(line.flow)".padded(to: 8)
      text += side(line).padded(to: 8) + "\(own.text) ↔ \(other.text)  "
      text += "\(name(line.change.old)) → \(name(line.change.new))\n"
    }
    return text
  }

  var json: String {
    lines.map { line in
      let (own, other) = ends(line)
      var object = JSONObject()
      object.add("type", "state")
      object.add("time_ns", line.change.time.nanoseconds)
      object.add("flow", UInt64(line.flow))
      object.add("side", line.change.side == .left ? "client" : "server")
      object.add("local", own.text)
      object.add("remote", other.text)
      if let old = line.change.old { object.add("old", old.text(.rfc)) }
      if let new = line.change.new { object.add("new", new.text(.rfc)) }
      return object.text + "\n"
    }.joined()
  }

  private func ends(_ line: Line) -> (own: TraceEndpoint, other: TraceEndpoint) {
    let ladder = line.ladder
    return line.change.side == .left ? (ladder.left, ladder.right) : (ladder.right, ladder.left)
  }

  private func side(_ line: Line) -> String {
    switch language {
    case .english: line.change.side == .left ? "client" : "server"
    case .simplifiedChinese: line.change.side == .left ? "客户端" : "服务器"
    }
  }

  /// Inferred, as in a ladder.
  private func name(_ state: TCPState?) -> String { state.map { $0.text(.rfc) + "*" } ?? "?" }
}
