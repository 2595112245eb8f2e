import MartletStack
import MartletTCP
import MartletWire

// What the parts of a schedule are to the world that plays it.

extension Schedule {
  static func serverPort(_ number: Int) -> UInt16 { 80 &+ UInt16(truncatingIfNeeded: number) }
  static func clientPort(_ number: Int) -> UInt16 { 40_000 &+ UInt16(truncatingIfNeeded: number) }

  private static func key(_ number: Int, _ seed: UInt64) -> UInt64 {
    seed &* 0x9e37_79b9_7f4a_7c15 &+ UInt64(number) &* 2
  }

  /// What one side of a conversation does.
  func plan(_ number: Int, _ side: Fault.Side) -> ApplicationPlan {
    let conversation = conversations[number]
    let isClient = side == .client
    let key = Self.key(number, seed)
    var plan = ApplicationPlan()
    plan.sends = UInt64(isClient ? conversation.forth : conversation.back)
    plan.receives = UInt64(isClient ? conversation.back : conversation.forth)
    plan.sendKey = isClient ? key : ~key
    plan.receiveKey = isClient ? ~key : key
    plan.sendSize = Int(conversation.sendSize)
    plan.receiveSize = Int(conversation.receiveSize)
    plan.pause = isClient ? conversation.clientPause : conversation.serverPause
    plan.patience = .minutes(4)
    switch conversation.ending {
    case .bothAtOnce: plan.end = .finishAfterSending
    case .clientFirst: plan.end = isClient ? .closeAfterBoth : .closeAfterPeer
    case .serverFirst: plan.end = isClient ? .closeAfterPeer : .closeAfterBoth
    case .bothAtTheEnd: plan.end = .closeAfterBoth
    case .longAnswer:
      plan.end = .finishAfterSending
      plan.begin = isClient ? .atOnce : .afterPeerFinished
    case .clientAborts: plan.end = isClient ? .abortAfter(plan.receives / 2) : .closeAfterPeer
    }
    return plan
  }

  /// Whose plan it is.
  func conversation(of plan: ApplicationPlan) -> Int {
    for number in conversations.indices {
      let key = Self.key(number, seed)
      if plan.sendKey == key || plan.receiveKey == key { return number }
    }
    return -1
  }

  /// Nothing that is not over by `healsAfter` keeps this conversation from its end.
  func mustComplete(_ number: Int) -> Bool {
    let conversation = conversations[number]
    guard conversation.ending != .clientAborts else { return false }
    // Memory may run out, and clocks that jump end what they would have waited for.
    guard client.memoryBudget == 0, server.memoryBudget == 0, !faults.contains(where: { $0.isJump }) else {
      return false
    }
    guard listener.idleTimeout == .zero, listener.halfOpenLimit == 0 else { return false }
    // Without a record a server knows nothing of a client whose third segment is lost, late or overtaken.
    if listener.alwaysCookies, !isHarmless { return false }
    return conversation.starts > Self.healsAfter || !faults.contains(where: { $0.isCrash })
  }

  /// The path delivers everything, and in order.
  private var isHarmless: Bool {
    faults.isEmpty && hooks.isEmpty && luck?.isEmpty != false && forth.isHarmless && back.isHarmless
      && (wiring != .oneRouter && wiring != .twoRouters || mtu >= 1_500)
  }
}

extension HostFeatures {
  var configuration: StackConfiguration {
    var configuration = StackConfiguration()
    configuration.tcp.timestamps = timestamps
    configuration.tcp.sack = sack
    configuration.tcp.windowScaling = windowScaling
    configuration.tcp.ecn = ecn
    configuration.tcp.congestionControl = congestionControl
    configuration.tcp.connection.pacing = pacing
    configuration.tcp.connection.fastOpen = fastOpen
    configuration.tcp.connection.noDelay = noDelay
    configuration.tcp.connection.quickAck = quickAck
    if receiveBuffer > 0 { configuration.tcp.receiveBuffer = receiveBuffer }
    if sendBuffer > 0 { configuration.tcp.sendBuffer = sendBuffer }
    if memoryBudget > 0 { configuration.memoryBudget = Int(memoryBudget) }
    if keepAliveIdle > 0 {
      configuration.tcp.connection.keepAlive = true
      configuration.tcp.connection.keepAliveIdle = keepAliveIdle
      // Nine probes: it outlives every fault.
      configuration.tcp.connection.keepAliveInterval = 6
    }
    configuration.tcp.connection.userTimeout = userTimeout
    configuration.chunksPerArena = Int(chunksPerArena)
    return configuration
  }
}

