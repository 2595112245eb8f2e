import MartletSimulator
import MartletStack
import MartletTCP

/// Who closes when.
enum CloseOrder: CaseIterable {
  /// Each as soon as it has sent everything.
  case bothAtOnce
  case clientFirst
  case serverFirst
  /// Each as soon as it has sent and received everything.
  case bothAtTheEnd
  /// The client finishes; only then does the server begin to answer.
  case longAnswer
}

/// What one seed means: each of its features is on or off by the seed's own luck, so that a thousand
/// seeds try combinations nobody would think of.
struct SwarmParameters: CustomStringConvertible {
  static let octets: UInt64 = 256 << 10

  let seed: UInt64
  var forth = LinkConditions()
  var back = LinkConditions()
  let closeOrder: CloseOrder
  /// Nobody listens: both connect to each other at once.
  let opensAtOnce: Bool
  let mtu: UInt16
  let overIPv6: Bool
  let deliversBatches: Bool
  var client = StackConfiguration()
  var server = StackConfiguration()
  let clientPause: TimeAmount
  let serverPause: TimeAmount
  let sendSize: Int

  init(seed: UInt64) {
    self.seed = seed
    var random = SimulatorRandom(seed: seed ^ 0x7377_6172_6d21)
    closeOrder = CloseOrder.allCases[Int(random.below(UInt64(CloseOrder.allCases.count)))]
    mtu = [576, 1_280, 1_500, 1_500, 9_000][Int(random.below(5))]
    overIPv6 = mtu >= 1_280 && random.below(3) == 0
    deliversBatches = random.below(2) == 0
    sendSize = [100, 1_460, 16_384, 262_144][Int(random.below(4))]
    clientPause = random.below(6) == 0 ? .milliseconds(random.within(1...300)) : .zero
    serverPause = random.below(6) == 0 ? .milliseconds(random.within(1...300)) : .zero
    forth = Self.conditions(&random)
    // Half of the links are the same both ways.
    back = random.below(2) == 0 ? forth : Self.conditions(&random)
    Self.vary(&client, &random)
    Self.vary(&server, &random)
    opensAtOnce = random.below(8) == 0
    if random.below(4) == 0 {
      client.tcp.connection.keepAlive = true
      client.tcp.connection.keepAliveIdle = UInt16(random.within(1...60))
      client.tcp.connection.keepAliveInterval = UInt16(random.within(1...10))
    }
    Self.varyQueue(&forth, &random)
    Self.varyQueue(&back, &random)
    Self.varyCongestion(&client, &random)
    Self.varyCongestion(&server, &random)
  }

  private static func conditions(_ random: inout SimulatorRandom) -> LinkConditions {
    var conditions = LinkConditions()
    conditions.delay = .microseconds([50, 1_000, 10_000, 40_000, 150_000][Int(random.below(5))])
    if random.below(2) == 0 { conditions.jitter = TimeAmount(nanoseconds: conditions.delay.nanoseconds / 2) }
    // A quarter of the links lose nothing, a quarter little, the rest anything up to 30 %.
    switch random.below(4) {
    case 0: conditions.loss = 0
    case 1: conditions.loss = UInt32(random.below(20_000))
    default: conditions.loss = UInt32(random.below(300_001))
    }
    if random.below(2) == 0 { conditions.duplication = UInt32(random.below(50_000)) }
    if random.below(2) == 0 {
      conditions.reordering = UInt32(random.below(200_000))
      conditions.reorderingDelay = TimeAmount(nanoseconds: conditions.delay.nanoseconds * 2)
    }
    if random.below(2) == 0 {
      conditions.corruption = UInt32(random.below(20_000))
      conditions.corruptedBits = UInt8(1 + random.below(3))
      // One in eight delivers what no checksum catches; then nobody can insist on right octets.
      conditions.sparesUndetected = random.below(8) != 0
    }
    if random.below(3) == 0 {
      conditions.rate = [20_000, 125_000, 1_250_000, 12_500_000][Int(random.below(4))]
      conditions.queue = random.below(2) == 0 ? 0 : UInt32(random.within(20_000...200_000))
    }
    return conditions
  }

  private static func varyQueue(_ conditions: inout LinkConditions, _ random: inout SimulatorRandom) {
    if random.below(4) == 0 { conditions.lossRun = UInt16(random.within(2...4)) }
    guard conditions.rate > 0 else { return }
    if random.below(3) == 0 { conditions.queuePackets = UInt32(random.within(12...100)) }
    if random.below(2) == 0 { conditions.marksAbove = UInt32(random.within(0...40_000)) }
  }

