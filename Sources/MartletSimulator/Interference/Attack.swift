import MartletStack
import MartletTCP
import MartletWire

/// One thing that happens at a time.
struct AttackStep: Sendable {
  enum Kind: Sendable {
    case victimConnects
    /// A connection of the attacker's own.
    case connect(ApplicationPlan)
    case inject([ForgedPacket])
  }

  var at: TimeAmount
  var kind: Kind
}

/// Who is who, by the addresses that the attacker knows.
struct AttackStage {
  var host: HostID
  var victim: Endpoint
  var own: IPAddress
  /// The host's address where the victim is, and where the attacker is.
  var hostForVictim: IPAddress
  var hostForAttacker: IPAddress
}

/// Draws what an attacker does, one thing after the other.
struct Attack {
  private let pair: InterferencePair
  private var random: SimulatorRandom
  private var blind: OffPathAttacker
  private var time = TimeAmount.zero
  private var left: Int
  private var hasVictim = false

  init(_ pair: InterferencePair) {
    self.pair = pair
    random = SimulatorRandom(seed: pair.seed ^ 0x6174_7461_636b)
    blind = OffPathAttacker(seed: pair.seed)
    left = pair.attacks
  }

  /// - Parameter latest: the header of what the host sent to the victim last: what a lucky guess goes by.
  mutating func next(_ stage: AttackStage, _ latest: TCPHeader?) -> AttackStep? {
    guard left > 0 else { return nil }
    let pause = random.oneIn(4) ? random.within(0...1_000) : random.within(0...100)
    let at = time.adding(.milliseconds(pause))
    if !hasVictim, pair.victimStarts <= at {
      hasVictim = true
      time = max(time, pair.victimStarts)
      return AttackStep(at: time, kind: .victimConnects)
    }
    left -= 1
    time = at
    return AttackStep(at: time, kind: draw(stage, latest))
  }

  private mutating func draw(_ stage: AttackStage, _ latest: TCPHeader?) -> AttackStep.Kind {
    switch random.below(16) {
    case 0: return .connect(ownConversation())
    case 1...4: return .inject([forged(stage, latest)])
    case 5...6: return .inject(burst(of: forged(stage, latest)))
    case 7...8: return .inject([complaint(stage, latest)])
    case 9...10: return .inject(burst(of: question(stage)))
    case 11:
      // Half-open connections of others are a limit that is shared, see `InterferencePair.init`.
      if !pair.sharesLimits { return .inject([question(stage)]) }
      return .inject(flood(stage))
    default: return .inject([question(stage)])
    }
  }

  private mutating func ownConversation() -> ApplicationPlan {
    var plan = ApplicationPlan()
    plan.sends = random.pick([1, 3_000, 50_000])
    plan.receives = plan.sends
    plan.sendSize = 1_460
    plan.receiveSize = 4_096
    plan.end = random.oneIn(2) ? .finishAfterSending : .closeAfterBoth
    if random.oneIn(3) { plan.pause = .milliseconds(random.within(1...100)) }
    return plan
  }

  /// As many as use up any limit.
  private mutating func burst(of packet: ForgedPacket) -> [ForgedPacket] {
    [ForgedPacket](repeating: packet, count: Int(random.within(2...200)))
  }

  // MARK: In the victim's name

  private mutating func forged(_ stage: AttackStage, _ latest: TCPHeader?) -> ForgedPacket {
    let target = Endpoint(address: stage.hostForVictim, port: AttackedWorld.port)
    let segments: [TCPFlags] = [[.syn, .ack], .ack, .rst, [.rst, .ack], [.psh, .ack], [.fin, .ack], []]
    let flags = random.pick(pair.mayReopen ? segments + [.syn] : segments)
    let textCount = flags.contains(.psh) ? Int(random.within(1...1_000)) : 0
    guard let latest, pair.isLucky, random.oneIn(2) else {
      return blind.segment(flags, from: stage.victim, to: target, of: stage.host, textCount: textCount)
    }
    // As if he had guessed: at the window's edge, in it, or just beside it.
    let nearby: [UInt32] = [0, 0, 1, 100, 5_000, 70_000, .max, 0xffff_ff00]
    var header = TCPHeader(
      sourcePort: stage.victim.port, destinationPort: target.port,
      seq: latest.ack.advanced(by: random.pick(nearby)), ack: latest.seq.advanced(by: random.pick(nearby)),
      flags: flags, window: UnscaledWindow(UInt16(truncatingIfNeeded: random.next())))
    if latest.options.present.contains(.timestamps), random.oneIn(2) {
      header.options.present.insert(.timestamps)
      header.options.tsval = latest.options.tsecr &+ UInt32(random.below(3))
      header.options.tsecr = latest.options.tsval
    }
    let text = [UInt8](repeating: 0x66, count: textCount)
    return ForgedPacket(
      to: stage.host, header, from: stage.victim.address, to: target.address, text: text)
  }

