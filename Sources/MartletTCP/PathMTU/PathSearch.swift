import MartletWire

// The largest segment that a path carries, found by what arrives (RFC 4821): a black
// hole is noticed when full-size segments time out, and a size between what arrives
// and what did not is tried with text of the stream, whose loss is no congestion.

/// RFC 4821 §7: where the search stands. Sizes are of `snd.mss`, without the options of each segment.
@frozen
package struct PathSearch: BitwiseCopyable, Sendable {
  /// The smallest size that is known not to arrive; 0: nothing is searched.
  package var high: UInt16 = 0
  /// What the search started from, to be tried again after `retryAfter`.
  package var ceiling: UInt16 = 0
  /// The size that is being tried; meaningful while `isOut`.
  package var size: UInt16 = 0
  package var isOut = false
  /// An idle connection does not remember the search: a router told the size, or it is found, or it cannot be searched.
  package var isForgettable = false
  package var range = SequenceRange(start: SequenceNumber(0), end: SequenceNumber(0))
  /// No probe before.
  package var notBefore = Tick(rawValue: 0)
  /// What an ICMP message claims that is not believed yet; 0: nothing.
  package var claimed: UInt16 = 0

  package init() {}

  /// Sizes closer than this are as good as equal.
  static var step: UInt16 { 16 }
  /// RFC 4821 §7.3 and RFC 1191 §6.3: ten minutes, in milliseconds.
  static var retryAfter: UInt32 { 600_000 }

  /// The present size does not arrive: it, and everything above.
  mutating func fail(_ size: UInt16, now: Tick) {
    if ceiling == 0 { ceiling = size }
    high = size
    isOut = false
    isForgettable = false
    claimed = 0
    notBefore = now
  }

  /// A router says so. RFC 1191 §3, RFC 8201 §4: nothing larger is tried within five minutes, and ten are
  /// recommended.
  mutating func told(_ size: UInt16, now: Tick) {
    fail(size, now: now.advanced(by: Self.retryAfter))
    isForgettable = true
  }

  /// The next size to try above `low`; nil: the search is over for now.
  mutating func next(above low: UInt16, now: Tick) -> UInt16? {
    guard high != 0, !isOut, notBefore.isDue(at: now) else { return nil }
    if high > low, high &- low > Self.step { return low &+ (high &- low) / 2 }
    guard ceiling > low, ceiling &- low > Self.step else {
      high = 0
      return nil
    }
    // Found. The path may take more one day.
    high = ceiling
    isForgettable = true
    notBefore = now.advanced(by: Self.retryAfter)
    return nil
  }
}

/// What an idle connection remembers of a search that is not over: where it began, in an octet, rounded down by at most a
/// thirty-second part. 0: nothing.
@frozen
package struct PathCeiling: BitwiseCopyable, Sendable {
  private var code: UInt8 = 0

  package init() {}

  init(_ size: UInt16) {
    // Three bits for the doublings of 512, five for what follows the first bit.
    guard size > 536 else { return }
    let doublings = 6 &- UInt8(truncatingIfNeeded: size.leadingZeroBitCount)
    code = doublings << 5 | UInt8(truncatingIfNeeded: size >> (UInt16(doublings) &+ 4)) & 31
  }

  var size: UInt16 {
    guard code != 0 else { return 0 }
    return (32 | UInt16(code & 31)) << (UInt16(code >> 5) &+ 4)
  }
}

extension TCB {
  /// All text has been acknowledged: of a search that somebody will go on with only its beginning is kept.
  @inline(__always)
  mutating func rememberSearch(_ cold: inout ColdBlock) {
    guard cold.search.high != 0 else { return }
    if !cold.search.isForgettable { snd.ceiling = PathCeiling(cold.search.ceiling) }
    cold.search = PathSearch()
  }

  /// There is text again.
  mutating func resumeSearch(_ cold: inout ColdBlock, _ now: Instant) {
    guard snd.ceiling.size > snd.mss, cold.search.high == 0 else { return }
    cold.search.fail(snd.ceiling.size, now: Tick(now))
    snd.ceiling = PathCeiling()
  }

