public import MartletTCP
import MartletWire

/// Who wants to connect to whom.
public struct AttemptReport: Equatable, BitwiseCopyable, Sendable {
  public var listener: ListenerID
  public var local: Endpoint
  public var remote: Endpoint
}

extension NetworkStack {
  /// The endpoints of an attempt that waits for its answer.
  public func report(_ id: AttemptID) throws(HandleError) -> AttemptReport {
    guard let reference = reference(of: id) else { throw .stale }
    let i = reference.entry.index
    let view = reference.isIPv4 ? flows4.view(i) : flows6.view(i)
    guard let listener = listeners.handle(at: view.listener) else { throw .stale }
    return AttemptReport(
      listener: ListenerID(handle: listener), local: view.flow.localEndpoint, remote: view.flow.remoteEndpoint
    )
  }

  /// Answers an attempt. It is stale once it was answered, timed out, or the peer gave it up.
  public mutating func answer(
    _ id: AttemptID, _ answer: AttemptAnswer, now: Instant
  ) throws(HandleError) {
    tell(now)
    guard let reference = reference(of: id) else { throw .stale }
    var view = embryo(reference)
    switch answer {
    case .accept:
      view.tcb.admit(around, now: clock)
      view.marks.remove(.deferred)
      store(view.tcb, view.marks, reference)
      sendSynAck(reference)
    case .reset:
      discardEmbryo(reference)
      // RFC 9293 §3.10.7.1, as for a SYN that nobody wants, and limited like it.
      let reset = SegmentPlan(
        seq: SequenceNumber(0), ack: view.tcb.irs.advanced(by: 1), flags: [.rst, .ack],
        window: UnscaledWindow(0))
      queueReset(reset, view.flow)
    case .unreachable:
      discardEmbryo(reference)
      queueHostUnreachable(view.flow, irs: view.tcb.irs)
    case .drop:
      discardEmbryo(reference)
    }
  }

  private func reference(of id: AttemptID) -> FlowReference? {
    let isLive = id.isIPv4 ? flows4.embryos.contains(id.handle) : flows6.embryos.contains(id.handle)
    guard isLive else { return nil }
    let reference = FlowReference(entry: FlowEntry(.embryonic, id.handle.index), isIPv4: id.isIPv4)
    let i = id.handle.index
    let marks = id.isIPv4 ? flows4.embryos[i].marks : flows6.embryos[i].marks
    return marks.contains(.deferred) ? reference : nil
  }
}
