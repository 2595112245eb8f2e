internal import MartletTCP
internal import MartletWire

extension Chart {
  /// The chart with long runs of uneventful data, and their acknowledgments, as one row each.
  /// `limit`: data segments in one direction that are drawn before a run is folded; 0: never fold.
  package func folded(after limit: Int) -> Chart {
    guard limit > 0 else { return self }
    var result = self
    result.rows = []
    var index = rows.startIndex
    while index < rows.endIndex {
      let end = endOfRun(from: index)
      if end == index {
        result.rows.append(rows[index])
        index &+= 1
        continue
      }
      result.rows += fold(rows[index..<end], limit)
      index = end
    }
    return result
  }

  /// One past the plain rows from `start` whose text goes one way.
  private func endOfRun(from start: Int) -> Int {
    var direction: Side?
    for index in start..<rows.count {
      let row = rows[index]
      guard isPlain(row), row.phase == rows[start].phase else { return index }
      guard row.isSegment else { continue }
      let seen = observations[row.index]
      if seen.segment.textCount > 0 {
        if let direction, direction != seen.from { return index }
        direction = seen.from
      }
    }
    return rows.count
  }

  /// Text or a bare acknowledgment that changed nothing but the numbers, and what an end notes of it.
  private func isPlain(_ row: Row) -> Bool {
    if case .note(let note) = row.kind { return notes[note].isPlain }
    guard row.kind == .whole, observations[row.index].findings.isEmpty, row.left == nil, row.right == nil
    else { return false }
    let segment = observations[row.index].segment
    let numbers = relative[row.index]
    return segment.flags.isSubset(of: [.ack, .psh, .ece, .cwr, .ae]) && numbers.sack.isEmpty
      && !numbers.isRetransmission && !numbers.isKeepAlive && !numbers.isWindowProbe
      && numbers.windowField != 0
  }

  /// Keeps the first two data segments of a run and what follows the last but one.
  private func fold(_ run: ArraySlice<Row>, _ limit: Int) -> [Row] {
    let data = run.indices.filter { run[$0].isSegment && observations[run[$0].index].segment.textCount > 0 }
    guard data.count > max(limit, 4), let third = data.dropFirst(2).first, let end = data.dropLast().last
    else { return [Row](run) }
    var octets: UInt64 = 0
    var segments: UInt64 = 0
    var acknowledgments: UInt64 = 0
    for row in run[third..<end] where row.isSegment {
      let count = observations[row.index].segment.textCount
      octets &+= UInt64(count)
      if count > 0 { segments &+= 1 } else { acknowledgments &+= 1 }
    }
    var middle = run[third..<end].last { $0.isSegment } ?? run[third]
    middle.kind = .folded(segments: segments, octets: octets, acknowledgments: acknowledgments)
    return run[..<third] + [middle] + run[end...]
  }
}