  private mutating func complaint(_ stage: AttackStage, _ latest: TCPHeader?) -> ForgedPacket {
    let source = Endpoint(address: stage.hostForVictim, port: AttackedWorld.port)
    if random.oneIn(2) {
      let mtu: UInt16 = random.pick([0, 68, 552, 1_280, 1_400])
      return blind.packetTooBig(
        mtu: mtu, from: stage.victim.address, about: source, to: stage.victim, of: stage.host)
    }
    return blind.hostUnreachable(from: stage.victim.address, about: source, to: stage.victim, of: stage.host)
  }

  /// SYNs in the name of neighbours of the victim's.
  private mutating func flood(_ stage: AttackStage) -> [ForgedPacket] {
    let target = Endpoint(address: stage.hostForVictim, port: AttackedWorld.port)
    var packets: [ForgedPacket] = []
    for _ in 0..<random.within(1...100) {
      let port = UInt16(random.within(1_024...65_535))
      let neighbour = stage.victim.address.neighbour(UInt32(random.within(100...250)))
      packets.append(
        blind.segment(.syn, from: Endpoint(address: neighbour, port: port), to: target, of: stage.host))
    }
    return packets
  }

  // MARK: In his own name

  /// Something that he sees the answer to.
  private mutating func question(_ stage: AttackStage) -> ForgedPacket {
    let own = Endpoint(address: stage.own, port: UInt16(random.within(1_024...30_000)))
    let open = Endpoint(address: stage.hostForAttacker, port: AttackedWorld.port)
    let shut = Endpoint(address: stage.hostForAttacker, port: random.oneIn(2) ? 9 : AttackedWorld.victimPort)
    switch random.below(6) {
    case 0...1: return blind.segment(.syn, from: own, to: open, of: stage.host)
    case 2: return blind.segment(.syn, from: own, to: shut, of: stage.host)
    case 3: return blind.segment(.ack, from: own, to: random.oneIn(2) ? open : shut, of: stage.host)
    case 4: return .datagram(from: own, to: shut, of: stage.host)
    default: return .echoRequest(from: own, to: open, of: stage.host)
    }
  }
}

extension IPAddress {
  /// Another one of the same network.
  fileprivate func neighbour(_ number: UInt32) -> IPAddress {
    switch self {
    case .v4(let address): return .v4(IPv4Address(bits: address.bits & ~0xff | number))
    case .v6(let address):
      return .v6(IPv6Address(high: address.high, low: address.low & ~0xffff | UInt64(number)))
    }
  }
}

extension ForgedPacket {
  /// UDP, to a port where nobody is.
  fileprivate static func datagram(from source: Endpoint, to destination: Endpoint, of target: HostID)
    -> ForgedPacket
  {
    var payload: [UInt8] = []
    payload.append16(source.port)
    payload.append16(destination.port)
    payload.append16(11)
    payload.append16(0)
    payload += [1, 2, 3]
    return ForgedPacket(to: target, .udp, payload, from: source.address, to: destination.address)
  }

  /// A ping with the source's port for its identifier.
  fileprivate static func echoRequest(from source: Endpoint, to destination: Endpoint, of target: HostID)
    -> ForgedPacket
  {
    var payload: [UInt8] = [source.address.isIPv4 ? 8 : 128, 0, 0, 0]
    payload.append16(source.port)
    payload.append16(1)
    return ForgedPacket(
      to: target, source.address.isIPv4 ? .icmp : .icmpv6, payload, from: source.address,
      to: destination.address)
  }

  private init(
    to target: HostID, _ proto: IPProtocol, _ payload: [UInt8], from source: IPAddress,
    to destination: IPAddress
  ) {
    var octets = [UInt8](repeating: 0, count: source.isIPv4 ? 20 : 40)
    octets.writing { out in
      switch (source, destination) {
      case (.v4(let source), .v4(let destination)):
        IPv4Header(
          totalCount: UInt16(truncatingIfNeeded: 20 + payload.count), proto: proto, source: source,
          destination: destination
        ).write(into: &out, at: 0)
      case (.v6(let source), .v6(let destination)):
        IPv6Header(
          payloadCount: UInt16(truncatingIfNeeded: payload.count), nextHeader: proto, source: source,
          destination: destination
        ).write(into: &out, at: 0)
      default: break
      }
    }
    octets += payload
    PacketLayout.mendChecksums(&octets)
    self.init(to: target, octets: octets)
  }
}

extension [UInt8] {
  fileprivate mutating func append16(_ value: UInt16) {
    append(UInt8(truncatingIfNeeded: value >> 8))
    append(UInt8(truncatingIfNeeded: value))
  }
}
