import MartletTCP
import MartletWire

// Limits that count answers can be asked whether there was one: whoever has enough addresses to reach them sees
// what is left. So ours count questions. What would be answered if nobody here knew its flow counts where
// somebody does know it too, though it is answered otherwise or not at all; and what is left of any limit is the
// same with a connection, or a socket, and without (robustness rule O8). `Documentation/OffPath.md` has more.

extension NetworkStack {
  /// A segment that its record refused, and that anybody can have made up.
  mutating func countStray(_ seg: Segment, _ flow: Flow) {
    guard wouldBeReset(seg, flow) else { return }
    _ = mayAnswer(.reset, to: flow.remote, zone: flow.zone)
  }

  /// Whether a segment would be if its flow had no record.
  private mutating func wouldBeReset(_ seg: Segment, _ flow: Flow) -> Bool {
    guard let l = listener(at: flow.localEndpoint) else { return !seg.flags.contains(.rst) }
    switch segmentArrivesListen(seg) {
    case .drop: return false
    case .reset: return true
    case .open: return reasonToRefuse(flow, l).map { !$0.passes } ?? false
    }
  }

  /// Whether a segment shows that its sender has seen our SYN-ACK.
  mutating func acknowledgesSynAck(_ seg: Segment, _ r: FlowReference) -> Bool {
    let i = r.entry.index
    let iss = r.isIPv4 ? flows4.embryos[i].tcb.iss : flows6.embryos[i].tcb.iss
    return seg.flags.contains(.ack) && seg.ack == iss.advanced(by: 1)
  }

  /// A datagram for a socket that is connected to its sender, or to whom it says it is from, at a port that has no
  /// socket for everybody. That some port has one is no secret: whoever asks sees it.
  mutating func countStrayDatagram(_ arrival: Arrival) {
    if arrival.isUnicast { _ = mayAnswer(.icmpError, to: arrival.source, zone: arrival.zone) }
  }
}
