public import MartletTCP

/// Something that happens to the world at a given time.
public enum WorldEvent: Equatable, Sendable {
  case setUp(LinkID, forth: Bool, back: Bool)
  case setConditions(LinkID, forth: LinkConditions, back: LinkConditions)
  case isolate([NodeID])
  case heal
  case stop(HostID)
  case resume(HostID)
  case crash(HostID)
  case restart(HostID)
  case setDrift(HostID, perMillion: Int32)
  case jump(HostID, TimeAmount)
  case setRunning(RouterID, Bool)
  /// Somebody off the path sends a packet to a host.
  case inject(ForgedPacket)
}

extension Simulation {
  /// Lets something happen later; of two at one time the one that was asked for first comes first.
  public func schedule(_ event: WorldEvent, at time: Instant) {
    let place = agenda.firstIndex { $0.time <= time } ?? agenda.endIndex
    agenda.insert((time, event), at: place)
  }

  /// Lets something happen so much later.
  public func schedule(_ event: WorldEvent, after amount: TimeAmount) {
    schedule(event, at: now.advanced(by: amount))
  }

  /// Lets it happen now.
  public func perform(_ event: WorldEvent) {
    switch event {
    case .setUp(let link, let forth, let back): setUp(link, forth: forth, back: back)
    case .setConditions(let link, let forth, let back): setConditions(link, forth, back: back)
    case .isolate(let nodes): isolate(nodes)
    case .heal: heal()
    case .stop(let host): stop(host)
    case .resume(let host): resume(host)
    case .crash(let host): crash(host)
    case .restart(let host): restart(host)
    case .setDrift(let host, let perMillion): setDrift(host, perMillion: perMillion)
    case .jump(let host, let amount): jump(host, by: amount)
    case .setRunning(let router, let isRunning): setRunning(router, isRunning)
    case .inject(let packet): inject(packet)
    }
  }
}
