import MartletWire

/// SYN-RECEIVED of a passive open, in as few octets as will do: a flood of SYNs
/// is a flood of these. No buffers, no window of the peer; the connection is
/// made by the third segment (S3.5).
public struct EmbryonicTCB: BitwiseCopyable, Sendable {
  public var irs: SequenceNumber
  public var iss: SequenceNumber
  /// The peer's TSval, to be echoed.
  @usableFromInline package var tsRecent: UInt32
  /// When the SYN-ACK is sent again, or a deferred attempt gives up.
  public var deadline: Tick
  /// The peer's MSS option, or the default of the address family.
  @usableFromInline package var peerMSS: UInt16
  @usableFromInline package var options: Options
  @usableFromInline package var peerShift: WindowScale
  /// SYN-ACKs sent again.
  public package(set) var tries: UInt8 = 0
  public package(set) var isDeferred = false
  /// The low half of the tick of the last answer to a segment that does not fit; of no meaning without
  /// `Options.answered`.
  package var answered: UInt16 = 0

  /// What the SYN offered and this side agrees to.
  @frozen @usableFromInline
  package struct Options: OptionSet, BitwiseCopyable, Sendable {
    @usableFromInline package var rawValue: UInt8
    @inlinable @inline(__always)
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    @inlinable @inline(__always)
    package static var windowScaling: Options { Options(rawValue: 1) }
    @inlinable @inline(__always)
    package static var timestamps: Options { Options(rawValue: 2) }
    @inlinable @inline(__always)
    package static var sack: Options { Options(rawValue: 4) }
    /// Congestion marks are understood (RFC 3168 §6.1.1).
    @inlinable @inline(__always)
    package static var ecn: Options { Options(rawValue: 16) }
    /// What Linux offers.
    @inlinable @inline(__always)
    package static var usual: Options { [.windowScaling, .timestamps, .sack] }
    /// `answered` holds a time.
    @inlinable package static var answered: Options { Options(rawValue: 8) }
  }

  /// - Parameters:
  ///   - defaultPeerMSS: 536 on IPv4, 1,220 on IPv6 (RFC 9293 MUST-15).
  ///   - deferredFor: zero, or how long the application may think before a SYN-ACK is sent.
  public init(
    _ syn: Segment, iss: SequenceNumber, defaultPeerMSS: UInt16, deferredFor: TimeAmount = .zero,
    _ around: borrowing Surroundings, now: Instant
  ) {
    self.init(syn, defaultPeerMSS: defaultPeerMSS, HandshakeTerms(around.configuration))
    self.iss = iss
    isDeferred = deferredFor > .zero
    let wait = isDeferred ? deferredFor.timerMilliseconds : around.configuration.synAckWait(after: 0)
    deadline = Tick(roundingUp: now).advanced(by: wait)
  }

  /// What a SYN comes to, before there is an answer or anything waits for one.
  @inlinable @inline(__always)
  package init(_ syn: Segment, defaultPeerMSS: UInt16, _ terms: HandshakeTerms) {
    self.init(
      irs: syn.seq, HandshakeOptions(syn.options), asksForECN: syn.asksForECN, defaultPeerMSS: defaultPeerMSS,
      terms)
  }

  @inlinable @inline(__always)
  package init(
    irs: SequenceNumber, _ syn: HandshakeOptions, asksForECN: Bool, defaultPeerMSS: UInt16,
    _ terms: HandshakeTerms
  ) {
    let present = syn.present
    var offered: Options = []
    if present.contains(.windowScale) { offered.insert(.windowScaling) }
    if present.contains(.timestamps) { offered.insert(.timestamps) }
    if present.contains(.sackPermitted) { offered.insert(.sack) }
    if asksForECN { offered.insert(.ecn) }
    let agreed = offered.intersection(terms.agreed)
    self.irs = irs
    iss = SequenceNumber(0)
    tsRecent = syn.tsval
    deadline = Tick(rawValue: 0)
    peerMSS = present.contains(.maximumSegmentSize) ? syn.maximumSegmentSize : defaultPeerMSS
    options = agreed
    peerShift = agreed.contains(.windowScaling) ? syn.windowScale : WindowScale(0)
  }

