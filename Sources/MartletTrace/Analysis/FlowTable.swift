public import MartletTCP
internal import MartletWire

/// The TCP flows of a capture, in bounded memory.
///
/// Where there are more flows than it may hold, those that came to nothing, a SYN and perhaps its answer, make room and are
/// counted for their server: a flood of SYNs is a number, not a million rows.
public struct FlowTable: Sendable {
  public private(set) var flows: [FlowSummary] = []
  /// Flows that made room, by their server, the busiest of them.
  public private(set) var stragglers: [Stragglers] = []
  /// Flows for which there was no room, and whose segments were not looked at.
  public private(set) var ignored: UInt64 = 0
  /// Why the last segment that was taken in is a reset; nil: it is none.
  public private(set) var newestResetCause: ResetCause?
  /// Numbers given out so far.
  public private(set) var count = 0

  /// Flows of one server that came to nothing.
  public struct Stragglers: Equatable, Sendable {
    public var server: TraceEndpoint
    public var flows: UInt64
    public var first: Instant
    public var last: Instant
  }

  private let limit: Int
  /// Open addressing: places in `flows`, or -1.
  private var slots: [Int32]

  /// - Parameter limit: flows that are held at one time.
  public init(limit: Int = 100_000) {
    self.limit = max(limit, 1)
    slots = [Int32](repeating: -1, count: 1_024)
  }

  /// Takes in the next segment. Returns its flow's number, its sender's side, and what is odd about it; nil: there was no room
  /// for its flow.
  public mutating func take(
    _ segment: TracedSegment, at time: Instant
  ) -> (flow: Int, side: Side, findings: SegmentFindings)? {
    let slot = slot(of: segment)
    if slots[slot] >= 0 { return take(segment, at: time, in: Int(slots[slot])) }
    guard makeRoom() else {
      ignored &+= 1
      return nil
    }
    count += 1
    slots[self.slot(of: segment)] = Int32(truncatingIfNeeded: flows.count)
    flows.append(FlowSummary(count, segment, at: time))
    if flows.count * 2 > slots.count { rehash(slots.count * 2) }
    return take(segment, at: time, in: flows.count - 1)
  }

  private mutating func take(
    _ segment: TracedSegment, at time: Instant, in place: Int
  ) -> (flow: Int, side: Side, findings: SegmentFindings)? {
    guard let side = flows[place].side(of: segment) else { return nil }
    let findings = flows[place].take(segment, from: side, at: time)
    newestResetCause = flows[place].newestResetCause
    return (flows[place].number, side, findings)
  }

  /// The flow of this number, if it is still held.
  public func flow(number: Int) -> FlowSummary? { flows.first { $0.number == number } }

  // MARK: Room

  /// False: every flow is worth more than a new one.
  private mutating func makeRoom() -> Bool {
    guard flows.count >= limit else { return true }
    var kept: [FlowSummary] = []
    kept.reserveCapacity(flows.count)
    for flow in flows {
      switch flow.fate {
      case .unanswered, .halfOpen, .refused: countStraggler(flow)
      default: kept.append(flow)
      }
    }
    // With hardly any gone, the next ones would each cost a walk.
    guard kept.count <= limit - max(1, limit / 16) else { return false }
    flows = kept
    rehash(slots.count)
    return true
  }

  private static var mostServers: Int { 64 }

  private mutating func countStraggler(_ flow: FlowSummary) {
    if let index = stragglers.firstIndex(where: { $0.server == flow.right }) {
      stragglers[index].flows &+= 1
      stragglers[index].last = max(stragglers[index].last, flow.last)
    } else if stragglers.count < Self.mostServers {
      stragglers.append(Stragglers(server: flow.right, flows: 1, first: flow.first, last: flow.last))
    } else {
      ignored &+= 1
    }
  }

  // MARK: Finding

  /// Where its flow is, or where it would be.
  private func slot(of segment: TracedSegment) -> Int {
    var slot = Int(
      truncatingIfNeeded: Self.hash(segment.source, segment.destination) & UInt64(slots.count - 1))
    while slots[slot] >= 0, flows[Int(slots[slot])].side(of: segment) == nil {
      slot = (slot + 1) & (slots.count - 1)
    }
    return slot
  }

  private mutating func rehash(_ size: Int) {
    slots = [Int32](repeating: -1, count: size)
    for (place, flow) in flows.enumerated() {
      var slot = Int(truncatingIfNeeded: Self.hash(flow.left, flow.right) & UInt64(size - 1))
      while slots[slot] >= 0 { slot = (slot + 1) & (size - 1) }
      slots[slot] = Int32(truncatingIfNeeded: place)
    }
  }

  /// The same for both directions.
  private static func hash(_ a: TraceEndpoint, _ b: TraceEndpoint) -> UInt64 {
    mix(number(a)) &+ mix(number(b))
  }

  private static func number(_ end: TraceEndpoint) -> UInt64 {
    switch end.address {
    case .v4(let address): UInt64(address.bits) << 16 | UInt64(end.port)
    case .v6(let address): mix(address.high) &+ address.low ^ UInt64(end.port) << 48
    }
  }

  /// The finalizer of MurmurHash3, as published.
  private static func mix(_ number: UInt64) -> UInt64 {
    var word = number
    word = (word ^ word >> 33) &* 0xff51_afd7_ed55_8ccd
    word = (word ^ word >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return word ^ word >> 33
  }
}
