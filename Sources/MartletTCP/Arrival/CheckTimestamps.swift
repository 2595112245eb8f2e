import MartletWire

// RFC 7323 §5.3 R1: protection against wrapped sequence numbers, before the
// checks of RFC 9293, for everything but a reset.

extension TCB {
  mutating func checkTimestamps(
    _ seg: Segment, _ cold: inout ColdBlock, _ around: inout Surroundings, _ now: Instant,
    _ reaction: inout Reaction
  ) -> Check {
    guard mode.contains(.timestamps), !seg.flags.contains(.rst) else { return .next }
    guard seg.options.present.contains(.timestamps) else {
      // RFC 7323 §3.2: "If a non-<RST> segment is received without a TSopt, a TCP SHOULD silently drop
      // the segment." Whoever forges segments from off the path has to guess one more number.
      around.counters.pawsEstab &+= 1
      return .done
    }
    guard isOlder(seg.options.tsval, than: timestamps.recent), !isRecentStale(now) else { return .next }
    around.counters.pawsEstab &+= 1
    around.recorder.note(.pawsReject, seg.options.tsval, timestamps.recent, at: now)
    // "Send an acknowledgment in reply"; text that came twice is acknowledged every time (RFC 2883 §4.3).
    if seg.len > 0 {
      noteOldText(seg, &cold, &around, now)
      acknowledgeAtOnce(&reaction)
    } else {
      challenge(&around, now, &reaction)
    }
    return .done
  }

  /// RFC 7323 §5.5: after 24 days of silence TS.Recent says nothing any more.
  func isRecentStale(_ now: Instant) -> Bool {
    now.epoch &- timers.recentEpoch > 1_886
  }
}
