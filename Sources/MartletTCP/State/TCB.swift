import MartletWire

/// A connection from SYN-SENT, or from the third segment of a passive open,
/// until it ends or enters TIME-WAIT: the transmission control block of RFC 9293
/// §3.3.1, with the RFC's names.
///
/// It is plain data. It holds no reference, no address, no clock, no random
/// source and no payload, so it can be copied, compared and rewound. What it
/// needs beyond itself comes with each call: its `ColdBlock` (queues, ranges,
/// everything that an idle connection does without) and the `Surroundings` it
/// shares with the other connections of its stack.
public struct TCB: BitwiseCopyable, Sendable {
  // The order keeps the record free of padding: `Tests` prints its size.
  package var snd: SendSequence
  package var pending: Pending
  package var rcv: ReceiveSequence
  public package(set) var state: TCPState
  package var timestamps: TimestampState
  package var rtt: RoundTripTime
  /// Segments sent again in all of the connection's life, modulo 2^32.
  package var retransmissions: UInt32 = 0
  package var timers: ConnectionTimers
  /// `endReason` in the low four bits, `softError` above.
  private var troubles: UInt8 = 0
  package var congestion: CongestionController
  package var recovery: RecoveryState
  package var mode: Mode
  package var limits: ConnectionLimits
}

extension TCB {
  /// An ICMP error that did not end the connection, until it is read (RFC 9293 MUST-56).
  package var softError: SoftError {
    get { SoftError(rawValue: troubles >> 4) ?? .none }
    set { troubles = troubles & 0x0f | newValue.rawValue << 4 }
  }

  public package(set) var endReason: EndReason {
    get { EndReason(rawValue: troubles & 0x0f) ?? .none }
    set { troubles = troubles & 0xf0 | newValue.rawValue }
  }
}

/// The SND variables (RFC 9293 §3.3.1).
///
/// SND.WL2 is not kept: a window is taken only from a segment whose ACK is at
/// least SND.UNA, and no earlier update can have had a higher one. ISS is not
/// kept either: in SYN-SENT it is SND.UNA, and later nothing asks for it.
@frozen
package struct SendSequence: BitwiseCopyable, Sendable {
  /// SND.UNA: the oldest octet not acknowledged.
  package var una: SequenceNumber
  /// SND.NXT: the next to send for the first time.
  package var nxt: SequenceNumber
  /// SND.WND in octets.
  package var wnd: WindowSize
  /// SND.WL1: the sequence number of the last window update.
  package var wl1: SequenceNumber
  /// Max(SND.WND) as a window field (RFC 9293 §3.8.6.2.1; RFC 5961 §5).
  package var maxWnd: UnscaledWindow
  /// What the peer and the path allow a segment to carry, before options are taken off (RFC 9293 §3.7.1).
  package var mss: UInt16
  /// How much may wait in the send queue.
  package var buffer: BufferSize
  package var wndShift: WindowScale
  /// The octet at SND.NXT has been sent, as a window probe.
  package var probesNxt = false
  /// Up to where the path is searched when there is text again (RFC 4821).
  package var ceiling = PathCeiling()

  /// One past the highest ever sent.
  @inlinable @inline(__always)
  package var max: SequenceNumber { nxt.advanced(by: probesNxt ? 1 : 0) }

  /// Octets between SND.UNA and SND.NXT.
  @inlinable @inline(__always)
  package var flight: UInt32 { nxt.distance(from: una) }
}

/// The RCV variables (RFC 9293 §3.3.1). IRS is RCV.NXT - 1 while it matters.
@frozen
package struct ReceiveSequence: BitwiseCopyable, Sendable {
  package var nxt: SequenceNumber
  /// RCV.NXT + RCV.WND as last told to the peer; never moves back (SHLD-14).
  package var advertisedEdge: SequenceNumber
  /// Last.ACK.sent (RFC 7323 §4.3).
  package var lastAckSent: SequenceNumber
  /// RCV.BUFF: how much may wait for the reader.
  package var buffer: BufferSize
  /// The MSS that was offered.
  package var mss: UInt16
  /// The largest segment that came: what "full-size" means for the acknowledgment policy.
  package var segmentSize: UInt16
  /// The low half of the tick at which the round trip that is being measured began.
  package var roundStart: UInt16
  /// Where the reader was then, in units that depend on `buffer`.
  package var readAtStart: UInt8
  package var wndShift: WindowScale
  /// Full segments yet to be acknowledged one by one.
  package var quickAcks: UInt8

  /// RCV.WND: what was promised and is not yet used.
  @inlinable @inline(__always)
  package var wnd: UInt32 { advertisedEdge.distance(from: nxt) }
}

/// A buffer size in units of 256 octets, at most 16 MiB: two octets a direction instead of four.
@frozen
package struct BufferSize: BitwiseCopyable, Sendable {
  package var units: UInt16

  /// Rounds up.
  @inlinable
  package init(_ octets: UInt32) {
    units = UInt16(clamping: (octets >> 8) &+ (octets & 255 == 0 ? 0 : 1))
  }

  @inlinable @inline(__always)
  package var octets: UInt32 { UInt32(units) << 8 }
}

