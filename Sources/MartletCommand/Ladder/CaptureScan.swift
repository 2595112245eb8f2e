import MartletLinks
import MartletTCP
import MartletTrace

/// One walk through a capture: its flows, and the segments of one of them.
struct CaptureScan {
  private(set) var flows: FlowTable
  /// Of the flows that were asked for, by their numbers, as far as there is room.
  private(set) var ladders: [Int: Ladder] = [:]
  /// Segments of those flows that the ladders do not have.
  private(set) var left: UInt64 = 0
  private(set) var packets: UInt64 = 0
  /// Packets that are no TCP segments, or not whole ones.
  private(set) var others: UInt64 = 0
  /// Of packets whose links are of a kind that nobody here knows.
  private(set) var unknownLinkTypes: Set<UInt16> = []
  /// Where the capture breaks off; nil: it does not.
  private(set) var problem: LinkError?

  /// Records before the flow had a segment.
  private var early: [(record: FlightRecorder.Record, flow: TraceFlow)] = []
  private static let mostEarly = 1_024

  private let flow: Int?
  private let segmentLimit: Int
  private var kept = 0

  /// Octets after which it is told how far reading has come.
  private static let progressStep: UInt64 = 4 << 20
  /// Segments that are kept of all flows together.
  static let mostSegments = 1_000_000

  /// - Parameters:
  ///   - flow: whose segments are kept; nil: of all.
  ///   - segmentLimit: how many of each.
  init(flow: Int?, segmentLimit: Int, flowLimit: Int) {
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
      var shown: UInt64 = 0
      while let packet = try input.next() {
        take(packet, input)
        octets &+= UInt64(packet.octets.count)
        if octets &- shown > Self.progressStep {
          progress(octets)
          shown = octets
        }
      }
    } catch {
      problem = error
    }
  }

  private mutating func take(_ packet: CapturedPacket, _ input: borrowing CaptureInput) {
    packets += 1
    guard let segment = packet.segment(of: input) else {
      others += 1
      let interface = input.interfaces[packet.interface]
      if !interface.isOfKnownKind { unknownLinkTypes.insert(interface.linkType) }
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
    case .record(let record, let of?):
      // What comes before the first segment of a flow is told when that comes.
      if flow.flatMap({ ladders[$0] }) == nil { early.append((record, of)) } else { know(record, of) }
      if early.count > Self.mostEarly { early.removeFirst() }
    case .record, .lost: break
    }
  }

  private mutating func know(_ record: FlightRecorder.Record, _ of: TraceFlow) {
    guard let flow, let ends = ladders[flow].map({ ($0.left, $0.right) }), left == 0 else { return }
    if ends == (of.local, of.remote) { ladders[flow]?.know(record, of: .left) }
    if ends == (of.remote, of.local) { ladders[flow]?.know(record, of: .right) }
  }

  private mutating func take(_ segment: TracedSegment, _ time: Instant) {
    guard let found = flows.take(segment, at: time) else { return }
    if !found.findings.isEmpty { report?(packets, found.flow, found.side, found.findings, segment) }
    guard flow == nil || found.flow == flow else { return }
    keep(segment, of: found.flow, found.side, found.findings, time)
  }

  private mutating func keep(
    _ segment: TracedSegment, of flow: Int, _ side: Side, _ findings: SegmentFindings, _ time: Instant
  ) {
    guard ladders[flow]?.observations.count ?? 0 < segmentLimit, kept < Self.mostSegments else {
      left += 1
      return
    }
    kept += 1
    var seen = Observation(segment, from: side, at: time)
    seen.findings = findings
    seen.resetCause = flows.newestResetCause
    let isFirst = ladders[flow] == nil
    let ends = side == .left ? (segment.source, segment.destination) : (segment.destination, segment.source)
    ladders[flow, default: Ladder(left: ends.0, right: ends.1)].add(seen)
    guard isFirst, flow == self.flow else { return }
    for (record, flow) in early { know(record, flow) }
    early = []
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
