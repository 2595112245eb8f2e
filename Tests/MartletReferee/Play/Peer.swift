import MartletSimulator

/// The scripted peer of one stack: it turns a script's segments into packets and the stack's packets into
/// answers. Both stacks have one, so that the same script means the same to both, whatever their numbers are.
///
/// It reads and writes octets by itself: it shares no code with what it judges.
struct Peer {
  struct Ends {
    var isIPv6: Bool
    var stackPort: UInt16
    var peerPort: UInt16
    /// Of IPv4, or the end of one in `Wire.prefix`.
    var stackAddress: UInt32
    var peerAddress: UInt32
  }

  let ends: Ends
  /// Our initial number, and the stack's once it has sent a SYN.
  let irs: UInt32
  private(set) var iss: UInt32?
  // Relative numbers, of the stack's point of view.
  private(set) var rcvNxt = 0
  private(set) var rcvEdge = 0
  private(set) var sndUna = 0
  private(set) var sndNxt = 0
  /// Ticks once a step.
  var clock: UInt32 = 1_000
  private(set) var lastTSval: UInt32 = 0
  private(set) var lastEcho: Int?
  private var stackShift: UInt8?
  private var peerShift: UInt8?
  private var stackStamps = false
  private var peerStamps = false
  /// What our last SYN has offered.
  private var offer: (shift: UInt8?, stamps: Bool) = (nil, false)
  /// The window's edge that a segment was last placed by: stacks need not offer the same.
  private var usedEdge: Int?

  init(_ ends: Ends, irs: UInt32) {
    self.ends = ends
    self.irs = irs
  }

  var scale: Int { stackShift != nil && peerShift != nil ? Int(stackShift ?? 0) : 0 }
  var usesStamps: Bool { stackStamps && peerStamps }

  /// Relative to our initial number or to the stack's.
  func value(_ number: ScriptNumber) -> Int {
    switch number.base {
    case .initial: number.offset
    case .rcvNxt: rcvNxt + number.offset
    case .rcvEdge: rcvEdge + number.offset
    case .sndUna: sndUna + number.offset
    case .sndNxt: sndNxt + number.offset
    }
  }

  // MARK: What we send

  mutating func packet(_ segment: ScriptSegment) -> [UInt8] {
    let seq = value(segment.seq)
    let ack = value(segment.ack)
    if segment.seq.base == .rcvEdge { usedEdge = rcvEdge }
    var options: [UInt8] = []
    if let mss = segment.mss { options += [2, 4, UInt8(mss >> 8), UInt8(mss & 255)] }
    if segment.sackPermitted { options += [1, 1, 4, 2] }
    if let stamp = stamp(segment) { options += [1, 1, 8, 10] + word(stamp.value) + word(stamp.echo) }
    if let shift = segment.windowScale { options += [1, 3, 3, shift] }
    if !segment.sack.isEmpty {
      options += [1, 1, 5, UInt8(2 + 8 * min(segment.sack.count, 4))]
      for (start, end) in segment.sack.prefix(4) { options += word(ofStack(start)) + word(ofStack(end)) }
    }
    options += segment.raw
    options += [UInt8](repeating: 0, count: (4 - options.count % 4) % 4)
    options = Array(options.prefix(40))
    note(segment, seq, ack)

    var tcp: [UInt8] = [
      UInt8(ends.peerPort >> 8), UInt8(ends.peerPort & 255), UInt8(ends.stackPort >> 8),
      UInt8(ends.stackPort & 255),
    ]
    tcp += word(irs &+ UInt32(truncatingIfNeeded: seq))
    tcp += word(segment.flags.contains(.ack) ? (iss ?? 0) &+ UInt32(truncatingIfNeeded: ack) : 0)
    let words = segment.dataOffset == 0 ? UInt8(5 + options.count / 4) : segment.dataOffset
    tcp += [words << 4 | (segment.reserved & 7) << 1, segment.flags.rawValue]
    tcp += [UInt8(segment.window >> 8), UInt8(segment.window & 255), 0, 0]
    tcp += [UInt8(segment.urgent >> 8), UInt8(segment.urgent & 255)]
    tcp += options
    tcp += Peer.text(from: seq + (segment.flags.contains(.syn) ? 1 : 0), segment.length)
    let sum = Wire.sum(tcp, Wire.pseudoHeader(ends, tcp.count))
    let field = segment.hasBadChecksum ? ~sum ^ 0x5555 : ~sum
    tcp[16] = UInt8(field >> 8)
    tcp[17] = UInt8(field & 255)
    return Wire.ipHeader(ends, payload: tcp.count) + tcp
  }

