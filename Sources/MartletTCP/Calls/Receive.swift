import MartletWire

/// Why `receive` returned nothing.
public enum ReceiveError: Error, Equatable {
  /// Nothing is there yet; `.readable` tells when to ask again.
  case wouldBlock
  /// The connection ended otherwise than by the peer's FIN, and everything before that has been read.
  case ended(EndReason)
  /// The handle is stale or was closed.
  case noConnection
}

extension TCB {
  /// RECEIVE (RFC 9293 §3.10.3): copies in-order octets out and gives their room back to the window.
  ///
  /// - Returns: octets copied; 0: the peer has closed its half and everything has been read.
  public mutating func receive(
    into out: inout MutableRawSpan, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant,
    _ reaction: inout Reaction
  ) throws(ReceiveError) -> Int {
    let count = try copy(from: cold.receive, at: 0, into: &out, around.pool)
    if count > 0 {
      consume(UInt32(truncatingIfNeeded: count), &cold, &around, now, &reaction)
    }
    return count
  }

  /// The same, leaving the octets where they are; `offset` octets are passed over.
  public func peek(
    at offset: UInt32 = 0, into out: inout MutableRawSpan, cold: ColdBlock,
    _ around: borrowing Surroundings
  ) throws(ReceiveError) -> Int {
    try copy(from: cold.receive, at: offset, into: &out, around.pool)
  }

  @inline(__always)
  private func copy(
    from queue: ByteQueue, at offset: UInt32, into out: inout MutableRawSpan, _ pool: borrowing ChunkPool
  ) throws(ReceiveError) -> Int {
    let available = queue.count
    guard available > offset else {
      if available == 0 || offset > available { try endOfText() }
      return 0
    }
    let count = min(available &- offset, UInt32(clamping: out.byteCount))
    queue.copy(at: offset, count: count, into: &out, at: 0, pool)
    return Int(truncatingIfNeeded: count)
  }

  private func endOfText() throws(ReceiveError) {
    if mode.contains(.finReceived) { return }
    // Who has shut the receiving half is told all the same that the connection was reset.
    if state == .closed, !mode.contains(.discardsText) || endReason != .closed { throw .ended(endReason) }
    if mode.contains(.discardsText) { return }
    throw .wouldBlock
  }

  /// Takes octets off the queue and tells the peer when that opens the window by enough.
  public mutating func consume(
    _ count: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) {
    let taken = min(count, cold.receive.count)
    cold.readerMoved = Tick(now)
    cold.receive.consume(taken, anchored: !cold.outOfOrder.isEmpty, &around.pool, &around.budget)
    if cold.urgent {
      let read = rcv.nxt.retreated(by: cold.receive.count)
      if cold.urgentPointer.precedesOrEquals(read) { cold.urgent = false }
    }
    guard state == .established || state == .finWait1 || state == .finWait2 else { return }
    // MUST-39: "… at least min (Fr * RCV.BUFF, Eff.snd.MSS)"; two segments, or half the buffer, so that
    // a reader who keeps up causes no packets of its own. What the field cannot say is no gain.
    let promised = rcv.wnd
    let free = min(freeReceiveSpace(cold), 65_535 << UInt32(rcv.wndShift.shift))
    let gain = free > promised ? free &- promised : 0
    let mss = UInt32(rcv.mss)
    let step = promised < mss ? min(rcv.buffer.octets / 2, mss) : min(rcv.buffer.octets / 2, 2 &* mss)
    if gain >= max(step, 1) {
      pending.insert(.ack)
      reaction.insert(.output)
    }
  }
}
