import MartletTCP
import MartletWire

extension NetworkStack {
  /// Something in this folder is due then; a distant instant never comes. `neighbourDeadline` may be early, never late.
  mutating func wakeNeighbours(at instant: Instant) {
    guard instant < .distant else { return }
    neighbourDeadline = min(neighbourDeadline ?? instant, instant)
  }

  /// Fires what is due: every neighbour, then every address, each once.
  @inline(never)
  mutating func neighboursAreDue() {
    neighbourDeadline = nil
    var next = neighbours.records.nextLive(from: 0)
    while let n = next {
      if neighbours[n].isTimed {
        if neighbours[n].deadline <= clock {
          neighbourTimerFires(n)
        } else {
          wakeNeighbours(at: neighbours[n].deadline)
        }
      }
      next = neighbours.records.nextLive(from: n &+ 1)
    }
    // Before an address is asked for: a switch has to know the group that the answer comes by.
    groupsAreDue()
    for k in ownAddresses.indices where ownAddresses[k].isTimed {
      if ownAddresses[k].deadline <= clock {
        addressTimerFires(k)
      } else {
        wakeNeighbours(at: ownAddresses[k].deadline)
      }
    }
    madeAddressesAreDue()
    autoconfigurationIsDue()
    leasesAreDue()
  }
}

extension NetworkStack {
  /// What happened to an address of ours and has not been told.
  mutating func nextAddressEvent() -> StackEvent? {
    guard addressNews > 0 else { return nil }
    for k in ownAddresses.indices where ownAddresses[k].news != .none {
      let own = ownAddresses[k]
      ownAddresses[k].news = .none
      addressNews &-= 1
      switch own.news {
      case .none: continue
      case .ready: return .addressReady(own.prefix.address, own.interface)
      case .conflict:
        if own.state == .expired { ownAddresses.remove(at: k) }
        return .addressConflict(own.prefix.address, own.interface, own.rival)
      case .removed:
        ownAddresses.remove(at: k)
        return .addressRemoved(own.prefix.address, own.interface)
      }
    }
    return nil
  }

  /// The last thing that happened to an address counts.
  mutating func raise(_ news: OwnAddress.News, ofAddress k: Int) {
    if ownAddresses[k].news == .none { addressNews &+= 1 }
    ownAddresses[k].news = news
  }
}
