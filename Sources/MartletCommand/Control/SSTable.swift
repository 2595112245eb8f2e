import MartletTCP
import MartletTrace

/// The table of sockets as `ss` of iproute2 prints it.
package struct SSTable {
  /// What is shown besides queues and addresses.
  package struct Columns: Equatable, Sendable {
    package var hasKind = false
    package var hasHeader = true
    /// -i
    package var hasInternals = false
    /// -m
    package var hasMemory = false
    /// -o
    package var hasTimers = false
    /// -e
    package var hasDetails = false
    /// -p
    package var hasOwner = false

    package init() {}
  }

  private let columns: Columns
  private let owner: SocketOwner

  package init(_ columns: Columns, owner: SocketOwner) {
    self.columns = columns
    self.owner = owner
  }

  package func text(_ lines: [SocketLine]) -> String {
    var rows = lines.map { row($0) }
    if columns.hasHeader { rows.insert(header, at: 0) }
    var widths = [Int](repeating: 0, count: 8)
    for row in rows {
      for (i, cell) in row.cells.enumerated() { widths[i] = max(widths[i], cell.count) }
    }
    var text = ""
    for row in rows { text += Self.line(row, widths) }
    return text
  }

  /// Cells: kind, state, two queues, two addresses with their ports.
  private struct Row {
    var cells: [String]
    var tail: String
    /// Lines beneath.
    var below: [String]
  }

  private var header: Row {
    Row(
      cells: [
        columns.hasKind ? "Netid" : "", "State", "Recv-Q", "Send-Q", "Local Address", "Port", "Peer Address",
        "Port",
      ], tail: "Process", below: [])
  }

  private func row(_ line: SocketLine) -> Row {
    Row(
      cells: [
        columns.hasKind ? line.kind.rawValue : "", line.state.text(.ss), String(line.receiveQueue),
        String(line.sendQueue), line.local.address, line.local.port, line.remote?.address ?? "*",
        line.remote?.port ?? "*",
      ], tail: tail(line), below: below(line))
  }

  /// Addresses end at their colon, ports begin there.
  private static func line(_ row: Row, _ widths: [Int]) -> String {
    var text = ""
    for (i, cell) in row.cells.enumerated() where widths[i] > 0 {
      let space = String(repeating: " ", count: widths[i] - cell.count)
      switch i {
      case 4, 6: text += space + cell + ":"
      case 7: text += cell + space
      default: text += cell + space + " "
      }
    }
    if !row.tail.isEmpty { text += " " + row.tail }
    while text.last == " " { text.removeLast() }
    text += "\n"
    for line in row.below { text += "\t " + line + "\n" }
    return text
  }

  private func tail(_ line: SocketLine) -> String {
    var parts: [String] = []
    if columns.hasOwner, line.fields["has_handle"]?.isTrue ?? true {
      parts.append("users:((\"\(owner.program)\",pid=\(owner.pid)))")
    }
    if columns.hasTimers, let timer = line.timer {
      parts.append("timer:(\(timer.name),\(Self.timeText(timer.milliseconds)),\(timer.tries))")
    }
    if columns.hasDetails, let flow = line.number("flow") { parts.append("sk:\(String(flow, radix: 16))") }
    return parts.joined(separator: " ")
  }

  private func below(_ line: SocketLine) -> [String] {
    var lines: [String] = []
    var parts: [String] = []
    if columns.hasMemory, let memory = SocketInternals.memory(of: line) { parts.append(memory) }
    if columns.hasInternals { parts += SocketInternals.all(of: line) }
    if !parts.isEmpty { lines.append(parts.joined(separator: " ")) }
    if let flood = line.fields["flood"] { lines.append(SocketInternals.flood(flood)) }
    return lines
  }

  /// `204ms`, `1.456ms` for a second and a half, `58sec`, `1min2sec`, `119min`.
  package static func timeText(_ milliseconds: Int64) -> String {
    let minutes = milliseconds / 60_000
    let seconds = minutes > 9 ? 0 : milliseconds / 1_000 % 60
    let rest = minutes > 0 || seconds > 9 ? 0 : milliseconds % 1_000
    var text = minutes > 0 ? "\(minutes)min" : ""
    if seconds > 0 { text += "\(seconds)" + (rest > 0 ? "." : "sec") }
    if rest > 0 { text += padded(rest, 3) + "ms" }
    return text
  }

  static func padded(_ number: Int64, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }
}
