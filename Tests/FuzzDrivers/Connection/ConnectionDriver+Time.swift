import MartletTCP
import MartletWire

extension ConnectionDriver {
  /// Time passes. Whatever is due on the way fires on time.
  mutating func wait(_ amount: TimeAmount) throws(Finding) {
    let end = now.advanced(by: amount)
    for _ in 0..<64 {
      guard !isFinished, let due = deadline, due < end else { break }
      if due > now { now = due }
      try fire()
      try pull()
    }
    guard deadline.map({ $0 > now && $0 < end }) != true else { return }
    now = end
    try fire()
  }

  mutating func waitForDeadline() throws(Finding) {
    guard let due = deadline else { return }
    if due > now { now = due }
    try fire()
  }

  /// Hours and weeks; or a host that slept, and finds everything due at once (robustness rule T4).
  mutating func waitLong() throws(Finding) {
    let kind = script.next()
    let amount: TimeAmount =
      switch kind & 7 {
      case 0: .seconds(1)
      case 1: .seconds(10)
      case 2: .seconds(61)
      case 3: .minutes(14)
      case 4: .hours(3)
      case 5: .hours(23 * 24)
      case 6: .hours(25 * 24)
      default: .milliseconds(Int64(kind >> 3) * 100)
      }
    if kind & 0x80 == 0 {
      try wait(amount)
    } else {
      now = now.advanced(by: amount)
      try fire()
    }
  }

  private var deadline: Instant? {
    var tick: Tick?
    if let embryo {
      tick = embryo.deadline
    } else if let timeWait {
      tick = timeWait.deadline
    } else if tcb.state != .closed {
      tick = tcb.nextDeadline(near: now)
    }
    return tick.map { Instant(nanoseconds: $0.milliseconds(near: now) &* 1_000_000) }
  }

  private mutating func fire() throws(Finding) {
    tell("timer")
    if embryo != nil { return fireHalfOpen() }
    if let record = timeWait {
      if record.deadline.isDue(at: Tick(now)) { isFinished = true }
      return
    }
    // A timer may find that it is early or that the time is up, and say so the second time.
    for _ in 0..<4 where tcb.state != .closed {
      let before = tcb.rcv.advertisedEdge
      try settle(tcb.timerFires(cold: &cold, &around, now: now))
      try expect(tcb.rcv.advertisedEdge == before, "a timer moves no window")
      guard let due = tcb.nextDeadline(near: now), due.isDue(at: Tick(now)) else { return }
    }
    try expect(tcb.state == .closed, "what has fired is not due again")
  }
}