extension ListenerFeatures {
  var options: ListenerOptions {
    var options = ListenerOptions()
    if alwaysCookies { options.synCookies = .always }
    if fastOpen { options.fastOpenLimit = 4 }
    if halfOpenLimit > 0 { options.halfOpenLimit = halfOpenLimit }
    options.idleTimeout = idleTimeout
    return options
  }
}

extension LinkConditions {
  fileprivate var isHarmless: Bool { self == withoutChance && mtu == 0 && rate == 0 }

  /// The same link when nothing goes wrong on it any more: its delay, rate, queue and size stay.
  var withoutChance: LinkConditions {
    var clean = self
    clean.loss = 0
    clean.burst = BurstLoss()
    clean.duplication = 0
    clean.reordering = 0
    clean.corruption = 0
    clean.jitter = .zero
    return clean
  }
}

extension Simulation {
  /// Lets a fault happen, and end.
  func schedule(_ fault: Fault, on link: LinkID, _ routers: [RouterID]) {
    func over(_ lasts: TimeAmount) -> TimeAmount { fault.at.adding(lasts) }
    switch fault.kind {
    case .cut(let forth, let back, let lasts):
      schedule(.setUp(link, forth: !forth, back: !back), after: fault.at)
      schedule(.setUp(link, forth: true, back: true), after: over(lasts))
    case .crash(let side, let lasts):
      schedule(.crash(side.host), after: fault.at)
      schedule(.restart(side.host), after: over(lasts))
    case .pause(let side, let lasts):
      schedule(.stop(side.host), after: fault.at)
      schedule(.resume(side.host), after: over(lasts))
    case .jump(let side, let amount): schedule(.jump(side.host, amount), after: fault.at)
    case .drift(let side, let perMillion):
      schedule(.setDrift(side.host, perMillion: perMillion), after: fault.at)
    case .routerOff(let lasts):
      guard let router = routers.first else { return }
      schedule(.setRunning(router, false), after: fault.at)
      schedule(.setRunning(router, true), after: over(lasts))
    }
  }

  /// Lets time pass in which nothing happens.
  func skip(to time: Instant) { now = max(now, time) }

  func keepDiaries() {
    for way in directions.indices { directions[way].diary = LuckDiary() }
  }

  /// What all diaries say.
  func luck() -> [WayLuck] {
    directions.indices.flatMap { way in
      (directions[way].diary?.entries ?? []).map { WayLuck(way: way, entry: $0) }
    }
  }

  /// From now on luck is what the book says, on every way, and in the end there is none.
  func follow(_ luck: [WayLuck], until end: Instant) {
    for way in directions.indices {
      directions[way].scriptEnds = end
      directions[way].script = LuckScript(luck.filter { $0.way == way }.map { $0.entry })
    }
  }
}

extension PlannedForgery {
  func packet(by attacker: inout OffPathAttacker, from source: Endpoint, to destination: Endpoint)
    -> ForgedPacket
  {
    let host = target.host
    switch kind {
    case .reset: return attacker.segment(.rst, from: source, to: destination, of: host)
    case .resetAcknowledging: return attacker.segment([.rst, .ack], from: source, to: destination, of: host)
    case .finish: return attacker.segment([.fin, .ack], from: source, to: destination, of: host)
    case .text: return attacker.segment([.ack, .psh], from: source, to: destination, of: host, textCount: 8)
    case .acknowledgment: return attacker.segment(.ack, from: source, to: destination, of: host)
    case .synchronize: return attacker.segment(.syn, from: source, to: destination, of: host)
    case .synchronizeAcknowledging:
      return attacker.segment([.syn, .ack], from: source, to: destination, of: host)
    case .tooBig:
      return attacker.packetTooBig(
        mtu: 600, from: source.address, about: destination, to: source, of: host)
    case .unreachable:
      return attacker.hostUnreachable(from: source.address, about: destination, to: source, of: host)
    }
  }
}
