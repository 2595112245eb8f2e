public import MartletTCP
import MartletWire

/// Where a stack keeps the record of a flow: for walking over all of them a few at a time, and for ending one.
///
/// It says nothing of the record's life: after a packet or a call another flow may stand there.
public struct FlowPlace: Equatable, BitwiseCopyable, Sendable {
  /// The cases stand in numbers of flight records.
  enum Table: UInt8, CaseIterable, BitwiseCopyable {
    case connections, halfOpen4, halfOpen6, timeWait4, timeWait6
  }

  var table: Table
  /// Below 2^30 of a connection, below 2^24 of the others.
  var index: UInt32

  /// Before the first of all.
  public static var first: FlowPlace { FlowPlace(table: .connections, index: 0) }

  /// What flight records call the flow (`FlightRecorder.Record.flow`).
  public var recordFlow: UInt32 {
    table == .connections ? index : 0x8000_0000 | UInt32(table.rawValue) << 24 | index
  }

  /// What they call every flow that no record is kept of: whose is said each time.
  static var strangersFlow: UInt32 { 0xff00_0000 }

  /// Nil: it is no record's.
  init?(recordFlow number: UInt32) {
    guard number >> 31 == 1 else {
      self.init(table: .connections, index: number)
      return
    }
    let kind = UInt8(truncatingIfNeeded: number >> 24 & 0x7f)
    guard let table = Table(rawValue: kind), table != .connections else { return nil }
    self.init(table: table, index: number & 0xff_ffff)
  }

  init(table: Table, index: UInt32) {
    self.table = table
    self.index = index
  }

  var next: FlowPlace { FlowPlace(table: table, index: index &+ 1) }
}

extension NetworkStack {
  /// Calls `body` with up to `limit` flows from a place on, in the order of `forEachFlow`, so that a table of any length
  /// can be read without holding packets up. Returns where to go on; nil: there are no more. What begins and ends between
  /// two calls may be missed; what stays is seen once.
  public func forSomeFlows(
    from start: FlowPlace, atMost limit: Int, now: Instant, _ body: (FlowReport) -> Void
  ) -> FlowPlace? {
    let now = max(now, clock)
    var place = start
    var left = limit
    while let found = nextLive(from: place) {
      guard left > 0 else { return found }
      left &-= 1
      if let report = line(at: found, now) { body(report) }
      place = found.next
    }
    return nil
  }

  private func nextLive(from start: FlowPlace) -> FlowPlace? {
    var from = start.index
    for table in FlowPlace.Table.allCases where table.rawValue >= start.table.rawValue {
      let index: UInt32? =
        switch table {
        case .connections: connections.nextLive(from: from)
        case .halfOpen4: flows4.embryos.nextLive(from: from)
        case .halfOpen6: flows6.embryos.nextLive(from: from)
        case .timeWait4: flows4.lingering.nextLive(from: from)
        case .timeWait6: flows6.lingering.nextLive(from: from)
        }
      if let index { return FlowPlace(table: table, index: index) }
      from = 0
    }
    return nil
  }

  private func line(at place: FlowPlace, _ now: Instant) -> FlowReport? {
    let i = place.index
    switch place.table {
    case .connections: return connectionLine(i)
    case .halfOpen4: return Self.line(flows4.embryos[i], at: place, Tick(now))
    case .halfOpen6: return Self.line(flows6.embryos[i], at: place, Tick(now))
    case .timeWait4: return Self.line(flows4.lingering[i], at: place, Tick(now))
    case .timeWait6: return Self.line(flows6.lingering[i], at: place, Tick(now))
    }
  }

  /// Everything about the flow at a place, whether an application has it or not; nil: it is no connection, or none any
  /// more.
  public func status(at place: FlowPlace, now: Instant) -> ConnectionReport? {
    let i = place.index
    guard place.table == .connections, connections.isLive(i), !connections[i].marks.contains(.isDead) else {
      return nil
    }
    return report(i, now: now)
  }

  /// The ends of the flow that a number of flight records stands for now; nil: for none.
  public func endpoints(ofRecordFlow number: UInt32) -> (local: Endpoint, remote: Endpoint)? {
    guard let place = FlowPlace(recordFlow: number), let flow = flow(at: place) else { return nil }
    return (flow.localEndpoint, flow.remoteEndpoint)
  }

  private func flow(at place: FlowPlace) -> Flow? {
    let i = place.index
    return switch place.table {
    case .connections: connections.isLive(i) ? connections.flow(of: i, keys6) : nil
    case .halfOpen4: flows4.embryos.isLive(i) ? flows4.embryos[i].key.flow : nil
    case .halfOpen6: flows6.embryos.isLive(i) ? flows6.embryos[i].key.flow : nil
    case .timeWait4: flows4.lingering.isLive(i) ? flows4.lingering[i].key.flow : nil
    case .timeWait6: flows6.lingering.isLive(i) ? flows6.lingering[i].key.flow : nil
    }
  }

  /// Ends a flow from outside, as an operator does: a connection and a half-open one with a reset to the peer, of which
  /// the application hears (`EndReason.aborted`) and whose handle it keeps; a TIME-WAIT without a word. False: nothing
  /// that could be ended is there.
  public mutating func end(at place: FlowPlace, now: Instant) -> Bool {
    tell(now)
    let i = place.index
    switch place.table {
    case .connections:
      guard connections.isLive(i), connections[i].marks.contains(.onWire) else { return false }
      endConnection(i, because: .aborted)
    case .halfOpen4:
      guard flows4.embryos.isLive(i) else { return false }
      endHalfOpen(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: true))
    case .halfOpen6:
      guard flows6.embryos.isLive(i) else { return false }
      endHalfOpen(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: false))
    case .timeWait4:
      guard flows4.lingering.isLive(i) else { return false }
      endLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: true))
    case .timeWait6:
      guard flows6.lingering.isLive(i) else { return false }
      endLingering(FlowReference(entry: FlowEntry(.lingering, i), isIPv4: false))
    }
    return true
  }

  /// RFC 9293 §3.10.5: SYN-RECEIVED is reset with SND.NXT. A SYN that nobody has answered yet is refused.
  private mutating func endHalfOpen(_ r: FlowReference) {
    let view = embryo(r)
    noteTransition(.synReceived, .listen, of: r.halfOpenPlace.recordFlow)
    discardEmbryo(r)
    let isUnanswered = view.marks.contains(.deferred)
    let reset =
      isUnanswered
      ? SegmentPlan(
        seq: SequenceNumber(0), ack: view.tcb.irs.advanced(by: 1), flags: [.rst, .ack],
        window: UnscaledWindow(0))
      : SegmentPlan(
        seq: view.tcb.iss.advanced(by: 1), ack: SequenceNumber(0), flags: .rst, window: UnscaledWindow(0))
    queueReset(reset, view.flow)
  }
}
