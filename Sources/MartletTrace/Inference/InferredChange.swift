public import MartletTCP

/// A change of an end's state, as the segments show it.
public struct InferredChange: Equatable, Sendable {
  public var time: Instant
  public var side: Side
  /// Nil: the segments before allowed more than one.
  public var old: TCPState?
  public var new: TCPState?
}

extension Ladder {
  /// Every change of either end's state that the segments show, in the order of their happening; what the ends themselves reported
  /// is left out. A state lasts until the next change of that side, as `inferredState(of:at:)` says.
  public var inferredChanges: [InferredChange] {
    let sorted = observations.inOrderOfDeparture
    let events = EventOrder.events(of: sorted)
    let states = InferredStates(sorted: sorted, events: events)
    var now = (left: states.initialLeft, right: states.initialRight)
    var changes: [InferredChange] = []
    for event in events {
      let new = event.kind == .departure ? states.senders[event.index] : states.receivers[event.index]
      let old = event.side == .left ? now.left : now.right
      guard new != old else { continue }
      changes.append(InferredChange(time: event.time, side: event.side, old: old, new: new))
      if event.side == .left { now.left = new } else { now.right = new }
    }
    return changes
  }
}
