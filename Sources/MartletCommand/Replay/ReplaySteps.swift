import MartletSimulator
import MartletTCP
import MartletTrace

/// A scenario shown one thing after the other: what happened, how both sides stand, and what each does next.
struct ReplaySteps {
  private let run: ScenarioRun
  private let style: LadderStyle
  private let words: EndText

  init(_ run: ScenarioRun, _ style: LadderStyle) {
    self.run = run
    self.style = style
    words = EndText(style.language)
  }

  /// Waits for a line after each step, if somebody is at a terminal; the end of the input ends it.
  func show() throws {
    var shown = 0
    let (head, steps) = run.ladder.steps(style)
    try OutputStream.output.deliver(head)
    for step in steps {
      shown += 1
      try OutputStream.output.deliver(step.text)
      guard let moment = moment(after: step.time) else { continue }
      try OutputStream.output.deliver(words.text(of: moment, run.ladder) + "\n")
      guard shown < steps.count, OutputStream.inputIsTerminal else { continue }
      try OutputStream.output.deliver(words.prompt)
      guard readLine(strippingNewline: true) != nil else { return }
    }
  }

  /// How things stood when everything of this time had happened.
  private func moment(after time: Instant) -> ScenarioMoment? {
    run.moments.last { $0.time <= time }
  }
}
