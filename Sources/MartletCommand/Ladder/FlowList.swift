import MartletTCP
import MartletTrace

/// The flows of a capture as a table, for people and as JSON lines.
struct FlowList {
  private let flows: FlowTable
  private let language: Language
  private let columns: Int

  init(_ flows: FlowTable, _ style: LadderStyle) {
    self.flows = flows
    language = style.language
    columns = style.columns
  }

  var text: String {
    let rows = [heading] + flows.flows.map { row($0) }
    let widths = heading.indices.map { column in rows.map { $0[column].columns }.max() ?? 0 }
    var text = ""
    for row in rows {
      var line = ""
      for (index, cell) in row.enumerated() {
        let isNumber = [0, 3, 4, 5, 6].contains(index)
        let isLast = index == row.count - 1
        line += isNumber ? cell.aligned(right: widths[index]) : isLast ? cell : cell.padded(to: widths[index])
        if !isLast { line += "  " }
      }
      text += line.withoutTrailingSpaces + "\n"
    }
    return text + remarks
  }

  private var heading: [String] {
    language == .english
      ? [
        "#", "client", "server", "segments", "client's octets", "server's octets", "time", "fate", "findings",
      ]
      : ["#", "客户端", "服务器", "报文段", "客户端字节", "服务器字节", "时间", "结局", "发现"]
  }

  private func row(_ flow: FlowSummary) -> [String] {
    [
      String(flow.number), flow.left.text, flow.right.text,
      grouped(flow.segments.left &+ flow.segments.right), grouped(flow.octets.left),
      grouped(flow.octets.right), flow.last.since(flow.first).text, fate(flow), findings(flow),
    ]
  }

  private func fate(_ flow: FlowSummary) -> String {
    var words = [flow.fate.text(language)]
    // That a refusal is the answer of one who does not listen its name says.
    if case .reset = flow.fate, let cause = flow.resetCause {
      words[0] += language == .english ? " (\(cause.text(language)))" : "（\(cause.text(language))）"
    }
    if flow.isSimultaneousOpen { words.append(language == .english ? "simultaneous open" : "同时打开") }
    if flow.isSimultaneousClose { words.append(language == .english ? "simultaneous close" : "同时关闭") }
    if flow.beginsInMiddle { words.append(language == .english ? "begins in the middle" : "缺开头") }
    return words.joined(separator: language == .english ? ", " : "，")
  }

  private func findings(_ flow: FlowSummary) -> String {
    SegmentFindings.each.compactMap { finding in
      let count = flow.count(of: finding)
      return count == 0 ? nil : grouped(UInt64(count)) + " " + finding.text(language)
    }.joined(separator: language == .english ? ", " : "，")
  }

  /// What has no rows.
  private var remarks: String {
    var text = ""
    for stragglers in flows.stragglers {
      let count = grouped(stragglers.flows)
      text +=
        language == .english
        ? "\(count) more flows to \(stragglers.server.text) came to nothing: a SYN flood?\n"
        : "另有 \(count) 个到 \(stragglers.server.text) 的流没有建立连接：SYN 洪泛？\n"
    }
    for (server, count) in floods {
      text +=
        language == .english
        ? "\(grouped(UInt64(count))) of these flows to \(server.text) never got beyond their SYN-ACK: a SYN flood?\n"
        : "其中 \(grouped(UInt64(count))) 个到 \(server.text) 的流止于 SYN-ACK：SYN 洪泛？\n"
    }
    if flows.ignored > 0 {
      text +=
        language == .english
        ? "\(grouped(flows.ignored)) segments of further flows were not looked at.\n"
        : "另有 \(grouped(flows.ignored)) 个报文段属于其他流，未予分析。\n"
    }
    return text
  }

  /// Servers of which a hundred flows, and most of all, came to nothing.
  private var floods: [(TraceEndpoint, Int)] {
    var counts: [(server: TraceEndpoint, all: Int, nothing: Int)] = []
    for flow in flows.flows {
      let isNothing = flow.fate == .halfOpen || flow.fate == .unanswered
      if let index = counts.firstIndex(where: { $0.server == flow.right }) {
        counts[index].all += 1
        counts[index].nothing += isNothing ? 1 : 0
      } else if counts.count < 256 {
        counts.append((flow.right, 1, isNothing ? 1 : 0))
      }
    }
    return counts.filter { $0.nothing >= 100 && $0.nothing * 2 > $0.all }.map { ($0.server, $0.nothing) }
  }

  var json: String {
    flows.flows.map { flow in
      var object = JSONObject()
      object.add("type", "flow")
      object.add("number", UInt64(flow.number))
      object.add("client", flow.left.text)
      object.add("server", flow.right.text)
      object.add("first_ns", flow.first.nanoseconds)
      object.add("last_ns", flow.last.nanoseconds)
      object.add("client_segments", flow.segments.left)
      object.add("server_segments", flow.segments.right)
      object.add("client_octets", flow.octets.left)
      object.add("server_octets", flow.octets.right)
      object.add("fate", flow.fate.text(.english))
      if let cause = flow.resetCause { object.add("reset_cause", cause.text(.english)) }
      object.add("simultaneous_open", flow.isSimultaneousOpen)
      object.add("simultaneous_close", flow.isSimultaneousClose)
      object.add("begins_in_middle", flow.beginsInMiddle)
      var findings = JSONObject()
      for finding in SegmentFindings.each where flow.count(of: finding) > 0 {
        findings.add(finding.text(.english), UInt64(flow.count(of: finding)))
      }
      object.add("findings", findings)
      return object.text + "\n"
    }.joined()
  }
}
