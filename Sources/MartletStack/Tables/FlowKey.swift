import MartletTCP
import MartletWire

/// Both endpoints of a flow, packed: what a record keeps to know whose it is.
protocol FlowKey: BitwiseCopyable, Equatable {
  /// Nil when the addresses are of another family.
  init?(_ flow: Flow)
  var flow: Flow { get }
  func hash(_ key: SipKey) -> UInt64
}

/// 12 octets.
struct IPv4FlowKey: FlowKey {
  var local: UInt32
  var remote: UInt32
  var localPort: UInt16
  var remotePort: UInt16

  @inline(__always)
  init(local: UInt32, remote: UInt32, localPort: UInt16, remotePort: UInt16) {
    self.local = local
    self.remote = remote
    self.localPort = localPort
    self.remotePort = remotePort
  }

  @inline(__always)
  init?(_ flow: Flow) {
    guard case .v4(let local) = flow.local, case .v4(let remote) = flow.remote else { return nil }
    self.init(
      local: local.bits, remote: remote.bits, localPort: flow.localPort, remotePort: flow.remotePort)
  }

  /// The local one above the remote one.
  @inline(__always)
  var ports: UInt32 { UInt32(localPort) << 16 | UInt32(remotePort) }

  var flow: Flow {
    Flow(
      local: .v4(IPv4Address(bits: local)), remote: .v4(IPv4Address(bits: remote)), localPort: localPort,
      remotePort: remotePort)
  }

  func hash(_ key: SipKey) -> UInt64 { hashInPlace(key) }

  /// Likewise where each segment comes.
  @inline(__always)
  func hashInPlace(_ key: SipKey) -> UInt64 {
    var state = SipState(key)
    state.absorb(UInt64(local) << 32 | UInt64(remote), rounds: 1)
    return state.finish(byteCount: 12, tail: UInt64(ports), rounds: 1, finalRounds: 3)
  }
}

/// 36 octets, aligned to 4. The zone of a link-local flow lies in bits 16 to 31 of the remote
/// address, which are zero on the wire (RFC 4291 §2.5.6): packets where they are not are dropped on arrival.
struct IPv6FlowKey: FlowKey {
  private var words: InlineArray<8, UInt32>
  private var ports: UInt32

  init?(_ flow: Flow) {
    guard case .v6(let local) = flow.local, case .v6(let remote) = flow.remote else { return nil }
    words = [
      UInt32(truncatingIfNeeded: local.high >> 32), UInt32(truncatingIfNeeded: local.high),
      UInt32(truncatingIfNeeded: local.low >> 32), UInt32(truncatingIfNeeded: local.low),
      UInt32(truncatingIfNeeded: remote.high >> 32) ^ UInt32(flow.zone),
      UInt32(truncatingIfNeeded: remote.high),
      UInt32(truncatingIfNeeded: remote.low >> 32), UInt32(truncatingIfNeeded: remote.low),
    ]
    ports = UInt32(flow.localPort) << 16 | UInt32(flow.remotePort)
  }

  var flow: Flow {
    var remoteTop = words[4]
    var zone: UInt16 = 0
    if remoteTop >> 22 == 0x3fa {
      zone = UInt16(truncatingIfNeeded: remoteTop)
      remoteTop &= 0xffff_0000
    }
    return Flow(
      local: .v6(IPv6Address(high: quad(words[0], words[1]), low: quad(words[2], words[3]))),
      remote: .v6(IPv6Address(high: quad(remoteTop, words[5]), low: quad(words[6], words[7]))),
      localPort: UInt16(truncatingIfNeeded: ports >> 16), remotePort: UInt16(truncatingIfNeeded: ports),
      zone: zone)
  }

  func hash(_ key: SipKey) -> UInt64 {
    SipHash.hash13(
      key, quad(words[0], words[1]), quad(words[2], words[3]), quad(words[4], words[5]),
      quad(words[6], words[7]), UInt64(ports))
  }

  static func == (a: IPv6FlowKey, b: IPv6FlowKey) -> Bool {
    if a.ports != b.ports { return false }
    for i in 0..<8 where a.words[i] != b.words[i] { return false }
    return true
  }

  private func quad(_ high: UInt32, _ low: UInt32) -> UInt64 { UInt64(high) << 32 | UInt64(low) }
}

extension Flow {
  /// What the flow table finds it by.
  @inline(__always)
  func tableHash(_ key: SipKey) -> UInt64 {
    if let own = IPv4FlowKey(self) { return own.hash(key) }
    return IPv6FlowKey(self)?.hash(key) ?? 0
  }
}

/// What the flow table says of a flow: which phase its record is in, and where.
struct FlowEntry: BitwiseCopyable, Equatable {
  /// The life-cycle phases that have records; LISTEN is found by `BindingTable`.
  enum Phase: UInt8 {
    case connection
    case embryonic
    case lingering
  }

  var rawValue: UInt32

  @inline(__always)
  init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  @inline(__always)
  init(_ phase: Phase, _ index: UInt32) {
    rawValue = UInt32(phase.rawValue) << 30 | index & 0x3fff_ffff
  }

  @inline(__always)
  var index: UInt32 { rawValue & 0x3fff_ffff }

  @inline(__always)
  var phase: Phase {
    switch rawValue >> 30 {
    case 0: .connection
    case 1: .embryonic
    default: .lingering
    }
  }
}

/// A record of either family.
struct FlowReference: BitwiseCopyable, Equatable {
  var entry: FlowEntry
  var isIPv4: Bool

  /// Of a half-open record.
  var halfOpenPlace: FlowPlace { FlowPlace(table: isIPv4 ? .halfOpen4 : .halfOpen6, index: entry.index) }
  /// Of a TIME-WAIT record.
  var timeWaitPlace: FlowPlace { FlowPlace(table: isIPv4 ? .timeWait4 : .timeWait6, index: entry.index) }
}

/// Neighbours in a doubly linked list, in 24 bits each: a limit on the number of records
/// that is far above their caps, and two octets less apiece.
struct Links: BitwiseCopyable {
  static var none: UInt32 { 0xff_ffff }

  private var previousLow = UInt16.max
  private var nextLow = UInt16.max
  private var previousHigh = UInt8.max
  private var nextHigh = UInt8.max

  var previous: UInt32 {
    get { UInt32(previousHigh) << 16 | UInt32(previousLow) }
    set {
      previousLow = UInt16(truncatingIfNeeded: newValue)
      previousHigh = UInt8(truncatingIfNeeded: newValue >> 16)
    }
  }

  var next: UInt32 {
    get { UInt32(nextHigh) << 16 | UInt32(nextLow) }
    set {
      nextLow = UInt16(truncatingIfNeeded: newValue)
      nextHigh = UInt8(truncatingIfNeeded: newValue >> 16)
    }
  }
}

/// Ends of a doubly linked list.
struct LinkedEnds: BitwiseCopyable {
  var first = Links.none
  var last = Links.none
  var count: UInt32 = 0
}
