import MartletTCP

/// How many SYNs come to a listener, and since when they are more than its half-open queue can hold.
struct SynMeter: BitwiseCopyable {
  /// Whole seconds of the clock: the one that runs.
  private var second: UInt32 = 0
  /// SYNs in it, and in the one before it.
  private var count: UInt32 = 0
  private var previousCount: UInt32 = 0

  /// A minute after the last SYN that found the queue full; the origin: there was none.
  private var floodEnds = Instant.origin
  /// A minute after a record that a cookie stands for was last given up, though this queue may have had room for it.
  private var looseEnds = Instant.origin
  /// When the flood began that may be over by now.
  private(set) var since = Instant.origin
  /// When there will be something worth telling.
  private var tells = Instant.origin
  /// SYNs since it began, and who sent them.
  private(set) var syns: UInt64 = 0
  private(set) var sources = SourceSketch()
  private(set) var cookiesSent: UInt64 = 0
  private(set) var cookiesReturned: UInt64 = 0

  /// How long an overflow is remembered: cookies are made and believed for that long after the last.
  static var memory: TimeAmount { .seconds(60) }
  /// A shorter overflow is a burst and nobody is told.
  private static var patience: TimeAmount { .seconds(1) }
  /// After so long without an overflow another one is a burst of its own.
  private static var gap: TimeAmount { .seconds(2) }
  /// Between two tellings of the same flood.
  private static var interval: TimeAmount { .seconds(10) }

  /// The last SYN that found the queue full.
  private var overflowed: Instant? {
    floodEnds == .origin
      ? nil
      : Instant(nanoseconds: floodEnds.nanoseconds &- UInt64(truncatingIfNeeded: Self.memory.nanoseconds))
  }

  /// Whether the queue overflowed within the last minute.
  @inline(__always)
  func isFlooded(at now: Instant) -> Bool { now < floodEnds }

  /// A record that a cookie stands for makes room, be it for another listener's, or for memory.
  mutating func sealedLeaves(at now: Instant) { looseEnds = now.advanced(by: Self.memory) }

  /// Whether there may be a cookie out that nothing but itself stands for.
  @inline(__always)
  func hasLooseCookies(at now: Instant) -> Bool { now < floodEnds || now < looseEnds }

  /// Whether the queue has overflowed since a time within the last weeks.
  func hasOverflowed(since time: Tick) -> Bool {
    guard let overflowed else { return false }
    return !Tick(roundingUp: overflowed).precedes(time)
  }

  @inline(__always)
  mutating func synArrives(at now: Instant) {
    turn(to: now)
    count &+= 1
  }

  /// The SYN that has arrived is part of a flood.
  @inline(__always)
  mutating func note(source: UInt64) {
    syns &+= 1
    sources.add(source)
  }

  /// The SYN that has arrived finds the queue full. True: it is time to tell.
  @inline(__always)
  mutating func overflows(at now: Instant) -> Bool {
    let ends = now.advanced(by: Self.memory)
    // The last was that gap ago.
    let pause = ends.nanoseconds &- UInt64(truncatingIfNeeded: Self.gap.nanoseconds)
    if floodEnds.nanoseconds <= pause { beginBurst(at: now) }
    floodEnds = ends
    guard now >= tells else { return false }
    tells = now.advanced(by: Self.interval)
    return true
  }

  /// It is the first for a while. Two bursts within a minute are no flood that lasted.
  @inline(never)
  private mutating func beginBurst(at now: Instant) {
    let patient = now.advanced(by: Self.patience)
    if isFlooded(at: now) {
      tells = max(tells, patient)
      return
    }
    since = now
    tells = patient
    syns = 0
    sources = SourceSketch()
    cookiesSent = 0
    cookiesReturned = 0
  }

  @inline(__always)
  mutating func cookieLeaves() { cookiesSent &+= 1 }
  /// There was no room to send it.
  mutating func cookieStays() { cookiesSent &-= 1 }
  mutating func cookieReturns() { cookiesReturned &+= 1 }

  /// SYNs a second: the more of this second so far and the whole of the last; in the first two seconds of a
  /// flood, all of its SYNs over its age.
  func rate(at now: Instant) -> UInt32 {
    let age = UInt64(max(now.since(since).nanoseconds, 1))
    if isFlooded(at: now), age < 2_000_000_000 {
      return UInt32(truncatingIfNeeded: syns &* 1_000_000_000 / max(age, 10_000_000))
    }
    var meter = self
    meter.turn(to: now)
    return max(meter.count, meter.previousCount)
  }

  @inline(__always)
  private mutating func turn(to now: Instant) {
    let current = UInt32(truncatingIfNeeded: now.nanoseconds / 1_000_000_000)
    guard current != second else { return }
    previousCount = current == second &+ 1 ? count : 0
    count = 0
    second = current
  }
}
