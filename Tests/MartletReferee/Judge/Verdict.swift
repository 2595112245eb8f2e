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
  /// Those of the sockets before the step; nil: there was none.
  package var kernelState: String?
  var martletState: String?
  var view: PeerView
  /// What Martlet did before.
  var history: [MartletStep]
  /// And the kernel.
  var kernelHistory: [Outcome]
  /// Only one thing of all that differed is left.
  var isPart = false

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
  /// Nanoseconds that a step at the kernel's has lasted longer than it should, at most.
  package var lateness: UInt64

  /// So late that timers may have run which should not have.
  package var isLate: Bool { lateness > 20_000_000 }

  package init(_ script: Script, kernel: [Outcome], lateness: UInt64 = 0, martlet: [MartletStep]) {
    self.script = script
    self.kernel = kernel
    self.lateness = lateness
    self.martlet = martlet
  }

  package func verdict(_ table: [Explanation] = Explanation.table) -> Verdict {
    var explanations: [String] = []
    for index in 0..<count {
      guard let difference = difference(at: index) else { continue }
      guard let found = Self.explanations(of: difference, table) else { return .unexplained(difference) }
      explanations += found.map(\.id)
      if ends(at: index, found) { break }
    }
    return explanations.isEmpty ? .equal : .explained(explanations)
  }

  /// Of one step by itself.
  func judgement(at index: Int) -> Verdict {
    guard let difference = difference(at: index) else { return .equal }
    guard let found = Self.explanations(of: difference) else { return .unexplained(difference) }
    return .explained(found.map(\.id))
  }

  /// One for all of it, or one for each part; nil: there is something that nobody explains.
  private static func explanations(
    of difference: Difference, _ table: [Explanation] = Explanation.table
  ) -> [Explanation]? {
    if let found = table.first(where: { !$0.isEarlyProbe && $0.matches(difference) }) { return [found] }
    guard difference.isPlausible else { return nil }
    if difference.endsInEarlyProbe, let probe = table.first(where: { $0.isEarlyProbe }) {
      var rest = difference
      rest.martlet.answers.removeLast()
      if Comparison.agree(rest.kernel, rest.martlet, rest.step) { return [probe] }
      return explanations(of: rest, table).map { $0 + [probe] }
    }
    if let rest = difference.withoutTimerAtTheEnd, let timer = table.first(where: { $0.isTimerAtTheEnd }) {
      return explanations(of: rest, table).map { $0 + [timer] }
    }
    if let rest = difference.withoutWhatWaited.lazy.compactMap({ rest in table.first { $0.matches(rest) } })
      .first,
      rest.ends
    {
      return [rest]
    }
    let parts = difference.split()
    let found = parts.compactMap { part in table.first { $0.matches(part) } }
    return parts.count > 1 && found.count == parts.count ? found : nil
  }

  /// What was explained, each by the kinds of both answers: "the explanation: STATE call ACK / RST; reset".
  var shapes: [String] {
    (0..<comparedSteps).compactMap { index in
      guard let difference = difference(at: index), case .explained(let ids) = judgement(at: index) else {
        return nil
      }
      return "\(ids.joined(separator: " + ")): \(difference.shape)"
    }
  }

  /// So many steps are compared: all, or up to a difference that leaves the two in different states.
  var comparedSteps: Int {
    for index in 0..<count {
      guard let difference = difference(at: index) else { continue }
      guard let found = Self.explanations(of: difference), !ends(at: index, found) else { return index + 1 }
    }
    return count
  }

  private var count: Int { min(kernel.count, martlet.count, script.steps.count) }

  private func ends(at index: Int, _ explanations: [Explanation]) -> Bool {
    explanations.contains(where: \.ends) || kernel[index].state != martlet[index].outcome.state
  }

  /// Nil: none.
  private func difference(at index: Int) -> Difference? {
    guard !Comparison.agree(kernel[index], martlet[index].outcome, script.steps[index]) else { return nil }
    return Difference(
      script: script, index: index, kernel: kernel[index], martlet: martlet[index].outcome,
      state: martlet[index].stateBefore, kernelState: index > 0 ? kernel[index - 1].state : nil,
      martletState: index > 0 ? martlet[index - 1].outcome.state : nil, view: martlet[index].view,
      history: Array(martlet[..<index]), kernelHistory: Array(kernel[..<index]))
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
  static func isAboutTheSame(_ a: Int, _ b: Int) -> Bool { abs(a - b) <= max(100, max(a, b) / 4) }
}
