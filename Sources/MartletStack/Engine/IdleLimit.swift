import MartletTCP
import MartletWire

// Connections whose peer does nothing (S5.4; robustness rule E7): a listener may end those of its own on
// which no text has moved, either way, for a time. Segments without text, keep-alives among them, are no
// sign of life here: they cost an attacker nothing. What needs no cooperation gets none: the peer is reset.

extension NetworkStack {
  /// Text has come. The time is kept in quarters of a second or so: 16 bits of 256 ms are four hours.
  @inline(__always)
  mutating func noteText(of i: UInt32) {
    connections[i].lastText = UInt16(truncatingIfNeeded: clock.milliseconds >> 8)
  }

  /// Milliseconds after which the listener ends it in its present state; nil: it never does.
  private mutating func idleLimit(of i: UInt32) -> UInt32? {
    guard let l = connections[i].origin.listener else { return nil }
    let options = listeners[l].options
    let idle = options.idleTimeout.timerMilliseconds
    let closeWait = connections[i].tcb.state == .closeWait ? options.closeWaitTimeout.timerMilliseconds : 0
    let limit = min(idle == 0 ? .max : idle, closeWait == 0 ? .max : closeWait)
    return limit == .max ? nil : min(limit, ListenerOptions.longestIdleTimeout.timerMilliseconds)
  }

  /// Milliseconds since text moved.
  private mutating func idleTime(of i: UInt32) -> UInt32 {
    let quarters = UInt16(truncatingIfNeeded: clock.milliseconds >> 8) &- connections[i].lastText
    return min(UInt32(quarters) << 8, connections[i].tcb.millisecondsWithoutProgress(Tick(clock)))
  }

  /// When it will have been idle for too long, if nothing moves; nil: no limit.
  mutating func idleDeadline(of i: UInt32) -> Tick? {
    guard let limit = idleLimit(of: i) else { return nil }
    let idle = idleTime(of: i)
    // A quarter more: the time of the last text is rounded down.
    return Tick(roundingUp: clock).advanced(by: idle > limit ? 0 : limit &- idle &+ 256)
  }

  /// Ends the connection if its time is over.
  mutating func endIfIdle(_ i: UInt32) -> Bool {
    guard let limit = idleLimit(of: i), idleTime(of: i) > limit else { return false }
    counts.idleConnectionsEnded &+= 1
    endConnection(i, because: .idle)
    return true
  }

  /// Ends a connection without anybody's help: its peer gets a reset, its application the reason.
  mutating func endConnection(_ i: UInt32, because reason: EndReason) {
    guard connections[i].marks.contains(.onWire), let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    if reason != .aborted { around.recorder.note(.endedByStack, UInt32(reason.rawValue), at: clock) }
    let reaction = connections[i].tcb.abort(reason: reason, cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }
}
