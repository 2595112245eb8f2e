import MartletTCP
import MartletWire

// What a seed means: each feature is on or off by the seed's own luck, so that a million seeds try combinations
// nobody would think of.

extension Schedule {
  /// The schedule of a seed.
  public init(seed: UInt64) {
    self.init(plain: seed)
    var random = SimulatorRandom(seed: seed ^ 0x7363_6865_6475_6c65)
    drawPlace(&random)
    drawLinks(&random)
    client = HostFeatures(&random)
    server = HostFeatures(&random)
    drawListener(&random)
    drawConversations(&random)
    drawFaults(&random)
    drawHooks(&random)
    drawForgeries(&random)
  }

  private mutating func drawPlace(_ random: inout SimulatorRandom) {
    wiring = random.oneIn(3) ? random.pick(Wiring.allCases) : .direct
    mtu = random.pick([576, 1_280, 1_500, 1_500, 1_500, 9_000])
    overIPv6 = mtu >= 1_280 && random.oneIn(3)
    deliversBatches = random.oneIn(2)
    opensAtOnce = random.oneIn(10)
  }

  private mutating func drawLinks(_ random: inout SimulatorRandom) {
    forth = Self.conditions(&random)
    back = random.oneIn(2) ? forth : Self.conditions(&random)
    // A hop that takes less than the interfaces: one that says so, or a black hole.
    guard random.oneIn(8), mtu >= 1_500 else { return }
    forth.mtu = random.pick([1_280, 1_400, 1_490])
    if random.oneIn(2) { back.mtu = forth.mtu }
    forth.tellsTooBig = !random.oneIn(3)
    back.tellsTooBig = forth.tellsTooBig
  }

  private static func conditions(_ random: inout SimulatorRandom) -> LinkConditions {
    var conditions = LinkConditions(delay: .microseconds(random.pick([50, 1_000, 10_000, 40_000, 150_000])))
    if random.oneIn(2) {
      conditions.jitter = TimeAmount(nanoseconds: conditions.delay.nanoseconds / 2)
      conditions.jitterShape = random.pick(JitterShape.allCases)
      conditions.jitterReorders = random.oneIn(4)
    }
    // A third of the links lose nothing, a third little, the rest anything up to 30 %.
    switch random.below(3) {
    case 0: break
    case 1: conditions.loss = UInt32(random.below(20_000))
    default: conditions.loss = UInt32(random.below(300_001))
    }
    if random.oneIn(4) { conditions.lossRun = UInt16(random.within(2...4)) }
    if random.oneIn(5) {
      conditions.burst = BurstLoss(
        begins: UInt32(random.within(1_000...50_000)), length: UInt32(random.within(2...20)))
    }
    if random.oneIn(3) { conditions.duplication = UInt32(random.below(100_000)) }
    if random.oneIn(3) {
      conditions.reordering = UInt32(random.below(200_000))
      conditions.reorderingDelay = TimeAmount(nanoseconds: conditions.delay.nanoseconds * 2)
    }
    if random.oneIn(3) {
      conditions.corruption = UInt32(random.below(20_000))
      conditions.corruptedBits = UInt8(1 + random.below(3))
      conditions.sparesUndetected = !random.oneIn(8)
    }
    drawQueue(&conditions, &random)
    return conditions
  }

  private static func drawQueue(_ conditions: inout LinkConditions, _ random: inout SimulatorRandom) {
    guard random.oneIn(3) else { return }
    conditions.rate = random.pick([20_000, 125_000, 1_250_000, 12_500_000])
    if random.oneIn(2) { conditions.queue = UInt32(random.within(20_000...100_000)) }
    if random.oneIn(3) { conditions.queuePackets = UInt32(random.within(8...50)) }
    if random.oneIn(3) { conditions.marksAbove = UInt32(random.within(0...20_000)) }
    if random.oneIn(3) { conditions.discipline = .coDel(marks: random.oneIn(2)) }
  }

  private mutating func drawListener(_ random: inout SimulatorRandom) {
    listener.alwaysCookies = random.oneIn(8)
    listener.fastOpen = random.oneIn(4)
    if listener.fastOpen { client.fastOpen = !random.oneIn(4) }
    if random.oneIn(10) { listener.halfOpenLimit = UInt32(random.within(1...4)) }
  }

  private mutating func drawConversations(_ random: inout SimulatorRandom) {
    let count = opensAtOnce ? 1 : Int(random.pick([1, 1, 1, 2, 3]))
    for _ in 0..<count { conversations.append(Conversation(&random)) }
    // The first gives a cookie, another uses it.
    if listener.fastOpen, conversations.count > 1 { conversations[1].starts = .seconds(6) }
  }

  private mutating func drawFaults(_ random: inout SimulatorRandom) {
    guard random.oneIn(2) else { return }
    for _ in 0..<random.within(1...3) {
      let at = TimeAmount.milliseconds(random.oneIn(2) ? random.within(0...300) : random.within(0...10_000))
      let lasts = TimeAmount.milliseconds(random.oneIn(2) ? random.within(1...400) : random.within(1...8_000))
      let side = random.pick(Fault.Side.allCases)
      let kind: Fault.Kind =
        switch random.below(12) {
        case 0...4: .cut(forth: !random.oneIn(4), back: !random.oneIn(4), lasts: lasts)
        case 5...6: .crash(side, lasts: lasts)
        case 7: .pause(side, lasts: lasts)
        case 8: .jump(side, .milliseconds(random.pick([10, 250, 1_500, 30_000, 300_000])))
        case 9...10: .drift(side, Int32(random.within(-100_000...100_000)))
        default:
          wiring == .oneRouter || wiring == .twoRouters
            ? .routerOff(lasts: lasts) : .pause(side, lasts: lasts)
        }
      faults.append(Fault(kind, at: at))
    }
    guard faults.contains(where: { $0.isCrash }), !opensAtOnce else { return }
    // Whoever has crashed serves again.
    var after = Conversation(&random)
    after.starts = Self.healsAfter.adding(.seconds(5))
    if after.ending == .clientAborts { after.ending = .bothAtOnce }
    conversations.append(after)
  }

