public import MartletStack
public import MartletTCP
public import MartletTrace

/// A small story of two hosts and what is between them, to be played by the real stack in virtual time: who does what, what
/// goes wrong, and which question it answers.
///
///     let run = ScenarioRun(TextbookScenario.named("close")!, faults: [.drop(9)])
///     print(run.ladder.text())
public struct TextbookScenario: Sendable {
  /// As it is typed: `close`, `fast-retransmit`.
  public var name: String
  public var title: LocalizedText
  /// What a learner asks.
  public var question: LocalizedText
  /// What the scenario shows.
  public var answer: LocalizedText

  public var client: [ProgramStep]
  public var server: [ProgramStep]
  public var happenings: [ScenarioHappening] = []
  /// What befalls single segments, besides what the player asks for.
  public var faults: [SegmentFault] = []
  public var clientConfiguration = TextbookScenario.plainConfiguration
  public var serverConfiguration = TextbookScenario.plainConfiguration
  public var listening = ListenerOptions()
  /// Of the link between them, which is 10 ms long and carries 12 Mbit/s: a full segment takes a millisecond to leave.
  public var conditions = TextbookScenario.plainConditions
  /// The client sends nothing but its SYN.
  public var withholdsAcknowledgment = false
  /// It is watched for so long, or until nothing is left to happen.
  public var duration: TimeAmount = .minutes(30)

  public init(
    _ name: String, title: LocalizedText, question: LocalizedText, answer: LocalizedText,
    client: [ProgramStep],
    server: [ProgramStep]
  ) {
    self.name = name
    self.title = title
    self.question = question
    self.answer = answer
    self.client = client
    self.server = server
  }

  /// Timestamps say nothing that a ladder shows; without them windows and numbers are all there is.
  public static var plainConfiguration: StackConfiguration {
    var configuration = StackConfiguration()
    configuration.recorderCapacity = 4_096
    configuration.tcp.timestamps = false
    configuration.tcp.ecn = .off
    return configuration
  }

  public static var plainConditions: LinkConditions {
    var conditions = LinkConditions(delay: .milliseconds(10))
    conditions.rate = 1_500_000
    return conditions
  }
}

/// What befalls the n-th segment that leaves, the first is 1; what comes again counts, too.
public enum SegmentFault: Equatable, Sendable {
  case drop(Int)
  /// It arrives so much later, and others overtake it.
  case delay(Int, TimeAmount)
  /// It arrives once more, so much later.
  case duplicate(Int, after: TimeAmount)
  /// A bit is flipped on the way, and the checksum tells.
  case corrupt(Int)

  /// Which segment.
  public var number: Int {
    switch self {
    case .drop(let n), .delay(let n, _), .duplicate(let n, _), .corrupt(let n): n
    }
  }
}

/// Something that happens to the world, so long after the beginning.
public struct ScenarioHappening: Equatable, Sendable {
  public enum Kind: Equatable, Sendable {
    case crash(Side)
    case restart(Side)
    /// Somebody on the path, who sees the numbers, sends a reset to this end in its peer's name.
    case reset(Side)
    /// Somebody off the path sends a reset within the window of this end: he has guessed nearly right.
    case guessedReset(Side)
    /// A SYN that the client sent in an earlier life comes late.
    case oldSyn
    /// So many SYNs with addresses of strangers come to the server.
    case flood(Int)
  }

  public var after: TimeAmount
  public var kind: Kind

  public init(_ kind: Kind, after: TimeAmount) {
    self.kind = kind
    self.after = after
  }
}
