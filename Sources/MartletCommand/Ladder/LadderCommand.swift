import ArgumentParser
import MartletLinks
import MartletTCP
import MartletTrace

/// `martlet ladder`
struct LadderCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ladder",
    abstract: "Show what happened in a capture, or happens now: TCP flows, and each as a ladder.",
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
        martlet ladder trace.pcapng --states         each change of state, as inferred
        martlet ladder trace.pcapng --list --json
        martlet ladder --follow                      of a running Martlet, with its reasons
        martlet ladder --follow --filter "sport = :80"
        tcpdump -U -w - | martlet ladder --follow -  of any other link
        martlet trace --json > today.jsonl; martlet ladder today.jsonl


      """ + ExitStatus.discussion)

  @Argument(
    help: ArgumentHelp(
      "A pcap or pcapng file, - for one from standard input, or the file of a trace (martlet trace --json).",
      valueName: "file"))
  var file: String?

  @Flag(
    help: "Draw what happens as it happens: of a running Martlet, or of a capture that comes through a pipe.")
  var follow = false

  @Option(help: ArgumentHelp("Of a running Martlet, follow these flows, as in ss.", valueName: "filter"))
  var filter: String?

  @OptionGroup var asking: AskOptions

  @Option(help: ArgumentHelp("Draw the flow of this number in the list.", valueName: "number"))
  var flow: Int?

  @Flag(help: "List the flows, even if there is only one.")
  var list = false

  @Flag(help: "Print a line for each segment that has something odd, with its number in the capture.")
  var findings = false

  @Flag(help: "Print a line for each change of an end's state, of all flows or of the one of --flow.")
  var states = false

  @Option(
    help: ArgumentHelp(
      "Look at so many segments of a flow at most, to draw it or to tell its states.", valueName: "number"))
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
    if [list, flow != nil, findings, follow].count(where: { $0 }) > 1 {
      throw ValidationError("--list, --flow, --findings and --follow do not go together: choose one.")
    }
    if file == nil, !follow {
      throw ValidationError("Of which file? Without one, --follow shows what a running Martlet does.")
    }
    if follow, form != .text || json { throw ValidationError("--follow draws as text.") }
    if filter != nil, !(follow && file == nil) {
      throw ValidationError("--filter goes with --follow of a running Martlet.")
    }
    if states, list || findings || follow {
      throw ValidationError("--states goes with none of --list, --findings and --follow: choose one.")
    }
  }

  func run() throws {
    try askingPolitely {
      guard let file else { return try LadderFollowing(drawing.style).run(asking, filter) }
      if follow { return try LadderFollowing(drawing.style).run(file) }
      let kept = states ? flow : flow ?? 1
      var scan = CaptureScan(flow: kept, segmentLimit: segments, flowLimit: Self.mostFlows)
      let lines = FindingLines(isJSON: json, language: drawing.language)
      if findings { scan.report = { lines.add($0, $1, $2, $3, $4) } }
      try read(file, &scan)
      try lines.end()
      if let problem = scan.problem { OutputStream.error.write("\(problem.message)\n") }
      guard scan.flows.count > 0 else {
        OutputStream.error.write("Error: \(file) has \(lacking(scan))\n")
        throw ExitStatus.failed
      }
      if !findings { try show(scan) }
    }
  }

  private func read(_ file: String, _ scan: inout CaptureScan) throws {
    if TraceSource.isRecording(file) { return try scan.read(recording: file) }
    var input = try CaptureInput(path: file)
    let bar = ReadingProgress(file)
    scan.read(&input) { bar.show($0) }
    bar.end()
  }

  private func show(_ scan: CaptureScan) throws {
    if states { return try showStates(scan) }
    if list || flow == nil && scan.flows.count > 1 {
      let list = FlowList(scan.flows, drawing.style)
      return try OutputStream.output.deliver(json ? list.json : list.text)
    }
    guard let ladder = scan.ladders[flow ?? 1] else { throw noSuchFlow(scan) }
    if json { return try OutputStream.output.deliver(ladder.observations.map { $0.json + "\n" }.joined()) }
    let title = ladder.left.text + " – " + ladder.right.text
    let drawing = LadderForm.Drawing(ladder, drawing.style, title: title)
    try OutputStream.output.deliver(drawing.text(as: form))
    tellOfRest(scan)
  }

  /// What a capture has instead of TCP segments.
  private func lacking(_ scan: CaptureScan) -> String {
    guard scan.packets > 0 else { return "no packets." }
    guard scan.unknownLinkTypes.isEmpty else {
      let types = scan.unknownLinkTypes.sorted().map { String($0) }.joined(separator: ", ")
      return
        "packets of link type \(types), which this command cannot read. It reads those of Ethernet (1), IP (101, "
        + "228, 229), Linux's \"any\" (113, 276) and loopback devices (0, 108)."
    }
    return "\(scan.packets) packets, and no TCP segment among them that this command can read."
  }

  private func showStates(_ scan: CaptureScan) throws {
    if let flow, scan.ladders[flow] == nil { throw noSuchFlow(scan) }
    let start = scan.flows.flows.map(\.first).min() ?? .origin
    let lines = StateLines(scan.ladders, start: start, language: drawing.language)
    try OutputStream.output.deliver(json ? lines.json : lines.text)
    tellOfRest(scan)
  }

  private func noSuchFlow(_ scan: CaptureScan) -> SpecificationError {
    SpecificationError("There are \(scan.flows.count) flows. Choose one of them with --flow.")
  }

  private func tellOfRest(_ scan: CaptureScan) {
    guard scan.left > 0 else { return }
    let what = states ? "segments were not looked at" : "later segments of the flow are not drawn"
    let more = segments < CaptureScan.mostSegments ? "; --segments takes a larger number" : ""
    OutputStream.error.write("\(scan.left) \(what)\(more).\n")
  }
}
