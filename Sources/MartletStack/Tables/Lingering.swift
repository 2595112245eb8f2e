import MartletTCP
import MartletWire

/// A connection in TIME-WAIT with all that the engine needs beside it (S4.9; robustness rule E9).
struct Lingering<Key: FlowKey>: BitwiseCopyable {
  var tcb: TimeWaitTCB
  var key: Key
  var links = Links()
}

extension FlowSpace {
  /// Adds a TIME-WAIT record in the place of what `old` says in the table, or newly.
  /// False: the budget refused, and the table is unchanged.
  mutating func addLingering(
    _ tcb: TimeWaitTCB, _ key: Key, _ hash: UInt64, replacing old: FlowEntry, _ budget: inout MemoryBudget
  ) -> Bool {
    guard let handle = lingering.allocate(Lingering(tcb: tcb, key: key), &budget) else { return false }
    let i = handle.index
    guard i < Links.none, table.replace(hash, old.rawValue, with: FlowEntry(.lingering, i).rawValue)
    else {
      lingering.free(i, &budget)
      return false
    }
    appendLingering(i)
    return true
  }

  mutating func removeLingering(_ i: UInt32, _ hash: UInt64, _ budget: inout MemoryBudget) {
    unlinkLingering(i)
    _ = table.remove(hash, value: FlowEntry(.lingering, i).rawValue, &budget)
    lingering.free(i, &budget)
  }

  /// Its 2·MSL began anew: now it is the last to end.
  mutating func restartLingering(_ i: UInt32) {
    unlinkLingering(i)
    appendLingering(i)
  }

  /// One record whose deadline has come.
  mutating func dueLingering(at now: Tick) -> UInt32? {
    let first = timeWait.first
    return first != Links.none && lingering[first].tcb.deadline.isDue(at: now) ? first : nil
  }

  private mutating func appendLingering(_ i: UInt32) {
    let last = timeWait.last
    lingering[i].links.previous = last
    lingering[i].links.next = Links.none
    if last == Links.none {
      timeWait.first = i
    } else {
      lingering[last].links.next = i
    }
    timeWait.last = i
    timeWait.count &+= 1
  }

  private mutating func unlinkLingering(_ i: UInt32) {
    let links = lingering[i].links
    if links.previous == Links.none {
      timeWait.first = links.next
    } else {
      lingering[links.previous].links.next = links.next
    }
    if links.next == Links.none {
      timeWait.last = links.previous
    } else {
      lingering[links.next].links.previous = links.previous
    }
    timeWait.count &-= 1
  }
}
