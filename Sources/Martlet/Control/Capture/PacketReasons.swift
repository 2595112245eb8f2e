import MartletStack
import MartletTCP
import MartletTrace

/// Records of the flight recorder on their way to the packet that they explain.
///
/// What is written while a packet is taken in belongs to that packet. What timers and calls write belongs to what the flow
/// sends next, and waits for it: so many at a time.
struct PacketReasons {
  private var next: UInt64
  private var names = FlowNames()
  private var waiting: [Reason] = []

  struct Reason {
    var record: FlightRecorder.Record
    var flow: TraceFlow?
  }

  private var lost: UInt64 = 0

  private static let mostWaiting = 64
  /// At a time: a loop has other things to do.
  private static let mostRead: UInt64 = 1_024
  /// In one comment.
  private static let mostTold = 12

  init(from first: UInt64 = 0) { next = first }

  /// What was written since the last look, and waits for packets to come.
  mutating func gather(_ stack: borrowing NetworkStack) -> [Reason] {
    let reasons = read(stack)
    waiting += reasons
    if waiting.count > Self.mostWaiting { waiting.removeFirst(waiting.count - Self.mostWaiting) }
    return reasons
  }

  /// What was written since the last look, for the packet that was taken in meanwhile.
  mutating func read(_ stack: borrowing NetworkStack) -> [Reason] {
    let end = stack.recordsWritten
    // The recorder was changed for another.
    if end < next { (next, names) = (0, FlowNames()) }
    var reasons: [Reason] = []
    let oldest = end > Self.mostRead ? end - Self.mostRead : 0
    if next < oldest { (lost, next) = (lost + oldest - next, oldest) }
    while next < end {
      if let record = stack.record(next) {
        let flow = names.take(record) ?? stack.flow(ofRecordFlow: record.flow)
        if !record.rule.isName { reasons.append(Reason(record: record, flow: flow)) }
      } else {
        lost += 1
      }
      next += 1
    }
    return reasons
  }

  /// Records that nobody was in time to read, since the last call.
  mutating func takeLost() -> UInt64 {
    defer { lost = 0 }
    return lost
  }

  /// The text for a packet that has just been taken in: the rules, or why it was dropped.
  static func ofArrival(
    _ reasons: [Reason], _ stack: borrowing NetworkStack, since before: StackCounters
  ) -> String {
    var lines = reasons.suffix(mostTold).map { describe($0.record) }
    let after = stack.counters
    if after.drops != before.drops {
      for reason in DropReason.allCases where after.drops(reason) != before.drops(reason) {
        lines.append("dropped: \(reason)")
      }
    }
    return lines.joined(separator: "\n")
  }

  /// The text for a packet that leaves: what has waited for its flow.
  mutating func ofDeparture(
    _ packet: RawSpan, isEthernet: Bool, _ stack: borrowing NetworkStack
  ) -> String {
    guard !waiting.isEmpty, let ends = PacketEnds(packet, isEthernet: isEthernet) else { return "" }
    var told: [String] = []
    var left: [Reason] = []
    for reason in waiting {
      guard let flow = reason.flow else { continue }
      if flow.local.address == ends.source, flow.local.port == ends.sourcePort,
        flow.remote.address == ends.destination, flow.remote.port == ends.destinationPort
      {
        told.append(describe(reason.record))
      } else {
        left.append(reason)
      }
    }
    waiting = left
    return told.suffix(Self.mostTold).joined(separator: "\n")
  }
}

extension NetworkStack {
  /// Whose a number of flight records is now, where the recorder has forgotten its name.
  func flow(ofRecordFlow number: UInt32) -> TraceFlow? {
    guard let ends = endpoints(ofRecordFlow: number) else { return nil }
    return TraceFlow(
      local: TraceEndpoint(ends.local.address, ends.local.port),
      remote: TraceEndpoint(ends.remote.address, ends.remote.port))
  }
}
