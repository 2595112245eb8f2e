public import MartletTCP
public import MartletWire

/// A segment that the stack under test has sent, taken apart.
public struct SeenSegment: Sendable {
  /// When it was pulled.
  public var time: Instant
  /// The whole packet, from its IP header on.
  public var packet: [UInt8]
  public var source: IPAddress
  public var destination: IPAddress
  public var dscp: UInt8
  public var ecn: ECN
  public var hopLimit: UInt8
  public var header: TCPHeader
  public var text: [UInt8]
  /// Relative to the stack's initial sequence number.
  public var seq: Int
  /// Relative to the peer's; 0 where there is no ACK.
  public var ack: Int
  /// As scripts write them; edges of SACK blocks are the peer's relative numbers.
  public var options: [ScriptOption]

  public var flags: TCPFlags { header.flags }
  /// The window field, not scaled.
  public var window: Int { Int(header.window.field) }
  /// SEG.LEN of RFC 9293.
  public var sequenceLength: Int { text.count + Int(flags.sequenceLength) }

  /// TSval and TSecr, where the segment has them.
  public var timestamps: (value: UInt32, echo: UInt32)? {
    header.options.present.contains(.timestamps) ? (header.options.tsval, header.options.tsecr) : nil
  }

  /// The SACK blocks, as relative ranges.
  public var sack: [Range<Int>] {
    for case .sack(let ranges) in options { return ranges }
    return []
  }
}

/// A packet that the stack has sent: a segment, or something else.
struct SeenPacket {
  var time: Instant
  var octets: [UInt8]
  var segment: SeenSegment?

  /// Looks for a TCP segment in a packet; `numbers` tells what it counts from.
  init(_ octets: [UInt8], at time: Instant, numbers: (FlowEnds, TCPHeader) -> FlowNumbers) {
    self.time = time
    self.octets = octets
    let bytes = octets.span.bytes
    if let ip = IPv4HeaderView(validating: bytes), ip.proto == .tcp,
      let tcp = TCPHeaderView(validating: ip.payload)
    {
      segment = SeenSegment(
        time, octets, .v4(ip.source), .v4(ip.destination), ip.dscp, ip.ecn, ip.timeToLive, tcp, numbers)
    } else if let ip = IPv6HeaderView(validating: bytes), ip.nextHeader == .tcp,
      let tcp = TCPHeaderView(validating: ip.payload)
    {
      segment = SeenSegment(
        time, octets, .v6(ip.source), .v6(ip.destination), ip.dscp, ip.ecn, ip.hopLimit, tcp, numbers)
    }
  }
}

extension SeenSegment {
  init(
    _ time: Instant, _ packet: [UInt8], _ source: IPAddress, _ destination: IPAddress, _ dscp: UInt8,
    _ ecn: ECN, _ hopLimit: UInt8, _ tcp: borrowing TCPHeaderView,
    _ numbers: (FlowEnds, TCPHeader) -> FlowNumbers
  ) {
    self.time = time
    self.packet = packet
    self.source = source
    self.destination = destination
    self.dscp = dscp
    self.ecn = ecn
    self.hopLimit = hopLimit
    header = tcp.header()
    text = tcp.text.copied
    let flow = FlowEnds(
      stack: Ends(source, header.sourcePort), peer: Ends(destination, header.destinationPort))
    let known = numbers(flow, header)
    seq = relative(header.seq, to: known.iss ?? SequenceNumber(0))
    ack = header.flags.contains(.ack) ? relative(header.ack, to: known.irs) : 0
    options = header.options.scripted(sackBase: known.irs)
  }

  var flow: FlowEnds {
    FlowEnds(stack: Ends(source, header.sourcePort), peer: Ends(destination, header.destinationPort))
  }
}

/// An address and a port.
struct Ends: Hashable {
  var address: IPAddress
  var port: UInt16

  init(_ address: IPAddress, _ port: UInt16) {
    self.address = address
    self.port = port
  }
}

/// A flow as the script sees it.
struct FlowEnds: Hashable {
  var stack: Ends
  var peer: Ends
}

/// What a script knows of a flow: where its numbers begin, and what was said.
struct FlowNumbers {
  /// The peer's initial sequence number.
  var irs: SequenceNumber
  /// The stack's; nil: it has sent no SYN yet.
  var iss: SequenceNumber?
  /// The scale of the windows that the stack offers, once both sides have offered to scale.
  var shift: UInt8 = 0
  var peerShift: UInt8 = 0
  var stackOfferedScale: UInt8?
  var peerOfferedScale: UInt8?
  var stackOfferedTimestamps = false
  var peerOfferedTimestamps = false
  /// The TSval that was seen last, and the one that was injected last.
  var lastTSval: UInt32 = 0
  /// The right edge of the window that the stack has offered, relative.
  var offeredEdge: Int?
  /// The highest acknowledgment that it has sent, relative.
  var highestAck: Int?
  /// The right edge of what the peer allows, relative.
  var allowedEdge: Int?

  init(irs: SequenceNumber) {
    self.irs = irs
  }

  var hasTimestamps: Bool { stackOfferedTimestamps && peerOfferedTimestamps }

  /// The numbers begin anew with each SYN that has another number.
  mutating func stackSends(_ header: TCPHeader) {
    if header.options.present.contains(.timestamps) { lastTSval = header.options.tsval }
    guard header.flags.contains(.syn) else { return }
    if iss != header.seq {
      iss = header.seq
      offeredEdge = nil
      highestAck = nil
      allowedEdge = nil
    }
    stackOfferedTimestamps = header.options.present.contains(.timestamps)
    stackOfferedScale =
      header.options.present.contains(.windowScale) ? header.options.windowScale.shift : nil
    agree()
  }

  mutating func peerSends(_ header: TCPHeader) {
    if header.flags.contains(.syn) {
      peerOfferedTimestamps = header.options.present.contains(.timestamps)
      peerOfferedScale =
        header.options.present.contains(.windowScale) ? header.options.windowScale.shift : nil
      agree()
    }
    guard header.flags.contains(.ack), let iss else { return }
    let shift = header.flags.contains(.syn) ? 0 : peerShift
    let edge = relative(header.ack, to: iss) + Int(header.window.field) << Int(shift)
    allowedEdge = max(allowedEdge ?? edge, edge)
  }

  /// RFC 7323 §2.2: both or neither.
  private mutating func agree() {
    guard let stackOfferedScale, let peerOfferedScale else {
      shift = 0
      peerShift = 0
      return
    }
    shift = stackOfferedScale
    peerShift = peerOfferedScale
  }
}
