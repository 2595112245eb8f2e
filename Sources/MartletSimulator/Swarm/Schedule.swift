public import MartletTCP

/// Everything that happens in one small world, as a value: two hosts, what they are like, what lies between them,
/// what they say to each other, and all that goes wrong. The same schedule gives the same packets.
///
/// `Schedule(seed:)` draws one; `ScheduleRun` plays and judges it; `Shrinker` makes it smaller while it fails.
public struct Schedule: Sendable {
  public let seed: UInt64
  public var wiring = Wiring.direct
  public var overIPv6 = false
  public var mtu: UInt16 = 1_500
  /// Packets that reach a host at one instant come in one batch.
  public var deliversBatches = true
  /// Both connect to each other at once, and nobody listens (RFC 9293 §3.5, Figure 7).
  public var opensAtOnce = false
  /// Of the link, or of the one between the routers.
  public var forth = LinkConditions(delay: .milliseconds(5))
  public var back = LinkConditions(delay: .milliseconds(5))
  public var client = HostFeatures()
  public var server = HostFeatures()
  public var listener = ListenerFeatures()
  public var conversations: [Conversation] = []
  public var faults: [Fault] = []
  public var hooks: [PacketHook] = []
  public var forgeries: [PlannedForgery] = []
  /// What chance did on each way, in place of chance; nil: it is drawn from the seed.
  var luck: [WayLuck]?
  /// A mistake made on purpose, to see whether it is found.
  public var mistake = PlantedMistake.none

  /// Nothing goes wrong, and nobody says anything.
  public init(plain seed: UInt64) { self.seed = seed }

  /// All that goes wrong has gone wrong after so long: links are whole and clean, hosts are up.
  public static var healsAfter: TimeAmount { .seconds(20) }
}

/// What lies between the two hosts.
public enum Wiring: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  case direct
  /// A router, the conditions on its second link.
  case oneRouter
  /// Two routers, the conditions between them.
  case twoRouters
  /// A switch, the conditions on its second link.
  case broadcastDomain
}

/// One connection: who says how much, and how it ends.
public struct Conversation: BitwiseCopyable, Equatable, Sendable {
  public enum Ending: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    /// Each as soon as it has sent everything.
    case bothAtOnce
    case clientFirst
    case serverFirst
    /// Each as soon as it has sent and received everything.
    case bothAtTheEnd
    /// The client finishes; only then does the server begin to answer.
    case longAnswer
    /// The client aborts when half of what it expects has come.
    case clientAborts
  }

  public var starts = TimeAmount.zero
  /// Octets from the client, and from the server.
  public var forth: UInt32 = 1
  public var back: UInt32 = 1
  public var ending = Ending.bothAtOnce
  /// Octets in one call.
  public var sendSize: UInt16 = 16_384
  public var receiveSize: UInt16 = 16_384
  /// How long a slow reader rests.
  public var clientPause = TimeAmount.zero
  public var serverPause = TimeAmount.zero

  public init() {}
}

/// What one host is like.
public struct HostFeatures: BitwiseCopyable, Equatable, Sendable {
  public var timestamps = true
  public var sack = true
  public var windowScaling = true
  public var ecn = ECNPolicy.passive
  public var congestionControl = CongestionControl.cubic
  public var pacing = false
  public var fastOpen = false
  public var noDelay = false
  public var quickAck = false
  /// Octets; 0: the default.
  public var receiveBuffer: UInt32 = 0
  public var sendBuffer: UInt32 = 0
  /// Octets; 0: no limit.
  public var memoryBudget: UInt32 = 0
  /// Seconds of silence; 0: off.
  public var keepAliveIdle: UInt16 = 0
  public var userTimeout = TimeAmount.zero
  public var chunksPerArena: UInt8 = 16

  public init() {}
}

/// How the server listens.
public struct ListenerFeatures: BitwiseCopyable, Equatable, Sendable {
  /// SYN cookies: as usual, or always.
  public var alwaysCookies = false
  public var fastOpen = false
  /// Half-open connections; 0: the default.
  public var halfOpenLimit: UInt32 = 0
  /// Longest silence; zero: any.
  public var idleTimeout = TimeAmount.zero

  public init() {}
}

/// Something that goes wrong at a time.
public struct Fault: BitwiseCopyable, Equatable, Sendable {
  public enum Kind: BitwiseCopyable, Equatable, Sendable {
    /// The link is cut, in one direction or both.
    case cut(forth: Bool, back: Bool, lasts: TimeAmount)
    /// A host loses power and starts again.
    case crash(Side, lasts: TimeAmount)
    /// A host stands still.
    case pause(Side, lasts: TimeAmount)
    /// A host's clock goes on from later.
    case jump(Side, TimeAmount)
    /// A host's clock is fast or slow from then on, by so many of a million.
    case drift(Side, Int32)
    /// A router loses power and starts again.
    case routerOff(lasts: TimeAmount)
  }

  /// Which of the two hosts.
  public enum Side: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    case client
    case server
  }

  public var at: TimeAmount
  public var kind: Kind

  public init(_ kind: Kind, at: TimeAmount) {
    self.kind = kind
    self.at = at
  }

  var isCrash: Bool {
    if case .crash = kind { true } else { false }
  }

  var isJump: Bool {
    if case .jump = kind { true } else { false }
  }
}

/// What somebody off the path sends.
public struct PlannedForgery: BitwiseCopyable, Equatable, Sendable {
  public enum Kind: UInt8, CaseIterable, BitwiseCopyable, Sendable {
    case reset
    case resetAcknowledging
    case finish
    case text
    case acknowledgment
    case synchronize
    case synchronizeAcknowledging
    case tooBig
    case unreachable
  }

  public var at: TimeAmount
  public var kind: Kind
  /// Whom it is sent to, in the name of the other.
  public var target: Fault.Side
  /// Of which conversation he knows the ports.
  public var conversation: UInt8
  /// Draws the rest.
  public var seed: UInt64
}

/// What luck did on one way, by the way's number.
struct WayLuck: Sendable {
  var way: Int
  var entry: LuckEntry
}

/// Mistakes made on purpose on the way between two right stacks, to see whether the swarm finds them.
public enum PlantedMistake: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  case none
  /// The last octet of text that is sent again is another, with a right checksum.
  case spoilsRetransmissions
  /// A FIN that comes again is lost, for ever.
  case swallowsRepeatedFins
}
