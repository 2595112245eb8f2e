// What explanations ask of a difference. Their conditions read as a sentence; each is as narrow as it can be.

extension Difference {
  /// Martlet's state before the step.
  func at(_ states: String...) -> Bool { states.contains(state) }

  /// In these, the peer's FIN has come.
  var isAfterFinish: Bool { at("CLOSE-WAIT", "CLOSING", "LAST-ACK", "TIME-WAIT") }
  var isSynchronized: Bool {
    at("ESTABLISHED", "FIN-WAIT-1", "FIN-WAIT-2") || isAfterFinish
  }

  // MARK: The segment

  var flags: ScriptSegment.Flags { segment?.flags ?? [] }
  /// A segment with these flags among others.
  func injects(_ wanted: ScriptSegment.Flags) -> Bool { segment != nil && flags.isSuperset(of: wanted) }
  func lacks(_ unwanted: ScriptSegment.Flags) -> Bool { flags.isDisjoint(with: unwanted) }
  var hasText: Bool { (segment?.length ?? 0) > 0 }
  var seq: Int { segment.map { value($0.seq) } ?? 0 }
  /// Behind the last number that it occupies.
  var end: Int { seq + (segment?.sequenceLength ?? 0) }
  var ack: Int { segment.map { value($0.ack) } ?? 0 }
  var occupies: Bool { (segment?.sequenceLength ?? 0) > 0 }

  private func value(_ number: ScriptNumber) -> Int {
    switch number.base {
    case .initial: number.offset
    case .rcvNxt: view.rcvNxt + number.offset
    case .rcvEdge: view.rcvEdge + number.offset
    case .sndUna: view.sndUna + number.offset
    case .sndNxt: view.sndNxt + number.offset
    }
  }

  /// It occupies numbers, all of them old, and its end touches RCV.NXT.
  var endsAtNext: Bool { occupies && end == view.rcvNxt }
  /// It begins at the window's right edge.
  var beginsAtEdge: Bool { seq == view.rcvEdge }
  /// It begins in the window and ends behind it.
  var crossesEdge: Bool { seq < view.rcvEdge && end > view.rcvEdge }
  /// All that it brings is new, and not next.
  var isOutOfOrder: Bool { seq > view.rcvNxt && seq < view.rcvEdge }

  // MARK: The answers

  /// "ACK", "ACK+text", …, divided by semicolons: first the kernel's, then Martlet's.
  func answers(_ kernelKinds: String, _ martletKinds: String) -> Bool {
    Self.kinds(kernel) == kernelKinds && Self.kinds(martlet) == martletKinds
  }

  private static func kinds(_ outcome: Outcome) -> String {
    outcome.answers.map { $0.flags.subtracting([.psh]).text + ($0.length > 0 ? "+text" : "") }
      .joined(separator: "; ")
  }

  func results(_ kernelResult: String, _ martletResult: String) -> Bool {
    kernel.result == kernelResult && martlet.result == martletResult
  }

  /// The same segments but for what `change` takes from them.
  func sameAnswers(_ change: (Answer) -> Answer) -> Bool {
    kernel.answers.map { change($0).text } == martlet.answers.map { change($0).text }
  }

  var sameAnswers: Bool { kernel.answers.map(\.text) == martlet.answers.map(\.text) }
  var sameResult: Bool { kernel.result == martlet.result }
  var sameState: Bool { kernel.state == martlet.state }
  /// The kernel says nothing.
  var kernelIsSilent: Bool { kernel.answers.isEmpty }
  var martletIsSilent: Bool { martlet.answers.isEmpty }

  /// Octets of the stream that an outcome covers: first and behind the last; nil: no text, or a hole between.
  static func textRange(_ outcome: Outcome) -> Range<Int>? {
    var range: Range<Int>?
    for answer in outcome.answers where answer.length > 0 {
      let piece = answer.seq..<(answer.seq + answer.length)
      guard let known = range else {
        range = piece
        continue
      }
      guard piece.lowerBound == known.upperBound else { return nil }
      range = known.lowerBound..<piece.upperBound
    }
    return range
  }

  /// The application has let go, the kernel's record of FIN-WAIT-2 is one of TIME-WAIT's kind.
  var isOrphan: Bool { kernel.state == nil && martlet.state == nil && past.contains(.close) }

  var isWait: Bool {
    if case .wait = step { return true }
    return false
  }
  var isCall: Bool {
    switch step {
    case .send, .receive, .shutdown, .close, .abort: true
    case .listen, .connect, .unlisten, .inject, .wait: false
    }
  }
  var isSend: Bool {
    if case .send = step { return true }
    return false
  }
  var isReceive: Bool {
    if case .receive = step { return true }
    return false
  }

  /// The steps before this one.
  var past: ArraySlice<Script.Step> { script.steps[..<index] }
  var pastSegments: [ScriptSegment] {
    past.compactMap { if case .inject(let segment) = $0 { segment } else { nil } }
  }
  var isActive: Bool { script.steps.contains(.connect) }
  /// The peer's offer had timestamps.
  var offersStamps: Bool {
    pastSegments.contains { segment in
      guard segment.flags.contains(.syn), case .present = segment.stamps else { return false }
      return true
    }
  }
}
