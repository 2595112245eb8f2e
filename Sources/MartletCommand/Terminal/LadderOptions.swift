import ArgumentParser
import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// How ladders are drawn, as every command that draws them takes it.
struct LadderOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Draw for a terminal this wide.", valueName: "columns"))
  var columns: Int?

  @Flag(help: "Draw with ASCII only.")
  var ascii = false

  @Option(
    name: .customLong("lang"), help: ArgumentHelp("The language of words: en or zh.", valueName: "language"),
    transform: LadderOptions.language)
  var language = Language.english

  @Option(
    help: ArgumentHelp(
      "Which reasons to tell: none, decisions (default), or all, also of what goes on with every segment.",
      valueName: "which"),
    transform: LadderOptions.notes)
  var reasons = LadderStyle.NoteChoice.decisions

  @Option(
    help: ArgumentHelp(
      "Fold a run of more data segments in one direction than this; 0: draw all of them.",
      valueName: "segments"))
  var fold = 6

  func validate() throws {
    if let columns, !(48...1_000).contains(columns) {
      throw ValidationError("\(columns) is no width. Choose one from 48 to 1000 columns.")
    }
    guard fold >= 0 else { throw ValidationError("--fold takes 0 or more.") }
  }

  var style: LadderStyle {
    LadderStyle(
      columns: columns ?? Self.terminalColumns, language: language,
      colour: OutputStream.output.isTerminal && getenv("NO_COLOR") == nil, ascii: ascii, foldAfter: fold,
      notes: reasons)
  }

  /// As the environment says, else as wide as the terminal is, else 100.
  private static var terminalColumns: Int {
    if let asked = getenv("COLUMNS").flatMap({ Int(String(cString: $0)) }), asked > 0 { return asked }
    var size = winsize()
    guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 100 }
    return Int(size.ws_col)
  }

  static func language(_ text: String) throws -> Language {
    guard let language = Language(tag: text) else {
      throw ValidationError("\"\(text)\" is no language that there are words in. Choose en or zh.")
    }
    return language
  }

  private static func notes(_ text: String) throws -> LadderStyle.NoteChoice {
    switch text {
    case "none": return .none
    case "decisions": return .decisions
    case "all": return .all
    default: throw ValidationError("\"\(text)\" are no reasons. Choose none, decisions or all.")
    }
  }
}
