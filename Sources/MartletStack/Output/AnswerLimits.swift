import MartletTCP
import MartletWire

/// What anybody can make a stack say without having a connection.
enum Answer: Int {
  /// To a segment that fits nothing (S5.1).
  case reset
  /// RFC 1812 §4.3.2.8; RFC 4443 §2.4 (f).
  case icmpError
  case echoReply
  /// To who asks for our hardware address (RFC 826; RFC 4861 §7.2.4).
  case neighbour

  static var count: Int { 4 }
}

/// How many such answers may leave: a share for each source first, then a limit on the whole.
///
/// A limit that others share is an oracle: who uses it up can tell from the answers that are missing whether a
/// forged packet was answered, and so which ports or connections exist (CVE-2016-5696, CVE-2020-25705;
/// robustness rule O8). No table is large enough to keep apart all the addresses that somebody may have. So what
/// is counted are not answers but questions: whatever would be answered if its flow were unknown, known or not
/// (`Strays`). All that is kept here is a function of the packets that have come and when, which whoever forged
/// them knows already.
///
/// The share keeps one source from using up the whole, and the whole keeps many of them from making us send
/// more than we want. Nobody can predict what it holds, either.
struct AnswerLimits {
  private var whole: InlineArray<4, JitteredBucket>
  private var shares: AnswerShares
  /// Questions so far.
  private(set) var asked: UInt32 = 0

  init(_ configuration: StackConfiguration, _ secrets: Secrets) {
    whole = [
      JitteredBucket(perSecond: configuration.resetsPerSecond),
      JitteredBucket(perSecond: configuration.icmpErrorsPerSecond),
      JitteredBucket(perSecond: configuration.echoRepliesPerSecond),
      JitteredBucket(perSecond: configuration.neighbourAnswersPerSecond),
    ]
    shares = AnswerShares(
      limit: min(configuration.destinationLimit, 256), key: secrets.answers,
      rates: [whole[0].share, whole[1].share, whole[2].share, whole[3].share])
  }

  /// Octets charged for the shares.
  var heldBytes: Int { shares.heldBytes }

  /// Counts a question. True: it may be answered. `draw` is a random number that nobody outside knows. Who `hasOwnShare`
  /// needs nothing of the whole.
  mutating func take(
    _ answer: Answer, to source: Source, hasOwnShare: Bool = false, draw: UInt64, at now: Instant,
    _ budget: inout MemoryBudget
  ) -> Bool {
    asked &+= 1
    guard shares.take(answer, to: source, at: now, &budget) else { return false }
    return hasOwnShare || whole[answer.rawValue].take(draw, at: now)
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

/// What is left of the shares of the sources that asked lately: sets of four by keyed hash. It takes no memory
/// before the first question.
///
/// A newcomer takes the place of the one in its set that asked longest ago, and has a whole share: were it less,
/// whoever fills the table could lock newcomers out. Who is pushed out has a whole share again when he comes
/// back; what that is worth the limit on the whole says.
struct AnswerShares {
  private static var ways: Int { 4 }
  private var entries: [Share] = []
  private let capacity: Int
  private let key: SipKey
  private let rates: InlineArray<4, AnswerRate>
  /// The levels of a whole share.
  private let full: InlineArray<4, UInt32>
  private(set) var heldBytes = 0

  private struct Share: BitwiseCopyable {
    var source: Source
    /// When `levels` were right.
    var filled: Tick
    /// Thousandths of an answer, by `Answer`.
    var levels: InlineArray<4, UInt32>
  }

  init(limit: UInt32, key: SipKey, rates: InlineArray<4, AnswerRate>) {
    var capacity = Self.ways
    while capacity < Int(limit) { capacity &*= 2 }
    self.capacity = limit == 0 ? 0 : capacity
    self.key = key
    self.rates = rates
    full = InlineArray { min(rates[$0].burst, 4_000_000) &* 1_000 }
  }

  /// True too when the budget refuses the memory to tell sources apart: then only the whole is limited.
  mutating func take(
    _ answer: Answer, to source: Source, at now: Instant, _ budget: inout MemoryBudget
  ) -> Bool {
    guard capacity > 0 else { return true }
    let tick = Tick(now)
    if entries.isEmpty, !makeEntries(tick, &budget) { return true }
    let place = place(of: source, tick)
    refill(place, tick)
    guard entries[place].levels[answer.rawValue] >= 1_000 else { return false }
    entries[place].levels[answer.rawValue] &-= 1_000
    return true
  }

  private mutating func makeEntries(_ now: Tick, _ budget: inout MemoryBudget) -> Bool {
    let bytes = capacity &* MemoryLayout<Share>.stride
    guard budget.take(bytes) else { return false }
    heldBytes = bytes
    // Before now, so that the first four of a set take a place each.
    let share = Share(source: .nobody, filled: Tick(rawValue: now.rawValue &- 1), levels: full)
    entries = [Share](repeating: share, count: capacity)
    return true
  }

  /// The source's own place, or that of the one in its set that asked longest ago.
  private mutating func place(of source: Source, _ now: Tick) -> Int {
    let hash = source.hash(key)
    let first = Int(truncatingIfNeeded: hash & UInt64(capacity / Self.ways &- 1)) &* Self.ways
    var oldest = first
    for place in first..<first &+ Self.ways {
      if entries[place].source == source { return place }
      if entries[place].filled.precedes(entries[oldest].filled) { oldest = place }
    }
    entries[oldest] = Share(source: source, filled: now, levels: full)
    return oldest
  }

  private mutating func refill(_ place: Int, _ now: Tick) {
    let elapsed = UInt64(now.milliseconds(since: entries[place].filled))
    if elapsed == 0 { return }
    entries[place].filled = now
    for kind in 0..<Answer.count {
      // A thousandth of an answer for each millisecond and each answer a second.
      let gained = elapsed.multipliedReportingOverflow(by: UInt64(rates[kind].perSecond)).partialValue
      let sum = UInt64(entries[place].levels[kind]).addingReportingOverflow(gained)
      let most = UInt64(full[kind])
      entries[place].levels[kind] = UInt32(
        truncatingIfNeeded: sum.overflow ? most : min(sum.partialValue, most))
    }
  }
}
