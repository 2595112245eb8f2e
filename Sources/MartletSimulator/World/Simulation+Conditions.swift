public import MartletTCP

// What links do, and what happens to nodes.

extension Simulation {
  /// Changes what a link does from now on.
  public func setConditions(_ link: LinkID, _ forth: LinkConditions, back: LinkConditions? = nil) {
    directions[WayID(to: 1, of: link).index].conditions = forth
    directions[WayID(to: 0, of: link).index].conditions = back ?? forth
  }

  /// What a link does forth, and back.
  public func conditions(_ link: LinkID) -> (forth: LinkConditions, back: LinkConditions) {
    (
      directions[WayID(to: 1, of: link).index].conditions, directions[WayID(to: 0, of: link).index].conditions
    )
  }

  /// What a link has done on its way forth, and back.
  public func counts(_ link: LinkID) -> (forth: LinkCounts, back: LinkCounts) {
    (directions[WayID(to: 1, of: link).index].counts, directions[WayID(to: 0, of: link).index].counts)
  }

  public func counts(_ router: RouterID) -> RelayCounts { relays[router.index].counts }

  public func counts(_ broadcastDomain: SwitchID) -> RelayCounts { relays[broadcastDomain.index].counts }

  public func setConditions(_ router: RouterID, _ conditions: RouterConditions) {
    relays[router.index].conditions = conditions
  }

  /// Takes a router off the air, or lets it go on: meanwhile everything that comes to it vanishes.
  public func setRunning(_ router: RouterID, _ isRunning: Bool) {
    relays[router.index].isRunning = isRunning
  }

  // MARK: Partitions

  /// Cuts a link, or mends it. What is on its way arrives.
  public func setUp(_ link: LinkID, _ isUp: Bool) {
    links[link.index].isUp = (isUp, isUp)
  }

  /// Cuts one direction only: towards the second end, or towards the first.
  public func setUp(_ link: LinkID, forth: Bool, back: Bool) {
    links[link.index].isUp = (forth, back)
  }

  /// Cuts every link between these nodes and all others. Links among them, and among the others, stay.
  public func isolate(_ nodes: [NodeID]) {
    for link in links.indices {
      let ends = links[link].ends
      if nodes.contains(ends.0.node) != nodes.contains(ends.1.node) { links[link].isUp = (false, false) }
    }
  }

  /// Mends every link.
  public func heal() {
    for link in links.indices { links[link].isUp = (true, true) }
  }

  // MARK: Hosts

  /// Takes a host off the air: nothing reaches it and it does nothing, until it goes on from where it stopped.
  public func stop(_ host: HostID) {
    hosts[host.index].isRunning = false
    findAlarm()
  }

  /// Lets it go on from where it stopped; one that crashed stays down.
  public func resume(_ host: HostID) {
    guard !hosts[host.index].hasCrashed else { return }
    hosts[host.index].isRunning = true
    settle(host)
  }

  /// Cuts a host's power: its stack and applications are gone, and nobody is told. Its peers' connections are
  /// half-open from now on (RFC 9293 §3.5.1).
  public func crash(_ host: HostID) {
    hosts[host.index].crash()
    findAlarm()
  }

  /// Starts a host that crashed. It has its addresses and listens where it did, and knows of no connection; its
  /// secrets are new.
  public func restart(_ host: HostID) {
    guard hosts[host.index].hasCrashed else { return }
    hosts[host.index].restart()
    settle(host)
  }

  // MARK: Clocks

  /// From now on a host's clock gains so many millionths of the time that passes, or loses them: between
  /// -500,000 and 1,000,000.
  public func setDrift(_ host: HostID, perMillion: Int32) {
    hosts[host.index].clock.setDrift(perMillion, at: now)
    reckonAgain(host)
  }

  /// A host's clock goes on from later, as that of a virtual machine does which was held.
  public func jump(_ host: HostID, by amount: TimeAmount) {
    hosts[host.index].clock.jump(amount, at: now)
    reckonAgain(host)
  }

  private func reckonAgain(_ host: HostID) {
    hosts[host.index].reckonDeadline(now: time(of: host))
    findAlarm()
  }
}
