public import MartletTCP
internal import MartletWire

/// The states that both ends must be in, from their segments alone.
public struct StateInference: Sendable {
  public private(set) var left: InferredEnd
  public private(set) var right: InferredEnd

  public init(left: TCPState? = .closed, right: TCPState? = .listen) {
    self.left = InferredEnd(state: left)
    self.right = InferredEnd(state: right)
  }

  public subscript(side: Side) -> TCPState? {
    side == .left ? left.state : right.state
  }

  /// `segment` left the end `side`.
  public mutating func departs(_ segment: TracedSegment, from side: Side) {
    if side == .left { left.sends(segment) } else { right.sends(segment) }
  }

  /// `segment` reached the end `side`.
  public mutating func arrives(_ segment: TracedSegment, at side: Side) {
    if side == .left { left.takes(segment) } else { right.takes(segment) }
  }
}

/// What the segments say about the ends of one flow, observation by observation.
public struct InferredStates: Equatable, Sendable {
  /// Before the first segment.
  public var initialLeft: TCPState?
  public var initialRight: TCPState?
  /// After observation `i` left its sender.
  public var senders: [TCPState?]
  /// After observation `i` reached its receiver; as it was before when it never did.
  public var receivers: [TCPState?]
  /// After the last of them.
  public var left: TCPState?
  public var right: TCPState?

  /// `observations` in any order; the answer is in the order of their departure.
  public init(of observations: [Observation]) {
    let sorted = observations.inOrderOfDeparture
    self.init(sorted: sorted, events: EventOrder.events(of: sorted))
  }

  package init(sorted: [Observation], events: [LocalEvent]) {
    initialLeft = Self.initialState(of: .left, in: sorted)
    initialRight = Self.initialState(of: .right, in: sorted)
    senders = [TCPState?](repeating: nil, count: sorted.count)
    receivers = senders
    var inference = StateInference(left: initialLeft, right: initialRight)
    for event in events {
      let segment = sorted[event.index].segment
      switch event.kind {
      case .departure:
        if !sorted[event.index].isForged { inference.departs(segment, from: event.side) }
        senders[event.index] = inference[event.side]
        receivers[event.index] = inference[event.side.other]
      case .arrival:
        inference.arrives(segment, at: event.side)
        receivers[event.index] = inference[event.side]
      }
    }
    left = inference[.left]
    right = inference[.right]
  }

  /// Where an end stood before the flow began, from the first thing it sent. An
  /// end that never spoke may be anywhere, unless its peer is in mid-conversation.
  private static func initialState(of side: Side, in sorted: [Observation]) -> TCPState? {
    guard let first = sorted.first(where: { $0.from == side && !$0.isForged })?.segment else {
      guard let opening = sorted.first?.segment.flags, opening.isDisjoint(with: [.syn, .rst]) else {
        return nil
      }
      return .established
    }
    if first.flags.contains(.rst) { return beginsInMiddle(sorted) ? .established : .closed }
    if first.flags.contains(.syn) { return first.flags.contains(.ack) ? .listen : .closed }
    // A SYN of the peer before it means that a listener's SYN-ACK was missed by the capture.
    return beginsInMiddle(sorted) ? .established : .listen
  }

  private static func beginsInMiddle(_ sorted: [Observation]) -> Bool {
    guard let first = sorted.first?.segment.flags else { return false }
    return first.isDisjoint(with: [.syn, .rst])
  }
}

/// A place where the segments say one thing and the endpoint said another.
public struct StateMismatch: Equatable, Sendable {
  /// Which observation, in order of departure.
  public var observation: Int
  public var side: Side
  public var inferred: TCPState
  public var known: TCPState

  public init(observation: Int, side: Side, inferred: TCPState, known: TCPState) {
    self.observation = observation
    self.side = side
    self.inferred = inferred
    self.known = known
  }
}

extension [Observation] {
  /// Sorted by departure; those of one instant stay as they were.
  package var inOrderOfDeparture: [Observation] {
    var order = [Int](indices)
    order.sort { self[$0].time != self[$1].time ? self[$0].time < self[$1].time : $0 < $1 }
    return order.map { self[$0] }
  }
}
