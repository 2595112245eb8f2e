import MartletTCP
import MartletWire

/// A segment without text that waits to be pulled: resets, SYN-ACKs, challenge and
/// TIME-WAIT acknowledgments, and acknowledgments that must not merge. All of them
/// may be lost: what they answer comes again.
struct Reply: BitwiseCopyable {
  var flow: Flow
  var plan: SegmentPlan
  var hopLimit: UInt8
  var dscp: UInt8
  var next = IndexList.none
}

extension NetworkStack {
  /// Queues a segment of a flow that has no connection.
  mutating func queueReply(_ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8, dscp: UInt8) {
    guard let interface = routing.interface(to: flow.remote, zone: flow.zone) else {
      return counts.drop(.noRoute)
    }
    queueReply(plan, flow, hopLimit: hopLimit, dscp: dscp, on: interface)
  }

  /// Likewise, where it is known which way.
  mutating func queueReply(
    _ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8, dscp: UInt8, on interface: InterfaceID
  ) {
    // What a connection plans it has counted itself, but for resets.
    if !plan.flags.contains(.rst) { around.counters.outSegs &+= 1 }
    append(Reply(flow: flow, plan: plan, hopLimit: hopLimit, dscp: dscp), on: interface.index)
  }

  /// Queues a segment of a connection: by its interface, with its options (MUST-45, MUST-48, MUST-49).
  mutating func queueReply(_ plan: SegmentPlan, of i: UInt32) {
    let connection = connections[i]
    append(
      Reply(
        flow: connections.flow(of: i, keys6), plan: plan, hopLimit: connection.hopLimit, dscp: connection.dscp
      ),
      on: Int(connection.interface))
  }

  /// Queues a reset in answer to a segment that fits no connection, within the limits (S5.1).
  mutating func queueReset(_ plan: SegmentPlan, _ flow: Flow, hopLimit: UInt8 = 0, dscp: UInt8 = 0) {
    guard mayAnswer(.reset, to: flow.remote) else { return counts.drop(.resetLimited) }
    queueReply(plan, flow, hopLimit: hopLimit, dscp: dscp)
  }

  /// The same to a segment that does not fit the connection it is for.
  mutating func queueReset(_ plan: SegmentPlan, of i: UInt32) {
    guard mayAnswer(.reset, to: connections.flow(of: i, keys6).remote) else {
      return counts.drop(.resetLimited)
    }
    queueReply(plan, of: i)
  }

  /// Whether one more answer of a kind may leave for a destination (robustness rule O8).
  mutating func mayAnswer(_ answer: Answer, to destination: IPAddress) -> Bool {
    answerLimits.take(
      answer, to: destination, draw: secrets.drawJitter(), at: clock, &around.budget)
  }

  private mutating func append(_ reply: Reply, on interface: Int) {
    guard interface < interfaces.count, interfaces[interface].isPresent else { return counts.drop(.noRoute) }
    guard UInt32(truncatingIfNeeded: replies.live) < configuration.replyLimit,
      let handle = replies.allocate(reply, &around.budget)
    else { return counts.drop(.outputQueueFull) }
    if reply.plan.flags.contains(.rst) {
      around.counters.outRsts &+= 1
      around.counters.outSegs &+= 1
    }
    let last = interfaces[interface].replies.last
    if last == IndexList.none {
      interfaces[interface].replies.first = handle.index
    } else {
      replies[last].next = handle.index
    }
    interfaces[interface].replies.last = handle.index
  }

  /// Takes the first reply off the list; the caller frees it.
  mutating func popReply(on interface: Int) -> UInt32? {
    let first = interfaces[interface].replies.first
    if first == IndexList.none { return nil }
    let next = replies[first].next
    interfaces[interface].replies.first = next
    if next == IndexList.none { interfaces[interface].replies.last = IndexList.none }
    return first
  }
}