  private static func varyCongestion(
    _ configuration: inout StackConfiguration, _ random: inout SimulatorRandom
  ) {
    let algorithms = CongestionControl.allCases
    configuration.tcp.congestionControl = algorithms[Int(random.below(UInt64(algorithms.count)))]
    let policies = ECNPolicy.allCases
    configuration.tcp.ecn = policies[Int(random.below(UInt64(policies.count)))]
    configuration.tcp.connection.pacing = random.below(3) == 0
  }

  private static func vary(_ configuration: inout StackConfiguration, _ random: inout SimulatorRandom) {
    configuration.tcp.timestamps = random.below(4) != 0
    configuration.tcp.sack = random.below(4) != 0
    configuration.tcp.windowScaling = random.below(4) != 0
    configuration.tcp.connection.noDelay = random.below(2) == 0
    configuration.tcp.connection.quickAck = random.below(4) == 0
    let buffers: [UInt32] = [1_000, 4_096, 20_000, 65_535, 262_144, 1 << 20]
    configuration.tcp.receiveBuffer = buffers[Int(random.below(6))]
    configuration.tcp.sendBuffer = buffers[Int(random.below(6))]
    configuration.chunksPerArena = [1, 4, 16][Int(random.below(3))]
  }

  /// The chance that a packet is lost or made worthless, the worse direction's, of 1,000,000.
  var worstLoss: UInt32 { max(Self.loss(forth), Self.loss(back)) }

  private static func loss(_ c: LinkConditions) -> UInt32 {
    // A run takes (1 + lossRun) / 2 packets on average.
    c.loss * (1 + UInt32(c.lossRun)) / 2 + c.corruption
  }

  /// So little is lost that no connection may fail. A queue that overflows loses by congestion, which is
  /// the sender's to avoid.
  var mustSucceed: Bool { worstLoss < 100_000 }

  func plan(isClient: Bool) -> ApplicationPlan {
    var plan = ApplicationPlan()
    plan.sends = Self.octets
    plan.receives = Self.octets
    plan.sendKey = isClient ? seed : ~seed
    plan.receiveKey = isClient ? ~seed : seed
    plan.sendSize = sendSize
    plan.pause = isClient ? clientPause : serverPause
    switch closeOrder {
    case .bothAtOnce: plan.end = .finishAfterSending
    case .clientFirst: plan.end = isClient ? .closeAfterBoth : .closeAfterPeer
    case .serverFirst: plan.end = isClient ? .closeAfterPeer : .closeAfterBoth
    case .bothAtTheEnd: plan.end = .closeAfterBoth
    case .longAnswer:
      plan.end = .finishAfterSending
      plan.begin = isClient ? .atOnce : .afterPeerFinished
    }
    return plan
  }

  var description: String {
    """
    seed \(seed): \(opensAtOnce ? "open at once, " : "")close \(closeOrder), mtu \(mtu), \(overIPv6 ? "IPv6" : "IPv4"), send size \(sendSize), \
    pauses \(clientPause.nanoseconds / 1_000_000)/\(serverPause.nanoseconds / 1_000_000) ms, \
    batches \(deliversBatches)
      forth: \(show(forth))
      back:  \(show(back))
      client: \(show(client))
      server: \(show(server))
    """
  }

  private func show(_ c: LinkConditions) -> String {
    func percent(_ perMillion: UInt32) -> String { "\(Double(perMillion / 100) / 100) %" }
    return
      "delay \(c.delay.nanoseconds / 1_000) µs + \(c.jitter.nanoseconds / 1_000), loss \(percent(c.loss)), "
      + "dup \(percent(c.duplication)), reorder \(percent(c.reordering)), "
      + "corrupt \(percent(c.corruption)) by 1…\(c.corruptedBits)\(c.sparesUndetected ? " caught" : ""), "
      + "rate \(c.rate) queue \(c.queue) or \(c.queuePackets) packets"
      + (c.lossRun > 1 ? ", losses in runs to \(c.lossRun)" : "")
      + (c.marksAbove < .max ? ", marks above \(c.marksAbove)" : "")
  }

  private func show(_ c: StackConfiguration) -> String {
    "ts \(c.tcp.timestamps) sack \(c.tcp.sack) ws \(c.tcp.windowScaling) noDelay \(c.tcp.connection.noDelay) "
      + "quickAck \(c.tcp.connection.quickAck) rcv \(c.tcp.receiveBuffer) snd \(c.tcp.sendBuffer) "
      + "chunks \(c.chunksPerArena) \(c.tcp.congestionControl) ecn \(c.tcp.ecn)"
      + (c.tcp.connection.pacing ? " paced" : "")
      + (c.tcp.connection.keepAlive ? " keepAlive \(c.tcp.connection.keepAliveIdle) s" : "")
  }
}
