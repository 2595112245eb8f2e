/// A ring of fixed-size records of what the core decided and by which rule,
/// written into memory that was taken once. Off by default: one branch an event.
@safe
public struct FlightRecorder: ~Copyable {
  /// One decision.
  @frozen
  public struct Record: Equatable, BitwiseCopyable, Sendable {
    public var time: Instant
    /// A number that stands for the flow from the last `flowBegins` or `flowContinues` of that number on, or
    /// `FlightRecorder.noFlow`.
    public var flow: UInt32
    public var rule: Rule
    /// Two operands whose meaning the rule gives.
    public var a: UInt32
    public var b: UInt32

    @inlinable
    public init(time: Instant, flow: UInt32, rule: Rule, a: UInt32, b: UInt32) {
      self.time = time
      self.flow = flow
      self.rule = rule
      self.a = a
      self.b = b
    }
  }

  public static var noFlow: UInt32 { .max }

  // Invariant: `storage` is nil exactly when `capacity` is 0, else it holds
  // `capacity` initialized records; `written` counts all ever written, so the
  // next goes to `written % capacity`.
  private var storage: UnsafeMutablePointer<Record>?
  public let capacity: UInt32
  /// Records written since the start; the last `capacity` of them can be read.
  public private(set) var written: UInt64 = 0
  /// The flow that the engine is working for.
  public var flow: UInt32 = FlightRecorder.noFlow

  /// 0: off.
  public init(capacity: UInt32 = 0) {
    self.capacity = capacity
    guard capacity > 0 else {
      unsafe storage = nil
      return
    }
    let count = Int(truncatingIfNeeded: capacity)
    let memory = UnsafeMutablePointer<Record>.allocate(capacity: count)
    unsafe memory.initialize(
      repeating: Record(time: .origin, flow: FlightRecorder.noFlow, rule: .none, a: 0, b: 0), count: count)
    unsafe storage = memory
  }

  deinit {
    unsafe storage?.deallocate()
  }

  @inlinable @inline(__always)
  package mutating func note(_ rule: Rule, _ a: UInt32 = 0, _ b: UInt32 = 0, at now: Instant) {
    if capacity > 0 { write(Record(time: now, flow: flow, rule: rule, a: a, b: b)) }
  }

  @usableFromInline
  mutating func write(_ record: Record) {
    guard let storage = unsafe storage else { return }
    unsafe storage[Int(truncatingIfNeeded: written % UInt64(capacity))] = record
    written &+= 1
  }

  /// The `n`-th record ever written; nil when it is overwritten or not yet there.
  public func record(_ n: UInt64) -> Record? {
    guard let storage = unsafe storage, n < written, written &- n <= UInt64(capacity) else { return nil }
    return unsafe storage[Int(truncatingIfNeeded: n % UInt64(capacity))]
  }

  public borrowing func copy() -> FlightRecorder {
    var copy = FlightRecorder(capacity: capacity)
    if let from = unsafe storage, let to = unsafe copy.storage {
      unsafe to.update(from: from, count: Int(truncatingIfNeeded: capacity))
    }
    copy.written = written
    copy.flow = flow
    return copy
  }
}

