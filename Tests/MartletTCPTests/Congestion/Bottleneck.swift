import MartletTCP

/// One flow of full segments through one queue, in virtual time: what a congestion
/// controller is driven by where a whole stack would only be in the way. A segment
/// that is lost is found lost when the third after it is acknowledged.
struct Bottleneck {
  static let mss: UInt16 = 1_000

  // MARK: The path

  /// Octets a second.
  var rate: UInt64
  /// Without the queue, in microseconds.
  let roundTrip: UInt64
  /// Octets that may wait.
  var queue: UInt64
  /// Segments in a thousand that get lost before the queue.
  var lossPerMille = 0
  /// Acknowledgments arrive together at multiples of so many microseconds; 0: each by itself.
  var aggregation: UInt64 = 0
  /// A policer: tokens for so many octets at most, none queued; 0: none.
  var bucket: UInt64 = 0
  private var tokens: UInt64 = 0
  private var tokensAt: UInt64 = 0
  private var busyUntil: UInt64 = 0
  private var random: StorageRandom

  // MARK: The application

  /// Octets a second; nil: as many as fit.
  var supply: UInt64? {
    didSet { (suppliedAt, owed) = (clock, 0) }
  }
  private var suppliedAt: UInt64 = 0
  private var owed: UInt64 = 0

  // MARK: The sender

  var controller: CongestionController
  var epoch = CongestionEpoch.fresh
  /// Nanoseconds.
  private(set) var clock: UInt64 = 0
  private(set) var inflight: UInt32 = 0
  private var nextSend: UInt64 = 0
  private var sent: [Segment] = []
  /// The next to be acknowledged, and the next that may be found lost.
  private var ackIndex = 0
  private var lossIndex = 0
  private var rateState = Rate()
  private var recoverUntil: Int?
  private var wasWindowLimited = false
  private var isWindowLimited = false
  private var srtt: UInt64 = 0

  // MARK: What was seen

  private(set) var delivered: UInt64 = 0
  private(set) var drops = 0
  /// BBR's, in turn.
  private(set) var states: [BBRModel.State] = []
  private(set) var longestQueue: UInt64 = 0

  struct Segment {
    let sentAt: UInt64
    let firstSentAt: UInt64
    let deliveredAt: UInt64
    let delivered: UInt32
    let lostBefore: UInt32
    let flight: UInt32
    let isLimited: Bool
    /// Nil: lost.
    let ackAt: UInt64?
  }

  private struct Rate {
    var delivered: UInt32 = 0
    var deliveredAt: UInt64 = 0
    var firstSentAt: UInt64 = 0
    var lost: UInt32 = 0
    var limitedUntil: UInt32 = 0
    var isLimited = false
    var roundEnd: UInt32 = 0
  }

  init(
    _ control: CongestionControl, megabits: UInt64, milliseconds: UInt64, queue: UInt64, seed: UInt64 = 1
  ) {
    rate = megabits * 125_000
    roundTrip = milliseconds * 1_000
    self.queue = queue
    random = StorageRandom(seed: seed)
    controller = CongestionController(mss: Self.mss, segments: 10, control)
  }

  var bdp: UInt64 { rate * roundTrip / 1_000_000 }
  var microseconds: UInt64 { clock / 1_000 }
  private var now: UInt32 { UInt32(truncatingIfNeeded: clock / 1_000) }

  var bbr: BBRModel? {
    epoch.kind == .bbr ? epoch.bbr : nil
  }

  // MARK: Running

  /// Runs until the time has passed, or `done` says so after an acknowledgment.
  @discardableResult
  mutating func run(milliseconds: UInt64, until done: (Bottleneck) -> Bool = { _ in false }) -> Bool {
    let end = clock + milliseconds * 1_000_000
    while clock < end {
      let ackAt = nextAck
      let sendAt = nextDeparture
      if let sendAt, sendAt <= ackAt ?? .max, sendAt < end {
        clock = max(clock, sendAt)
        send()
      } else if let ackAt, ackAt < end {
        clock = max(clock, ackAt)
        acknowledge()
        noteState()
        if done(self) { return true }
      } else if ackAt == nil, sendAt == nil, inflight > 0 {
        clock += 300_000_000
        timeOut()
      } else {
        clock = end
      }
    }
    return false
  }

  private mutating func noteState() {
    guard let state = bbr?.state, states.last != state else { return }
    states.append(state)
  }

  /// What the application has ready, in octets.
  private var isSupplied: Bool {
    guard let supply else { return true }
    return (clock - suppliedAt) / 1_000 * supply / 1_000_000 >= owed + UInt64(Self.mss)
  }

  private var nextDeparture: UInt64? {
    guard inflight + UInt32(Self.mss) <= controller.cwnd else { return nil }
    if !isSupplied {
      guard let supply, supply > 0 else { return nil }
      let ready = suppliedAt + (owed + UInt64(Self.mss)) * 1_000_000 / supply * 1_000 + 1_000
      return max(max(clock, nextSend), ready)
    }
    return max(clock, nextSend)
  }

  private mutating func send() {
    guard isSupplied else { return }
    if inflight == 0 {
      if rateState.isLimited { controller.restartFromIdle(now: now, &epoch) }
      (rateState.firstSentAt, rateState.deliveredAt) = (clock, clock)
    }
    let mss = UInt32(Self.mss)
    inflight += mss
    owed += UInt64(mss)
    sent.append(
      Segment(
        sentAt: clock, firstSentAt: rateState.firstSentAt, deliveredAt: rateState.deliveredAt,
        delivered: rateState.delivered, lostBefore: rateState.lost, flight: inflight,
        isLimited: rateState.isLimited, ackAt: pass()))
    skipLost()
    let pace = controller.pacingRate(srtt: UInt32(srtt), epoch)
    if pace > 0 { nextSend = max(clock, nextSend) + UInt64(mss) * 1_000_000_000 / pace }
    if inflight + mss > controller.cwnd { isWindowLimited = true }
    if !isSupplied, inflight < controller.cwnd {
      rateState.limitedUntil = rateState.delivered &+ inflight
      rateState.isLimited = true
    }
  }

