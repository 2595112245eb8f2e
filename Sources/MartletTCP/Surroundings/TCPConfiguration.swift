import MartletWire

/// What every connection of a stack starts from. Each default is what large
/// deployments run; where that is not RFC 9293's or its companions' figure, the
/// comment gives both.
public struct TCPConfiguration: BitwiseCopyable, Sendable {
  /// Least retransmission time-out above the smoothed round trip. RFC 6298 (2.4) says 1 s; every
  /// large deployment uses 200 ms, which a delayed acknowledgment of 40 ms cannot reach.
  public var minimumRTO: TimeAmount = .milliseconds(200)
  /// Before any measurement (RFC 6298 (2.1)).
  public var initialRTO: TimeAmount = .seconds(1)
  /// RFC 6298 (2.5): at least 60 s.
  public var maximumRTO: TimeAmount = .seconds(60)

  /// A SYN is sent again at 1, 3, 7, 15, 31, 63 and 123 s, and given up at 183 s (RFC 9293 MUST-23: at least 3 minutes).
  public var synRetries: UInt8 = 7
  /// A SYN-ACK is sent again at 1, 3, 7, 15 and 31 s; the half-open record is gone at 63 s, which
  /// `halfOpenLifetime` tells.
  public var synAckRetries: UInt8 = 5
  /// The first of these waits; each is twice the one before, at most `maximumRTO`.
  public var synAckInterval: TimeAmount = .seconds(1)
  /// So often at most while a half-open queue is half full (robustness rule E12). Under a flood, when cookies
  /// answer, a SYN-ACK is not repeated at all.
  public var synAckRetriesUnderPressure: UInt8 = 3
  /// R1: after so many retransmissions of one segment IP and the user are told (RFC 9293 SHLD-10: at least 3).
  public var retransmissionsBeforeAdvice: UInt8 = 3
  /// R2: after so many the connection ends (RFC 9293 SHLD-11: at least 100 s; this is about 13 minutes).
  public var retransmissionsBeforeEnd: UInt8 = 15
  /// The same for a connection whose application has closed it, at most 16; tries whose back-off was taken back by what
  /// was acknowledged since do not count (robustness rule E8).
  public var orphanRetransmissions: UInt8 = 8
  /// An orphan, a connection that its application has closed, is reset when its peer acknowledges less than a full
  /// segment of its text in such a time: an octet now and then would keep it for ever (robustness rule E8).
  public var orphanPatience: TimeAmount = .minutes(5)

  /// Longest delay of an acknowledgment (RFC 9293 MUST-40: below 500 ms).
  public var delayedAck: TimeAmount = .milliseconds(40)
  /// Full segments that are acknowledged one by one at the start, after an idle spell and after a hole, when
  /// the sender's window is small and waits for each (RFC 5681 §4.2 lets every second one do).
  public var quickAcks: UInt8 = 16
  /// 2·MSL with an MSL of 30 s (RFC 9293 §3.4.2 takes 2 minutes).
  public var timeWait: TimeAmount = .seconds(60)
  /// How long FIN-WAIT-2 lasts once the application has closed the connection; RFC 9293 has no limit.
  public var finWait2: TimeAmount = .seconds(60)
  /// Least time between two answers to unacceptable segments (RFC 5961 §7; robustness rule O4: per connection).
  public var challengeInterval: TimeAmount = .milliseconds(500)
  /// How long less than a full segment may wait for the peer's window to open (RFC 9293 §3.8.6.2.1: 0.1 to 1 s).
  public var sillyWindowOverride: TimeAmount = .milliseconds(200)

  /// Offer timestamps on active opens, accept them on passive ones (RFC 7323).
  public var timestamps = true
  /// Likewise SACK (RFC 2018).
  public var sack = true
  /// Likewise window scaling (RFC 7323).
  public var windowScaling = true

  /// Whether congestion marks are asked for, answered to, or neither (RFC 3168).
  public var ecn = ECNPolicy.passive

