import MartletTCP
import MartletWire

/// What anybody can make a stack say without having a connection.
enum Answer: Int {
  /// To a segment that fits nothing (S5.1).
  case reset
  /// RFC 1812 §4.3.2.8; RFC 4443 §2.4 (f).
  case icmpError
  case echoReply
}

/// How many such answers may leave: a share for each destination first, then a limit on the whole.
///
/// A limit that all share is an oracle: who uses it up can tell from the answers that are missing whether
/// a forged packet was answered, and so which ports or connections exist (CVE-2016-5696, CVE-2020-25705;
/// robustness rule O8). Here whoever asks from one address uses up his own share long before the whole,
/// and sees nothing of anybody else. Who has many addresses can reach the whole, and finds that it holds a
/// number of answers that nobody can predict.
struct AnswerLimits {
  private var whole: InlineArray<3, JitteredBucket>
  private var shares: AnswerShares

  init(_ configuration: StackConfiguration, _ secrets: Secrets) {
    whole = [
      JitteredBucket(perSecond: configuration.resetsPerSecond),
      JitteredBucket(perSecond: configuration.icmpErrorsPerSecond),
      JitteredBucket(perSecond: configuration.echoRepliesPerSecond),
    ]
    shares = AnswerShares(
      limit: min(configuration.destinationLimit, 256), key: secrets.answers,
      rates: [whole[0].share, whole[1].share, whole[2].share])
  }

  /// Octets charged for the shares.
  var heldBytes: Int { shares.heldBytes }

  /// Whether this answer may leave. `draw` is a random number that nobody outside knows.
  mutating func take(
    _ answer: Answer, to destination: IPAddress, draw: UInt64, at now: Instant, _ budget: inout MemoryBudget
  ) -> Bool {
    guard shares.take(answer, to: destination, at: now, &budget) else { return false }
    return whole[answer.rawValue].take(draw, at: now)
  }
}

/// So many a second, with a burst of a quarter second's worth (at least 8), neither of them exactly.
struct JitteredBucket: BitwiseCopyable {
  private let perSecond: UInt32
  private let burst: UInt64
  /// In billionths of a token, so that nothing is lost to rounding.
  private var level: UInt64
  private var filled = Instant.origin

  private static var token: UInt64 { 1_000_000_000 }

  init(perSecond: UInt32) {
    self.perSecond = perSecond
    burst = UInt64(max(perSecond / 4, min(perSecond, 8))) &* Self.token
    level = burst
  }

  /// What one destination may have of it.
  var share: AnswerRate {
    guard perSecond > 0 else { return AnswerRate(perSecond: 0, burst: 0) }
    let rate = max(perSecond / 8, 1)
    return AnswerRate(perSecond: rate, burst: max(rate / 4, min(perSecond, 6)))
  }

  /// A full bucket holds half of its burst or more, one at least, and an answer costs up to two tokens, one
  /// on average: both as `draw` says.
  mutating func take(_ draw: UInt64, at now: Instant) -> Bool {
    let elapsed = UInt64(max(0, now.since(filled).nanoseconds))
    filled = now
    let gained = elapsed.multipliedReportingOverflow(by: UInt64(perSecond))
    let sum = level.addingReportingOverflow(gained.partialValue)
    level = gained.overflow || sum.overflow ? burst : sum.partialValue
    if level >= burst, burst > 0 { level = burst &- (draw >> 32).scaled(to: (burst &- Self.token) / 2) }
    guard level >= Self.token else { return false }
    level &-= min(level, (draw & 0xffff_ffff).scaled(to: 2 &* Self.token))
    return true
  }
}

extension UInt64 {
  /// A draw of 32 bits, made one from 0 up to, not including, `bound`.
  fileprivate func scaled(to bound: UInt64) -> UInt64 {
    (self << 32).multipliedFullWidth(by: bound).high
  }
}

/// A rate and what may come at once.
struct AnswerRate: BitwiseCopyable {
  var perSecond: UInt32
  var burst: UInt32
}

