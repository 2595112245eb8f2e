/// A mistake that Martlet did not make, written into its account: the judge must see it.
package enum PlantedFault: String, CaseIterable, Sendable {
  case silence = "says nothing"
  case oneLess = "leaves its last segment out"
  case twice = "says the last thing twice"
  case unasked = "acknowledges unasked"
  case unaskedReset = "resets unasked"
  case resetsInstead = "resets in place of an acknowledgment"
  case acknowledgesInstead = "acknowledges in place of a reset"
  case acknowledgesLess = "acknowledges one octet less"
  case acknowledgesMore = "acknowledges one octet more"
  case wrongNumber = "takes the number after the right one"
  case shutWindow = "shuts its window"
  case lessText = "sends an octet less"
  case otherText = "sends text that was sent already"
  case noFinish = "leaves out its FIN"
  case oldEcho = "echoes an older timestamp"
  case noStamps = "leaves out its timestamps"
  case staysInState = "stays in its state"
  case isOver = "believes that all is over"
  case otherResult = "tells its caller something else"
  case hasLess = "takes or gives an octet less"
  case late = "is two seconds late"

  /// The step as Martlet would have told it with this mistake; nil: it cannot be made here.
  func planted(in step: MartletStep, stateBefore: String?) -> MartletStep? {
    var faulty = step
    guard change(&faulty.outcome, step, stateBefore),
      faulty.outcome.text != step.outcome.text || self == .late
    else { return nil }
    return faulty
  }

  private func change(_ outcome: inout Outcome, _ step: MartletStep, _ stateBefore: String?) -> Bool {
    switch self {
    case .silence:
      guard !outcome.answers.isEmpty else { return false }
      outcome.answers = []
    case .oneLess:
      guard outcome.answers.count > 1 else { return false }
      outcome.answers.removeLast()
    case .twice:
      guard let last = outcome.answers.last else { return false }
      outcome.answers.append(last)
    case .unasked, .unaskedReset:
      guard outcome.answers.isEmpty else { return false }
      outcome.answers = [Self.bare(self == .unasked ? [.ack] : [.rst, .ack], step.view)]
    case .acknowledgesLess: return edit(&outcome) { $0.ack = $0.ack.map { $0 - 1 } }
    case .acknowledgesMore: return edit(&outcome) { $0.ack = $0.ack.map { $0 + 1 } }
    case .wrongNumber: return edit(&outcome) { $0.seq += 1 }
    case .shutWindow: return edit(&outcome) { $0.window = 0 }
    case .resetsInstead:
      return edit(&outcome) { if $0.flags == .ack, $0.length == 0 { $0 = Self.bare(.rst, step.view) } }
    case .acknowledgesInstead:
      return edit(&outcome) { if $0.flags.contains(.rst) { $0 = Self.bare(.ack, step.view) } }
    case .lessText: return edit(&outcome) { if $0.length > 0 { $0.length -= 1 } }
    case .otherText: return edit(&outcome) { if $0.length > 0 { $0.seq -= $0.length } }
    case .noFinish: return edit(&outcome) { $0.flags.remove(.fin) }
    case .oldEcho: return edit(&outcome) { $0.echo = $0.echo.map { $0 - 10 } }
    case .noStamps: return edit(&outcome) { $0.echo = nil }
    case .staysInState:
      guard outcome.state != nil, stateBefore != nil else { return false }
      outcome.state = stateBefore
    case .isOver:
      guard outcome.state != nil else { return false }
      outcome.state = "over"
    case .otherResult: return changeResult(&outcome)
    case .hasLess: return takeOctet(&outcome)
    case .late:
      guard case .wait = step.step else { return false }
      return edit(&outcome) { $0.time += 2_000 }
    }
    return true
  }

  private func edit(_ outcome: inout Outcome, _ change: (inout Answer) -> Void) -> Bool {
    guard !outcome.answers.isEmpty else { return false }
    for index in outcome.answers.indices { change(&outcome.answers[index]) }
    return true
  }

  private func changeResult(_ outcome: inout Outcome) -> Bool {
    guard let result = outcome.result else { return false }
    outcome.result = result == CallResult.over ? CallResult.nothing : CallResult.over
    return true
  }

  /// "sent 10", "10 octets".
  private func takeOctet(_ outcome: inout Outcome) -> Bool {
    guard let words = outcome.result?.split(separator: " ") else { return false }
    let less = words.map { Int($0).map { String(max($0 - 1, 0)) } ?? String($0) }
    outcome.result = less.joined(separator: " ")
    return true
  }

  private static func bare(_ flags: ScriptSegment.Flags, _ view: PeerView) -> Answer {
    Answer(
      flags: flags, seq: view.sndNxt, isNumberZero: false, ack: flags.contains(.ack) ? view.rcvNxt : nil,
      length: 0, window: 65_535, mss: nil, hasScale: false, sackPermitted: false, echo: nil, sack: [],
      urgent: nil, edge: nil)
  }
}

extension Hearing {
  /// With a mistake in one step; nil: it cannot be made there.
  package func with(_ fault: PlantedFault, at index: Int) -> Hearing? {
    let before = index > 0 ? martlet[index - 1].outcome.state : nil
    guard let step = fault.planted(in: martlet[index], stateBefore: before) else { return nil }
    var faulty = self
    faulty.martlet[index] = step
    return faulty
  }
}

/// How many planted faults the judge has seen, and which explanations have excused the others.
package struct FaultTally: Sendable {
  package var found = 0
  /// The mistake led to just what the kernel did.
  package var equal = 0
  package var excused: [String: [String]] = [:]

  package init() {}
  package var excusedCount: Int { excused.values.reduce(0) { $0 + $1.count } }
  package var planted: Int { found + excusedCount }

  /// Each fault in each step of a script that is compared.
  package mutating func plant(in hearing: Hearing) {
    for index in 0..<hearing.comparedSteps {
      for fault in PlantedFault.allCases {
        guard let faulty = hearing.with(fault, at: index) else { continue }
        switch faulty.judgement(at: index) {
        case .equal: equal += 1
        case .unexplained: found += 1
        case .explained(let ids):
          excused[ids[0], default: []].append("\(fault.rawValue), \(hearing.script.origin) step \(index + 1)")
        }
      }
    }
  }
}