/// RFC 7323 state; of no meaning unless `mode` has `.timestamps`.
@frozen
package struct TimestampState: BitwiseCopyable, Sendable {
  /// TS.Recent.
  package var recent: UInt32
  /// Added to the clock, so that TSval tells nobody the uptime.
  package var offset: UInt32
}

/// Deadlines; each means something only while its bit is in `armed`.
@frozen
package struct ConnectionTimers: BitwiseCopyable, Sendable {
  @frozen
  package struct Armed: OptionSet, BitwiseCopyable, Sendable {
    package var rawValue: UInt8
    @inlinable @inline(__always)
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// Of `retransmission`: SYN, text or FIN is unacknowledged.
    @inlinable package static var retransmission: Armed { Armed(rawValue: 1) }
    /// Of `retransmission`: the peer's window holds text back (RFC 9293 §3.8.6.1).
    @inlinable package static var persist: Armed { Armed(rawValue: 2) }
    @inlinable package static var delayedAck: Armed { Armed(rawValue: 4) }
    /// Of `life`: keep-alive.
    @inlinable package static var keepAlive: Armed { Armed(rawValue: 8) }
    /// Of `life`: FIN-WAIT-2 of an orphan, or linger; excludes keep-alive.
    @inlinable package static var ending: Armed { Armed(rawValue: 16) }
    /// Of `retransmission`: the tail-loss probe (RFC 8985 §7).
    @inlinable package static var tailProbe: Armed { Armed(rawValue: 32) }
    /// Of `retransmission`: the end of the reordering window (RFC 8985 §6.2).
    @inlinable package static var reordering: Armed { Armed(rawValue: 64) }
    /// The next paced segment.
    @inlinable package static var pacing: Armed { Armed(rawValue: 128) }
    /// At most one of these runs (RFC 8985 §8).
    @inlinable package static var lossTimers: Armed { Armed(rawValue: 1 | 32 | 64) }
  }

  package var retransmission: Tick
  package var life: Tick
  /// When the last segment came: what keep-alive measures from.
  package var lastArrival: Tick
  /// When the oldest unacknowledged octet was first sent or SND.UNA last moved: what the user timeout measures from.
  package var progress: Tick
  /// The low half of a tick: a delay below 500 ms needs no more.
  package var delayedAck: UInt16
  /// The low half of the tick of the last challenge ACK; of no meaning without `Mode.challenged`. So one is withheld
  /// 65.5 s after it, too, if nothing was challenged in between.
  package var challengeSent: UInt16
  /// The low half of the tick at which pacing lets go on.
  package var pacing: UInt16
  /// When TS.Recent was set, in units of 2^40 ns: it is stale after 24 days (RFC 7323 §5.5).
  package var recentEpoch: UInt16
  package var armed: Armed
  /// Times the retransmission time-out has doubled.
  package var backoff: UInt8
  /// Retransmissions, probes or keep-alives since the peer last answered.
  package var tries: UInt8
}

extension Instant {
  /// In units of 2^40 ns, 18 minutes, modulo 2^16 of them.
  @inlinable @inline(__always)
  package var epoch: UInt16 { UInt16(truncatingIfNeeded: nanoseconds >> 40) }
}

/// What the application may set per connection.
@frozen
package struct ConnectionLimits: BitwiseCopyable, Sendable {
  private var shortUserTimeout = ShortDuration(milliseconds: 0)
  /// Seconds.
  package var keepAliveIdle: UInt16 = 0
  /// Seconds.
  package var keepAliveInterval: UInt16 = 0
  package var keepAliveCount: UInt8 = 0

  package init() {}

  /// Milliseconds, rounded as `ShortDuration` does; 0: none.
  package var userTimeout: UInt32 {
    get { shortUserTimeout.milliseconds }
    set { shortUserTimeout = ShortDuration(milliseconds: newValue) }
  }
}

