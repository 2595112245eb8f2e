public import MartletTCP
import MartletWire

extension NetworkStack {
  /// Ends one direction or both, and keeps the handle (S4.6). The sending half is ended by a FIN after
  /// the last octet: the CLOSE of RFC 9293 §3.10.4. What arrives for a receiving half that was shut is
  /// acknowledged and dropped.
  public mutating func shutdown(_ id: ConnectionID, _ half: Half, now: Instant) throws(ShutdownError) {
    tell(now)
    guard let i = connections.index(of: id) else { throw .noConnection }
    if half != .send { shutdownReceive(i) }
    guard half != .receive, let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let reaction = try connections[i].tcb.shutdownSend(cold: cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  private mutating func shutdownReceive(_ i: UInt32) {
    guard let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let reaction = connections[i].tcb.shutdownReceive(cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  /// Lets go of a connection, as its linger option says: what is queued is still delivered, unless text
  /// that nobody has read, or a linger time of zero, makes it a reset. The handle is stale afterwards.
  public mutating func close(_ id: ConnectionID, now: Instant) throws(HandleError) {
    tell(now)
    guard let i = connections.index(of: id) else { throw .stale }
    disown(i)
    guard connections[i].marks.contains(.onWire), let j = coldIndex(of: i, needed: false) else {
      releaseUnlessHeld(i)
      return
    }
    around.recorder.flow = i
    let linger = Linger(deciseconds: connections[i].linger)
    let reaction = connections[i].tcb.close(linger: linger, cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  /// ABORT (RFC 9293 §3.10.5): resets the connection, if there still is one. The handle is stale afterwards.
  public mutating func abort(_ id: ConnectionID, now: Instant) throws(HandleError) {
    tell(now)
    guard let i = connections.index(of: id) else { throw .stale }
    disown(i)
    abortConnection(i)
  }

  /// Resets a connection that the application does not have (any more).
  mutating func abortConnection(_ i: UInt32) {
    guard connections[i].marks.contains(.onWire), let j = coldIndex(of: i, needed: false) else {
      releaseUnlessHeld(i)
      return
    }
    around.recorder.flow = i
    let reaction = connections[i].tcb.abort(cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction, to: i)
  }

  private mutating func disown(_ i: UInt32) {
    connections[i].marks.remove(.owned)
    connections[i].news = []
  }
}
