public import MartletTCP

/// More SYNs than a listener's half-open queue can hold, as a person wants to read of it (S3.7).
public struct SynFloodReport: Equatable, BitwiseCopyable, Sendable {
  public var listener: ListenerID
  public var local: LocalEndpoint
  /// The first SYN that found the queue full.
  public var since: Instant
  /// SYNs a second, in this second or the last.
  public var synsPerSecond: UInt32
  /// SYNs since it began.
  public var syns: UInt64
  /// Half-open records now.
  public var halfOpen: UInt32
  /// Addresses that they came from, estimated: one standard deviation is 9 %.
  public var distinctSources: UInt64
  /// SYN-ACKs since then whose sequence number was a cookie, and how many came back without a record.
  public var cookiesSent: UInt64
  public var cookiesReturned: UInt64
}

extension NetworkStack {
  /// The flood that a listener is under, or was within the last minute; nil: there is none.
  public func synFlood(_ id: ListenerID, now: Instant) throws(HandleError) -> SynFloodReport? {
    guard let l = listeners.index(of: id) else { throw .stale }
    let now = max(now, clock)
    let listener = listeners[l]
    guard listener.meter.isFlooded(at: now) else { return nil }
    return SynFloodReport(
      listener: id, local: listener.local, since: listener.meter.since,
      synsPerSecond: listener.meter.rate(at: now), syns: listener.meter.syns, halfOpen: listener.halfOpen,
      distinctSources: listener.meter.sources.estimate, cookiesSent: listener.meter.cookiesSent,
      cookiesReturned: listener.meter.cookiesReturned)
  }
}