  /// Octet `n` of the stream has relative number `n`, the first 1.
  static func text(from number: Int, _ count: Int) -> [UInt8] {
    KeyedStream(key: 0x7265_6665_7265_6521).octets(from: UInt64(bitPattern: Int64(number)), count: count)
  }

  private func ofStack(_ number: ScriptNumber) -> UInt32 {
    (iss ?? 0) &+ UInt32(truncatingIfNeeded: value(number))
  }

  private func stamp(_ segment: ScriptSegment) -> (value: UInt32, echo: UInt32)? {
    switch segment.stamps {
    case .absent: return nil
    case .agreed:
      guard usesStamps, segment.flags.isDisjoint(with: [.syn, .rst]) else { return nil }
      return (clock, lastTSval)
    case .present(let stamp):
      let echo = stamp.echo.map { lastTSval &+ UInt32(truncatingIfNeeded: $0) } ?? 0
      return (clock &+ UInt32(truncatingIfNeeded: stamp.value), echo)
    }
  }

  private mutating func note(_ segment: ScriptSegment, _ seq: Int, _ ack: Int) {
    guard !segment.hasBadChecksum, !segment.flags.contains(.rst) else { return }
    if segment.flags.contains(.syn) {
      offer = (segment.windowScale, { if case .present = segment.stamps { true } else { false } }())
      // A stray SYN changes nothing; one that opens a connection anew counts when it is answered.
      if rcvNxt == 0 { agree() }
    }
    if segment.flags.contains(.ack), ack > sndUna, ack <= sndNxt { sndUna = ack }
  }

  private mutating func agree() {
    peerShift = offer.shift
    peerStamps = offer.stamps
  }

  // MARK: What the stack sends

  /// Nil: no segment of this flow.
  mutating func answer(_ packet: [UInt8]) -> Answer? {
    guard let view = Wire.segment(packet) else { return nil }
    let flags = ScriptSegment.Flags(rawValue: view.flags)
    if flags.contains(.syn) { begin(view) }
    let seq = relative(view.seq, to: iss ?? 0)
    let ack = flags.contains(.ack) ? relative(view.ack, to: irs) : nil
    if !flags.contains(.rst) {
      let length = view.length + (flags.contains(.syn) ? 1 : 0) + (flags.contains(.fin) ? 1 : 0)
      sndNxt = max(sndNxt, seq + length)
      if let ack {
        rcvNxt = flags.contains(.syn) || rcvNxt == 0 ? ack : max(rcvNxt, ack)
        rcvEdge = ack + Int(view.window) << (flags.contains(.syn) ? 0 : scale)
      }
    }
    if let stamps = view.options.stamps {
      lastTSval = stamps.value
      lastEcho = relative(stamps.echo, to: 0)
    }
    return Answer(
      flags: flags, seq: seq, isNumberZero: flags.contains([.rst, .ack]) && view.seq == 0, ack: ack,
      length: view.length, window: view.window,
      mss: view.options.mss, hasScale: view.options.windowScale != nil,
      sackPermitted: view.options.sackPermitted,
      echo: view.options.stamps.map { relative($0.echo, to: 0) },
      sack: view.options.sack.map { (relative($0.0, to: irs), relative($0.1, to: irs)) },
      urgent: flags.contains(.urg) ? view.urgent : nil, edge: usedEdge)
  }

  private mutating func begin(_ view: Wire.Segment) {
    guard iss != view.seq else { return }
    iss = view.seq
    sndUna = 0
    sndNxt = 0
    stackShift = view.options.windowScale
    stackStamps = view.options.stamps != nil
    agree()
  }

  private func relative(_ number: UInt32, to base: UInt32) -> Int {
    Int(Int32(bitPattern: number &- base))
  }

  private func word(_ value: UInt32) -> [UInt8] {
    [UInt8(value >> 24), UInt8(value >> 16 & 255), UInt8(value >> 8 & 255), UInt8(value & 255)]
  }
}
