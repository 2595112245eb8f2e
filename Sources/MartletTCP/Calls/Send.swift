import MartletWire

/// Why `send` took nothing.
public enum SendError: Error, Equatable {
  /// The send queue is full; `.writable` tells when to go on.
  case wouldBlock
  /// The sending half was shut down before (`EPIPE`).
  case shutDown
  /// The connection is no more.
  case ended(EndReason)
  /// The handle is stale or was closed.
  case noConnection
}

extension TCB {
  /// SEND (RFC 9293 §3.10.2): takes as many octets as there is room for, at least one.
  ///
  /// - Parameter urgent: the last octet taken ends urgent text (§3.8.5).
  /// - Returns: octets taken. Text sent before the connection is established waits for it.
  public mutating func send(
    _ bytes: RawSpan, urgent: Bool = false, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) throws(SendError) -> Int {
    guard state != .closed, state != .timeWait else {
      throw endReason == .none ? .shutDown : .ended(endReason)
    }
    guard !mode.contains(.finQueued) else { throw .shutDown }
    guard bytes.byteCount > 0 else { return 0 }
    resumeSearch(&cold, now)
    let room = freeSendSpace(cold)
    var count =
      around.budget.lets(grow: cold.send.chunksHeld) ? min(bytes.byteCount, Int(truncatingIfNeeded: room)) : 0
    // While memory is short, a chunk at a time: the next one only if that is still within its share.
    if !around.budget.lets(grow: .max) { count = min(count, ChunkPool.chunkSize) }
    while count > 0 {
      if cold.send.append(bytes.extracting(first: count), &around.pool, &around.budget) {
        if urgent, count == bytes.byteCount { markUrgent(&cold) }
        return count
      }
      // The budget has no room for all of it; perhaps for a chunk's worth.
      count = count > ChunkPool.chunkSize ? min(count / 2, 1 << 20) : 0
    }
    mode.insert(.writerWaits)
    throw .wouldBlock
  }

  /// `send` was refused, and the writer has not been told to go on.
  package var isWriterWaiting: Bool { mode.contains(.writerWaits) }

  /// It is being told.
  package mutating func wakeWriter() { mode.remove(.writerWaits) }

  /// Octets that `send` would take now.
  @inline(__always)
  func freeSendSpace(_ cold: ColdBlock) -> UInt32 {
    let capacity = snd.buffer.octets
    return capacity > cold.send.count ? capacity &- cold.send.count : 0
  }

  /// A writer is woken when a third of the queue is free: not for every acknowledgment.
  @inline(__always)
  func hasRoomForWriter(_ cold: ColdBlock) -> Bool {
    freeSendSpace(cold) >= snd.buffer.octets / 3
  }

  private func markUrgent(_ cold: inout ColdBlock) {
    cold.sendsUrgent = true
    let head =
      state == .synSent || (state == .synReceived && !isOpenEarly) ? snd.una.advanced(by: 1) : snd.una
    cold.sendUrgentPointer = head.advanced(by: cold.send.count)
  }
}
