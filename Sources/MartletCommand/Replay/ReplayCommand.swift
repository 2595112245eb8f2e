import ArgumentParser
import MartletSimulator
import MartletTrace

/// `martlet replay`
struct ReplayCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "replay",
    abstract: "Play a textbook scenario with the real stack, with faults of your own, and see why.",
    discussion: """
      Two hosts run this very stack in virtual time. The ladder shows what they
      sent, the state of each, what their applications did, and for each decision
      the rule that it follows. Segments are numbered as they leave, and any of
      them can be lost, delayed, doubled or damaged. The same command always
      plays the same.

      EXAMPLES
        martlet replay --list
        martlet replay open
        martlet replay close --drop 8            the first FIN is lost
        martlet replay close --delay 2:1s --duplicate 1 --lang zh
        martlet replay close --step              one thing after the other
        martlet replay syn-flood --reasons none
        martlet replay half-close --html > half-close.html
        martlet replay tail-loss --write tail-loss.pcapng


      """ + ExitStatus.discussion)

  @Argument(help: ArgumentHelp("Which; --list tells them.", valueName: "scenario"))
  var name: String?

  @Flag(help: "Print the names of all scenarios, and what each is about.")
  var list = false

  @OptionGroup(title: "Faults") var faults: FaultArguments

  @Flag(help: "Stop after each step, and tell what each side does next.")
  var step = false

  @Flag(name: .customLong("ipv6"), help: "Over IPv6.")
  var overIPv6 = false

  @Option(help: ArgumentHelp("Other initial numbers.", valueName: "number"))
  var seed: UInt64 = 1

  @OptionGroup(title: "Drawing") var ladder: LadderOptions

  @Flag(help: "Draw it in this form.")
  var form = LadderForm.text

  @Option(help: ArgumentHelp("Write every packet to this pcapng file.", valueName: "file"))
  var write: String?

  func validate() throws {
    guard list || name != nil else {
      throw ValidationError("Which scenario? \"martlet replay --list\" tells their names.")
    }
    if step, form != .text { throw ValidationError("--step draws as text: leave out --\(form).") }
  }

  func run() throws {
    try reportingFailures {
      guard !list, let name else { return try OutputStream.output.deliver(catalogue) }
      guard let scenario = TextbookScenario.named(name) else {
        throw SpecificationError(
          "There is no scenario \"\(name)\"." + suggestion(name)
            + " \"martlet replay --list\" tells their names.")
      }
      let run = ScenarioRun(scenario, faults: faults.all, overIPv6: overIPv6, seed: seed)
      if let fault = faults.all.first(where: { $0.number > run.segments }) {
        OutputStream.error.write(
          "Only \(run.segments) segments left: nothing befell number \(fault.number).\n")
      }
      if let write { try WholeFile.write(run.capture, to: write) }
      guard !step else { return try ReplaySteps(run, ladder.style).show() }
      let drawing = LadderForm.Drawing(run.ladder, ladder.style, title: scenario.title.text(ladder.language))
      try OutputStream.output.deliver(form == .text ? story(scenario, run) : drawing.text(as: form))
    }
  }

  /// The question, the ladder, and the answer.
  private func story(_ scenario: TextbookScenario, _ run: ScenarioRun) -> String {
    let language = ladder.language
    let style = ladder.style
    var text = scenario.title.text(language) + "\n"
    text += paragraph(scenario.question.text(language), style) + "\n"
    text += run.ladder.text(style) + "\n"
    if faults.all.isEmpty { text += paragraph(scenario.answer.text(language), style) }
    return text + EndText(style.language).text(of: run)
  }

  private func paragraph(_ words: String, _ style: LadderStyle) -> String {
    words.wrapped(to: max(40, style.columns)).map { $0 + "\n" }.joined()
  }

  private var catalogue: String {
    let language = ladder.language
    let width = (TextbookScenario.all.map(\.name.count).max() ?? 0) + 2
    return TextbookScenario.all.map { scenario in
      let question = scenario.question.text(language).wrapped(to: max(40, ladder.style.columns) - width)
      return zip([scenario.name] + Array(repeating: "", count: question.count), question)
        .map { $0.padded(to: width) + $1 + "\n" }.joined()
    }.joined()
  }

  private func suggestion(_ name: String) -> String {
    let near = TextbookScenario.all.map(\.name).filter { $0.contains(name) || name.contains($0) }
    return near.isEmpty ? "" : " Did you mean \(near.joined(separator: ", "))?"
  }
}
