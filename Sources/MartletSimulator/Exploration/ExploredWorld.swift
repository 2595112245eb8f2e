import MartletTCP
import MartletTrace
import MartletWire

/// Two ends, what is on its way between them, and what may still go wrong.
struct ExploredWorld {
  var left: ExploredEnd
  var right: ExploredEnd
  /// What the left end has sent, and what the right end has.
  var leftWay = ExploredWay()
  var rightWay = ExploredWay()
  var drops: UInt8
  var duplicates: UInt8
  var corruptions: UInt8
  var timeouts: UInt8
  var aborts: UInt8
  var deafReaders: UInt8
  /// Both ends began alike: the world and its mirror image are the same.
  let isSymmetric: Bool
  let exactTimes: Bool

  init(_ bounds: ExplorationBounds) {
    left = ExploredEnd(iss: bounds.leftISS, listens: false)
    right = ExploredEnd(iss: bounds.rightISS, listens: bounds.role == .passive)
    left.application.mayOpen = true
    right.application.mayOpen = bounds.role == .simultaneous
    let octets = min(bounds.octets, ExplorationBounds.mostOctets)
    left.application.unsent = octets
    right.application.unsent = octets
    drops = bounds.drops
    duplicates = bounds.duplicates
    corruptions = bounds.corruptions
    timeouts = bounds.timeouts
    aborts = bounds.aborts
    deafReaders = bounds.deafReaders
    isSymmetric = bounds.role == .simultaneous
    exactTimes = bounds.exactTimes
  }

  subscript(side: Side) -> ExploredEnd {
    _read { if side == .left { yield left } else { yield right } }
    _modify { if side == .left { yield &left } else { yield &right } }
  }

  /// What `side` has sent.
  func way(from side: Side) -> ExploredWay { side == .left ? leftWay : rightWay }

  /// Nothing is on its way, however old.
  var isQuiet: Bool { leftWay.isEmpty && rightWay.isEmpty }

  var isOver: Bool { left.isOver && right.isOver && isQuiet }
}

extension ExploredWorld {
  /// Lets `body` work on one end, with its queues in the pool and the way of what it sends.
  mutating func work(
    on side: Side, _ ground: inout ExplorationGround,
    _ body: (inout ExploredEnd, inout ExploredWay, inout ExplorationGround) -> Void
  ) {
    var end = self[side]
    var way = way(from: side)
    // The copies above own what they hold from here on.
    if side == .left { leftWay.segments = [] } else { rightWay.segments = [] }
    ground.peerISS = self[side.other].iss
    end.getUp(&ground)
    body(&end, &way, &ground)
    while way.segments.count < Int(ground.bounds.capacity), end.isSender {
      guard let segment = end.nextSegment(&ground) else { break }
      way.segments.append(segment)
    }
    end.check(&ground)
    end.lieDown(&ground)
    if ground.around.pool.inUse > 0 { ground.fail(.leak(ground.around.pool.inUse)) }
    if side == .left { leftWay = way } else { rightWay = way }
    self[side] = end
  }
}

extension ExploredEnd {
  /// What must hold after every event.
  fileprivate func check(_ ground: inout ExplorationGround) {
    guard case .connection(let tcb) = record else { return }
    if let rule = tcb.checkInvariants(cold: cold.first ?? ColdBlock(), ground.around.pool) {
      ground.fail(.invariant(rule.description))
    }
    if tcb.congestion.cwnd < UInt32(tcb.effectiveSendMSS) { ground.fail(.unforeseen("a small window")) }
    if !isSender, let deadline, wheel.map({ deadline.precedes($0) }) ?? true {
      ground.fail(.silentDeadline(tcb.state))
    }
  }
}
