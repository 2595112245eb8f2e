internal import MartletTCP

/// The words of the notes of one chart, in its order: what happened, and the first time at each end also why.
struct NoteText: Sendable {
  private let language: Language
  private var explained: (left: [Rule], right: [Rule]) = ([], [])

  init(_ language: Language) { self.language = language }

  /// `base`: what the end's numbers, and its peer's, are counted from.
  mutating func words(of note: LadderNote, _ base: RecordBase) -> String {
    let words =
      switch note.happening {
      case .event(let event): event.text(language)
      case .record(let record): words(of: record, note.side, base)
      }
    return note.count == 1 ? words : grouped(UInt64(clamping: note.count)) + " × " + words
  }

  private mutating func words(of record: FlightRecorder.Record, _ side: Side, _ base: RecordBase) -> String {
    // Each change of state has a reason of its own.
    if record.rule == .transition { return describe(record, language, base: base) }
    let isKnown = side == .left ? explained.left.contains(record.rule) : explained.right.contains(record.rule)
    if side == .left { explained.left.append(record.rule) } else { explained.right.append(record.rule) }
    return isKnown ? remind(record, language, base: base) : describe(record, language, base: base)
  }
}
