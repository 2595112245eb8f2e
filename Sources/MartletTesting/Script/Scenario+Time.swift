import MartletStack
public import MartletTCP
public import Testing

extension Scenario {
  /// Lets virtual time pass. Timers fire at their times; what they send waits to be expected, each
  /// segment with the time it was sent.
  public func advance(by amount: TimeAmount, sourceLocation: SourceLocation = #_sourceLocation) {
    let end = now.advanced(by: amount)
    transcript.add("·", "wait \(amount.seconds) s", at: now)
    while fireNext(before: end, sourceLocation) {}
    now = end
    stack.advance(to: now)
    settle(sourceLocation: sourceLocation)
  }

  /// Nothing must be sent for this long.
  public func expectNothing(for amount: TimeAmount, sourceLocation: SourceLocation = #_sourceLocation) {
    expectNothing(sourceLocation: sourceLocation)
    advance(by: amount, sourceLocation: sourceLocation)
    expectNothing(sourceLocation: sourceLocation)
  }

  /// Lets time pass until the stack sends something, which must be this, and exactly then: timers count
  /// in milliseconds, so up to one later, never earlier.
  @discardableResult
  public func expectNext(
    after amount: TimeAmount, _ expected: ExpectedSegment, sourceLocation: SourceLocation = #_sourceLocation
  ) -> SeenSegment? {
    expectNext(in: amount...amount, expected, sourceLocation: sourceLocation)
  }

  /// The same, at some time of a range.
  @discardableResult
  public func expectNext(
    in range: ClosedRange<TimeAmount>, _ expected: ExpectedSegment,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> SeenSegment? {
    expectNothing(sourceLocation: sourceLocation)
    let begin = now
    let latest = begin.advanced(by: range.upperBound).advanced(by: .milliseconds(1))
    transcript.add("·", "wait for \(expected.name), \(range.upperBound.seconds) s", at: now)
    while waiting.isEmpty, fireNext(before: latest, sourceLocation) {}
    guard let seen = waiting.first else {
      now = latest
      stack.advance(to: now)
      settle(sourceLocation: sourceLocation)
      fail(
        "expected \(expected.name) after \(range.upperBound.seconds) s: \(expected)\n     saw nothing",
        sourceLocation)
      return nil
    }
    let elapsed = seen.time.since(begin)
    if elapsed < range.lowerBound {
      fail(
        "expected \(expected.name) after \(range.lowerBound.seconds) s, saw it after \(elapsed.seconds) s: "
          + text(seen), sourceLocation)
    }
    return expect(expected, sourceLocation: sourceLocation)
  }

  /// Moves to the next deadline that is not after `end` and fires it. False: there is none.
  func fireNext(before end: Instant, _ sourceLocation: SourceLocation) -> Bool {
    guard let deadline = stack.nextDeadline(now: now), deadline <= end else { return false }
    let isStuck = deadline <= now
    now = max(now, deadline)
    stack.advance(to: now)
    settle(sourceLocation: sourceLocation)
    guard isStuck, let next = stack.nextDeadline(now: now), next <= now else { return true }
    fail("the stack wants to be woken at once, again and again", sourceLocation)
    return false
  }

  /// How long until the stack wants to be woken; nil: never.
  public var timeToDeadline: TimeAmount? { stack.nextDeadline(now: now).map { $0.since(now) } }

  /// How long the script has run.
  public var elapsed: TimeAmount { now.since(transcript.start) }
}
