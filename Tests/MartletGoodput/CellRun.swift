import MartletSimulator
import MartletStack
import MartletTCP

/// A cell, simulated.
struct CellRun {
  let cell: Cell
  let world: Simulation
  let sender: HostID
  let receiver: HostID

  /// - Parameter records: what the sender's flight recorder can hold.
  init(_ cell: Cell, records: UInt32 = 0) throws {
    self.cell = cell
    world = Simulation(seed: 3)
    world.checksInvariants = false
    world.hashesPackets = false
    var configuration = Self.configuration(cell)
    configuration.recorderCapacity = records
    sender = world.addHost(configuration)
    receiver = world.addHost(Self.configuration(cell))
    try world.join(sender, receiver, Self.forth(cell), back: Self.back(cell))
    var plan = Self.plan
    plan.sends = 0
    plan.end = .closeAfterPeer
    try world[receiver].serve(port: 80, plan)
  }

  /// Runs the cell and says what came of it.
  mutating func measure() throws -> Result {
    try open()
    world.run(until: Self.begin.advanced(by: warmUp))
    let before = tally()
    world.run(until: Self.begin.advanced(by: duration))
    return Result(before, tally(), seconds: Double((duration - warmUp).nanoseconds) / 1_000_000_000)
  }

  /// The connections begin at once.
  mutating func open() throws {
    var plan = Self.plan
    plan.sends = .max
    for _ in 0..<cell.flows { try world.connect(sender, to: receiver, port: 80, plan) }
  }

  // MARK: Time

  static let begin = Instant(nanoseconds: 1_000_000_000_000)

  /// 10 s and 100 round trips at least, 400 for ten flows; and so long that at the bound 20,000 packets go and
  /// random loss strikes two hundred times; but not longer than 60 round trips and 300,000 packets take, or
  /// 1,000,000 of ten flows. Equals have longer.
  var duration: TimeAmount {
    let packetsPerSecond = Bound(cell: cell).octetsPerSecond / Double(Cell.text)
    let losses = cell.loss == 0 ? 0 : 200 * 1_000_000 / Double(cell.loss)
    let roundTrip = Double(cell.roundTrip) / 1_000
    let least = max(10, (cell.flows == 1 ? 100 : 400) * roundTrip, max(20_000, losses) / packetsPerSecond)
    let most = max(60 * roundTrip, (cell.flows == 1 ? 300_000 : 1_000_000) / packetsPerSecond)
    let seconds = cell.isOfEquals ? max(least, untilFair(packetsPerSecond)) : min(least, most)
    return .milliseconds(Int64(1_000 * seconds))
  }

  /// Seconds. Equals have to come to terms: for a minute, 400 round trips with a full queue and thirty periods of their
  /// algorithm, and until random loss has struck each of them two hundred times; where it strikes none, for fifty
  /// periods, since then only the queue's own drops tell one from the other. If that takes more than 16,000,000
  /// packets, fifteen periods must do, twenty-five of BBR's, or as many as go into 140,000,000 packets. If these are fewer
  /// than ten (NewReno's, of ten minutes and more), what the first 16,000,000 show is how slow start left them.
  private func untilFair(_ packetsPerSecond: Double) -> Double {
    let strike = cell.loss == 0 ? 0 : Double(cell.flows) * 1_000_000 / Double(cell.loss) / packetsPerSecond
    let period = strike == 0 ? self.period : min(strike, self.period)
    let periods: Double = strike == 0 ? 50 : 30
    let long = max(60, 400 * cell.fullRoundTrip, periods * period, 200 * strike)
    let few = 16_000_000 / packetsPerSecond
    if long <= few { return long }
    let most = 140_000_000 / packetsPerSecond
    let enough = (cell.algorithm == .bbr ? 25 : 15) * period
    return 10 * period <= most ? max(few, min(enough, most)) : few
  }

