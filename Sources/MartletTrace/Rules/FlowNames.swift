public import MartletTCP
internal import MartletWire

/// Both ends of a flow, as one of them sees it.
public struct TraceFlow: Equatable, Sendable {
  public var local: TraceEndpoint
  public var remote: TraceEndpoint

  public init(local: TraceEndpoint, remote: TraceEndpoint) {
    self.local = local
    self.remote = remote
  }
}

/// Whose the records of a flight recorder are: what its numbers stand for, read along with the records.
public struct FlowNames: Sendable {
  /// By the kind of record that a number is of, and its place.
  private var known: [[TraceFlow?]]
  private let limit: Int
  /// The halves of addresses that are still to come.
  private var halves: [UInt64] = []
  private var begun: (number: UInt32, ports: UInt32, isIPv4: Bool)?

  /// - Parameter limit: places of each kind that are looked at; what stands behind them has no name.
  public init(limit: Int = 1 << 20) {
    self.limit = max(limit, 0)
    known = [[TraceFlow?]](repeating: [], count: Self.kinds)
  }

  /// Takes in the next record. Returns whose it is; nil: nobody's, or the recorder forgot the name before it was read.
  public mutating func take(_ record: FlightRecorder.Record) -> TraceFlow? {
    switch record.rule {
    case .flowBegins:
      begun = (record.flow, record.a, record.b == 4)
      halves = []
      name(record.flow, nil)
    case .flowAddress:
      halves.append(UInt64(record.a) << 32 | UInt64(record.b))
      finishName()
    case .flowContinues: name(record.flow, self[record.a])
    default: break
    }
    return self[record.flow]
  }

  /// What a number stands for now.
  public subscript(_ number: UInt32) -> TraceFlow? {
    let (kind, place) = Self.place(of: number)
    return place < known[kind].count ? known[kind][place] : nil
  }

  private mutating func finishName() {
    guard let begun, halves.count == (begun.isIPv4 ? 1 : 4) else { return }
    let ends: (local: IPAddress, remote: IPAddress)
    if begun.isIPv4 {
      let (local, remote) = (halves[0] >> 32, halves[0] & 0xffff_ffff)
      ends = (
        .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: local))),
        .v4(IPv4Address(bits: UInt32(truncatingIfNeeded: remote)))
      )
    } else {
      ends = (
        .v6(IPv6Address(high: halves[0], low: halves[1])), .v6(IPv6Address(high: halves[2], low: halves[3]))
      )
    }
    name(
      begun.number,
      TraceFlow(
        local: TraceEndpoint(ends.local, UInt16(truncatingIfNeeded: begun.ports >> 16)),
        remote: TraceEndpoint(ends.remote, UInt16(truncatingIfNeeded: begun.ports))))
    self.begun = nil
  }

  private mutating func name(_ number: UInt32, _ flow: TraceFlow?) {
    let (kind, place) = Self.place(of: number)
    guard place < limit, flow != nil || place < known[kind].count else { return }
    while known[kind].count <= place { known[kind].append(nil) }
    known[kind][place] = flow
  }

  private static var kinds: Int { 129 }

  /// The highest bit is clear in connections; of all others eight bits tell the kind.
  private static func place(of number: UInt32) -> (kind: Int, place: Int) {
    number >> 31 == 0
      ? (0, Int(truncatingIfNeeded: number))
      : (Int(truncatingIfNeeded: number >> 24 & 0x7f) + 1, Int(truncatingIfNeeded: number & 0xff_ffff))
  }
}

extension Rule {
  /// It tells whose the records after it are, and decides nothing.
  public var isName: Bool { self == .flowBegins || self == .flowAddress || self == .flowContinues }
}
