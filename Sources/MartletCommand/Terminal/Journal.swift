import MartletTrace

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What a command tells about its work, line by line: sentences for people on standard error,
/// or JSON objects, one on a line, for programs.
package struct Journal: Sendable {
  enum Importance: Int, Comparable, Sendable {
    /// Said always: what failed.
    case warning
    /// Said unless the command is to be quiet.
    case normal
    /// Said when it is to be verbose.
    case detail

    static func < (a: Importance, b: Importance) -> Bool { a.rawValue < b.rawValue }
  }

  /// The most detailed that is said.
  let detail: Importance
  /// Where JSON goes; nil: people read.
  let json: OutputStream?
  /// The end of a status line stands at the cursor and has to be cleared first.
  private let usesStatusLine: Bool

  init(detail: Importance = .normal, json: OutputStream? = nil) {
    self.detail = detail
    self.json = json
    usesStatusLine = json == nil && isatty(STDERR_FILENO) == 1
  }

  /// Says what failed, and nothing else.
  package static var quiet: Journal { Journal(detail: .warning) }

  /// Tells that something happened: `text` for people; `name` and what `fields` adds for programs.
  func tell(
    _ importance: Importance, _ name: String, _ text: @autoclosure () -> String,
    _ fields: (inout JSONObject) -> Void = { _ in }
  ) {
    guard importance <= detail else { return }
    if let json {
      var object = JSONObject()
      object.add("event", name)
      fields(&object)
      json.write(object.text + "\n")
    } else {
      OutputStream.error.write((usesStatusLine ? "\r\u{1b}[K" : "") + text() + "\n")
    }
  }

  /// Shows how things are, on one line that the next one replaces; only to a person at a terminal.
  func showStatus(_ text: @autoclosure () -> String) {
    guard usesStatusLine, detail >= .detail else { return }
    OutputStream.error.write("\r\u{1b}[K" + text())
  }
}
