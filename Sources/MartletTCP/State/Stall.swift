/// For how long nothing has moved of what a connection holds.
package struct Stall: BitwiseCopyable, Sendable {
  package var milliseconds: UInt32
  /// The peer keeps its window shut.
  package var isShut: Bool
}

extension TCB {
  /// - Parameters:
  ///   - sendsNothing: the send queue is empty.
  ///   - readsSince: `ColdBlock.readsSince`.
  package func stall(_ sendsNothing: Bool, _ readsSince: Tick?, _ now: Tick) -> Stall {
    let sent = sendsNothing ? 0 : now.milliseconds(since: timers.progress)
    let read = readsSince.map { now.milliseconds(since: $0) } ?? 0
    return Stall(milliseconds: max(sent, read), isShut: !sendsNothing && timers.armed.contains(.persist))
  }
}

extension TCB {
  /// Milliseconds since the peer acknowledged something, or text was sent that it has not yet.
  package func millisecondsWithoutProgress(_ now: Tick) -> UInt32 {
    now.milliseconds(since: timers.progress)
  }
}

extension ColdBlock {
  package var sendsNothing: Bool { send.isEmpty }

  /// When the reader last took something of what waits for it, or it began to wait; nil: nothing waits.
  package var readsSince: Tick? { receive.isEmpty && outOfOrder.isEmpty ? nil : readerMoved }
}