  /// A record that was never kept, made anew from the cookie that stood for it.
  @inlinable @inline(__always)
  package init(
    iss: SequenceNumber, irs: SequenceNumber, peerMSS: UInt16, peerShift: WindowScale, _ options: Options,
    tsRecent: UInt32, now: Instant
  ) {
    self.irs = irs
    self.iss = iss
    self.tsRecent = tsRecent
    self.peerMSS = peerMSS
    self.peerShift = peerShift
    self.options = options
    deadline = Tick(now)
  }

  /// The application thinks about it for so long at most, and no SYN-ACK is sent before.
  package mutating func deferFor(_ time: TimeAmount, now: Instant) {
    isDeferred = true
    deadline = Tick(roundingUp: now).advanced(by: time.timerMilliseconds)
  }

  /// The application answered a deferred attempt with "accept": the SYN-ACK may leave.
  public mutating func admit(_ around: borrowing Surroundings, now: Instant) {
    isDeferred = false
    tries = 0
    deadline = Tick(roundingUp: now).advanced(by: around.configuration.synAckWait(after: 0))
  }
}

/// What a stack's settings come to when a SYN arrives: worked out once, and small enough to be handed on.
@frozen @usableFromInline
package struct HandshakeTerms: BitwiseCopyable, Sendable {
  /// What is agreed to where the peer offers it.
  @usableFromInline package var agreed: EmbryonicTCB.Options
  /// Our own window scale.
  @usableFromInline package var shift: WindowScale
  /// Milliseconds until a SYN-ACK is sent again for the first time.
  @usableFromInline package var wait: UInt32
  package var minimumSendMSS: UInt16
  package var initialWindowSegments: UInt8

  package init(_ configuration: TCPConfiguration) {
    agreed = []
    if configuration.windowScaling { agreed.insert(.windowScaling) }
    if configuration.timestamps { agreed.insert(.timestamps) }
    if configuration.sack { agreed.insert(.sack) }
    if configuration.ecn != .off { agreed.insert(.ecn) }
    shift = .fitting(configuration.maximumReceiveBuffer)
    wait = configuration.synAckWait(after: 0)
    minimumSendMSS = configuration.minimumSendMSS
    initialWindowSegments = configuration.initialWindowSegments
  }
}

extension EmbryonicTCB {
  @inlinable @inline(__always)
  package var synAckFlags: TCPFlags { options.contains(.ecn) ? [.syn, .ack, .ece] : [.syn, .ack] }

  /// The options of the second segment.
  @inlinable @inline(__always)
  package func synAckOptions(
    mss: UInt16, shift: WindowScale, timestampOffset: UInt32, now: Instant
  ) -> HandshakeOptions {
    var offer = HandshakeOptions(maximumSegmentSize: mss)
    if options.contains(.windowScaling) {
      offer.present.insert(.windowScale)
      offer.windowScale = shift
    }
    if options.contains(.sack) { offer.present.insert(.sackPermitted) }
    if options.contains(.timestamps) {
      offer.present.insert(.timestamps)
      offer.tsval = Tick(now).rawValue &+ timestampOffset
      offer.tsecr = tsRecent
    }
    return offer
  }

  /// The second segment: "<SEQ=ISS><ACK=RCV.NXT><CTL=SYN,ACK>" (RFC 9293 §3.10.7.2).
  public func synAck(
    mss: UInt16, timestampOffset: UInt32, receiveBuffer: UInt32, _ around: borrowing Surroundings,
    now: Instant
  ) -> SegmentPlan {
    var plan = SegmentPlan(
      seq: iss, ack: irs.advanced(by: 1), flags: synAckFlags,
      window: WindowSize(receiveBuffer).unscaled(by: .none))
    plan.options = TCPOptions(
      synAckOptions(
        mss: mss, shift: .fitting(around.configuration.maximumReceiveBuffer),
        timestampOffset: timestampOffset, now: now))
    plan.isRetransmission = tries > 0
    return plan
  }

