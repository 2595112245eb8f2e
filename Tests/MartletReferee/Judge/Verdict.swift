/// What came of a script.
package enum Verdict: Sendable {
  case equal
  /// By these explanations; with the last of them the two go different ways, or all the script was compared.
  case explained([String])
  case unexplained(Difference)
}

/// The first step at which the two answers differ, and what was known then.
package struct Difference: Sendable {
  package var script: Script
  package var index: Int
  package var kernel: Outcome
  package var martlet: Outcome
  /// Martlet's state before the step.
  package var state: String
  /// The kernel's socket's before the step; nil: there was none.
  package var kernelState: String?
  var view: PeerView

  /// In four lines.
  package var text: String {
    """
    \(script.name) (\(script.origin)), step \(index + 1)
       \(state): \(step)
       kernel:  \(kernel.text)
       Martlet: \(martlet.text)
    """
  }

  package var step: Script.Step { script.steps[index] }
  var segment: ScriptSegment? {
    if case .inject(let segment) = step { return segment }
    return nil
  }
}

/// Both accounts of a script.
package struct Hearing: Sendable {
  package var script: Script
  package var kernel: [Outcome]
  package var martlet: [MartletStep]

  package init(_ script: Script, kernel: [Outcome], martlet: [MartletStep]) {
    self.script = script
    self.kernel = kernel
    self.martlet = martlet
  }

  package func verdict(_ table: [Explanation] = Explanation.table) -> Verdict {
    var explanations: [String] = []
    for index in script.steps.indices {
      guard index < kernel.count, index < martlet.count else { break }
      guard !Comparison.agree(kernel[index], martlet[index].outcome, script.steps[index]) else { continue }
      let difference = difference(at: index)
      guard let found = table.first(where: { $0.matches(difference) }) else {
        return .unexplained(difference)
      }
      explanations.append(found.id)
      if found.ends || kernel[index].state != martlet[index].outcome.state { break }
    }
    return explanations.isEmpty ? .equal : .explained(explanations)
  }

  private func difference(at index: Int) -> Difference {
    Difference(
      script: script, index: index, kernel: kernel[index], martlet: martlet[index].outcome,
      state: martlet[index].stateBefore, kernelState: index > 0 ? kernel[index - 1].state : nil,
      view: martlet[index].view)
  }

  /// Both side by side, a step a paragraph.
  package var text: String {
    var lines = [script.text, ""]
    for (index, step) in script.steps.enumerated() where index < kernel.count && index < martlet.count {
      let differs = !Comparison.agree(kernel[index], martlet[index].outcome, step)
      lines.append(
        "\(differs ? "≠" : " ") \(index + 1). \(step)    (Martlet in \(martlet[index].stateBefore))")
      let left = Self.lines(kernel[index])
      let right = Self.lines(martlet[index].outcome)
      for row in 0..<max(left.count, right.count) {
        let kernel = row < left.count ? left[row] : ""
        let martlet = row < right.count ? right[row] : ""
        lines.append("      " + Self.pad(kernel, 52) + "| " + martlet)
      }
    }
    return lines.joined(separator: "\n")
  }

  private static func lines(_ outcome: Outcome) -> [String] {
    (outcome.result.map { ["= " + $0] } ?? []) + outcome.answers.map { "\($0.time)ms \($0.text)" }
      + (outcome.state.map { ["[\($0)]"] } ?? [])
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}

enum Comparison {
  /// The same segments in the same order, the same result of the call, the same state, at about the same times.
  static func agree(_ kernel: Outcome, _ martlet: Outcome, _ step: Script.Step) -> Bool {
    guard kernel.text == martlet.text else { return false }
    guard case .wait = step else { return true }
    return zip(kernel.answers, martlet.answers).allSatisfy { isAboutTheSame($0.time, $1.time) }
  }

  /// The kernel counts in jiffies and runs on a machine that does other things too.
  static func isAboutTheSame(_ a: Int, _ b: Int) -> Bool { abs(a - b) <= max(80, max(a, b) / 4) }
}
