import MartletTCP
import MartletWire

// Who may not connect, however much the listener wants connections. It is asked when a SYN comes, and for
// what may have changed since, again at the third segment.

extension NetworkStack {
  /// Why a connection with this flow would be one too many; nil: it would not.
  mutating func refusal(of flow: Flow, _ l: UInt32) -> DropReason? {
    if refusesNewcomers() { return .noMemory }
    return UInt32(truncatingIfNeeded: connections.live) >= configuration.connectionLimit ? .noMemory : nil
  }

  /// Answers with a reset, so that the peer need not find out by waiting.
  mutating func refuse(_ seg: Segment, _ flow: Flow, _ reason: DropReason) {
    counts.connectionsRefused &+= 1
    counts.drop(reason)
    if let plan = segmentArrivesClosed(seg) { queueReset(plan, flow) }
  }
}
