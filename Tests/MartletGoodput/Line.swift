/// A cell's line in the table.
struct Line: Sendable {
  let cell: Cell
  let text: String

  /// Ten flows that should have had equal shares, and did not: Jain's index, as printed, is below 0.95.
  var isUnfair: Bool {
    guard cell.isOfEquals, cell.packetsForEach >= 10, let index = text.split(separator: " ").last else {
      return false
    }
    return Double(index).map { $0 < 0.95 } ?? false
  }

  /// One that was measured earlier. Nil: it is not this cell's.
  init?(_ cell: Cell, measured text: String) {
    let columns = text.split(separator: " ").map(String.init)
    guard columns.count == Self.widths.count, columns.starts(with: cell.columns) else { return nil }
    self.cell = cell
    self.text = text
  }

  init(_ cell: Cell, _ result: CellRun.Result) {
    let rate = Double(cell.octetsPerSecond)
    let bound = Bound(cell: cell).octetsPerSecond
    text = Self.joined(
      cell.columns + [
        fixed(100 * result.goodput / rate, 1), fixed(100 * bound / rate, 1),
        fixed(100 * result.goodput / bound, 1), fixed(100 * result.resent, 2), String(result.timeouts),
        cell.flows > 1 ? fixed(result.fairness, 3) : "-",
      ])
    self.cell = cell
  }

  static let heading =
    "#"
    + joined([
      "Mbit/s", "RTT", "loss", "reord", "queue", "flows", "goodput", "bound", "of it", "resent", "RTOs",
      "Jain",
    ]).dropFirst()

  private static let widths = [6, 5, 6, 6, 6, 6, 9, 7, 7, 8, 7, 7]

  private static func joined(_ columns: [String]) -> String {
    zip(columns, widths).map { String(repeating: " ", count: max($1 - $0.count, 1)) + $0 }.joined()
  }
}

/// With so many digits behind the point. Rounded by integers: the same octets on every platform.
private func fixed(_ value: Double, _ digits: Int) -> String {
  var unit: Int64 = 1
  for _ in 0..<digits { unit *= 10 }
  let scaled = Int64(value * Double(unit) + 0.5)
  let rest = String(scaled % unit)
  return "\(scaled / unit)." + String(repeating: "0", count: digits - rest.count) + rest
}