/// What is left of the shares of destinations that were answered lately: sets of four by keyed hash. It takes
/// no memory before the first answer.
///
/// A newcomer takes the place of the one in its set that was answered longest ago, and what is left of its
/// shares with it. So forged sources by the million get no more than there are places, and nobody can get a
/// fresh share by having himself pushed out, or notice that another was.
struct AnswerShares {
  private static var ways: Int { 4 }
  private var entries: [Share] = []
  private let capacity: Int
  private let key: SipKey
  private let rates: InlineArray<3, AnswerRate>
  private(set) var heldBytes = 0

  private struct Share: BitwiseCopyable {
    /// An IPv4 address, or the network part of an IPv6 address: its owner has all of the rest.
    var host: UInt64
    var isIPv4: Bool
    /// When `levels` were right.
    var filled: Tick
    /// Thousandths of an answer, by `Answer`.
    var levels: InlineArray<3, UInt32>
  }

  init(limit: UInt32, key: SipKey, rates: InlineArray<3, AnswerRate>) {
    var capacity = Self.ways
    while capacity < Int(limit) { capacity &*= 2 }
    self.capacity = limit == 0 ? 0 : capacity
    self.key = key
    self.rates = rates
  }

  /// True too when the budget refuses the memory to tell destinations apart: then only the whole is limited.
  mutating func take(
    _ answer: Answer, to destination: IPAddress, at now: Instant, _ budget: inout MemoryBudget
  ) -> Bool {
    guard capacity > 0 else { return true }
    let tick = Tick(now)
    if entries.isEmpty, !makeEntries(tick, &budget) { return true }
    let place = place(of: destination, tick)
    refill(place, tick)
    guard entries[place].levels[answer.rawValue] >= 1_000 else { return false }
    entries[place].levels[answer.rawValue] &-= 1_000
    return true
  }

  private mutating func makeEntries(_ now: Tick, _ budget: inout MemoryBudget) -> Bool {
    let bytes = capacity &* MemoryLayout<Share>.stride
    guard budget.take(bytes) else { return false }
    heldBytes = bytes
    let full = InlineArray<3, UInt32> { Self.most(rates[$0]) }
    // Before now, so that the first four of a set take a place each.
    let share = Share(host: 0, isIPv4: true, filled: Tick(rawValue: now.rawValue &- 1), levels: full)
    entries = [Share](repeating: share, count: capacity)
    return true
  }

  private static func most(_ rate: AnswerRate) -> UInt32 { min(rate.burst, 4_000_000) &* 1_000 }

  /// The destination's own place, or that of the one in its set that was answered longest ago.
  private mutating func place(of destination: IPAddress, _ now: Tick) -> Int {
    let (host, isIPv4) =
      switch destination {
      case .v4(let a): (UInt64(a.bits), true)
      case .v6(let a): (a.high, false)
      }
    let hash = SipHash.hash13(key, host, isIPv4 ? 4 : 6)
    let first = Int(truncatingIfNeeded: hash & UInt64(capacity / Self.ways &- 1)) &* Self.ways
    var oldest = first
    for place in first..<first &+ Self.ways {
      if entries[place].host == host, entries[place].isIPv4 == isIPv4 { return place }
      if entries[place].filled.precedes(entries[oldest].filled) { oldest = place }
    }
    refill(oldest, now)
    entries[oldest].host = host
    entries[oldest].isIPv4 = isIPv4
    return oldest
  }

  private mutating func refill(_ place: Int, _ now: Tick) {
    let elapsed = UInt64(now.milliseconds(since: entries[place].filled))
    if elapsed == 0 { return }
    entries[place].filled = now
    for kind in 0..<3 {
      // A thousandth of an answer for each millisecond and each answer a second.
      let gained = elapsed.multipliedReportingOverflow(by: UInt64(rates[kind].perSecond)).partialValue
      let sum = UInt64(entries[place].levels[kind]).addingReportingOverflow(gained)
      let most = UInt64(Self.most(rates[kind]))
      entries[place].levels[kind] = UInt32(
        truncatingIfNeeded: sum.overflow ? most : min(sum.partialValue, most))
    }
  }
}
