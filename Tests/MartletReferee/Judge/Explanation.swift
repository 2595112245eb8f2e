/// Why two TCPs may differ at a step: a reviewed reason, and the narrowest description of where it applies.
package struct Explanation: Sendable {
  package let id: String
  /// The paragraph that allows both, or asks for what we do.
  package let source: String
  /// Whose choice is what, and why ours.
  package let why: String
  /// In what the two may differ; in all else they agree.
  let differsIn: Aspects
  /// The two are in different states from here on: the rest of the script says nothing.
  let ends: Bool
  /// Whether it is needed hangs on the machine's speed.
  package let isTimed: Bool
  /// Beside any other.
  var isEarlyProbe: Bool { id == "a tail-loss probe after the first round trip" }
  /// Likewise.
  var isTimerAtTheEnd: Bool { id == "a timer at the end of a wait" }
  private let holds: @Sendable (Difference) -> Bool

  struct Aspects: OptionSet {
    let rawValue: Int
    /// Which segments, or their numbers.
    static let segments = Aspects(rawValue: 1)
    /// What the call gave.
    static let result = Aspects(rawValue: 2)
    static let state = Aspects(rawValue: 4)
    static let time = Aspects(rawValue: 8)
    /// The segments are the same but for TSecr, …
    static let echo = Aspects(rawValue: 16)
    /// … for SACK blocks, …
    static let sack = Aspects(rawValue: 32)
    /// … for their own number.
    static let number = Aspects(rawValue: 64)
  }

  init(
    _ id: String, _ source: String, in differsIn: Aspects = .segments, ends: Bool = true,
    isTimed: Bool = false,
    why: String,
    _ holds: @escaping @Sendable (Difference) -> Bool
  ) {
    self.id = id
    self.source = source
    self.why = why
    self.differsIn = differsIn
    self.ends = ends
    self.isTimed = isTimed
    self.holds = holds
  }

  func matches(_ difference: Difference) -> Bool {
    differsIn.isSuperset(of: difference.aspects) && (difference.isPart || difference.isPlausible)
      && holds(difference)
  }
}

extension Difference {
  var aspects: Explanation.Aspects {
    var aspects: Explanation.Aspects = []
    if !sameResult { aspects.insert(.result) }
    if !sameState { aspects.insert(.state) }
    if !sameAnswers(\.withoutParts) {
      aspects.insert(.segments)
    } else {
      let pairs = zip(kernel.answers, martlet.answers)
      if pairs.contains(where: { $0.echo != $1.echo }) { aspects.insert(.echo) }
      if pairs.contains(where: { $0.seq != $1.seq }) { aspects.insert(.number) }
      if pairs.contains(where: { $0.onlySACK.text != $1.onlySACK.text }) { aspects.insert(.sack) }
    }
    return aspects.isEmpty ? .time : aspects
  }

  /// A difference in several parts of the same segments, part by part: nothing but this differs in the first.
  func split() -> [Difference] {
    if let (alone, rest) = splitEchoOfTheFirst() ?? splitWhatAllSay() { return [alone] + rest.split() }
    let parts = [Explanation.Aspects.echo, .sack, .number].filter { aspects.contains($0) }
    guard let part = parts.first, aspects != part else { return [self] }
    var alone = self
    var rest = self
    alone.isPart = true
    rest.isPart = true
    alone.martlet = kernel
    for (index, own) in martlet.answers.enumerated() {
      let other = kernel.answers[index]
      switch part {
      case .echo:
        alone.martlet.answers[index].echo = own.echo
        rest.martlet.answers[index].echo = other.echo
      case .sack:
        alone.martlet.answers[index].sack = own.sack
        alone.martlet.answers[index].edge = own.edge
        rest.kernel.answers[index].sack = own.sack
        rest.kernel.answers[index].edge = own.edge
      default:
        alone.martlet.answers[index].seq = own.seq
        rest.martlet.answers[index].seq = other.seq
      }
    }
    return [alone] + rest.split()
  }
}

