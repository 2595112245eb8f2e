package import MartletTCP

/// What the endpoints themselves reported, laid beside the events of the flow.
package struct KnownStates: Sendable {
  /// A reported change that no segment explains: a call, a timer.
  package struct Lone: Sendable {
    package var transition: KnownTransition
    /// How many of that side's events come before it.
    package var position: Int
  }

  package private(set) var initialLeft: TCPState?
  package private(set) var initialRight: TCPState?
  package private(set) var lone: [Lone] = []
  private var afterDeparture: [TCPState?]
  private var afterArrival: [TCPState?]
  private var knowsLeft = false
  private var knowsRight = false

  package init(
    _ observations: [Observation], _ events: [LocalEvent], _ transitions: [KnownTransition],
    _ inferred: InferredStates
  ) {
    afterDeparture = [TCPState?](repeating: nil, count: observations.count)
    afterArrival = afterDeparture
    for side in Side.allCases {
      let own = events.filter { $0.side == side }
      let reported = transitions.filter { $0.side == side }
      place(reported, beside: own, of: side, inferred)
      takeObserved(own, of: side, observations)
    }
  }

  package func isKnown(_ side: Side) -> Bool { side == .left ? knowsLeft : knowsRight }

  package func state(after event: LocalEvent) -> TCPState? {
    event.kind == .departure ? afterDeparture[event.index] : afterArrival[event.index]
  }

  /// Gives each reported change to the event that caused it. Several events of one
  /// instant (virtual time stands still while a segment is taken and answered) are
  /// told apart by what the segments say; a change that none of them explains stands alone.
  private mutating func place(
    _ reported: [KnownTransition], beside own: [LocalEvent], of side: Side, _ inferred: InferredStates
  ) {
    guard let first = reported.first else { return }
    know(side, from: first.old)
    var state = first.old
    var next = 0
    var lastCause: Int?
    for (index, change) in reported.enumerated() {
      if let cause = Self.cause(of: change, in: own, from: next, inferred) {
        for event in own[next..<cause] { set(state, after: event) }
        set(change.new, after: own[cause])
        next = cause
        lastCause = cause
      } else if Self.isPassing(index, reported, own, next, inferred) {
        // What came before was in the state before it.
        continue
      } else {
        var end = own[next...].firstIndex { $0.time >= change.time } ?? own.count
        // What one event has led to in two steps comes behind it.
        if let cause = lastCause, own[cause].time == change.time { end = max(end, cause &+ 1) }
        for event in own[next..<end] { set(state, after: event) }
        lone.append(Lone(transition: change, position: end))
        next = end
      }
      state = change.new
    }
    for event in own[next...] { set(state, after: event) }
  }

  /// The event that led to `change`: one of the same instant after which the
  /// segments demand the new state, else such a one close by (a capture and an
  /// endpoint rarely read the clock together).
  private static func cause(
    of change: KnownTransition, in own: [LocalEvent], from next: Int, _ inferred: InferredStates
  ) -> Int? {
    var near: Int?
    for index in own.indices[next...] {
      let event = own[index]
      if event.time > change.time.advanced(by: tolerance) { break }
      guard inferredState(after: event, inferred) == change.new else { continue }
      if event.time == change.time { return index }
      if near == nil, event.time.advanced(by: tolerance) >= change.time { near = index }
    }
    return near
  }

  /// Whether an endpoint only passed through this state, on its way to one that a segment explains.
  private static func isPassing(
    _ index: Int, _ reported: [KnownTransition], _ own: [LocalEvent], _ next: Int, _ inferred: InferredStates
  ) -> Bool {
    for later in reported[(index &+ 1)...] {
      guard later.time == reported[index].time else { return false }
      if cause(of: later, in: own, from: next, inferred) != nil { return true }
    }
    return false
  }

  private static var tolerance: TimeAmount { .milliseconds(20) }

  /// What was noted with the observations themselves counts above all.
  private mutating func takeObserved(_ own: [LocalEvent], of side: Side, _ observations: [Observation]) {
    var state: TCPState?
    for event in own {
      let seen = observations[event.index]
      let noted = event.kind == .departure ? seen.senderState : seen.receiverState
      guard let noted else {
        if let state, self.state(after: event) == nil { set(state, after: event) }
        continue
      }
      if !isKnown(side) { know(side, from: event.kind == .departure && noted == .synSent ? .closed : nil) }
      state = noted
      set(noted, after: event)
    }
  }

  private static func inferredState(after event: LocalEvent, _ inferred: InferredStates) -> TCPState? {
    event.kind == .departure ? inferred.senders[event.index] : inferred.receivers[event.index]
  }

  private mutating func know(_ side: Side, from state: TCPState?) {
    if side == .left {
      knowsLeft = true
      initialLeft = state
    } else {
      knowsRight = true
      initialRight = state
    }
  }

  private mutating func set(_ state: TCPState, after event: LocalEvent) {
    if event.kind == .departure {
      afterDeparture[event.index] = state
    } else {
      afterArrival[event.index] = state
    }
  }
}
