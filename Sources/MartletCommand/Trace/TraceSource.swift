import Martlet
import MartletLinks
import MartletTrace
import SystemPackage

/// Where the events of a trace come from.
enum TraceSource {
  /// A Martlet that runs, and which of its flows.
  case running(AskOptions, [String], Language)
  /// Lines that somebody kept; "-": standard input.
  case recording(String)

  /// Calls `body` with each line and its event, nil where it is about the trace, until there is no more, it says false, or the command is interrupted.
  ///
  /// - Parameter idle: called when nothing has come for a quarter of a second.
  func run(_ body: (String, TraceEvent?) throws -> Bool, idle: @escaping () throws -> Void = {}) throws {
    switch self {
    case .running(let asking, let filter, let language):
      try Self.follow(asking, Self.request(filter, language), body, idle: idle)
    case .recording(let path): try Self.read(path, body)
    }
  }

  /// Whether a file begins as a trace does, and no capture. What comes through a pipe is a capture.
  static func isRecording(_ path: String) -> Bool {
    guard path != "-", let file = try? FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
    else { return false }
    defer { try? file.close() }
    var first: UInt8 = 0
    let count = try? withUnsafeMutableBytes(of: &first) { try file.read(into: $0) }
    return count == 1 && first == UInt8(ascii: "{")
  }

  static func request(_ filter: [String], _ language: Language) -> String {
    (["trace", "lang", language.tag] + filter).joined(separator: " ")
  }

  private static func follow(
    _ asking: AskOptions, _ request: String, _ body: (String, TraceEvent?) throws -> Bool,
    idle: @escaping () throws -> Void
  ) throws {
    Interruption.watch()
    let client = try asking.client()
    let recorder = try RecorderLoan(of: client, asking)
    defer { recorder.end() }
    client.whenIdle = idle
    client.isUnwanted = { OutputStream.output.isBroken }
    var isOver = false
    try client.ask(request) { line, value in
      if isOver { return }
      if try body(line, TraceEvent(value)) { return }
      isOver = true
      client.finish()
    }
  }

  private static func read(_ path: String, _ body: (String, TraceEvent?) throws -> Bool) throws {
    var lines = try LineInput(path: path)
    var number = 0
    var events = 0
    while let line = try lines.next() {
      number += 1
      guard !line.isEmpty else { continue }
      guard let value = JSONParser.parse(Array(line.utf8)) else {
        if lines.isAtEnd, events > 0 {
          OutputStream.error.write("\(path) breaks off in line \(number).\n")
          return
        }
        throw SpecificationError(
          "Line \(number) of \(path) is no JSON object. \"martlet trace --json\" writes what can be read here."
        )
      }
      if value["type"] == .string("trace"), let version = value["version"]?.integer, version != 1 {
        throw SpecificationError(
          "\(path) is a trace of version \(version). This command reads version 1: use a later one.")
      }
      let event = TraceEvent(value)
      if event != nil { events += 1 }
      guard try body(line, event) else { return }
    }
    if events == 0 { throw SpecificationError("\(path) has no event of a trace in its \(number) lines.") }
  }
}

/// The flight recorder of a running Martlet, switched on for as long as somebody wants its records, if it is off.
struct RecorderLoan {
  private let asking: AskOptions
  private let wasOff: Bool

  private static let records = 65_536

  init(of client: ControlClient, _ asking: AskOptions) throws {
    self.asking = asking
    let limits = try client.ask("limits")
    wasOff = limits.first { $0["name"] == .string("recorder") }?["value"]?.integer == 0
    if wasOff { _ = try client.ask("set recorder \(Self.records)") }
  }

  func end() {
    if wasOff { _ = try? asking.client().ask("set recorder 0") }
  }
}