  /// When the acknowledgment of a segment sent now arrives.
  private mutating func pass() -> UInt64? {
    let octets = UInt64(Self.mss)
    if lossPerMille > 0, random.below(1_000) < lossPerMille { return drop() }
    if bucket > 0 {
      tokens = min(tokens + (clock - tokensAt) * rate / 1_000_000_000, bucket)
      tokensAt = clock
      guard tokens >= octets else { return drop() }
      tokens -= octets
      return clock + roundTrip * 1_000
    }
    let waiting = busyUntil > clock ? (busyUntil - clock) * rate / 1_000_000_000 : 0
    longestQueue = max(longestQueue, waiting)
    guard waiting <= queue else { return drop() }
    busyUntil = max(busyUntil, clock) + octets * 1_000_000_000 / rate
    let arrival = busyUntil + roundTrip * 1_000
    guard aggregation > 0 else { return arrival }
    let step = aggregation * 1_000
    return (arrival + step - 1) / step * step
  }

  private mutating func drop() -> UInt64? {
    drops += 1
    return nil
  }

  // MARK: Acknowledgments

  private var nextAck: UInt64? { ackIndex < sent.count ? sent[ackIndex].ackAt : nil }

  /// All that arrive at this instant, as one.
  private mutating func acknowledge() {
    var ack = CongestionAck(octets: 0, flightBefore: inflight, flight: 0, mss: Self.mss)
    var newest = ackIndex
    while let arrival = nextAck, arrival <= clock {
      ack.octets += UInt32(Self.mss)
      newest = ackIndex
      ackIndex += 1
      skipLost()
    }
    inflight -= ack.octets
    sample(sent[newest], &ack)
    findLosses(before: newest, &ack)
    ack.rate.lost = rateState.lost &- sent[newest].lostBefore
    ack.flight = inflight
    respond(ack, newest)
  }

  /// What got lost is never acknowledged.
  private mutating func skipLost() {
    while ackIndex < sent.count, sent[ackIndex].ackAt == nil { ackIndex += 1 }
  }

  private mutating func sample(_ newest: Segment, _ ack: inout CongestionAck) {
    delivered += UInt64(ack.octets)
    rateState.delivered &+= ack.octets
    rateState.deliveredAt = clock
    if rateState.isLimited, Int32(bitPattern: rateState.delivered &- rateState.limitedUntil) > 0 {
      rateState.isLimited = false
    }
    rateState.firstSentAt = newest.sentAt
    let trip = (clock - newest.sentAt) / 1_000
    srtt = srtt == 0 ? trip : (7 * srtt + trip) / 8
    ack.now = now
    ack.roundTrip = UInt32(trip)
    ack.srtt = UInt32(srtt)
    ack.isPaced = true
    ack.entropy = UInt32(truncatingIfNeeded: random.next())
    ack.rate.delivered = rateState.delivered &- newest.delivered
    let interval = max(newest.sentAt - newest.firstSentAt, clock - newest.deliveredAt)
    ack.rate.interval = UInt32(interval / 1_000)
    ack.rate.priorDelivered = newest.delivered
    ack.rate.totalDelivered = rateState.delivered
    ack.rate.flight = newest.flight
    ack.rate.isApplicationLimited = newest.isLimited
    ack.startsRound = Int32(bitPattern: newest.delivered &- rateState.roundEnd) >= 0
    if ack.startsRound {
      rateState.roundEnd = rateState.delivered
      (wasWindowLimited, isWindowLimited) = (isWindowLimited, false)
    }
    ack.isWindowLimited = wasWindowLimited || isWindowLimited
  }

  /// The queue keeps the order, so what is missing behind two others is lost.
  private mutating func findLosses(before newest: Int, _ ack: inout CongestionAck) {
    var wasLost = false
    while lossIndex + 3 <= newest {
      let segment = sent[lossIndex]
      let isLost = segment.ackAt == nil
      if isLost {
        inflight -= UInt32(Self.mss)
        rateState.lost &+= UInt32(Self.mss)
        ack.lost += UInt32(Self.mss)
        ack.loss.flight = segment.flight
        ack.loss.lost = rateState.lost &- segment.lostBefore
        ack.loss.isApplicationLimited = segment.isLimited
        if !wasLost { ack.lostRanges += 1 }
      }
      wasLost = isLost
      lossIndex += 1
    }
  }

  /// In the order in which the stack calls.
  private mutating func respond(_ ack: CongestionAck, _ newest: Int) {
    if let until = recoverUntil, newest >= until {
      controller.recovered(&epoch)
      recoverUntil = nil
    }
    if ack.lost > 0, recoverUntil == nil {
      controller.reduce(
        CongestionEvent(.loss, flight: ack.flightBefore, lost: ack.lost, mss: Self.mss, now: now), &epoch)
      if !controller.ownsWindow { controller.cwnd = controller.ssthresh }
      recoverUntil = sent.count
    }
    if controller.ownsWindow || recoverUntil == nil { controller.acknowledged(ack, &epoch) }
  }

  private mutating func timeOut() {
    rateState.lost &+= inflight
    controller.timedOut(
      CongestionEvent(.timeout, flight: inflight, mss: Self.mss, now: now), repeated: false, &epoch)
    inflight = 0
    ackIndex = sent.count
    lossIndex = sent.count
    recoverUntil = sent.count
  }
}
