import MartletStack
import MartletTCP
import MartletWire
import Testing

// The ways to each state. Each step is an ordinary step of a script, so a stack
// that cannot go the way fails here, with the test's line.

extension Scenario {
  func lead(to start: ScenarioStart, window: UInt16, _ sourceLocation: SourceLocation) {
    if start.role == .passive {
      if start.state != .closed { listen(port: start.port, sourceLocation: sourceLocation) }
      if start.state != .closed, start.state != .listen { openPassively(start, window, sourceLocation) }
    } else {
      openActively(start, window, sourceLocation)
    }
    close(start, window, sourceLocation)
    events = []
    if start.state != .closed { expectState(start.state, sourceLocation: sourceLocation) }
  }

  private func openPassively(_ start: ScenarioStart, _ window: UInt16, _ sourceLocation: SourceLocation) {
    inject(.syn(seq: 0, window: window, options: offer), sourceLocation: sourceLocation)
    expect(.synAck(seq: 0, ack: 1), sourceLocation: sourceLocation)
    if start.state == .synReceived { return }
    inject(.ack(seq: 1, ack: 1, window: window), sourceLocation: sourceLocation)
    expectNothing(sourceLocation: sourceLocation)
  }

  private func openActively(_ start: ScenarioStart, _ window: UInt16, _ sourceLocation: SourceLocation) {
    connect(to: peerPort, from: localPort, sourceLocation: sourceLocation)
    expect(.syn(seq: 0), sourceLocation: sourceLocation)
    if start.state == .synSent { return }
    if start.state == .synReceived {
      inject(.syn(seq: 0, window: window, options: offer), sourceLocation: sourceLocation)
      expect(.synAck(seq: 0, ack: 1), sourceLocation: sourceLocation)
      return
    }
    inject(.synAck(seq: 0, ack: 1, window: window, options: offer), sourceLocation: sourceLocation)
    expect(.ack(seq: 1, ack: 1), sourceLocation: sourceLocation)
  }

  private func close(_ start: ScenarioStart, _ window: UInt16, _ sourceLocation: SourceLocation) {
    switch start.state {
    case .closed, .listen, .synSent, .synReceived, .established:
      break
    case .finWait1:
      finish(start, ack: 1, sourceLocation)
    case .finWait2:
      finish(start, ack: 1, sourceLocation)
      inject(.ack(seq: 1, ack: 2, window: window), sourceLocation: sourceLocation)
      expectNothing(sourceLocation: sourceLocation)
    case .closing:
      finish(start, ack: 1, sourceLocation)
      inject(.fin(seq: 1, ack: 1, window: window), sourceLocation: sourceLocation)
      expect(.ack(seq: 2, ack: 2), sourceLocation: sourceLocation)
    case .timeWait:
      finish(start, ack: 1, sourceLocation)
      inject(.ack(seq: 1, ack: 2, window: window), sourceLocation: sourceLocation)
      inject(.fin(seq: 1, ack: 2, window: window), sourceLocation: sourceLocation)
      expect(.ack(seq: 2, ack: 2), sourceLocation: sourceLocation)
    case .closeWait, .lastAck:
      inject(.fin(seq: 1, ack: 1, window: window), sourceLocation: sourceLocation)
      expect(.ack(seq: 1, ack: 2), sourceLocation: sourceLocation)
      if start.state == .lastAck { finish(start, ack: 2, sourceLocation) }
    }
  }

  private func finish(_ start: ScenarioStart, ack: Int, _ sourceLocation: SourceLocation) {
    if start.isOrphan {
      close(sourceLocation: sourceLocation)
    } else {
      shutdown(.send, sourceLocation: sourceLocation)
    }
    expect(.fin(seq: 1, ack: ack, 0), sourceLocation: sourceLocation)
  }
}
