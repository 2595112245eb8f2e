internal import MartletTCP
internal import MartletWire

extension Chart {
  /// Names the stretches of each connection on the flow: open, data, close, TIME-WAIT.
  mutating func assignPhases() {
    var start = rows.startIndex
    while start < rows.endIndex {
      let incarnation = incarnation(of: rows[start])
      let end = rows[start...].firstIndex { self.incarnation(of: $0) != incarnation } ?? rows.endIndex
      assignPhases(start..<end)
      start = end
    }
  }

  private func incarnation(of row: Row) -> Int {
    relative.indices.contains(row.index) ? relative[row.index].incarnation : 0
  }

  private mutating func assignPhases(_ range: Range<Int>) {
    let opened = nameOpen(range)
    let fin = rows[opened..<range.upperBound].firstIndex { flags($0).contains(.fin) }
    let rst = rows[opened..<range.upperBound].firstIndex { isEndByReset($0) }
    let first = min(fin ?? range.upperBound, rst ?? range.upperBound)
    let dataEnd = beforeCalls(first, opened)
    if rows[opened..<dataEnd].contains(where: { text($0) > 0 }) {
      for index in opened..<dataEnd { rows[index].phase = .data }
    }
    if let fin, fin == first { nameClose(fin..<(rst ?? range.upperBound)) }
    if let rst { for index in rst..<range.upperBound { rows[index].phase = .reset } }
    if first < range.upperBound { for index in dataEnd..<first { rows[index].phase = rows[first].phase } }
  }

  /// Names the rows up to the one that made both ends synchronized; returns the next.
  private mutating func nameOpen(_ range: Range<Int>) -> Int {
    guard let syn = rows[range].firstIndex(where: { flags($0).contains(.syn) }) else {
      return range.lowerBound
    }
    var ends = (left: initialState(of: .left), right: initialState(of: .right))
    var bare: (left: Bool, right: Bool) = (false, false)
    var answered = false
    for index in range.lowerBound..<range.upperBound {
      let row = rows[index]
      ends = (row.left ?? ends.left, row.right ?? ends.right)
      let flags = flags(row)
      if flags.contains(.syn) {
        if flags.contains(.ack) { answered = true }
        if !flags.contains(.ack) {
          if observations[row.index].from == .left { bare.left = true } else { bare.right = true }
        }
      }
      if flags.contains(.rst) {
        // A listener goes on listening, and what it answered is no connection that was reset.
        return name(range.lowerBound..<range.upperBound, .refused)
      }
      if ends.left?.isSynchronized == true, ends.right?.isSynchronized == true, index >= syn {
        // The third segment may be the first of the close.
        if flags.contains(.fin) { return name(range.lowerBound..<index, .threeSegmentOpen) }
        return name(
          range.lowerBound..<afterReasons(index &+ 1, range.upperBound),
          bare == (true, true) ? .simultaneousOpen : .threeSegmentOpen)
      }
    }
    return name(range, answered ? .halfOpen : .unanswered)
  }

  /// A reset that ends something: one that nobody believes, or that finds nothing, is no end.
  private func isEndByReset(_ row: Row) -> Bool {
    guard flags(row).contains(.rst) else { return false }
    return row.left == .closed || row.right == .closed || (inferred.left == nil && inferred.right == nil)
  }

  /// One past the reasons that follow `end`: they belong to what was before.
  private func afterReasons(_ end: Int, _ limit: Int) -> Int {
    rows[end..<limit].firstIndex { !isReason($0) } ?? limit
  }

  /// The first of what applications did right before `start`: it belongs to what follows.
  private func beforeCalls(_ start: Int, _ limit: Int) -> Int {
    var start = start
    while start > limit, case .note = rows[start &- 1].kind, !isReason(rows[start &- 1]) { start &-= 1 }
    return start
  }

  private func isReason(_ row: Row) -> Bool {
    if case .note(let note) = row.kind { notes[note].isReason } else { false }
  }

  private mutating func name(_ range: Range<Int>, _ phase: Phrase) -> Int {
    for index in range { rows[index].phase = phase }
    return range.upperBound
  }

  /// Names the rows from the first FIN on.
  private mutating func nameClose(_ range: Range<Int>) {
    guard let first = range.first else { return }
    let closer = observations[rows[first].index].from
    let second = rows[range].firstIndex { flags($0).contains(.fin) && from($0) != closer && isSent($0) }
    let end = endOfClose(range)
    let reply = rows[first..<(second ?? range.upperBound)].filter { from($0) != closer && isSent($0) }
    if reply.contains(where: { text($0) > 0 }) || rowsHoldData(after: second, closer, range) {
      _ = name(first..<(second ?? end), .halfClose)
      if let second { _ = name(second..<end, .secondHalf) }
    } else if let second {
      _ = name(first..<end, closeName(second, reply, range))
    } else {
      _ = name(first..<range.upperBound, .oneSidedClose)
    }
    if second != nil { _ = name(end..<range.upperBound, .timeWait) }
  }

  /// A FIN of the second side that carries its last text still makes a half-close of it.
  private func rowsHoldData(after second: Int?, _ closer: Side, _ range: Range<Int>) -> Bool {
    guard let second else { return false }
    return rows[range.lowerBound..<second].contains { from($0) != closer && text($0) > 0 && isSent($0) }
  }

  private func closeName(_ second: Int, _ reply: [Row], _ range: Range<Int>) -> Phrase {
    let crossed = rows[range].contains { $0.left == .closing || $0.right == .closing }
    if crossed { return .simultaneousClose }
    return reply.isEmpty ? .threeSegmentClose : .fourSegmentClose
  }

  /// One past the row after which both sides are in TIME-WAIT or CLOSED.
  private func endOfClose(_ range: Range<Int>) -> Int {
    var ends = (left: false, right: false)
    for index in range {
      if let left = rows[index].left { ends.left = left == .timeWait || left == .closed }
      if let right = rows[index].right { ends.right = right == .timeWait || right == .closed }
      if ends == (true, true) { return afterReasons(index &+ 1, range.upperBound) }
    }
    return range.upperBound
  }

  private func isSent(_ row: Row) -> Bool { row.isSegment && row.kind != .arrival }
  private func from(_ row: Row) -> Side { observations[row.index].from }
  private func flags(_ row: Row) -> TCPFlags {
    row.isSegment ? observations[row.index].segment.flags : []
  }
  private func text(_ row: Row) -> UInt32 {
    row.isSegment ? observations[row.index].segment.textCount : 0
  }
}
