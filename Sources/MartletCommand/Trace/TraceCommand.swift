import ArgumentParser
import Martlet
import MartletLinks
import MartletTrace

/// `martlet trace`
struct TraceCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "trace",
    abstract: "Follow what a running Martlet sends, receives and decides, and by which rule.",
    discussion: """
      Each segment is a line; what the stack decided stands under it, with the
      paragraph that says so. With --json each event is a JSON object on a line
      (Documentation/Traces.md), which --read, martlet ladder and other programs
      understand. Switches the flight recorder on for as long, if it is off.

      FILTERS (the source is the stack's own end, as in ss)
        host ADDRESS, src ADDRESS, dst ADDRESS    10.7.0.2, 10.0.0.0/8, fd00:7::2
        port = :80, sport = :80, dport = :80, and, or, not, ( )

      EXAMPLES
        martlet trace
        martlet trace --lang zh dst 10.7.0.2 and sport = :80
        martlet trace --json > today.jsonl
        martlet trace --read today.jsonl
        martlet ladder --follow                      the same as a ladder


      """ + ExitStatus.discussion)

  @Flag(help: "Print each event as JSON.")
  var json = false

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Print a trace that was recorded with --json; - is standard input.", valueName: "file")
  )
  var read: String?

  @Option(name: .shortAndLong, help: ArgumentHelp("End after so many events.", valueName: "events"))
  var count: UInt32?

  @OptionGroup(title: "Text") var drawing: LadderOptions

  @OptionGroup var asking: AskOptions

  @Argument(help: ArgumentHelp("Which flows.", valueName: "filter"))
  var filter: [String] = []

  func validate() throws {
    do throws(ControlError) {
      _ = try ControlRequest(parsing: TraceSource.request(filter, drawing.language))
    } catch {
      throw ValidationError(error.sentence)
    }
    if read != nil, !filter.isEmpty {
      throw ValidationError("A recorded trace is printed whole: leave out the filter.")
    }
    if count == 0 { throw ValidationError("--count takes 1 or more.") }
  }

  func run() throws {
    try askingPolitely {
      var text = TraceText(drawing.style)
      var left = count.map { UInt64($0) } ?? .max
      try source.run { line, event in
        if json { try OutputStream.output.deliver(line + "\n") }
        guard let event else { return true }
        if !json { try OutputStream.output.deliver(text.take(event)) }
        left -= 1
        return left > 0
      }
    }
  }

  private var source: TraceSource {
    read.map { .recording($0) } ?? .running(asking, filter, drawing.language)
  }
}