  /// The challenge of RFC 5961 §4, once per interval: two half-open ends to which somebody forged SYNs in
  /// each other's name would otherwise challenge each other for ever (robustness rule E11).
  private mutating func challenge(
    timestampOffset: UInt32, receiveBuffer: UInt32, _ around: inout Surroundings, _ now: Instant
  ) -> EmbryonicVerdict {
    let tick = UInt16(truncatingIfNeeded: Tick(now).rawValue)
    let interval = around.configuration.challengeInterval.timerMilliseconds
    if isDeferred { return .drop }
    if options.contains(.answered), UInt32(tick &- answered) < interval {
      around.counters.ackSkipped &+= 1
      return .drop
    }
    options.insert(.answered)
    answered = tick
    around.counters.challengeACK &+= 1
    return .answer(acknowledgment(timestampOffset, receiveBuffer, around, now))
  }

  /// An empty acknowledgment, with the window that the SYN-ACK offered.
  private func acknowledgment(
    _ timestampOffset: UInt32, _ receiveBuffer: UInt32, _ around: borrowing Surroundings, _ now: Instant
  ) -> SegmentPlan {
    let shift =
      options.contains(.windowScaling)
      ? WindowScale.fitting(around.configuration.maximumReceiveBuffer) : .none
    var plan = SegmentPlan(
      seq: iss.advanced(by: 1), ack: irs.advanced(by: 1), flags: .ack,
      window: WindowSize(min(receiveBuffer, 65_535)).unscaled(by: shift))
    if options.contains(.timestamps) {
      plan.options.present = .timestamps
      plan.options.tsval = Tick(now).rawValue &+ timestampOffset
      plan.options.tsecr = tsRecent
    }
    return plan
  }
}

/// What the engine does with a half-open record after a segment.
@frozen
public enum EmbryonicVerdict: BitwiseCopyable, Sendable {
  /// Nothing.
  case drop
  /// The SYN came again: so does the SYN-ACK.
  case resendSynAck
  /// Send this; the record stays.
  case answer(SegmentPlan)
  /// The peer reset it: "return to the LISTEN state" (RFC 9293 §3.10.7.4), in silence.
  case remove
  /// The third segment: make a `TCB` and give it the same segment.
  case establish
}

extension EmbryonicTCB {
  /// SEGMENT ARRIVES for SYN-RECEIVED, with the checks of RFC 9293 §3.10.7.4 as far as they apply.
  public mutating func segmentArrives(
    _ seg: Segment, timestampOffset: UInt32, receiveBuffer: UInt32, _ around: inout Surroundings, now: Instant
  ) -> EmbryonicVerdict {
    around.counters.inSegs &+= 1
    let rcvNxt = irs.advanced(by: 1)
    let isSynAgain = seg.flags.contains(.syn) && seg.seq == irs
    if isSynAgain, !seg.flags.contains(.rst), !seg.flags.contains(.ack) {
      // RFC 3168 §6.1.1: one SYN without the request is enough to do without; the first may have met a
      // middlebox that disliked it (§6.1.1.1).
      if !seg.asksForECN { options.remove(.ecn) }
      guard !isDeferred else { return .drop }
      around.recorder.note(.synAgain, seg.seq.rawValue, at: now)
      return .resendSynAck
    }
    if isRejectedByTimestamps(seg, &around) {
      // RFC 7323 §5.3 R1: "Send an acknowledgment in reply"; without the option, §3.2: "silently drop".
      guard seg.options.present.contains(.timestamps) else { return .drop }
      around.recorder.note(.pawsReject, seg.options.tsval, tsRecent, at: now)
      return challenge(timestampOffset: timestampOffset, receiveBuffer: receiveBuffer, &around, now)
    }

    let window = min(receiveBuffer, 65_535)
    guard seg.seq.distance(from: rcvNxt) <= window || isPartlyOld(seg) else {
      guard !seg.flags.contains(.rst) else { return .drop }
      around.counters.outOfWindow &+= 1
      around.recorder.note(.outOfWindow, seg.seq.rawValue, seg.len, at: now)
      return challenge(timestampOffset: timestampOffset, receiveBuffer: receiveBuffer, &around, now)
    }
    if seg.flags.contains(.rst) {
      if seg.seq == rcvNxt {
        around.counters.attemptFails &+= 1
        around.recorder.note(.resetAccepted, seg.seq.rawValue, at: now)
        return .remove
      }
      around.recorder.note(.challengeAck, seg.seq.rawValue, rcvNxt.rawValue, at: now)
      return challenge(timestampOffset: timestampOffset, receiveBuffer: receiveBuffer, &around, now)
    }
    if seg.flags.contains(.syn) {
      around.counters.synChallenge &+= 1
      around.recorder.note(.challengeAck, seg.seq.rawValue, rcvNxt.rawValue, at: now)
      return challenge(timestampOffset: timestampOffset, receiveBuffer: receiveBuffer, &around, now)
    }
    guard seg.flags.contains(.ack), !isDeferred else { return .drop }
    guard seg.ack == iss.advanced(by: 1) else {
      // "If the segment acknowledgment is not acceptable, form a reset segment <SEQ=SEG.ACK><CTL=RST>
      // and send it"; the half-open record stays (S2.4).
      guard let reset = segmentArrivesClosed(seg) else { return .drop }
      around.recorder.note(
        .handshakeUnacknowledged, seg.ack.rawValue, iss.advanced(by: 1).rawValue, at: now)
      return .answer(reset)
    }
    return .establish
  }

