import MartletTCP
import MartletWire

/// What a connection has that nobody else may learn.
public enum VictimSecret: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  /// Its own initial sequence number and the offset of its timestamps.
  case numbers
  /// Its port, and with it the numbers of the host that is attacked.
  case port
  /// The octets of its streams.
  case octets
  /// How much it says, and how fast.
  case amount
  /// That there is such a connection.
  case presence

  public var text: String {
    switch self {
    case .numbers: "numbers"
    case .port: "port"
    case .octets: "octets"
    case .amount: "amount"
    case .presence: "presence"
    }
  }
}

/// Two runs of one small world that differ in a secret of the victim's connection and in nothing else. Whatever
/// arrives at the attacker has to be the same octets at the same times.
///
///     let pair = InterferencePair(seed: 7)
///     if let difference = pair.played().difference { print(difference.text) }
///
/// The host that is attacked talks with two others: with the victim, and with the attacker, who has connections of
/// his own, asks at open and shut ports, and forges segments and ICMP errors in the victim's name. In the first run
/// some of his guesses are right. What he sent there he sends again in the second, at the same times, where they
/// are as good as any.
public struct InterferencePair: Sendable {
  public let seed: UInt64
  public var secret: VictimSecret
  /// A mistake made on purpose.
  public var leak = PlantedLeak.none
  var overIPv6 = false
  /// All three on one switch; false: a link for each of the two.
  var sharesSwitch = false
  var host = HostFeatures()
  var victim = HostFeatures()
  var attacker = HostFeatures()
  var listener = ListenerFeatures()
  var victimLink = LinkConditions(delay: .milliseconds(5))
  var attackerLink = LinkConditions(delay: .milliseconds(5))
  var conversation = ApplicationPlan()
  var victimStarts = TimeAmount.zero
  /// Some of the attacker's guesses are right in the first run.
  var isLucky = true
  /// Things that the attacker does.
  var attacks = 40

  /// The pair of a seed.
  public init(seed: UInt64, _ secret: VictimSecret? = nil) {
    self.seed = seed
    var random = SimulatorRandom(seed: seed ^ 0x6c65_616b_7061_6972)
    let drawn = random.pick(VictimSecret.allCases)
    self.secret = secret ?? drawn
    overIPv6 = random.oneIn(3)
    sharesSwitch = random.oneIn(3)
    host = HostFeatures(&random)
    victim = HostFeatures(&random)
    attacker = HostFeatures(&random)
    attacker.memoryBudget = 0
    listener.alwaysCookies = random.oneIn(8)
    if random.oneIn(6) { listener.halfOpenLimit = UInt32(random.within(1...4)) }
    drawLinks(&random)
    drawConversation(&random)
    attacks = Int(random.within(20...80))
    isLucky = self.secret != .numbers || random.oneIn(2)
    if !sharesLimits {
      host.memoryBudget = 0
      listener.halfOpenLimit = 0
    }
  }

  /// What is shared and has an end tells how much of it is used: memory, and places for half-open connections. So
  /// there may be such only where both runs use as much. A lucky guess can end the victim's connection in one of
  /// them, and a SYN for its port takes a place where it is at another.
  var sharesLimits: Bool { secret == .octets || secret == .numbers && !isLucky }

  /// A SYN begins the victim's connection anew in TIME-WAIT if its numbers are beyond the last ones (RFC 6191): in one
  /// of the runs it takes a place, by the numbers that differ.
  var mayReopen: Bool { secret != .numbers || !sharesLimits }

  private mutating func drawLinks(_ random: inout SimulatorRandom) {
    victimLink.delay = .microseconds(random.pick([50, 1_000, 20_000, 80_000]))
    attackerLink.delay = .microseconds(random.pick([50, 1_000, 20_000, 80_000]))
    if random.oneIn(2) { victimLink.loss = UInt32(random.below(50_000)) }
    if random.oneIn(2) { attackerLink.loss = UInt32(random.below(50_000)) }
    if random.oneIn(2) { victimLink.rate = random.pick([20_000, 125_000]) }
    if random.oneIn(2) { attackerLink.rate = random.pick([20_000, 125_000]) }
  }

  private mutating func drawConversation(_ random: inout SimulatorRandom) {
    conversation.sends = random.pick([0, 100, 5_000, 100_000])
    conversation.receives = conversation.sends
    conversation.sendSize = Int(random.pick([100, 1_460, 16_384]))
    conversation.receiveSize = conversation.sendSize
    if random.oneIn(3) { conversation.pause = .milliseconds(random.within(1...300)) }
    conversation.end = random.oneIn(2) ? .finishAfterSending : .closeAfterBoth
    conversation.sendKey = seed
    conversation.receiveKey = seed
    victimStarts = .milliseconds(random.within(0...1_000))
  }

  /// Plays both.
  public func played() -> InterferenceVerdict {
    var first = AttackedWorld(self, isSecond: false)
    first.play(Attack(self))
    var second = AttackedWorld(self, isSecond: true)
    second.repeatSteps(of: first)
    return InterferenceVerdict(first, second)
  }
}

/// What was sent to the attacker.
struct SeenPacket: Equatable, Sendable {
  /// When the last link took it.
  var sent: Instant
  /// Nil: it was lost there. By luck, but even this has to be the same.
  var arrival: Instant?
  var octets: [UInt8]
}

/// How a pair went.
public struct InterferenceVerdict: Sendable {
  /// Packets that came to the attacker, and that the host sent to the victim, in the first run.
  public let seen: Int
  public let toVictim: Int
  /// The first difference; nil: there is none.
  public let difference: InterferenceDifference?

  init(_ first: borrowing AttackedWorld, _ second: borrowing AttackedWorld) {
    seen = first.log.seen.count
    toVictim = first.log.toVictim
    difference = InterferenceDifference(first.log.seen, second.log.seen)
  }
}

/// Two runs part.
public struct InterferenceDifference: Sendable {
  /// The packet's number among those that came, and what it was in each run; nil: nothing more came.
  public let index: Int
  let first: SeenPacket?
  let second: SeenPacket?

  init?(_ first: [SeenPacket], _ second: [SeenPacket]) {
    for index in 0..<max(first.count, second.count) {
      let one = index < first.count ? first[index] : nil
      let other = index < second.count ? second[index] : nil
      if one == other { continue }
      self.index = index
      self.first = one
      self.second = other
      return
    }
    return nil
  }

  public var text: String {
    "packet " + String(index) + " to the attacker\n  in the first run   " + Self.line(first)
      + "\n  in the second run  " + Self.line(second)
  }

  private static func line(_ packet: SeenPacket?) -> String {
    guard let packet else { return "does not come" }
    let arrival = packet.arrival.map { String($0.microseconds) + " µs " } ?? "lost "
    return arrival + packetText(packet.octets.rawSpan)
  }
}