  /// Octets of received text that may wait for the application, to begin with: what 100 Mbit/s need over 20 ms,
  /// and 16 initial windows, so that growth has measured before a sender in slow start gets there.
  public var receiveBuffer: UInt32 = 256 << 10
  /// Octets that `send` takes before it refuses.
  public var sendBuffer: UInt32 = 256 << 10
  /// It grows with what the reader takes in a round trip, where the application has not set it.
  public var fitsReceiveBuffer = true
  /// The largest receive buffer any connection may ask for; the window scale is chosen from it.
  public var maximumReceiveBuffer: UInt32 = 6 << 20
  /// The largest send buffer any connection may ask for.
  public var maximumSendBuffer: UInt32 = 6 << 20
  /// Initial congestion window in segments (RFC 6928).
  public var initialWindowSegments: UInt8 = 10
  /// The algorithm that new connections start with.
  public var congestionControl = CongestionControl.cubic
  /// A smaller send MSS is not honoured: one octet must not cost a header (robustness rule E2).
  public var minimumSendMSS: UInt16 = 88
  /// Ranges of out-of-order text that one connection may hold (robustness rule E3).
  public var outOfOrderRanges: UInt16 = 256
  /// What a new connection starts with.
  public var connection = ConnectionOptions()

  @inlinable public init() {}
}

/// What connections do about explicit congestion notification.
public enum ECNPolicy: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// Neither asked for nor agreed to.
  case off
  /// Agreed to where the peer asks.
  case passive
  /// Asked for too.
  case on
}

/// The options of one connection, with the meaning that BSD sockets give them.
public struct ConnectionOptions: BitwiseCopyable, Sendable {
  /// Nagle's algorithm off (RFC 9293 MUST-17).
  public var noDelay = false
  /// Acknowledge at the end of each batch instead of delaying.
  public var quickAck = false
  /// Probe when idle (RFC 9293 MUST-24, MUST-25: off by default).
  public var keepAlive = false
  /// Seconds of silence before the first probe (MUST-28: at least two hours by default).
  public var keepAliveIdle: UInt16 = 7_200
  /// Seconds between probes.
  public var keepAliveInterval: UInt16 = 75
  /// Probes without an answer that end the connection (MUST-29: more than one).
  public var keepAliveCount: UInt8 = 9
  /// Ends the connection when sent data stays unacknowledged this long (MUST-21), at most 11 days; above
  /// 16 s rounded up to tenths of a second, above 27 minutes to seconds, above 4 hours to minutes. Zero: R2 decides.
  public var userTimeout: TimeAmount = .zero
  /// Octets; 0: the configuration's.
  public var receiveBuffer: UInt32 = 0
  /// Octets; 0: the configuration's, growing with the congestion window.
  public var sendBuffer: UInt32 = 0
  /// Nil: the configuration's; on a living connection, the one it has.
  public var congestionControl: CongestionControl?
  /// Spread segments over the round trip instead of sending them as fast as the window allows. Some
  /// congestion control asks for it by itself.
  public var pacing = false
  /// A cap on the segment size sent and offered; 0: none.
  public var maximumSegmentSize: UInt16 = 0
  /// The six DSCP bits of every packet (RFC 9293 MUST-48).
  public var dscp: UInt8 = 0
  /// Time to live or hop limit (MUST-49); 0: the interface's.
  public var hopLimit: UInt8 = 0
  public var linger: Linger = .background
  /// An active open asks for a Fast Open cookie, and where the stack has one, the SYN brings it and what was
  /// sent before it left (RFC 7413). For text that may arrive twice (§6.1).
  public var fastOpen = false

  @inlinable public init() {}
}

/// What `close` does with text that is not yet acknowledged.
public enum Linger: BitwiseCopyable, Equatable, Sendable {
  /// It is delivered after `close` has returned: the default.
  case background
  /// As above, but the connection is reset when this time has passed.
  /// Zero resets at once ("abortive close").
  case atMost(TimeAmount)
}
