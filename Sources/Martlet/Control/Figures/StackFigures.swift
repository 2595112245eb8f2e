import MartletLinks
import MartletStack
import MartletTCP

/// What several stacks that do the same work come to together, at one moment or nearly.
package struct StackFigures: Sendable {
  package var counters: [NamedCounter] = []
  package var held = StackUsage()
  /// Octets; the limit is `Int.max` where there is none.
  package var memoryHeld = 0
  package var memoryHighWater = 0
  package var memoryLimit = 0
  package var memoryRefusals: UInt64 = 0
  /// The worst of all.
  package var pressure = MemoryPressure.none
  package var listeners: [ListenerFigures] = []
  /// By state; those of LISTEN are the listeners.
  package var flows: [TCPState: Int] = [:]
  package var links: [LinkReport] = []
  package var recordsWritten: UInt64 = 0

  package init() {}

  /// One stack's, but for `flows`.
  init(_ stack: borrowing NetworkStack, _ view: LoopView, _ now: Instant) {
    counters = stack.counters.named
    held = stack.held
    memoryHeld = stack.memory.held
    memoryHighWater = stack.memory.highWater
    memoryLimit = stack.memory.limit
    memoryRefusals = stack.memory.refusals
    pressure = stack.memory.pressure
    listeners = ListenerFigures.all(of: stack, now)
    links = view.links
    recordsWritten = stack.recordsWritten
  }

  mutating func add(_ other: StackFigures) {
    counters = [NamedCounter].summed(counters, other.counters)
    held.add(other.held)
    memoryHeld += other.memoryHeld
    memoryHighWater += other.memoryHighWater
    memoryLimit =
      memoryLimit.addingReportingOverflow(other.memoryLimit).overflow
      ? .max : memoryLimit + other.memoryLimit
    memoryRefusals &+= other.memoryRefusals
    if other.pressure.rawValue > pressure.rawValue { pressure = other.pressure }
    listeners = ListenerFigures.joined(listeners + other.listeners)
    flows.merge(other.flows) { $0 + $1 }
    links += other.links
    recordsWritten &+= other.recordsWritten
  }
}

extension StackUsage {
  fileprivate mutating func add(_ other: StackUsage) {
    listeners += other.listeners
    halfOpen += other.halfOpen
    connections += other.connections
    coldBlocks += other.coldBlocks
    timeWait += other.timeWait
    datagramSockets += other.datagramSockets
    replies += other.replies
    neighbours += other.neighbours
    unfinishedDatagrams += other.unfinishedDatagrams
    chunks += other.chunks
    budget += other.budget
  }
}

/// A listener, or those of several stacks at the same address and port.
package struct ListenerFigures: Sendable {
  package var status: ListenerStatus
  package var floods: [SynFloodReport] = []

  package static func all(of stack: borrowing NetworkStack, _ now: Instant) -> [ListenerFigures] {
    var found: [(ListenerID, ListenerStatus)] = []
    stack.forEachListener { found.append(($0, $1)) }
    var listeners: [ListenerFigures] = []
    for (id, status) in found {
      let flood = (try? stack.synFlood(id, now: now)) ?? nil
      listeners.append(ListenerFigures(status: status, floods: flood.map { [$0] } ?? []))
    }
    return listeners
  }

  /// One for each address and port, in the order of their coming. Limits add up, as they were divided.
  package static func joined(_ all: [ListenerFigures]) -> [ListenerFigures] {
    var places: [LocalEndpoint: Int] = [:]
    var joined: [ListenerFigures] = []
    for one in all {
      guard let place = places[one.status.local] else {
        places[one.status.local] = joined.count
        joined.append(one)
        continue
      }
      joined[place].status.add(one.status)
      joined[place].floods += one.floods
    }
    return joined
  }

  /// The floods of all stacks as one; nil: there is none.
  package var flood: SynFloodReport? {
    guard var sum = floods.first else { return nil }
    for other in floods.dropFirst() {
      sum.since = min(sum.since, other.since)
      sum.synsPerSecond &+= other.synsPerSecond
      sum.syns &+= other.syns
      sum.halfOpen &+= other.halfOpen
      // Each address comes to one of the stacks, by its ports to several: an upper bound.
      sum.distinctSources &+= other.distinctSources
      sum.cookiesSent &+= other.cookiesSent
      sum.cookiesReturned &+= other.cookiesReturned
    }
    return sum
  }
}

extension ListenerStatus {
  fileprivate mutating func add(_ other: ListenerStatus) {
    options.halfOpenLimit &+= other.options.halfOpenLimit
    options.acceptLimit &+= other.options.acceptLimit
    options.connectionLimit &+= other.options.connectionLimit
    halfOpen &+= other.halfOpen
    halfOpenHighWater &+= other.halfOpenHighWater
    halfOpenOverflows &+= other.halfOpenOverflows
    acceptable &+= other.acceptable
    acceptableHighWater &+= other.acceptableHighWater
    acceptOverflows &+= other.acceptOverflows
    accepted &+= other.accepted
    fastOpenPending &+= other.fastOpenPending
    connections &+= other.connections
    limitOverflows &+= other.limitOverflows
  }
}

extension LoopVisitor {
  /// The figures of all loops. The table of flows is counted some thousands at a time, so that packets pass in between.
  func figures() throws(ControlError) -> StackFigures {
    var all = StackFigures()
    for loop in 0..<count {
      var one = try ask(loop) { stack, view, now in StackFigures(stack, view, now) }
      one.flows = try countFlows(of: loop)
      all.add(one)
    }
    return all
  }

  private func countFlows(of loop: Int) throws(ControlError) -> [TCPState: Int] {
    var counts: [TCPState: Int] = [:]
    var place: FlowPlace? = .first
    while let from = place {
      let part = try ask(loop) { stack, _, now in
        var counts: [TCPState: Int] = [:]
        let next = stack.forSomeFlows(from: from, atMost: 4_096, now: now) {
          counts[$0.state, default: 0] += 1
        }
        return (counts, next)
      }
      counts.merge(part.0) { $0 + $1 }
      place = part.1
    }
    return counts
  }
}
