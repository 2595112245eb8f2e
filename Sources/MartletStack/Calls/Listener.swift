public import MartletTCP
import MartletWire

/// How a listener takes connections in.
public struct ListenerOptions: BitwiseCopyable, Sendable {
  /// Half-open connections (S3.2).
  public var halfOpenLimit: UInt32 = 1_024
  /// Established connections that wait to be accepted (S3.2).
  public var acceptLimit: UInt32 = 1_024
  /// A SYN becomes an event, and is answered as `answer(_:_:now:)` says.
  public var defersAccept = false
  /// What its connections start with.
  public var connection = ConnectionOptions()

  public init() {}
}

/// LISTEN: a record of its own, since nothing of a TCB is needed.
struct Listener: BitwiseCopyable {
  var local: LocalEndpoint
  var options: ListenerOptions
  /// Established connections, linked through their slots.
  var backlog = IndexList()
  var backlogCount: UInt32 = 0
  var backlogHighWater: UInt32 = 0
  var halfOpen: UInt32 = 0
  var halfOpenHighWater: UInt32 = 0
  var acceptOverflows: UInt64 = 0
  var halfOpenOverflows: UInt64 = 0
  var accepted: UInt64 = 0
  var nextEvent = IndexList.none
  var hasEvent = false
  /// Closed; the slot goes when the list of events lets go of it.
  var isClosed = false
}

/// A listener's queues (S3.2).
public struct ListenerStatus: BitwiseCopyable, Sendable {
  public var local: LocalEndpoint
  public var options: ListenerOptions
  public var halfOpen: UInt32
  public var halfOpenHighWater: UInt32
  /// SYNs dropped because the half-open queue was full.
  public var halfOpenOverflows: UInt64
  /// Connections that wait to be accepted.
  public var acceptable: UInt32
  public var acceptableHighWater: UInt32
  /// Third segments that found the accept queue full.
  public var acceptOverflows: UInt64
  public var accepted: UInt64
}
