import MartletTCP

/// Makes a schedule that fails smaller, as long as it goes on failing in the same way: delta debugging (Zeller,
/// Hildebrandt: Simplifying and Isolating Failure-Inducing Input, 2002) of what luck did, faults, hooks, forgeries
/// and conversations, then of features, conditions and amounts.
///
///     if var shrinker = Shrinker(schedule) {
///       shrinker.shrink()
///       print(ScheduleStory(shrinker.schedule).text())
///     }
public struct Shrinker {
  /// The smallest that failed so far.
  public private(set) var schedule: Schedule
  /// What is wrong with it.
  public private(set) var problem: ScheduleProblem
  /// Schedules that were tried.
  public private(set) var runs = 0
  private var limit = 0

  /// Nil: the schedule does not fail.
  public init?(_ schedule: Schedule) {
    guard let problem = ScheduleRun(schedule).problems.first else { return nil }
    self.schedule = schedule
    self.problem = problem
  }

  /// Until nothing can be left out, or for so many runs.
  public mutating func shrink(runs most: Int = 3_000) {
    limit = runs + most
    writeDownLuck()
    var size = Int.max
    // What could not go may go once something else has.
    while schedule.size < size, runs < limit {
      size = schedule.size
      for part in SchedulePart.allCases { thinOut(part) }
      bringForward()
      simplify()
      halveAmounts()
    }
  }

  /// True: it still fails in this way, and is the schedule now.
  private mutating func attempt(_ candidate: Schedule) -> Bool {
    guard runs < limit else { return false }
    runs += 1
    guard let found = ScheduleRun(candidate).problems.first(where: { $0.kind == problem.kind }) else {
      return false
    }
    schedule = candidate
    problem = found
    return true
  }

  /// From chance to a list of what it did, which can be thinned out.
  private mutating func writeDownLuck() {
    guard schedule.luck == nil else { return }
    var written = schedule
    written.luck = ScheduleRun(schedule, keepsDiary: true).luck
    _ = attempt(written)
  }

  /// Leaves out halves, then quarters, down to single items.
  private mutating func thinOut(_ part: SchedulePart) {
    var piece = max(schedule.count(of: part), 1)
    while piece > 0 {
      var start = 0
      while start < schedule.count(of: part), runs < limit {
        let end = min(start + piece, schedule.count(of: part))
        if !attempt(schedule.without(part, start..<end)) { start += piece }
      }
      piece /= 2
    }
  }

  /// What happens to the fourteenth packet may do to the first, and then thirteen need not be.
  private mutating func bringForward() {
    for number in schedule.hooks.indices {
      let first = schedule.hooks[number].which.lowerBound
      for which in [1...1, first...first] where schedule.hooks[number].which != which {
        var earlier = schedule
        earlier.hooks[number].which = which
        if attempt(earlier) { break }
      }
    }
    // Where luck is a list of hundreds, no single item is worth so many runs.
    guard let luck = schedule.luck, luck.count <= 4 else { return }
    for number in luck.indices {
      for ordinal in 0..<min(luck[number].entry.ordinal, 12) {
        if attempt(schedule.bringingForward(number, to: ordinal)) { break }
      }
    }
  }

  /// Each feature back to what it usually is.
  private mutating func simplify() {
    for number in 0..<Schedule.simplifications {
      var simpler = schedule
      guard simpler.simplify(number) else { continue }
      _ = attempt(simpler)
    }
  }

  private mutating func halveAmounts() {
    for number in schedule.conversations.indices {
      for amount in ConversationAmount.allCases { shrink(amount, of: number) }
    }
  }

  /// Nothing, or one, or half as much as long as that will do, and then one less at a time.
  private mutating func shrink(_ amount: ConversationAmount, of number: Int) {
    for least: UInt32 in [0, 1] where schedule.conversations[number][amount] > least {
      if attempt(schedule.with(amount, least, of: number)) { return }
    }
    var step = schedule.conversations[number][amount] / 2
    while step > 0, runs < limit {
      let now = schedule.conversations[number][amount]
      if now <= step || !attempt(schedule.with(amount, now - step, of: number)) { step /= 2 }
    }
  }
}

/// What a schedule has a list of.
enum SchedulePart: CaseIterable {
  case luck, faults, hooks, forgeries, conversations
}

/// What a conversation has an amount of.
enum ConversationAmount: CaseIterable {
  case forth, back
}

extension Conversation {
  subscript(amount: ConversationAmount) -> UInt32 {
    get { amount == .forth ? forth : back }
    set {
      switch amount {
      case .forth: forth = newValue
      case .back: back = newValue
      }
    }
  }
}
