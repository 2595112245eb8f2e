import MartletStack
public import MartletTCP

extension Simulation {
  /// The next thing happens. False: nothing is on its way and nobody waits.
  @discardableResult
  public func step() -> Bool {
    guard violation == nil, let next = nextTime else { return false }
    now = max(now, next)
    steps &+= 1
    if let event = agenda.last, event.time <= now {
      agenda.removeLast()
      perform(event.event)
    } else if let flight = flights.first, flight.arrival <= now {
      deliverNext()
    } else if let alarm {
      hosts[alarm.host.index].wake(now: time(of: alarm.host))
      settle(alarm.host)
    }
    return true
  }

  /// When the next thing happens; nil: never.
  public var nextTime: Instant? {
    var next = alarm?.time
    if let arrival = flights.first?.arrival { next = next.map { min($0, arrival) } ?? arrival }
    if let event = agenda.last?.time { next = next.map { min($0, event) } ?? event }
    return next
  }

  /// Runs until nothing is left to happen. False: it did not come to that within so many steps, or an
  /// invariant was broken.
  @discardableResult
  public func runUntilIdle(steps limit: UInt64) -> Bool {
    let end = steps &+ limit
    while steps < end {
      if !step() { return violation == nil }
    }
    return false
  }

  /// Runs to a time, at which the clock then stands.
  public func run(until time: Instant) {
    while violation == nil, let next = nextTime, next <= time { step() }
    now = max(now, time)
  }

  /// Runs for so long.
  public func run(for amount: TimeAmount) {
    run(until: now.advanced(by: amount))
  }

  /// Packets on their way.
  public var packetsInFlight: Int { flights.count }

  /// Lets a host finish what it can do now: events to the applications, packets to the links. The
  /// simulation does it by itself; after calls on a host's stack it is yours to do.
  public func settle(_ id: HostID) {
    let host = hosts[id.index]
    guard host.isRunning else { return }
    let own = time(of: id)
    var isBusy = true
    while isBusy {
      isBusy = host.drainEvents(now: own)
      for attachment in host.attachments {
        while pull(host, attachment, own) { isBusy = true }
      }
    }
    checkInvariants(of: host)
    host.reckonDeadline(now: own)
    setAlarm(for: host)
  }

  private func deliverNext() {
    guard let flight = flights.popFirst() else { return }
    guard !flight.isTurn else { return serveLine(of: flight.way) }
    let end = links[flight.way.link].end(flight.way.side)
    guard case .host(let id) = end.node else { return relay(flight, at: end) }
    let host = hosts[id.index]
    deliver(flight, to: end, host)
    while deliversBatches, let next = flights.first, next.arrival <= now, next.way == flight.way,
      !next.isTurn,
      let other = flights.popFirst()
    {
      deliver(other, to: end, host)
    }
    settle(id)
  }

  private func deliver(_ flight: Flight, to end: Attachment, _ host: Host) {
    let place = Int(truncatingIfNeeded: flight.place)
    if host.isRunning {
      host.traffic.packetsIn &+= 1
      host.traffic.octetsIn &+= UInt64(flight.count)
      let octets = pool[place].rawSpan.extracting(first: Int(truncatingIfNeeded: flight.count))
      host.stack.receive(octets, on: end.interface, now: time(of: host.id))
      checkInvariants(of: host)
    }
    pool.release(place)
  }

  private func checkInvariants(of host: Host) {
    guard checksInvariants, violation == nil, let broken = host.stack.checkInvariants() else { return }
    violation = Violation(time: now, host: host.id, step: steps, text: broken.description)
  }

  // MARK: The alarm

  /// Most hosts that settle neither had the alarm nor take it, so that nobody has to look at all of them.
  private func setAlarm(for host: Host) {
    if let alarm, alarm.host != host.id {
      guard let deadline = host.deadline, deadline < alarm.time else { return }
      self.alarm = (deadline, host.id)
    } else {
      findAlarm()
    }
  }

  func findAlarm() {
    alarm = nil
    for host in hosts where host.isRunning {
      guard let deadline = host.deadline else { continue }
      if let alarm, alarm.time <= deadline { continue }
      alarm = (deadline, host.id)
    }
  }
}
