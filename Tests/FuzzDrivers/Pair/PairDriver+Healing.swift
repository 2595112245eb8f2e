import MartletStack
import MartletTCP
import MartletWire

// The end of every script. Nothing more is lost; applications read to the end and shut their sending halves, then let
// go. However bad it was, all of it ends, in bounded time and steps.

extension PairDriver {
  private static var mostEvents: Int { 20_000 }

  /// Both read and finish. Each connection comes to its end or to an error, and no application waits for ever for
  /// another that is there.
  mutating func heal() throws(Finding) {
    wire.isCut = [false, false]
    var count = 0
    repeat {
      for end in ends.indices { try finish(end) }
      try settle()
      count += 1
      // Two that were told different things may keep each other alive for as long as nobody closes.
      if setup.mayForge, count == 300 { return }
      try expect(count < Self.mostEvents, "the conversations end: \(rest)")
    } while try runEvent()
    for end in ends.indices {
      for talk in ends[end].talks where isJudged(talk) {
        try expect(
          talk.isOver || talk.isReadShut || !isConnected(talk, at: 1 - end),
          "nobody waits for ever on \(talk.stream): \(rest)")
      }
    }
  }

  /// Whether the other end still knows of it. A reset that was lost is not sent again: who has nothing to say then
  /// waits until he asks (RFC 9293 §3.5.1).
  private func isConnected(_ talk: PairEnd.Talk, at other: Int) -> Bool {
    var isThere = false
    ends[other].stack.forEachFlow(now: now) { flow in
      if flow.local == talk.remote, flow.remote == talk.local, flow.state != .closed { isThere = true }
    }
    return isThere
  }

  private mutating func finish(_ end: Int) throws(Finding) {
    accept(end)
    for n in ends[end].talks.indices {
      while !ends[end].talks[n].isOver {
        let before = ends[end].talks[n].received
        try receive(end, n, most: 8_192)
        if setup.mayForge || ends[end].talks[n].received == before { break }
      }
      let stream = ends[end].talks[n].stream
      if !streams[stream].hasFinished {
        streams[stream].hasFinished = true
        try? ends[end].stack.shutdown(ends[end].talks[n].id, .send, now: now)
      }
    }
  }

  /// Both close, and nothing is left: no record, no buffer, no timer, no octet of the budget but spare pages.
  mutating func letGo() throws(Finding) {
    for end in ends {
      for talk in end.talks { try? end.stack.close(talk.id, now: now) }
      if let listener = end.listener { try? end.stack.close(listener, now: now) }
      end.talks = []
    }
    try settle()
    var count = 0
    while try runEvent() {
      count += 1
      try expect(count < Self.mostEvents, "everything ends: \(rest)")
    }
    for end in ends {
      let held = end.stack.held
      try expect(held.isQuiet && held.listeners == 0, "no record is left: \(held)")
      try expect(end.stack.nextDeadline(now: now) == nil, "no timer is left")
      try checkMemory(of: end)
      try checkDrops(of: end)
    }
    try expect(wire.count == 0, "no packet is on its way")
  }

  private func checkMemory(of end: PairEnd) throws(Finding) {
    let use = end.stack.memoryUse()
    let first = end.heldAtFirst
    try expect(use.total == end.stack.memory.held, "the lines add up: \(use)")
    let queues =
      use.sendQueues + use.receiveQueues + use.scoreboards + use.sendRecords + use.datagramsReceived
      + use.datagramsToSend
    let queuesAtFirst = first.sendQueues + first.receiveQueues + first.scoreboards + first.sendRecords
    try expect(queues == queuesAtFirst, "no buffer is left: \(use)")
  }

  private func checkDrops(of end: PairEnd) throws(Finding) {
    let counters = end.stack.counters
    var sum: UInt64 = 0
    for reason in DropReason.allCases { sum += counters.drops(reason) }
    try expect(sum == counters.drops, "every drop has its reason")
  }

  private var rest: String {
    var text = "packets \(wire.count)"
    for end in ends { text += ", \(end.stack.held)" }
    return text
  }
}