  /// Text that begins before RCV.NXT and ends behind it: acceptable by its last octet, which may be its FIN (RFC 9293
  /// Table 6).
  private func isPartlyOld(_ seg: Segment) -> Bool {
    let rcvNxt = irs.advanced(by: 1)
    return seg.textCount > 0 && seg.flags.isDisjoint(with: [.syn, .rst]) && seg.seq.precedes(rcvNxt)
      && seg.end.follows(rcvNxt)
  }

  /// RFC 7323 §5.3; §3.2 for a segment without the option.
  private func isRejectedByTimestamps(_ seg: Segment, _ around: inout Surroundings) -> Bool {
    guard options.contains(.timestamps), !seg.flags.contains(.rst) else { return false }
    // RFC 5961 §4.2: a SYN is challenged whatever it brings.
    if seg.flags.contains(.syn), !seg.options.present.contains(.timestamps) { return false }
    let isOld = Int32(bitPattern: seg.options.tsval &- tsRecent) < 0
    guard !seg.options.present.contains(.timestamps) || isOld else { return false }
    around.counters.pawsEstab &+= 1
    return true
  }
}

/// What the engine does when a half-open record's deadline has passed.
@frozen
public enum EmbryonicTimeout: BitwiseCopyable, Sendable {
  /// Send the SYN-ACK again; `deadline` is the next one.
  case resend
  /// The last try is over: remove the record.
  case expired
}

extension EmbryonicTCB {
  /// S3.3: intervals double, and after the last one nobody is waited for any more.
  ///
  /// - Parameter retries: how often the SYN-ACK may be sent again.
  public mutating func timerFires(
    retries: UInt8, _ around: inout Surroundings, now: Instant
  ) -> EmbryonicTimeout {
    guard !isDeferred, tries < retries else {
      around.recorder.note(.halfOpenExpires, UInt32(tries), at: now)
      return .expired
    }
    tries &+= 1
    around.recorder.note(.synAckRepeated, UInt32(tries), at: now)
    deadline = Tick(roundingUp: now).advanced(by: around.configuration.synAckWait(after: tries))
    return .resend
  }
}

extension TCPConfiguration {
  /// Milliseconds to wait for the third segment after so many repetitions of the SYN-ACK.
  package func synAckWait(after tries: UInt8) -> UInt32 {
    let wait = UInt64(synAckInterval.timerMilliseconds) << UInt64(min(tries, 31))
    return UInt32(truncatingIfNeeded: min(wait, UInt64(maximumRTO.timerMilliseconds)))
  }

  /// How long a half-open connection lasts without its third segment: the sum of the waits (S3.3).
  public var halfOpenLifetime: TimeAmount {
    var milliseconds: Int64 = 0
    for tries in 0...synAckRetries { milliseconds &+= Int64(synAckWait(after: tries)) }
    return .milliseconds(milliseconds)
  }
}