/// Switches of a connection.
@frozen
package struct Mode: OptionSet, BitwiseCopyable, Sendable {
  package var rawValue: UInt32
  @inlinable @inline(__always)
  package init(rawValue: UInt32) { self.rawValue = rawValue }
  @inlinable package static var timestamps: Mode { Mode(rawValue: 1) }
  @inlinable package static var sack: Mode { Mode(rawValue: 2) }
  @inlinable package static var windowScaling: Mode { Mode(rawValue: 4) }
  @inlinable package static var noDelay: Mode { Mode(rawValue: 8) }
  @inlinable package static var quickAck: Mode { Mode(rawValue: 16) }
  @inlinable package static var keepAlive: Mode { Mode(rawValue: 32) }
  /// Opened by this side: how it got to SYN-RECEIVED (RFC 9293 MUST-11).
  @inlinable package static var active: Mode { Mode(rawValue: 64) }
  /// The application has called `close`: nobody will read or write again.
  @inlinable package static var orphan: Mode { Mode(rawValue: 128) }
  /// The application has shut its reading half: text is acknowledged and dropped.
  @inlinable package static var discardsText: Mode { Mode(rawValue: 256) }
  /// The application has ended its sending half: a FIN follows the last octet of the send queue.
  @inlinable package static var finQueued: Mode { Mode(rawValue: 512) }
  /// The peer's FIN has been taken in: RCV.NXT lies past it.
  @inlinable package static var finReceived: Mode { Mode(rawValue: 1024) }
  /// `send` was refused for want of room: tell the writer when there is some.
  @inlinable package static var writerWaits: Mode { Mode(rawValue: 2048) }
  /// R1 was passed and reported.
  @inlinable package static var advised: Mode { Mode(rawValue: 4096) }
  /// The FIN has been sent at least once: the octet before SND.MAX is its.
  @inlinable package static var finSent: Mode { Mode(rawValue: 8192) }
  /// `challengeSent` holds a time.
  @inlinable package static var challenged: Mode { Mode(rawValue: 16384) }
  /// The SYN was sent more than once (RFC 6298 (5.7)).
  @inlinable package static var synResent: Mode { Mode(rawValue: 32768) }
  /// The receive buffer grows with what the reader takes in a round trip.
  @inlinable package static var fitsReceiveBuffer: Mode { Mode(rawValue: 1 << 19) }
  /// Both ends understand congestion marks; in SYN-SENT: we have asked (RFC 3168 §6.1.1).
  @inlinable package static var ecn: Mode { Mode(rawValue: 1 << 20) }
  /// A mark came, and no CWR since: every acknowledgment has ECE (RFC 3168 §6.1.3).
  @inlinable package static var echoesMark: Mode { Mode(rawValue: 1 << 21) }
  /// The window was reduced: the next new text has CWR (RFC 3168 §6.1.2).
  @inlinable package static var owesCWR: Mode { Mode(rawValue: 1 << 22) }
  /// The application has been told why the connection ended.
  @inlinable package static var endTold: Mode { Mode(rawValue: 1 << 23) }
  /// Segments leave at the algorithm's rate, not as fast as the window allows.
  @inlinable package static var paced: Mode { Mode(rawValue: 65536) }
  /// Full-size segments have arrived: an ICMP message that denies it must wait (RFC 5927 §7.2).
  @inlinable package static var provenSize: Mode { Mode(rawValue: 1 << 18) }
  /// The text of the SYN counted (RFC 7413).
  @inlinable package static var fastOpen: Mode { Mode(rawValue: 1 << 24) }
  /// The first SYN has a Fast Open option.
  @inlinable package static var offersFastOpen: Mode { Mode(rawValue: 1 << 25) }
  /// `ConnectionTimers.life` is the end of the linger time.
  @inlinable package static var lingers: Mode { Mode(rawValue: 1 << 26) }
  /// A tail-loss probe was sent, and no round trip measured since: none follows (RFC 8985 §7.3). It outlives an idle
  /// spell, or a path whose round trip has grown would be probed too early for each request, and never measured.
  @inlinable package static var probed: Mode { Mode(rawValue: 1 << 27) }
  /// The peer has all that was sent, though its window ends before: the next acknowledgment stands at SND.MAX.
  @inlinable package static var isAheadOfWindow: Mode { Mode(rawValue: 1 << 28) }
  /// The send buffer follows the congestion window.
  @inlinable package static var fitsSendBuffer: Mode { Mode(rawValue: 131072) }
  // The highest three bits are a time: `validatedAt`.
}

/// What the next pull owes the peer.
@frozen
package struct Pending: OptionSet, BitwiseCopyable, Sendable {
  package var rawValue: UInt8
  @inlinable @inline(__always)
  package init(rawValue: UInt8) { self.rawValue = rawValue }
  @inlinable package static var ack: Pending { Pending(rawValue: 1) }
  /// SYN, or SYN and ACK in SYN-RECEIVED.
  @inlinable package static var syn: Pending { Pending(rawValue: 2) }
  /// The first lost segment, whatever the congestion window says (fast retransmit).
  @inlinable package static var retransmit: Pending { Pending(rawValue: 4) }
  /// A window probe (RFC 9293 §3.8.6.1).
  @inlinable package static var probe: Pending { Pending(rawValue: 8) }
  /// A keep-alive probe (RFC 9293 §3.8.4).
  @inlinable package static var keepAlive: Pending { Pending(rawValue: 16) }
  /// Less than the silly-window rules like may leave: the override timer fired.
  @inlinable package static var override: Pending { Pending(rawValue: 32) }
  /// ACK of a segment that asked for one at once; see `Reaction.ackNow`.
  @inlinable package static var ackNow: Pending { Pending(rawValue: 64) }
  /// A tail-loss probe (RFC 8985 §7.3).
  @inlinable package static var tailProbe: Pending { Pending(rawValue: 128) }
}
