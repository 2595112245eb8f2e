public import MartletTCP
internal import MartletWire

/// How a flow went, as far as its segments tell.
public enum FlowFate: Equatable, Sendable {
  /// Only SYNs.
  case unanswered
  /// The SYN was answered, and the third segment did not come.
  case halfOpen
  /// The SYN was answered with a reset.
  case refused
  /// Both sides are there, and nobody has closed.
  case open
  /// One side has closed, the other has not.
  case oneSideClosed(Side)
  /// Both FINs have passed, and not both of their acknowledgments.
  case closing
  /// Both FINs were acknowledged.
  case closed
  /// This side has reset it.
  case reset(Side)

  public func text(_ language: Language) -> String {
    let texts: (english: String, chinese: String) =
      switch self {
      case .unanswered: ("SYN unanswered", "SYN 无应答")
      case .halfOpen: ("half-open", "半开")
      case .refused: ("refused", "被拒绝")
      case .open: ("open", "连接中")
      case .oneSideClosed(.left): ("client closed, server's FIN missing", "仅客户端关闭，缺服务器的 FIN")
      case .oneSideClosed(.right): ("server closed, client's FIN missing", "仅服务器关闭，缺客户端的 FIN")
      case .closing: ("last ACK missing", "缺最后的 ACK")
      case .closed: ("closed", "正常关闭")
      case .reset(.left): ("reset by client", "客户端重置")
      case .reset(.right): ("reset by server", "服务器重置")
      }
    return language == .english ? texts.english : texts.chinese
  }
}

/// One flow of a capture: what a list tells of it.
public struct FlowSummary: Sendable {
  /// Counted from 1, in the order of their first segments.
  public let number: Int
  /// The client: whoever sent the first SYN, or the first segment.
  public let left: TraceEndpoint
  public let right: TraceEndpoint
  public let first: Instant
  public private(set) var last: Instant
  /// Segments of the client and of the server.
  public private(set) var segments: (left: UInt64, right: UInt64) = (0, 0)
  /// Octets of text, what came again included.
  public private(set) var octets: (left: UInt64, right: UInt64) = (0, 0)
  /// How often each of `SegmentFindings.each` was found.
  public private(set) var findings = [UInt32](repeating: 0, count: SegmentFindings.kinds)
  /// Its beginning is not in the capture.
  public private(set) var beginsInMiddle: Bool
  /// Both sides sent a SYN without ACK.
  public private(set) var isSimultaneousOpen = false
  /// Each side sent its FIN before it knew of the other's.
  public private(set) var isSimultaneousClose = false

  /// Why the last segment is a reset; nil: it is none.
  public var newestResetCause: ResetCause? { analysis.resetCause }
  /// Why it was reset, if it was.
  public private(set) var resetCause: ResetCause?

  private var analysis = SegmentAnalysis()
  private var progress = Progress()

  /// What has passed.
  private struct Progress: Sendable {
    var syn = (left: false, right: false)
    var synAck = false
    var isOpen = false
    var fin: (left: SequenceNumber?, right: SequenceNumber?) = (nil, nil)
    var finAcked = (left: false, right: false)
    var resetBy: Side?
    var isRefused = false
  }

  init(_ number: Int, _ segment: TracedSegment, at time: Instant) {
    self.number = number
    let isAnswer = segment.flags.isSuperset(of: [.syn, .ack])
    left = isAnswer ? segment.destination : segment.source
    right = isAnswer ? segment.source : segment.destination
    first = time
    last = time
    beginsInMiddle = !segment.flags.contains(.syn) || isAnswer
  }

  /// The side that sent it; nil: it is of another flow.
  public func side(of segment: TracedSegment) -> Side? {
    if segment.source == left, segment.destination == right { return .left }
    if segment.source == right, segment.destination == left { return .right }
    return nil
  }

  /// Takes in the next segment of the flow.
  mutating func take(_ segment: TracedSegment, from side: Side, at time: Instant) -> SegmentFindings {
    last = max(last, time)
    if side == .left {
      segments.left &+= 1
      octets.left &+= UInt64(segment.textCount)
    } else {
      segments.right &+= 1
      octets.right &+= UInt64(segment.textCount)
    }
    let found = analysis.examine(segment, from: side, at: time)
    var left = found.rawValue
    while left != 0 {
      findings[left.trailingZeroBitCount] &+= 1
      left &= left &- 1
    }
    if found.contains(.portsUsedAgain) { (progress, resetCause) = (Progress(), nil) }
    advance(segment, side)
    return found
  }

  private mutating func advance(_ segment: TracedSegment, _ side: Side) {
    let flags = segment.flags
    if flags.contains(.rst) {
      let answersSyn = side == .right && progress.syn.left && !progress.synAck && !progress.isOpen
      progress.isRefused = progress.isRefused || answersSyn
      if progress.resetBy == nil, !isOver {
        progress.resetBy = side
        resetCause = analysis.resetCause
      }
      return
    }
    if flags.contains(.syn) {
      if flags.contains(.ack) { progress.synAck = true }
      if side == .left { progress.syn.left = true } else { progress.syn.right = true }
      if progress.syn == (true, true), !flags.contains(.ack) { isSimultaneousOpen = true }
      return
    }
    if flags.contains(.ack) {
      let opens = side == .left ? progress.synAck || beginsInMiddle : beginsInMiddle || isSimultaneousOpen
      if opens { progress.isOpen = true }
      acknowledge(segment, side)
    }
    if flags.contains(.fin) {
      if side == .left { progress.fin.left = segment.end } else { progress.fin.right = segment.end }
    }
  }

  private mutating func acknowledge(_ segment: TracedSegment, _ side: Side) {
    let peerFin = side == .left ? progress.fin.right : progress.fin.left
    let acks = peerFin.map { segment.ack.followsOrEquals($0) } ?? false
    if acks { if side == .left { progress.finAcked.right = true } else { progress.finAcked.left = true } }
    let ownFin = side == .left ? progress.fin.left : progress.fin.right
    if segment.flags.contains(.fin), peerFin != nil, !acks, ownFin == nil { isSimultaneousClose = true }
  }

  private var isOver: Bool { progress.finAcked == (true, true) }

  /// How it stands after the last segment that was taken in.
  public var fate: FlowFate {
    if progress.isRefused, !progress.isOpen { return .refused }
    if let side = progress.resetBy { return .reset(side) }
    if isOver { return .closed }
    switch (progress.fin.left, progress.fin.right) {
    case (.some, .some): return .closing
    case (.some, nil): return .oneSideClosed(.left)
    case (nil, .some): return .oneSideClosed(.right)
    case (nil, nil): break
    }
    if progress.isOpen || beginsInMiddle && !progress.syn.left && !progress.synAck { return .open }
    return progress.synAck ? .halfOpen : .unanswered
  }

  /// How often something was found.
  public func count(of finding: SegmentFindings) -> UInt32 {
    var sum: UInt32 = 0
    for index in findings.indices where finding.rawValue & 1 << UInt16(index) != 0 { sum &+= findings[index] }
    return sum
  }
}
