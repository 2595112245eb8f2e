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

  private struct Reason {
    var record: FlightRecorder.Record
    var flow: TraceFlow?
  }

  private static let mostWaiting = 64
  /// In one comment.
  private static let mostTold = 12

  init(from first: UInt64 = 0) { next = first }

  /// Takes in what was written since the last look, for packets to come.
  mutating func gather(_ stack: borrowing NetworkStack) {
    waiting += read(stack)
    if waiting.count > Self.mostWaiting { waiting.removeFirst(waiting.count - Self.mostWaiting) }
  }

  /// The text for a packet that has just been taken in: the rules, or why it was dropped.
  mutating func ofArrival(_ stack: borrowing NetworkStack, since before: StackCounters) -> String {
    var lines = read(stack).suffix(Self.mostTold).map { describe($0.record) }
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

  private mutating func read(_ stack: borrowing NetworkStack) -> [Reason] {
    let end = stack.recordsWritten
    // The recorder was changed for another.
    if end < next { (next, names) = (0, FlowNames()) }
    var reasons: [Reason] = []
    next = max(next, end > 256 ? end - 256 : 0)
    while next < end {
      if let record = stack.record(next) {
        let flow = names.take(record) ?? stack.flow(ofRecordFlow: record.flow)
        if !record.rule.isName { reasons.append(Reason(record: record, flow: flow)) }
      }
      next += 1
    }
    return reasons
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
