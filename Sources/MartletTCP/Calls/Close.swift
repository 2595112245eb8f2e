import MartletWire

/// Why a half could not be shut.
public enum ShutdownError: Error, Equatable {
  /// The connection is not open, or no more.
  case notConnected
  /// The handle is stale or was closed.
  case noConnection
}

extension TCB {
  /// CLOSE of RFC 9293 §3.10.4 in the sense of the RFC: "I have no more data to send". A FIN follows the
  /// last octet of the send queue; receiving goes on for as long as the peer likes (S4.6).
  public mutating func shutdownSend(
    cold: ColdBlock, _ around: inout Surroundings, now: Instant
  ) throws(ShutdownError) -> Reaction {
    guard state != .closed, state != .listen, state != .timeWait else { throw .notConnected }
    // A writer that waits for room waits in vain from now on.
    let isAwaited = mode.contains(.writerWaits)
    mode.remove(.writerWaits)
    let reaction = queueFinish(&around, now)
    return isAwaited ? reaction.union(.writable) : reaction
  }

  private mutating func queueFinish(_ around: inout Surroundings, _ now: Instant) -> Reaction {
    guard !mode.contains(.finQueued) else { return [] }
    mode.insert(.finQueued)
    switch state {
    case .established:
      transition(to: .finWait1, &around, now)
    case .closeWait:
      transition(to: .lastAck, &around, now)
    case .synSent, .synReceived:
      // "Queue for processing after entering ESTABLISHED state."
      return []
    case .closed, .listen, .finWait1, .finWait2, .closing, .lastAck, .timeWait:
      return []
    }
    return .output
  }

  /// The application will not read any more: what waits is dropped, what comes is acknowledged and dropped.
  public mutating func shutdownReceive(
    cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    var reaction: Reaction = .readable
    guard !mode.contains(.discardsText) else { return reaction }
    // Octets that SACK blocks have named stay received, or their sender would have to send them again
    // (RFC 2018 §8); only their memory goes.
    cold.receive.removeOutOfOrder(&around.pool, &around.budget)
    consume(cold.receive.count, &cold, &around, now, &reaction)
    cold.receive.removeAll(&around.pool, &around.budget)
    mode.insert(.discardsText)
    cold.urgent = false
    return reaction
  }

  /// The application lets go of the connection. What is queued is still delivered, then the FIN; text
  /// that nobody has read, or `.atMost(.zero)`, resets instead (SHLD-3; RFC 1122 §4.2.2.13).
  public mutating func close(
    linger: Linger = .background, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    guard state != .closed else { return .closed }
    mode.insert(.orphan)
    let losesText = !cold.receive.isEmpty || (!cold.outOfOrder.isEmpty && !mode.contains(.discardsText))
    if linger == .atMost(.zero) || losesText {
      around.counters.tcpAbortOnClose &+= 1
      if losesText { around.recorder.note(.textUnread, rcv.nxt.rawValue, cold.receive.count, at: now) }
      // SHLD-3: "… SHOULD send a RST to show that data was lost", also where both FINs were sent. Nobody would send
      // ours again, and a peer that has not got it would wait for it.
      let owesReset = losesText && (state == .closing || state == .lastAck)
      let reaction = abort(cold: &cold, &around, now: now)
      return owesReset ? reaction.union(.sendReset) : reaction
    }
    if state == .synSent { return abort(cold: &cold, &around, now: now) }
    var reaction = queueFinish(&around, now)
    timers.armed.remove(.keepAlive)
    if state == .finWait2 {
      armEnding(around.configuration.finWait2, now)
    } else if case .atMost(let time) = linger {
      mode.insert(.lingers)
      armEnding(time, now)
    } else if !cold.send.isEmpty {
      watchOrphan(&cold, around, now)
    }
    reaction.insert(.rearmTimer)
    return reaction
  }

  /// ABORT (RFC 9293 §3.10.5): the queues are emptied; where the peer knows of the connection it is
  /// told by a reset.
  public mutating func abort(
    reason: EndReason = .aborted, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    var reaction: Reaction = []
    switch state {
    case .synReceived:
      // The reset stands after our SYN, whatever window the peer will offer.
      snd.una = snd.max
      reaction.insert(.sendReset)
    case .established, .finWait1, .finWait2, .closeWait:
      reaction.insert(.sendReset)
    case .closing, .lastAck:
      // "… respond to any ABORT with ok": both FINs are exchanged, unless ours still waits behind text or for a
      // window. Who has not seen it waits for it.
      if !cold.send.isEmpty || !mode.contains(.finSent) { reaction.insert(.sendReset) }
    case .closed, .listen, .synSent, .timeWait:
      break
    }
    if reaction.contains(.sendReset) { around.recorder.note(.aborts, snd.nxt.rawValue, at: now) }
    end(reason, &cold, &around, now, &reaction)
    return reaction
  }
}
