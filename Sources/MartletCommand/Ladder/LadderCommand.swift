import ArgumentParser
import MartletLinks
import MartletTrace

/// `martlet ladder`
struct LadderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ladder",
    abstract: "Show what happened in a capture: its TCP flows, and one of them as a ladder.",
    discussion: """
      Reads pcap and pcapng files of any program, of either byte order, from
      Ethernet, IP, "any" and loopback interfaces. The states of both ends are
      inferred from the segments and marked with *. What is odd about a segment
      stands on its arrow: what was sent again, lost, out of order, refused for
      want of a window.

      EXAMPLES
        martlet ladder trace.pcapng                  a list, or the only flow
        martlet ladder trace.pcapng --flow 3
        martlet ladder trace.pcapng --flow 3 --html > flow.html
        tcpdump -w - | martlet ladder -              the same from a pipe
        martlet ladder trace.pcapng --findings       what is odd, segment by segment
        martlet ladder trace.pcapng --list --json


      """ + ExitStatus.discussion)

  @Argument(help: ArgumentHelp("A pcap or pcapng file; - for standard input.", valueName: "file"))
  var file: String

  @Option(help: ArgumentHelp("Draw the flow of this number in the list.", valueName: "number"))
  var flow: Int?

  @Flag(help: "List the flows, even if there is only one.")
  var list = false

  @Flag(help: "Print a line for each segment that has something odd, with its number in the capture.")
  var findings = false

  @Option(
    help: ArgumentHelp("Draw so many segments of a flow at most.", valueName: "number"))
  var segments = 10_000

  @Flag(help: "Print the list, or the flow's segments, as JSON, one object on a line.")
  var json = false

  @OptionGroup(title: "Drawing") var drawing: LadderOptions

  @Flag(help: "Draw it in this form.")
  var form = LadderForm.text

  /// Flows that are held at one time.
  private static let mostFlows = 100_000

  func validate() throws {
    if let flow, flow < 1 { throw ValidationError("\(flow) is no number of a flow. The first is 1.") }
    guard (1...1_000_000).contains(segments) else {
      throw ValidationError("\(segments) is no number of segments. Choose one from 1 to 1000000.")
    }
    if [list, flow != nil, findings].count(where: { $0 }) > 1 {
      throw ValidationError("--list, --flow and --findings do not go together: choose one.")
    }
  }

  func run() throws {
    try reportingFailures {
      var input = try CaptureInput(path: file)
      var scan = CaptureScan(flow: flow ?? 1, segmentLimit: segments, flowLimit: Self.mostFlows)
      let bar = ReadingProgress(file)
      let lines = FindingLines(isJSON: json, language: drawing.language)
      if findings { scan.report = { lines.add($0, $1, $2, $3, $4) } }
      scan.read(&input) { bar.show($0) }
      bar.end()
      try lines.end()
      if let problem = scan.problem { OutputStream.error.write("\(problem.message)\n") }
      if !findings { try show(scan) }
      if scan.problem != nil, scan.packets == 0 { throw ExitStatus.failed }
    }
  }

  private func show(_ scan: CaptureScan) throws {
    guard scan.flows.count > 0 else {
      throw SpecificationError(
        "\(file) has \(scan.packets) packets, and no TCP segment among them that this command can read.")
    }
    if list || flow == nil && scan.flows.count > 1 {
      let list = FlowList(scan.flows, drawing.style)
      return try OutputStream.output.deliver(json ? list.json : list.text)
    }
    guard let ladder = scan.ladder, let summary = scan.flows.flow(number: flow ?? 1) else {
      throw SpecificationError("There are \(scan.flows.count) flows. Choose one of them with --flow.")
    }
    if json { return try OutputStream.output.deliver(ladder.observations.map { $0.json + "\n" }.joined()) }
    let title = summary.left.text + " – " + summary.right.text
    let drawing = LadderForm.Drawing(ladder, drawing.style, title: title)
    try OutputStream.output.deliver(drawing.text(as: form))
    if scan.left > 0 {
      OutputStream.error.write(
        "\(scan.left) later segments of the flow are not drawn; --segments takes a larger number.\n")
    }
  }
}
