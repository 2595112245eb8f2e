import MartletTCP
import MartletTrace

extension ExploredWorld {
  /// Everything that may happen next.
  func actions(_ bounds: ExplorationBounds) -> [ExploredAction] {
    var actions: [ExploredAction] = []
    let origins = origins
    for side in Side.allCases {
      addSegments(from: side, origins[side], Int(bounds.capacity), &actions)
      addCalls(of: side, bounds, &actions)
      if mayFire(side) { actions.append(ExploredAction(.fire, side)) }
    }
    return actions
  }

  private func addSegments(
    from side: Side, _ origins: Origins, _ capacity: Int, _ actions: inout [ExploredAction]
  ) {
    let segments = way(from: side).segments
    var seen: [UInt64] = []
    for i in 0..<min(segments.count, capacity) {
      // Of equal segments it makes no difference which one it is.
      let print = segments[i].fingerprint(origins)
      if seen.contains(print) { continue }
      seen.append(print)
      actions.append(ExploredAction(.deliver, side, i))
      if drops > 0 { actions.append(ExploredAction(.drop, side, i)) }
      if segments[i].isDamaged { continue }
      if duplicates > 0 { actions.append(ExploredAction(.duplicate, side, i)) }
      if corruptions > 0 { actions.append(ExploredAction(.corrupt, side, i)) }
    }
  }

  private func addCalls(of side: Side, _ bounds: ExplorationBounds, _ actions: inout [ExploredAction]) {
    let end = self[side]
    if end.application.mayOpen { actions.append(ExploredAction(.open, side)) }
    if end.maySend { actions.append(ExploredAction(.send, side)) }
    if deafReaders > 0, end.mayShutReceive { actions.append(ExploredAction(.shutReceive, side)) }
    if aborts > 0, end.mayClose { actions.append(ExploredAction(.abort, side)) }
    if bounds.sendsFirst, end.maySend { return }
    if bounds.closing != .close, end.mayShutSend { actions.append(ExploredAction(.shutSend, side)) }
    if bounds.closing != .shut, end.mayClose { actions.append(ExploredAction(.close, side)) }
  }

  /// What a timer costs, and whether time may pass so far: a segment lives for 30 s at most (RFC 9293 §3.4.2's
  /// MSL, as configured), so timers of a minute and more find the link empty.
  private func mayFire(_ side: Side) -> Bool {
    let end = self[side]
    guard let deadline = end.deadline else { return false }
    switch end.record {
    case .none: return false
    case .lingering: return isQuiet
    case .embryonic: return timeouts > 0
    case .connection(let tcb):
      switch tcb.cost(ofFiringAt: deadline) {
      case .free: return true
      case .counted: return timeouts > 0
      case .slow: return isQuiet
      case .slowAndCounted: return isQuiet && timeouts > 0
      }
    }
  }

  /// Does it. The first thing that is wrong afterwards stays in `ground.violation`.
  mutating func apply(_ action: ExploredAction, _ ground: inout ExplorationGround) {
    let side = action.side
    switch action.kind {
    case .deliver, .duplicate, .drop, .corrupt: move(action, &ground)
    case .fire:
      if costsTimeout(side), timeouts > 0 { timeouts &-= 1 }
      work(on: side, &ground) { $0.timerFires(&$1, &$2) }
    case .open: work(on: side, &ground) { end, _, ground in end.open(&ground) }
    case .send: work(on: side, &ground) { end, _, ground in end.send(&ground) }
    case .shutSend: work(on: side, &ground) { $0.shutSend(&$1, &$2) }
    case .shutReceive:
      if deafReaders > 0 { deafReaders &-= 1 }
      work(on: side, &ground) { $0.shutReceive(&$1, &$2) }
    case .close: work(on: side, &ground) { $0.close(&$1, &$2) }
    case .abort:
      if aborts > 0 { aborts &-= 1 }
      work(on: side, &ground) { $0.abort(&$1, &$2) }
    }
    check(&ground)
  }

  private func costsTimeout(_ side: Side) -> Bool {
    let end = self[side]
    guard let deadline = end.deadline else { return false }
    switch end.record {
    case .none, .lingering: return false
    case .embryonic: return true
    case .connection(let tcb):
      let cost = tcb.cost(ofFiringAt: deadline)
      return cost == .counted || cost == .slowAndCounted
    }
  }

  /// Something becomes of a segment on the link; what waited behind it moves up.
  private mutating func move(_ action: ExploredAction, _ ground: inout ExplorationGround) {
    let side = action.side
    let index = Int(action.index)
    guard index < way(from: side).segments.count else { return }
    let segment = way(from: side).segments[index]
    switch action.kind {
    case .corrupt:
      corruptions &-= 1
      setDamaged(side, index)
      return
    case .duplicate: duplicates &-= 1
    case .drop:
      drops &-= 1
      remove(side, index)
    default: remove(side, index)
    }
    if action.kind != .drop, !segment.isDamaged {
      work(on: side.other, &ground) { $0.tcpArrives(segment, &$1, &$2) }
    }
    // There may be room now for what its sender has.
    if self[side].isSender { work(on: side, &ground) { _, _, _ in } }
  }

  private mutating func remove(_ side: Side, _ index: Int) {
    if side == .left { leftWay.segments.remove(at: index) } else { rightWay.segments.remove(at: index) }
  }

  private mutating func setDamaged(_ side: Side, _ index: Int) {
    if side == .left {
      leftWay.segments[index].isDamaged = true
    } else {
      rightWay.segments[index].isDamaged = true
    }
  }

  /// What must hold in every state.
  private func check(_ ground: inout ExplorationGround) {
    for side in Side.allCases {
      let end = self[side].application
      let other = self[side.other].application
      if end.sawEnd, !end.hasShutReceive, end.read != other.sent {
        ground.fail(.endsEarly(read: UInt32(end.read), of: UInt32(other.sent)))
      }
    }
    if !mayFace(left, right) { ground.fail(.pair(left.state, right.state)) }
  }
}

/// What the bounds say of a timer.
enum TimerCost {
  /// It fires once for each segment that asks for it.
  case free
  case counted
  /// It takes a minute or more, so nothing is on its way any more, and fires once.
  case slow
  case slowAndCounted
}

extension TCB {
  /// Of the timers that are due at `deadline`, the dearest.
  func cost(ofFiringAt deadline: Tick) -> TimerCost {
    let lossTimers = ConnectionTimers.Armed.lossTimers.union(.persist)
    if !timers.armed.isDisjoint(with: lossTimers), timers.retransmission.isDue(at: deadline) {
      return .counted
    }
    guard !timers.armed.isDisjoint(with: [.keepAlive, .ending]), timers.life.isDue(at: deadline) else {
      return .free
    }
    return timers.armed.contains(.ending) ? .slow : .slowAndCounted
  }
}
