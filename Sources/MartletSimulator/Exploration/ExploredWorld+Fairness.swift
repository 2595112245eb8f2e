import MartletTCP
import MartletTrace

// What becomes of a state when nothing goes wrong any more: the link delivers everything in order, both clocks go
// at the same rate, timers fire in time, and applications close. There is one such continuation of each state.

extension ExploredWorld {
  /// Far more than any continuation takes.
  static var mostFairSteps: Int { 2_000 }

  /// The next thing that happens on a fair link; nil: nothing is left to happen.
  ///
  /// - Parameters:
  ///   - closing: applications that still hold a connection close it when nothing else moves.
  ///   - elapsed: how long that took is added to it.
  mutating func fairStep(
    closing: Bool, elapsed: inout TimeAmount, _ ground: inout ExplorationGround
  ) -> ExploredAction? {
    guard let action = fairAction(closing: closing) else { return nil }
    if action.kind == .fire, let wait = wait(of: action.side) {
      // The timer moves its own clock.
      self[action.side.other].clock = self[action.side.other].clock.advanced(by: wait)
      elapsed = TimeAmount(nanoseconds: elapsed.nanoseconds &+ wait.nanoseconds)
    }
    ground.ended = .none
    apply(action, &ground)
    return action
  }

  private func fairAction(closing: Bool) -> ExploredAction? {
    for side in Side.allCases where !way(from: side).isEmpty { return ExploredAction(.deliver, side) }
    if closing {
      for side in Side.allCases where self[side].mayClose { return ExploredAction(.close, side) }
    }
    guard let left = wait(of: .left) else {
      return wait(of: .right).map { _ in ExploredAction(.fire, .right) }
    }
    guard let right = wait(of: .right) else { return ExploredAction(.fire, .left) }
    return ExploredAction(.fire, right < left ? .right : .left)
  }

  /// Until the first timer of an end; nil: it has none.
  private func wait(of side: Side) -> TimeAmount? {
    let end = self[side]
    guard let deadline = end.deadline else { return nil }
    let due = Instant(nanoseconds: deadline.milliseconds(near: end.clock) &* 1_000_000)
    return due.since(end.clock)
  }

  /// One end has no connection and will have none, the other has one that was established.
  var isOneSided: Bool {
    for side in Side.allCases where self[side].isOver {
      guard case .connection(let tcb) = self[side.other].record, tcb.state.isSynchronized else { continue }
      return true
    }
    return false
  }
}

/// What applications do on a fair link when nothing else moves.
enum FairApplications {
  case closing
  case silent
}

/// The fair continuations of all states, each walked only as far as it is new.
struct FairContinuations {
  /// From these both ends reach CLOSED.
  private var good = FingerprintTable()
  /// From these, though applications do nothing, no end is left alone.
  private var noticed = FingerprintTable()

  var heldBytes: Int { good.heldBytes &+ noticed.heldBytes }

  /// What is wrong stays in `ground.violation`.
  ///
  /// - Returns: with which kind of applications something is wrong.
  mutating func attempt(_ world: ExploredWorld, _ ground: inout ExplorationGround) -> FairApplications? {
    Self.walk(world, closing: true, &good, &ground)
    if ground.violation != nil { return .closing }
    guard world.isOneSided else { return nil }
    Self.walk(world, closing: false, &noticed, &ground)
    return ground.violation == nil ? nil : .silent
  }

  /// Static: an instance would be copied beside `known`, and then each insertion copies the table.
  private static func walk(
    _ start: ExploredWorld, closing: Bool, _ known: inout FingerprintTable,
    _ ground: inout ExplorationGround
  ) {
    var world = start
    var elapsed = TimeAmount.zero
    var path: [UInt64] = []
    // An end that has nobody to talk to may give up.
    let isAnswered = [start.left, start.right].allSatisfy { !$0.isOver && !$0.isLeftover }
    let capacity = Int(ground.bounds.capacity)
    while path.count < ExploredWorld.mostFairSteps {
      if closing ? world.isOver : !world.isOneSided && world.isQuiet { break }
      let print = world.fairFingerprint(capacity: capacity)
      if known.contains(print) { break }
      path.append(print)
      guard world.fairStep(closing: closing, elapsed: &elapsed, &ground) != nil else {
        return ground.fail(
          closing
            ? .deadlock(world.left.state, world.right.state)
            : .onesided(world.left.state, world.right.state))
      }
      if isAnswered, ground.ended == .timedOut || ground.ended == .keepAliveTimedOut {
        ground.fail(.givesUp(world.left.state, world.right.state))
      }
      if ground.violation != nil { return }
    }
    if path.count == ExploredWorld.mostFairSteps {
      return ground.fail(.neverCloses(world.left.state, world.right.state))
    }
    if !closing, ground.bounds.longestOneSided < elapsed {
      return ground.fail(.onesided(start.left.state, start.right.state))
    }
    for print in path { _ = known.insert(print) }
  }
}
