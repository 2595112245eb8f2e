import MartletWire

extension TCB {
  /// An ICMP error that quotes a segment of this connection (RFC 9293 §3.9.2.2 with RFC 5927).
  ///
  /// - Parameters:
  ///   - isHard: destination unreachable, codes 2 to 4, and the like. Believed only before the connection
  ///     is established; afterwards every error is soft (RFC 5927 §6.2; a recorded deviation from SHLD-26).
  ///   - quoted: the sequence number in the quoted header. Whoever does not know what is in flight was
  ///     not on the path (RFC 5927 §4.1).
  public mutating func networkError(
    _ error: SoftError, isHard: Bool, quoted: SequenceNumber, cold: inout ColdBlock,
    _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    let inFlight = snd.max.distance(from: snd.una)
    guard state != .closed, quoted.isWithin(from: snd.una, length: inFlight) else { return [] }
    var reaction: Reaction = []
    let endsAttempt = isHard && (state == .synSent || state == .synReceived)
    around.recorder.note(.networkError, UInt32(error.rawValue), endsAttempt ? 1 : 0, at: now)
    if endsAttempt {
      around.counters.attemptFails &+= 1
      softError = error
      end(
        error == .portUnreachable || error == .protocolUnreachable ? .refused : .unreachable, &cold, &around,
        now, &reaction)
      return reaction
    }
    softError = error
    return .readable
  }

  /// The path's MTU fell (RFC 1191, RFC 8201): what is in flight and too large is sent again at once,
  /// in smaller pieces. `mss` is without options; it is never raised here.
  public mutating func pathMTUFell(
    toMSS mss: UInt16, cold: inout ColdBlock, _ around: inout Surroundings, now: Instant
  ) -> Reaction {
    let floor = around.configuration.minimumSendMSS
    guard state != .closed, max(mss, floor) < snd.mss else { return [] }
    // RFC 5927 §7.2: segments of the present size arrived, so the message may be forged. If it is true, what
    // is in flight will time out, and then it is believed.
    if mode.contains(.provenSize), timers.tries == 0, snd.una != snd.max {
      cold.search.claimed = max(mss, floor)
      around.recorder.note(.pathMTUDoubted, UInt32(max(mss, floor)), UInt32(snd.mss), at: now)
      return []
    }
    let old = snd.mss
    snd.mss = max(mss, floor)
    around.recorder.note(.pathMTUFalls, UInt32(snd.mss), UInt32(old), at: now)
    mode.remove(.provenSize)
    if snd.una != snd.max { cold.search.told(old, now: Tick(now)) }
    guard snd.una != snd.max, state.isSynchronized else { return [] }
    loseForPathMTU(&cold, &around, now)
    return .output
  }

  /// Why the connection ended, once, where that is an error: an orderly close is none.
  public mutating func takeEndReason() -> EndReason {
    guard state == .closed, endReason != .closed, !mode.contains(.endTold) else { return .none }
    mode.insert(.endTold)
    return endReason
  }

  /// The pending soft error, once (MUST-47).
  public mutating func takeError() -> SoftError {
    defer { softError = .none }
    return softError
  }
}
