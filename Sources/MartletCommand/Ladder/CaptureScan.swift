import MartletLinks
import MartletTCP
import MartletTrace

/// One walk through a capture: its flows, and the segments of one of them.
struct CaptureScan {
  private(set) var flows: FlowTable
  /// Of the flow that was asked for, as far as there is room.
  private(set) var ladder: Ladder?
  /// Segments of that flow that the ladder does not have.
  private(set) var left: UInt64 = 0
  private(set) var packets: UInt64 = 0
  /// Packets that are no TCP segments, or not whole ones.
  private(set) var others: UInt64 = 0
  /// Where the capture breaks off; nil: it does not.
  private(set) var problem: LinkError?
  /// When its first packet passed, as the capture says.
  private(set) var start: UInt64?

  /// Records before the flow had a segment.
  private var early: [(record: FlightRecorder.Record, flow: TraceFlow)] = []
  private static let mostEarly = 1_024

  private let flow: Int
  private let segmentLimit: Int

  /// - Parameters:
  ///   - flow: whose segments are kept.
  ///   - segmentLimit: how many of them.
  init(flow: Int, segmentLimit: Int, flowLimit: Int) {
    self.flow = flow
    self.segmentLimit = segmentLimit
    flows = FlowTable(limit: flowLimit)
  }

  /// Told of each segment that has something odd: its number among the packets, flow, side, findings.
  var report: ((UInt64, Int, Side, SegmentFindings, TracedSegment) -> Void)?

  /// Reads to the end, or to where the capture makes no sense.
  mutating func read(_ input: inout CaptureInput, progress: (UInt64) -> Void) {
    do throws(LinkError) {
      var octets: UInt64 = 0
      while let packet = try input.next() {
        take(packet, input)
        octets &+= UInt64(packet.octets.count)
        if packets & 0xfff == 0 { progress(octets) }
      }
    } catch {
      problem = error
    }
  }

  private mutating func take(_ packet: CapturedPacket, _ input: borrowing CaptureInput) {
    packets += 1
    if start == nil, packet.time != 0 { start = packet.time }
    guard let segment = packet.segment(of: input) else {
      others += 1
      return
    }
    take(segment, packet.instant(orNumber: packets))
  }

  /// Reads a trace that somebody recorded to its end.
  mutating func read(recording path: String) throws {
    try TraceSource.recording(path).run { _, event in
      if let event { take(event) }
      return true
    }
  }

  private mutating func take(_ event: TraceEvent) {
    switch event {
    case .segment(let segment, _, let time):
      packets += 1
      take(segment, time)
    case .record(let record, let flow?):
      // What comes before the first segment of a flow is told when that comes.
      if ladder == nil { early.append((record, flow)) } else { know(record, flow) }
      if early.count > Self.mostEarly { early.removeFirst() }
    case .record, .lost: break
    }
  }

  private mutating func know(_ record: FlightRecorder.Record, _ flow: TraceFlow) {
    guard let ends = ladder.map({ ($0.left, $0.right) }), left == 0 else { return }
    if ends == (flow.local, flow.remote) { ladder?.know(record, of: .left) }
    if ends == (flow.remote, flow.local) { ladder?.know(record, of: .right) }
  }

  private mutating func take(_ segment: TracedSegment, _ time: Instant) {
    guard let found = flows.take(segment, at: time) else { return }
    if !found.findings.isEmpty { report?(packets, found.flow, found.side, found.findings, segment) }
    guard found.flow == flow else { return }
    draw(segment, found.side, found.findings, time)
  }

  private mutating func draw(
    _ segment: TracedSegment, _ side: Side, _ findings: SegmentFindings, _ time: Instant
  ) {
    if ladder == nil, let summary = flows.flow(number: flow) {
      ladder = Ladder(left: summary.left, right: summary.right)
      for (record, flow) in early { know(record, flow) }
      early = []
    }
    guard (ladder?.observations.count ?? 0) < segmentLimit else {
      left += 1
      return
    }
    var seen = Observation(segment, from: side, at: time)
    seen.findings = findings
    ladder?.add(seen)
  }
}

extension CapturedPacket {
  /// The TCP segment that it is, as far as it was kept; nil: it is none, or not enough of one.
  func segment(of input: borrowing CaptureInput) -> TracedSegment? {
    let interface = input.interfaces[interface]
    return input.octets(of: self) { octets -> TracedSegment? in
      guard let at = interface.startOfIP(in: octets) else { return nil }
      let before = self.octets.count - (octets.byteCount - at)
      return try? TracedSegment(
        captured: octets.extracting(at...), originalCount: max(0, originalCount - before))
    }
  }

  /// A capture without times has an order.
  func instant(orNumber number: UInt64) -> Instant {
    Instant(nanoseconds: time == 0 ? number &* 1_000 : time)
  }
}
