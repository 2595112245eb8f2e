public import MartletTCP
import MartletWire

/// How a listener takes connections in.
public struct ListenerOptions: BitwiseCopyable, Sendable {
  /// Half-open connections (S3.2).
  public var halfOpenLimit: UInt32 = 1_024
  /// Established connections that wait to be accepted (S3.2).
  public var acceptLimit: UInt32 = 1_024
  /// Connections of this listener that exist at one time, those that wait to be accepted among them (S5.4);
  /// 0: no limit. Where it is reached, those that hold text for a peer who hardly takes it make room.
  public var connectionLimit: UInt32 = 0
  /// A connection on which no text has moved for so long is reset (S5.4), at most `longestIdleTimeout`; zero: never
  /// (S6.2). It holds as long as the listener is there.
  public var idleTimeout = TimeAmount.zero
  /// The same for a connection in CLOSE-WAIT, which the application has forgotten to close (S5.7).
  public var closeWaitTimeout = TimeAmount.zero
  /// What happens to a SYN when the half-open queue is full (S3.6).
  public var synCookies = SynCookiePolicy.auto
  /// A SYN becomes an event, and is answered as `answer(_:_:now:)` says. Such a listener makes no cookies:
  /// nobody is answered before the application has.
  public var defersAccept = false
  /// Connections by TCP Fast Open whose third segment has not come yet (RFC 7413 §4.2); 0: there is no Fast Open.
  /// Their text may arrive twice (§6.1).
  public var fastOpenLimit: UInt32 = 0
  /// What its connections start with.
  public var connection = ConnectionOptions()

  public init() {}

  /// Longer than this no two times can be told apart: a longer limit counts as this.
  public static var longestIdleTimeout: TimeAmount { .hours(4) }
}

/// When a listener answers a SYN without keeping a record of it.
public enum SynCookiePolicy: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// Never: what the half-open queue cannot hold is dropped.
  case off
  /// When the queue is full, and for a minute after.
  case auto
  /// Always: there is no half-open queue. For trying it out.
  case always
}

/// LISTEN: a record of its own, since nothing of a TCB is needed.
struct Listener: BitwiseCopyable {
  var local: LocalEndpoint
  var options: ListenerOptions
  /// What its connections begin as, in its accept queue.
  var unopened: Connection
  /// Established connections, linked through their slots.
  var backlog = IndexList()
  var backlogCount: UInt32 = 0
  var backlogHighWater: UInt32 = 0
  var halfOpen: UInt32 = 0
  var halfOpenHighWater: UInt32 = 0
  var acceptOverflows: UInt64 = 0
  var halfOpenOverflows: UInt64 = 0
  var accepted: UInt64 = 0
  var fastOpenPending: UInt32 = 0
  /// Over before their third segment came: since the minute that ends at `fastOpenRests` began, and in the one before.
  var fastOpenFailures: UInt32 = 0
  var fastOpenFailuresBefore: UInt32 = 0
  var fastOpenRests = Instant.origin
  /// On the wire, accepted or not.
  var connections: UInt32 = 0
  var limitOverflows: UInt64 = 0
  /// Before this nobody is looked for who could go for a newcomer.
  var nextPlaces = Instant.origin
  var nextEvent = IndexList.none
  var hasEvent = false
  /// A flood is to be told of.
  var hasFloodNews = false
  /// Closed; the slot goes when the list of events lets go of it.
  var isClosed = false
  var meter = SynMeter()
}

extension Listener {
  /// Counts a connection. True: it is ended when it is idle for too long.
  @inline(__always)
  mutating func countConnection() -> Bool {
    connections &+= 1
    return unopened.origin.hasIdleLimit
  }

  /// A connection comes to the end of the accept queue. Returns who was the last, if anybody, to be linked.
  @inline(__always)
  mutating func appendToBacklog(_ i: UInt32) -> UInt32 {
    let last = backlog.last
    if backlog.isEmpty { backlog.first = i }
    backlog.last = i
    backlogCount &+= 1
    backlogHighWater = max(backlogHighWater, backlogCount)
    return last
  }
}

/// A listener's queues (S3.2).
public struct ListenerStatus: BitwiseCopyable, Sendable {
  public var local: LocalEndpoint
  public var options: ListenerOptions
  public var halfOpen: UInt32
  public var halfOpenHighWater: UInt32
  /// SYNs that found the half-open queue full: answered with a cookie, or dropped.
  public var halfOpenOverflows: UInt64
  /// Connections that wait to be accepted.
  public var acceptable: UInt32
  public var acceptableHighWater: UInt32
  /// Third segments, and SYNs to be answered with a cookie, that found the accept queue full.
  public var acceptOverflows: UInt64
  public var accepted: UInt64
  /// Connections by TCP Fast Open whose third segment has not come yet.
  public var fastOpenPending: UInt32
  /// Its connections on the wire, accepted or not.
  public var connections: UInt32
  /// Connections refused because of `connectionLimit`.
  public var limitOverflows: UInt64
}