extension Difference {
  /// The kernel has ended, and Martlet's text that waited for the window leaves beside its answer: that answer, which
  /// would have been an acknowledgment or nothing.
  var withoutWhatWaited: [Difference] {
    let text = martlet.answers.filter { $0.length > 0 }
    guard injects(.ack), kernel.answers.contains(where: { $0.flags.contains(.rst) }), let first = text.first,
      first.seq == view.sndNxt, let range = Self.textRange(martlet), range.upperBound <= lastEdge,
      martlet.answers.allSatisfy({ $0.ack == first.ack && !$0.flags.contains(.rst) })
    else { return [] }
    var silent = self
    var acknowledging = self
    var bare = first
    bare.length = 0
    bare.flags = .ack
    silent.martlet.answers = []
    acknowledging.martlet.answers = [bare]
    return first.ack == view.rcvNxt ? [silent, acknowledging] : [acknowledging]
  }

  /// All segments of one say another TSecr than all of the other, or acknowledge something else, and they differ beside
  /// this.
  private func splitWhatAllSay() -> (Difference, Difference)? {
    guard aspects.contains(.segments),
      (kernel.answers + martlet.answers).allSatisfy({ $0.flags.contains(.ack) }),
      (kernel.answers + martlet.answers).allSatisfy({ $0.flags.isDisjoint(with: [.syn, .rst]) })
    else { return nil }
    return splitOff(\.echo) ?? splitOff(\.ack)
  }

  private func splitOff(_ field: WritableKeyPath<Answer, Int?>) -> (Difference, Difference)? {
    guard let own = martlet.answers.first?[keyPath: field], let other = kernel.answers.first?[keyPath: field],
      own != other, martlet.answers.allSatisfy({ $0[keyPath: field] == own }),
      kernel.answers.allSatisfy({ $0[keyPath: field] == other })
    else { return nil }
    var alone = self
    var rest = self
    alone.isPart = true
    rest.isPart = true
    alone.martlet.answers = kernel.answers
    for index in kernel.answers.indices {
      alone.martlet.answers[index][keyPath: field] = own
      rest.kernel.answers[index][keyPath: field] = own
    }
    if field == \.ack { rest.kernel.state = martlet.state } else { alone.martlet.state = kernel.state }
    alone.martlet.result = kernel.result
    return rest.sameAnswers ? nil : (alone, rest)
  }

  /// One has said more than the other, and what both have said differs in TSecr.
  private func splitEchoOfTheFirst() -> (Difference, Difference)? {
    let count = min(kernel.answers.count, martlet.answers.count)
    let both = zip(kernel.answers, martlet.answers)
    guard count > 0, aspects.contains(.segments), both.contains(where: { $0.echo != $1.echo }),
      both.allSatisfy({ $0.withoutParts.text == $1.withoutParts.text })
    else { return nil }
    var alone = self
    var rest = self
    alone.isPart = true
    rest.isPart = true
    alone.kernel.answers = Array(kernel.answers.prefix(count))
    alone.martlet = alone.kernel
    for (index, own) in martlet.answers.enumerated() {
      if index < count { alone.martlet.answers[index].echo = own.echo }
      rest.martlet.answers[index].echo = kernel.answers[min(index, count - 1)].echo
    }
    return (alone, rest)
  }
}

extension Answer {
  /// Without what may differ by itself.
  var withoutParts: Answer {
    var bare = withoutEcho.withoutSACK.withoutNumber
    // The option is there or not.
    bare.echo = echo == nil ? nil : 0
    return bare
  }
  var onlySACK: Answer {
    var blocks = self
    blocks.ack = nil
    blocks.seq = 0
    blocks.echo = nil
    return blocks
  }
  var withoutSACK: Answer {
    var bare = self
    bare.sack = []
    return bare
  }
  /// What is compared, with this number.
  func acknowledging(_ number: Int?) -> String {
    var bare = withoutSACK
    bare.ack = number
    return bare.text
  }
  var withoutEcho: Answer {
    var bare = self
    bare.echo = nil
    return bare
  }
  var withoutNumber: Answer {
    var bare = self
    bare.seq = 0
    return bare
  }
  var withoutOptions: Answer {
    var bare = self
    bare.mss = nil
    bare.hasScale = false
    bare.sackPermitted = false
    bare.echo = nil
    bare.sack = []
    return bare
  }
}
