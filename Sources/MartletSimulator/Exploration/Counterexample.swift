import MartletTCP
public import MartletTrace
import MartletWire

/// The way to a state in which a property fails.
public struct Counterexample {
  public let violation: ExplorationViolation
  /// What happened, from the start on.
  public let actions: [ExploredAction]
  private let bounds: ExplorationBounds
  private let forged: Forgery?
  /// What applications do in the fair continuation in which it fails; nil: it fails before.
  private let continued: FairApplications?

  init(
    _ bounds: ExplorationBounds, _ actions: [ExploredAction], _ violation: ExplorationViolation,
    forged: Forgery?, continued: FairApplications?
  ) {
    self.bounds = bounds
    self.actions = actions
    self.violation = violation
    self.forged = forged
    self.continued = continued
  }

  /// Every step in words, then the ladder.
  public func text(_ style: LadderStyle = LadderStyle()) -> String {
    var text = violation.text + "\n"
    for (i, action) in actions.enumerated() { text += "  \(i + 1). \(action.text)\n" }
    let replay = replayed()
    if continued != nil { text += "  on a link that has become fair:\n" }
    for action in replay.fairActions { text += "     \(action.text)\n" }
    return text + "\n" + replay.ladder.text(style)
  }

  /// What crossed the link, a step every 10 ms, with the states as the ends had them.
  public func ladder() -> Ladder {
    replayed().ladder
  }

  private func replayed() -> Replay {
    var replay = Replay(bounds)
    for action in actions { replay.take(action) }
    if let forged { replay.show(forged) }
    if let continued {
      while replay.fairActions.count < Self.mostFairSteps, replay.goOn(continued) {}
    }
    return replay
  }

  private static var mostFairSteps: Int { 60 }
}

/// A segment as a ladder draws it.
private typealias DrawnSegment = MartletTrace.Observation

/// The same steps again, and what crossed the link meanwhile.
private struct Replay: ~Copyable {
  var world: ExploredWorld
  var ground: ExplorationGround
  var ladder = Ladder(
    left: TraceEndpoint(.v4(IPv4Address(10, 7, 0, 1)), 40_000),
    right: TraceEndpoint(.v4(IPv4Address(10, 7, 0, 2)), 80))
  private var observations: [DrawnSegment] = []
  /// Of what is on the link, which observations they are.
  private var onLink: [[Int]] = [[], []]
  private var now = Instant(nanoseconds: 0)
  /// What happened in the fair continuation so far.
  private(set) var fairActions: [ExploredAction] = []

  init(_ bounds: ExplorationBounds) {
    world = ExploredWorld(bounds)
    ground = ExplorationGround(bounds)
  }

  mutating func take(_ action: ExploredAction) {
    let before = world
    world.apply(action, &ground)
    note(action, before)
  }

  /// False: nothing is left to happen, or it has failed.
  mutating func goOn(_ applications: FairApplications) -> Bool {
    let before = world
    var elapsed = TimeAmount.zero
    guard ground.violation == nil, !world.isOver,
      let action = world.fairStep(closing: applications == .closing, elapsed: &elapsed, &ground)
    else { return false }
    fairActions.append(action)
    note(action, before)
    return true
  }

  mutating func show(_ forged: Forgery) {
    observations.append(observation(forged.segment, from: forged.from))
    finish()
  }

  private mutating func note(_ action: ExploredAction, _ before: ExploredWorld) {
    now = now.advanced(by: .milliseconds(10))
    let sender = Int(action.side.rawValue)
    let index = Int(action.index)
    switch action.kind {
    case .deliver: arrive(onLink[sender].remove(at: index))
    case .duplicate: arrive(onLink[sender][index])
    case .drop: observations[onLink[sender].remove(at: index)].isLost = true
    case .corrupt: observations[onLink[sender][index]].isLost = true
    case .fire, .open, .send, .shutSend, .shutReceive, .close, .abort: break
    }
    for side in Side.allCases {
      for segment in world.way(from: side).segments.dropFirst(onLink[Int(side.rawValue)].count) {
        onLink[Int(side.rawValue)].append(observations.count)
        observations.append(observation(segment, from: side))
      }
      let old = before[side].state
      let new = world[side].state
      if old != new { ladder.know(KnownTransition(side, old, new, at: now)) }
    }
    finish()
  }

  /// A segment that arrives again is drawn again.
  private mutating func arrive(_ i: Int) {
    guard observations[i].arrival != nil else {
      if !observations[i].isLost { observations[i].arrival = now }
      return
    }
    var again = observations[i]
    again.arrival = now
    observations.append(again)
  }

  private func observation(_ segment: ExploredSegment, from side: Side) -> DrawnSegment {
    let source = side == .left ? ladder.left : ladder.right
    let destination = side == .left ? ladder.right : ladder.left
    let seg = segment.header
    let header = TCPHeader(
      sourcePort: source.port, destinationPort: destination.port, seq: seg.seq, ack: seg.ack,
      flags: seg.flags, window: seg.wnd, options: seg.options)
    return DrawnSegment(
      TracedSegment(source: source, destination: destination, header: header, textCount: seg.textCount),
      from: side, at: now)
  }

  private mutating func finish() {
    var drawn = Ladder(left: ladder.left, right: ladder.right)
    for observation in observations { drawn.add(observation) }
    for transition in ladder.transitions { drawn.know(transition) }
    ladder = drawn
  }
}
