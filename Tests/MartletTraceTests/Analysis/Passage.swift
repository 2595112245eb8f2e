import MartletTCP
import MartletTrace
import MartletWire

/// Segments of one flow as they pass somebody who watches, with relative numbers, in virtual time.
struct Passage {
  var analysis = SegmentAnalysis()
  /// Just below a wrap of the sequence numbers, unless somebody chooses otherwise.
  var clientISS: UInt32 = 0xffff_ffc0
  var serverISS: UInt32 = 0xffff_ff00
  var client = Exchange.client
  var server = Exchange.server
  /// Microseconds.
  private(set) var now: Int64 = 0

  /// What is odd about the segment that passes `after` microseconds later.
  mutating func pass(
    _ side: Side, _ flags: TCPFlags = [], seq: UInt32, ack: UInt32? = nil, text: UInt32 = 0,
    window: UInt16 = 502,
    options: TCPOptions? = nil, lacksOptions: Bool = false, after: Int64 = 10
  ) -> SegmentFindings {
    now += after
    var segment = segment(side, flags, seq: seq, ack: ack, text: text, window: window, options: options)
    segment.lacksOptions = lacksOptions
    return analysis.examine(segment, from: side, at: Exchange.time(now))
  }

  func segment(
    _ side: Side, _ flags: TCPFlags = [], seq: UInt32, ack: UInt32? = nil, text: UInt32 = 0,
    window: UInt16 = 502,
    options: TCPOptions? = nil
  ) -> TracedSegment {
    let (own, peer) = side == .left ? (clientISS, serverISS) : (serverISS, clientISS)
    let (from, to) = side == .left ? (client, server) : (server, client)
    let header = TCPHeader(
      sourcePort: from.port, destinationPort: to.port, seq: SequenceNumber(own &+ seq),
      ack: SequenceNumber(ack.map { peer &+ $0 } ?? 0), flags: ack == nil ? flags : flags.union(.ack),
      window: UnscaledWindow(window), options: options ?? TCPOptions())
    return TracedSegment(source: from, destination: to, header: header, textCount: text)
  }

  /// Three segments, 1 ms from the first to the last; nobody scales windows, unless `scale` says so.
  mutating func open(scale: UInt8? = nil, lacksOptions: Bool = false) -> [SegmentFindings] {
    var options = TCPOptions()
    if let scale {
      options.present = .windowScale
      options.windowScale = WindowScale(scale)
    }
    return [
      pass(.left, .syn, seq: 0, options: options, lacksOptions: lacksOptions),
      pass(.right, .syn, seq: 0, ack: 1, options: options, lacksOptions: lacksOptions, after: 500),
      pass(.left, seq: 1, ack: 1, after: 500),
    ]
  }
}

extension Passage {
  /// A flow that has been opened, and of which nothing was odd.
  static func opened(scale: UInt8? = nil, lacksOptions: Bool = false) -> Passage {
    var passage = Passage()
    _ = passage.open(scale: scale, lacksOptions: lacksOptions)
    return passage
  }
}
