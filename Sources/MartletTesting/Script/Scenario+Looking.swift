public import MartletStack
public import MartletTCP
import MartletWire
public import Testing

extension Scenario {
  /// The state of the script's flow, from whatever record there is: half-open, connection, one that the
  /// application has closed, TIME-WAIT. Without a record: LISTEN while a listener waits for the first
  /// connection, else CLOSED.
  public var state: TCPState {
    var found: TCPState?
    stack.forEachFlow(now: now) { flow in
      guard flow.remote == Endpoint(address: peer, port: peerPort), flow.local.port == localPort else {
        return
      }
      // A handle whose wire side lingers has two lines; the wire side is the state.
      if found == nil || found == .closed { found = flow.state }
    }
    if let found { return found }
    return listener != nil && !hasEverConnected ? .listen : .closed
  }

  /// STATUS of the script's connection; nil: there is no handle.
  public var status: ConnectionStatus? { report?.tcp }

  /// The same with addresses.
  public var report: ConnectionReport? {
    guard let connection else { return nil }
    return try? stack.status(connection, now: now)
  }

  /// Why the script's connection ended; nil: there is no handle.
  public var endReason: EndReason? { status?.endReason }

  /// What `takeError` gives, which takes it.
  public func takeError() -> ConnectionError? {
    guard let connection else { return nil }
    return (try? stack.takeError(connection)) ?? nil
  }

  /// What the connection is ready for now; empty without a handle.
  public var readiness: Readiness {
    guard let connection, let level = try? stack.readiness(connection) else { return [] }
    return level
  }

  /// Everything that the events told of the script's connection since they were last taken.
  public var news: Readiness {
    var all: Readiness = []
    for case .connection(let id, let readiness) in events where id == connection { all.formUnion(readiness) }
    return all
  }

  /// The events so far, and forgets them.
  @discardableResult
  public func takeEvents() -> [StackEvent] {
    defer { events = [] }
    return events
  }

  /// What the stack has counted.
  public var counters: StackCounters { stack.counters }

  /// The script's notes, as a failure shows them.
  public var transcriptText: String { transcript.text }

  /// Nothing is left: no connection, half-open or TIME-WAIT record, no buffer, no timer, no packet.
  public func expectQuiet(sourceLocation: SourceLocation = #_sourceLocation) {
    expectNothing(sourceLocation: sourceLocation)
    if !stack.held.isQuiet { fail("records or buffers are left: \(stack.held)", sourceLocation) }
    if let deadline = stack.nextDeadline(now: now) {
      fail("a timer is left: \(deadline.since(now).seconds) s from now", sourceLocation)
    }
  }

  /// Fails unless the flow is in this state; shows the transcript, which `#expect` cannot.
  public func expectState(_ expected: TCPState, sourceLocation: SourceLocation = #_sourceLocation) {
    let state = self.state
    if state != expected { fail("the state is \(state.name), not \(expected.name)", sourceLocation) }
  }
}