  /// Seconds in which a flow that has its share loses it and wins it back, if nothing but the queue takes it.
  private var period: Double {
    let window = Double(cell.packetsForEach)
    switch cell.algorithm {
    // Half the window, a packet each round trip.
    case .newReno: return window / 2 * cell.fullRoundTrip
    // K of RFC 9438 §4.2, from W_max - 0.7 W_max.
    case .cubic: return Self.cubeRoot(0.75 * window)
    // As measured: who lost its share to the others' probes for bandwidth has it again after a minute or two.
    case .bbr: return 60
    }
  }

  /// By Newton's method: the same digits wherever arithmetic is IEEE 754's.
  private static func cubeRoot(_ number: Double) -> Double {
    var root = max(number, 1)
    for _ in 0..<64 { root -= (root - number / (root * root)) / 3 }
    return root
  }

  /// What the first half brings is not counted.
  var warmUp: TimeAmount { TimeAmount(nanoseconds: duration.nanoseconds / 2) }

  // MARK: What is set up

  private static func configuration(_ cell: Cell) -> StackConfiguration {
    var configuration = StackConfiguration()
    configuration.tcp.congestionControl = cell.algorithm
    configuration.tcp.maximumSendBuffer = 16 << 20
    configuration.tcp.maximumReceiveBuffer = 16 << 20
    return configuration
  }

  private static var plan: ApplicationPlan {
    var plan = ApplicationPlan()
    plan.isKeyed = false
    plan.patience = .zero
    plan.sendSize = 65_536
    plan.receiveSize = 65_536
    return plan
  }

  /// Rate, queue and all harm are on the way of the text.
  private static func forth(_ cell: Cell) -> LinkConditions {
    var conditions = LinkConditions(delay: .microseconds(cell.roundTrip * 500))
    conditions.rate = cell.octetsPerSecond
    conditions.queue = UInt32(clamping: cell.queueOctets)
    conditions.loss = cell.loss
    conditions.reordering = cell.reordering
    conditions.reorderingDelay = .microseconds(cell.roundTrip * 500)
    return conditions
  }

  /// Acknowledgments take their time, and at random up to a packet's more. Without that a queue that drops
  /// at its tail would always meet the same connections (Floyd, Jacobson: On Traffic Phase Effects in
  /// Packet-Switched Gateways, 1992).
  private static func back(_ cell: Cell) -> LinkConditions {
    var conditions = LinkConditions(delay: .microseconds(cell.roundTrip * 500))
    conditions.jitter = cell.packetTime
    return conditions
  }

  // MARK: What is counted

  /// What has been counted at some time.
  struct Tally {
    /// Octets that each receiving application has read.
    var received: [UInt64]
    var segments: UInt64
    var resent: UInt64
    var timeouts: UInt64
  }

  func tally() -> Tally {
    let counters = world[sender].stack.counters.tcp
    var received = world[receiver].applications.map(\.received)
    while received.count < cell.flows { received.append(0) }
    return Tally(
      received: received, segments: counters.outSegs, resent: counters.retransSegs,
      timeouts: counters.tcpTimeouts)
  }

  /// What happened between two times.
  struct Result {
    /// Octets a second of all flows together.
    let goodput: Double
    /// Retransmissions among the segments sent.
    let resent: Double
    let timeouts: UInt64
    /// Jain's index of fairness: the square of the sum over n times the sum of the squares; 1: all alike.
    let fairness: Double
    /// What each flow had of the sum.
    let shares: [Double]

    init(_ before: Tally, _ after: Tally, seconds: Double) {
      let received = zip(before.received, after.received).map { Double($1 - $0) }
      let sum = received.reduce(0, +)
      let squares = received.reduce(0) { $0 + $1 * $1 }
      goodput = sum / seconds
      shares = received.map { $0 / max(sum, 1) }
      fairness = squares > 0 ? sum * sum / (Double(received.count) * squares) : 0
      resent = Double(after.resent - before.resent) / Double(max(after.segments - before.segments, 1))
      timeouts = after.timeouts - before.timeouts
    }
  }
}

extension TimeAmount {
  fileprivate static func - (a: TimeAmount, b: TimeAmount) -> TimeAmount {
    TimeAmount(nanoseconds: a.nanoseconds - b.nanoseconds)
  }
}