  /// Text of the stream in one segment of the size to try: when enough waits behind it that its loss would
  /// be noticed without a time-out (RFC 4821 §7.4).
  mutating func pathProbe(
    unsent: UInt32, usable: UInt32, allowed: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings,
    _ now: Instant
  ) -> SegmentPlan? {
    guard recovery.phase == .open, !cold.scoreboard.isInUse, mode.contains(.sack),
      let size = cold.search.next(above: snd.mss, now: Tick(now))
    else { return nil }
    let count = UInt32(size &- (snd.mss &- effectiveSendMSS))
    let needed = count &+ 4 &* UInt32(effectiveSendMSS)
    guard unsent >= needed, usable >= needed, allowed >= count else { return nil }
    var plan = departingText(count, snd.flight, false, false, &cold, &around, now)
    plan.segmentSize = UInt16(truncatingIfNeeded: count)
    cold.search.isOut = true
    cold.search.size = size
    cold.search.range = SequenceRange(start: plan.seq, count: count)
    noteDeparture(plan, false, &cold, &around, now)
    around.recorder.note(.pathProbe, plan.seq.rawValue, UInt32(size), at: now)
    return plan
  }

  /// An acknowledgment came while a probe is out: it arrived, or it alone is lost. Returns the octets found
  /// lost that are no sign of congestion (§7.5).
  mutating func resolvePathProbe(
    lost: UInt32, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) -> UInt32 {
    guard cold.search.isOut else { return 0 }
    let range = cold.search.range
    let arrived =
      snd.una.followsOrEquals(range.end)
      || cold.scoreboard.sacked.bytes(in: range, around.pool) == range.count
    if arrived {
      cold.search.isOut = false
      mode.insert(.provenSize)
      snd.mss = cold.search.size
      around.counters.tcpMTUPSuccess &+= 1
      around.recorder.note(.pathSizeFound, UInt32(snd.mss), at: now)
      return 0
    }
    guard lost > 0, cold.scoreboard.lost.bytes(in: range, around.pool) > 0 else { return 0 }
    failPathProbe(&cold, &around, now)
    pending.insert(.retransmit)
    return min(lost, range.count)
  }

  mutating func failPathProbe(_ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant) {
    guard cold.search.isOut else { return }
    around.counters.tcpMTUPFail &+= 1
    cold.search.fail(cold.search.size, now: Tick(now))
  }

  /// Two time-outs of a segment that is larger than what is tried next: small ones may arrive (§7.7). 1,220
  /// octets of text fit the least MTU of IPv6 and nearly every tunnel; 536 fit everything (RFC 9293 §3.7.1).
  mutating func searchBlackHole(
    _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant, _ reaction: inout Reaction
  ) {
    failPathProbe(&cold, &around, now)
    if cold.search.claimed != 0 {
      // What ICMP said is believed now: nothing of this size arrives any more.
      lowerMSS(to: cold.search.claimed, isTold: true, &cold, &around, now)
      reaction.insert(.pathMTUFell)
      return
    }
    let lower: UInt16 = timers.tries >= 4 ? 536 : 1_220
    guard timers.tries >= 2, snd.mss > lower else { return }
    // The last segment of a stream need not be full to be too large.
    let options = UInt32(snd.mss &- effectiveSendMSS)
    guard min(cold.send.count, snd.flight) &+ options > UInt32(lower) else { return }
    around.counters.tcpMTUPFail &+= 1
    // A guess, that the search puts right soon; an outage looks the same. Nobody else learns of it.
    lowerMSS(to: lower, isTold: false, &cold, &around, now)
  }

  private mutating func lowerMSS(
    to mss: UInt16, isTold: Bool, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant
  ) {
    let lower = max(mss, around.configuration.minimumSendMSS)
    guard lower < snd.mss else { return }
    if isTold {
      cold.search.told(snd.mss, now: Tick(now))
    } else {
      cold.search.fail(snd.mss, now: Tick(now))
      // Without SACK the size stays as small as it is (`pathProbe`).
      cold.search.isForgettable = !mode.contains(.sack)
    }
    snd.mss = lower
    mode.remove(.provenSize)
    around.recorder.note(.blackHole, UInt32(cold.search.high), UInt32(lower), at: now)
  }

  /// What the path is believed to carry, without headers.
  public var pathMSS: UInt16 { snd.mss }
}