  private mutating func drawHooks(_ random: inout SimulatorRandom) {
    guard random.oneIn(3) else { return }
    for _ in 0..<random.within(1...3) {
      let source = HostID(index: Int(random.below(2))).node
      let pattern: PacketPattern =
        switch random.below(6) {
        case 0: PacketPattern(from: source, with: .syn)
        case 1: PacketPattern(from: source, with: .fin)
        case 2: PacketPattern(from: source, with: .ack, text: .none)
        case 3: PacketPattern(from: source, isTCP: false)
        default: PacketPattern(from: source, text: .some)
        }
      let first = Int(random.within(1...(random.oneIn(2) ? 3 : 15)))
      let action: PacketHook.Action =
        switch random.below(8) {
        case 0...2: .drop
        case 3: .delay(.milliseconds(random.within(1...3_000)))
        case 4: .duplicate(after: .milliseconds(random.within(0...3_000)))
        case 5: .edit(.flipBit(UInt16(random.within(160...479))))
        case 6: .edit(.window(0))
        default: .edit(.congestion)
        }
      hooks.append(PacketHook(action, first...(first + Int(random.below(3))), of: pattern))
    }
  }

  private mutating func drawForgeries(_ random: inout SimulatorRandom) {
    guard random.oneIn(4), !opensAtOnce else { return }
    for _ in 0..<random.within(1...8) {
      var target = random.pick(Fault.Side.allCases)
      let kind = random.pick(PlannedForgery.Kind.allCases)
      // To somebody in SYN-SENT a bare SYN is a simultaneous open, whoever sent it.
      if kind == .synchronize { target = .server }
      forgeries.append(
        PlannedForgery(
          at: .milliseconds(random.oneIn(2) ? random.within(1...500) : random.within(1...5_000)), kind: kind,
          target: target, conversation: UInt8(random.below(UInt64(conversations.count))), seed: random.next())
      )
    }
  }
}

extension Conversation {
  init(_ random: inout SimulatorRandom) {
    if random.oneIn(2) { starts = .milliseconds(random.within(0...5_000)) }
    forth = Self.size(&random)
    back = Self.size(&random)
    ending = random.oneIn(12) ? .clientAborts : random.pick(Ending.allCases.dropLast())
    sendSize = max(random.pick([1, 100, 1_460, 16_384]), UInt16(clamping: max(forth, back) / 32))
    receiveSize = max(random.pick([1, 100, 1_460, 16_384]), UInt16(clamping: max(forth, back) / 32))
    if random.oneIn(8) { clientPause = .milliseconds(random.within(1...300)) }
    if random.oneIn(8) { serverPause = .milliseconds(random.within(1...300)) }
  }

  private static func size(_ random: inout SimulatorRandom) -> UInt32 {
    switch random.below(16) {
    case 0...1: 0
    case 2...6: UInt32(random.within(1...100))
    case 7...10: UInt32(random.within(1...3_000))
    case 11...14: UInt32(random.within(1...20_000))
    default: UInt32(random.within(1...100_000))
    }
  }
}

extension HostFeatures {
  init(_ random: inout SimulatorRandom) {
    timestamps = !random.oneIn(4)
    sack = !random.oneIn(4)
    windowScaling = !random.oneIn(4)
    ecn = random.pick(ECNPolicy.allCases)
    congestionControl = random.pick(CongestionControl.allCases)
    pacing = random.oneIn(3)
    noDelay = random.oneIn(2)
    quickAck = random.oneIn(4)
    if random.oneIn(2) { receiveBuffer = random.pick([1_000, 4_096, 20_000, 65_535, 1 << 20]) }
    if random.oneIn(2) { sendBuffer = random.pick([1_000, 4_096, 20_000, 65_535, 1 << 20]) }
    if random.oneIn(10) { memoryBudget = random.pick([65_536, 131_072, 262_144]) }
    if random.oneIn(4) { keepAliveIdle = UInt16(random.within(1...60)) }
    if random.oneIn(8) { userTimeout = .seconds(random.within(90...300)) }
    chunksPerArena = random.pick([1, 4, 16])
  }
}

extension SimulatorRandom {
  mutating func oneIn(_ count: UInt64) -> Bool { below(count) == 0 }

  /// One of them; they are not empty.
  mutating func pick<Choices: RandomAccessCollection>(_ choices: Choices) -> Choices.Element
  where Choices.Index == Int {
    choices[choices.startIndex + Int(below(UInt64(choices.count)))]
  }
}

extension TimeAmount {
  /// Both together.
  func adding(_ other: TimeAmount) -> TimeAmount {
    TimeAmount(nanoseconds: nanoseconds &+ other.nanoseconds)
  }
}
