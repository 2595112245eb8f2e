/// The cells' lines in their order, so many cells simulated at a time.
func measure(_ cells: [Cell], jobs: Int) async throws -> [Line] {
  try await withThrowingTaskGroup(of: (Int, Line).self) { group in
    var lines = [Line?](repeating: nil, count: cells.count)
    for (place, cell) in cells.enumerated() {
      if place >= jobs, let (done, line) = try await group.next() { lines[done] = line }
      group.addTask { (place, try measured(cell)) }
    }
    for try await (done, line) in group { lines[done] = line }
    return lines.compactMap(\.self)
  }
}

private func measured(_ cell: Cell) throws -> Line {
  var run = try CellRun(cell)
  return Line(cell, try run.measure())
}
