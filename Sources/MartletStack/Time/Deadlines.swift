public import MartletTCP

extension NetworkStack {
  /// When `advance` has something to do, at the latest; nil: never, unless something else happens. It may
  /// be early. Packets that wait to be pulled do not count.
  public func nextDeadline(now: Instant) -> Instant? {
    let now = max(now, clock)
    var earliest = wheel.nextTick
    func consider(_ tick: Tick) {
      let milliseconds = tick.milliseconds(near: now)
      earliest = min(earliest ?? .max, milliseconds)
    }
    if flows4.embryos.live > 0 {
      for list in 0..<FlowSpace<IPv4FlowKey>.lists {
        let first = flows4.halfOpen[list].first
        if first != Links.none { consider(flows4.embryos[first].tcb.deadline) }
      }
    }
    if flows6.embryos.live > 0 {
      for list in 0..<FlowSpace<IPv6FlowKey>.lists {
        let first = flows6.halfOpen[list].first
        if first != Links.none { consider(flows6.embryos[first].tcb.deadline) }
      }
    }
    if flows4.timeWait.first != Links.none { consider(flows4.lingering[flows4.timeWait.first].tcb.deadline) }
    if flows6.timeWait.first != Links.none { consider(flows6.lingering[flows6.timeWait.first].tcb.deadline) }
    let (fragments4, fragments6) = fragments.deadlines
    if let fragments4 { consider(fragments4) }
    if let fragments6 { consider(fragments6) }
    if let due = neighbourDeadline {
      let (up, overflow) = due.nanoseconds.addingReportingOverflow(999_999)
      let milliseconds = (overflow ? .max : up) / 1_000_000
      earliest = min(earliest ?? .max, milliseconds)
    }
    guard let earliest else { return nil }
    let nanoseconds = earliest.multipliedReportingOverflow(by: 1_000_000)
    return Instant(nanoseconds: nanoseconds.overflow ? .max : nanoseconds.partialValue)
  }

  /// Tells the time: fires everything that is due, each timer once however far the clock jumped.
  public mutating func advance(to now: Instant) {
    tell(now)
    let tick = Tick(clock)
    while let i = wheel.popDue(now: clock.milliseconds) { timerFires(i) }
    while let i = flows4.dueEmbryo(at: tick) {
      embryoTimerFires(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: true))
    }
    while let i = flows6.dueEmbryo(at: tick) {
      embryoTimerFires(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: false))
    }
    while let i = flows4.dueLingering(at: tick) {
      endLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: true))
    }
    while let i = flows6.dueLingering(at: tick) {
      endLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: false))
    }
    if let due = neighbourDeadline, due <= clock { neighboursAreDue() }
    if !fragments.isEmpty { fragmentsAreDue(at: tick) }
    relieveIfShort()
  }
}
