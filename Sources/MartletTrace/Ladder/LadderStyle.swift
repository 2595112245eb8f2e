internal import MartletTCP

/// How a ladder is drawn.
public struct LadderStyle: Equatable, Sendable {
  /// Columns to draw in; under 48 counts as 48. From 92 on each segment is one line,
  /// below that its words stand above its arrow.
  public var columns: Int
  public var language: Language
  /// ANSI colours; the caller knows whether it writes to a terminal and whether `NO_COLOR` is set.
  public var colour: Bool
  /// Nothing but ASCII in what is drawn; words of the language stay.
  public var ascii: Bool
  /// Data segments in one direction that are drawn before a run is folded; 0: never.
  public var foldAfter: Int
  /// Which of the ladder's notes are drawn.
  public var notes: NoteChoice

  public enum NoteChoice: Sendable {
    case none
    /// What applications do, and decisions that the numbers on the arrows do not show.
    case decisions
    case all
  }

  public init(
    columns: Int = 100, language: Language = .english, colour: Bool = false, ascii: Bool = false,
    foldAfter: Int = 6, notes: NoteChoice = .decisions
  ) {
    self.columns = columns
    self.language = language
    self.colour = colour
    self.ascii = ascii
    self.foldAfter = foldAfter
    self.notes = notes
  }

  func draws(_ note: LadderNote) -> Bool {
    switch (notes, note.happening) {
    case (.none, _): false
    case (.decisions, .record(let record)): !record.rule.isRoutine
    case (.decisions, .event), (.all, _): true
    }
  }

  package var glyphs: Glyphs { ascii ? .ascii : .unicode }
}

/// The strokes of a ladder, each one column wide.
package struct Glyphs: Sendable {
  package var lifeline: String
  package var leaveRight: String
  package var leaveLeft: String
  package var stroke: String
  package var inFlight: String
  package var headRight: String
  package var headLeft: String
  package var lost: String
  package var gap: String
  package var rule: String
  package var more: String
  package var bracketTop: String
  package var bracketBottom: String
  package var bracketOne: String
  package var note: String

  package static var unicode: Glyphs {
    Glyphs(
      lifeline: "│", leaveRight: "├", leaveLeft: "┤", stroke: "─", inFlight: "┄", headRight: "▶",
      headLeft: "◀", lost: "✗", gap: "┊", rule: "═", more: "…", bracketTop: "┐", bracketBottom: "┘",
      bracketOne: "─", note: "·")
  }

  package static var ascii: Glyphs {
    Glyphs(
      lifeline: "|", leaveRight: "|", leaveLeft: "|", stroke: "-", inFlight: ".", headRight: ">",
      headLeft: "<", lost: "X", gap: ":", rule: "=", more: "..", bracketTop: "\\", bracketBottom: "/",
      bracketOne: "-", note: ".")
  }
}