/// A decision that the core can take, each by a paragraph of an RFC.
/// `MartletTrace` gives each its section and its sentence.
public enum Rule: UInt16, BitwiseCopyable, CaseIterable, Sendable {
  case none = 0
  /// a: old state, b: new state (RFC 9293 §3.3.2).
  case transition
  /// A segment to CLOSED (§3.10.7.1). a: seq, b: flags.
  case closedReset
  /// LISTEN (§3.10.7.2). a: irs, b: iss.
  case listenSyn
  /// First check failed (§3.10.7.4). a: seq, b: length.
  case outOfWindow
  /// PAWS (RFC 7323 §5.3). a: tsval, b: TS.Recent.
  case pawsReject
  /// RST at exactly RCV.NXT (RFC 5961 §3.2). a: seq.
  case resetAccepted
  /// RST or SYN in the window (RFC 5961 §3.2, §4.2). a: seq, b: RCV.NXT.
  case challengeAck
  /// An answer was withheld: one per interval (RFC 5961 §7).
  case challengeSuppressed
  /// Fifth check (§3.10.7.4). a: new SND.UNA, b: octets newly acknowledged.
  case ackAdvances
  /// Fifth check: beyond what was sent. a: ack, b: SND.NXT.
  case ackOfUnsent
  /// RFC 5681 §3.2. a: ack, b: how many.
  case duplicateAck
  /// RFC 5681 §3.2, RFC 6582 §3.2. a: SND.UNA, b: recover.
  case fastRetransmit
  /// RFC 8985 §6.2. a: everything below it is judged, b: octets found lost.
  case lossDetected
  /// RFC 8985 §6.2 step 3. a: SND.UNA.
  case reorderingSeen
  /// RFC 2883 §4. a: seq, b: octets.
  case duplicateReported
  /// RFC 4015 §3.2, RFC 5682. a: SND.UNA, b: cwnd.
  case recoveryUndone
  /// RFC 8985 §7.3. a: seq, b: 1 when it is a retransmission.
  case tailProbe
  /// RFC 8985 §7.4.2. a: SND.UNA, b: cwnd.
  case tailRepaired
  /// RFC 4821 §7.3. a: seq, b: the size that is tried.
  case pathProbe
  /// RFC 4821 §7.6.1. a: the size that arrived.
  case pathSizeFound
  /// RFC 4821 §7.7. a: the size that does not arrive, b: the size that is used now.
  case blackHole
  /// RFC 6582 §3.2 step 3. a: ack.
  case partialAck
  /// RFC 6582 §3.2 step 3. a: ack, b: cwnd.
  case recoveryEnds
  /// RFC 6298 (5.4–5.6). a: SND.UNA, b: RTO in ms.
  case retransmissionTimeout
  /// RFC 9293 §3.8.6.1. a: SND.UNA, b: tries.
  case windowProbe
  /// RFC 9293 §3.8.4. a: tries.
  case keepAliveProbe
  /// Seventh: in-order text. a: seq, b: octets.
  case textInOrder
  /// Seventh: text past a hole. a: seq, b: octets.
  case textOutOfOrder
  /// Text had to be dropped: no room. a: seq, b: octets.
  case textRefused
  /// Text that came before, to be reported (RFC 2883 §4). a: seq, b: octets.
  case duplicateText
  /// The receive buffer was smaller than twice what the reader takes in a round trip (RFC 7323 §1.1).
  /// a: its new size, b: octets read.
  case receiveBufferGrows
  /// A congestion mark came (RFC 3168 §6.1.3). a: seq, b: octets.
  case congestionMark
  /// The peer echoed one (RFC 3168 §6.1.2). a: SND.UNA, b: cwnd.
  case congestionEcho
  /// Eighth check: the peer's FIN. a: seq.
  case finArrives
  /// Gave up (R2, user timeout, keep-alive). a: tries, b: ms.
  case givesUp
  /// RFC 6298 (2). a: sample in µs, b: srtt in µs.
  case roundTripSample
  /// TIME-WAIT restarted (§3.10.7.4). a: ms.
  case timeWaitRestarts
  /// SYN-SENT, fourth: SYN and ACK (§3.10.7.3). a: ack, b: IRS.
  case synAcknowledged
  /// SYN-SENT, fourth: a SYN alone (§3.10.7.3). a: IRS.
  case synCrossed
  /// SYN-SENT, second: the reset acknowledges our SYN (§3.10.7.3). a: ack.
  case refused
  /// SYN-RECEIVED, fifth check: our SYN is acknowledged (§3.10.7.4). a: ack.
  case handshakeAcknowledged
  /// SYN-SENT and SYN-RECEIVED: not what was sent (§3.10.7.3, §3.10.7.4). a: ack, b: what would have been right.
  case handshakeUnacknowledged
  /// A reset that is not to be believed here (§3.10.7.2, §3.10.7.3; RFC 1337 §3). a: seq.
  case resetIgnored
  /// The SYN-ACK leaves once more (§3.8.1). a: how often so far.
  case synAckRepeated
  /// The SYN came again: its answer leaves again (§3.10.7.4, fourth). a: seq.
  case synAgain
  /// Fifth check: the ACK bit is off (§3.10.7.4). a: seq.
  case ackMissing
  /// Fifth check: acknowledged before, ignored (§3.10.7.4). a: ack, b: SND.UNA.
  case ackRepeated
  /// Older than anything that can still be on its way (RFC 5961 §5.2). a: ack, b: SND.UNA.
  case ackTooOld
  /// Eighth check: a FIN past a hole (§3.10.7.4). a: seq.
  case finOutOfOrder
  /// Text that nobody will read (RFC 9293 §3.6.1; SHLD-3). a: seq, b: octets.
  case textToOrphan
  /// The third segment did not come (§3.8.3). a: how often the SYN-ACK was sent again.
  case halfOpenExpires
  /// The half-open queue has no place (RFC 4987 §2.1). a: half-open connections, b: places.
  case synDropped
  /// The accept queue has no place. a: connections that wait, b: places.
  case acceptQueueFull
  /// RFC 4987 §3.6. a: ISS.
  case cookieSent
  /// RFC 4987 §3.6. a: ack, b: the peer's MSS.
  case cookieReturned
  /// RFC 4987 §3.6. a: ack.
  case cookieRefused
  /// TIME-WAIT, a SYN of a new incarnation (RFC 6191 §2). a: seq, b: RCV.NXT of the old one.
  case timeWaitReopened
  /// TIME-WAIT, a segment of the old incarnation (§3.10.7.4). a: seq, b: length.
  case timeWaitAnswers
  /// The peer takes nothing for now (§3.8.6.1). a: SND.UNA.
  case windowShut
  /// The peer takes text again (§3.10.7.4, fifth check). a: SND.WND.
  case windowOpens
  /// The acknowledgment waited for another segment, and none came (§3.8.6.3). a: RCV.NXT.
  case delayedAck
  /// Sixth check: RCV.UP moves (§3.8.5). a: RCV.UP.
  case urgentText
  /// ABORT (§3.10.5). a: SND.NXT.
  case aborts
  /// CLOSE with text that nobody has read (§3.6.1; RFC 2525 §2.17). a: RCV.NXT, b: octets.
  case textUnread
  /// The window answers a loss, a mark or a time-out (RFC 5681 §3.1, RFC 9438 §4.6). a: ssthresh, b: SND.UNA.
  case windowReduced
  /// RFC 5681 §3.1, RFC 9406 §4.2. a: cwnd, b: ssthresh.
  case slowStartEnds
  /// The application has not used its window for long (RFC 7661 §4.4.3). a: cwnd, b: ssthresh.
  case windowUnused
  /// RFC 3042 §2. a: SND.NXT.
  case limitedTransmit
  /// What SACK had reported is gone (RFC 2018 §8). a: SND.UNA.
  case sackReneged
  /// A router's word (RFC 1191 §3, RFC 8201 §4). a: the MSS from now on, b: what it was.
  case pathMTUFalls
  /// Segments of the present size have arrived (RFC 5927 §7.2). a: the MSS that is claimed, b: what it is.
  case pathMTUDoubted
  /// ICMP about this connection (RFC 5927 §5.2). a: `SoftError`, b: 1 when it ends an attempt to open.
  case networkError
  /// Less than a segment has waited long enough for room (§3.8.6.2.1 (4)). a: SND.NXT, b: SND.WND.
  case sillyWindowOverridden
  /// Text of a SYN with a genuine cookie goes to the reader at once (RFC 7413 §4.2.2). a: octets.
  case fastOpenAccepted
  /// The SYN-ACK takes text of our SYN, or not (RFC 7413 §4.2.2). a: octets.
  case fastOpenAnswered
  /// The stack ends the connection to keep a limit (§3.10.5). a: `EndReason`.
  case endedByStack
  /// The record's number stands for this flow from here on. a: local and remote port, b: 4 or 6.
  /// Its addresses follow.
  case flowBegins
  /// Of IPv4 one, a: local, b: remote; of IPv6 four: the halves of the local address, then of the remote one.
  case flowAddress
  /// Its number stands for the flow of another from here on. a: that other number.
  case flowContinues
}
