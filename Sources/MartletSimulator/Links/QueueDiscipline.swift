public import MartletTCP

/// Who of those that wait for a link's rate goes, and who is dropped.
public enum QueueDiscipline: Equatable, BitwiseCopyable, Sendable {
  /// Who finds no room.
  case dropTail
  /// Controlled delay (RFC 8289): packets at the head are dropped, ever faster, while all have waited longer than
  /// `target` for `interval`. `marks`: what speaks ECN is marked CE instead (RFC 3168). Limits hold besides.
  case coDel(target: TimeAmount, interval: TimeAmount, marks: Bool)

  /// The figures of RFC 8289 §4.2 and §4.3: 5 ms in 100 ms.
  public static func coDel(marks: Bool = false) -> QueueDiscipline {
    .coDel(target: .milliseconds(5), interval: .milliseconds(100), marks: marks)
  }
}

/// The state of RFC 8289 §5.3, asked about each packet when its turn comes.
struct ControlledDelay: BitwiseCopyable {
  /// When everybody will have waited too long for an interval; nil: somebody has not.
  private var firstAbove: Instant?
  private var isDropping = false
  private var dropNext = Instant.origin
  /// Drops since it began to drop, and when it last began.
  private var count: UInt32 = 0
  private var lastCount: UInt32 = 0
  /// What follows a drop is asked in the same breath.
  private var after = Sequel.nothing

  private enum Sequel { case nothing, firstDrop, laterDrop }

  /// Whether the packet at the head, which has waited for `sojourn`, is to be dropped or marked.
  ///
  /// - Parameters:
  ///   - backlog: octets behind it.
  ///   - isMarked: if so, it will be marked, and nobody follows it in the same breath.
  mutating func strikes(
    _ sojourn: TimeAmount, backlog: UInt64, target: TimeAmount, interval: TimeAmount, isMarked: Bool,
    now: Instant
  ) -> Bool {
    let mayStrike = mayStrike(sojourn, backlog, target, interval, now)
    let sequel = after
    after = .nothing
    // RFC 8289 §5.5: the packet after the first one dropped goes, whatever its time.
    if sequel == .firstDrop { return false }
    guard isDropping else {
      if mayStrike { beginDropping(interval, isMarked, now) }
      return mayStrike
    }
    guard mayStrike else {
      isDropping = false
      return false
    }
    if sequel == .laterDrop { dropNext = next(after: dropNext, interval) }
    guard now >= dropNext else { return false }
    count &+= 1
    if isMarked { dropNext = next(after: dropNext, interval) } else { after = .laterDrop }
    return true
  }

  /// §5.5 `dodequeue`: an almost empty queue is no standing one.
  private mutating func mayStrike(
    _ sojourn: TimeAmount, _ backlog: UInt64, _ target: TimeAmount, _ interval: TimeAmount, _ now: Instant
  ) -> Bool {
    guard sojourn >= target, backlog > 1_500 else {
      firstAbove = nil
      return false
    }
    guard let firstAbove else {
      self.firstAbove = now.advanced(by: interval)
      return false
    }
    return now >= firstAbove
  }

  /// Soon after the last time it goes on where it was.
  private mutating func beginDropping(_ interval: TimeAmount, _ isMarked: Bool, _ now: Instant) {
    isDropping = true
    let delta = count &- lastCount
    let isRecent = now.since(dropNext) < TimeAmount(nanoseconds: interval.nanoseconds &* 16)
    count = delta > 1 && isRecent ? delta : 1
    dropNext = next(after: now, interval)
    lastCount = count
    if !isMarked { after = .firstDrop }
  }

  /// §5.4, the control law: intervals shrink with the square root of the count.
  private func next(after time: Instant, _ interval: TimeAmount) -> Instant {
    let root = squareRoot(UInt64(count) << 32)
    let wait = scaled(UInt64(max(interval.nanoseconds, 0)), by: 1 << 16, over: max(root, 1))
    return time.advanced(by: TimeAmount(nanoseconds: Int64(clamping: wait)))
  }
}
