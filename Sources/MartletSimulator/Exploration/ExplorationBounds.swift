import MartletTCP
public import MartletWire

/// How the two ends of an explored connection open it.
public enum ExplorationRole: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// The left end connects, the right end listens.
  case passive
  /// Both connect, whenever they like: crossing SYNs, and SYNs that meet nobody.
  case simultaneous

  public var name: String {
    switch self {
    case .passive: "passive"
    case .simultaneous: "simultaneous"
    }
  }
}

/// The calls by which the applications of an exploration close.
public enum ClosingCalls: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  /// They shut their sending half, and go on reading.
  case shut
  /// They let go of the connection.
  case close
  /// Either, and one after the other.
  case either

  public var name: String {
    switch self {
    case .shut: "shut"
    case .close: "close"
    case .either: "either"
    }
  }
}

/// What an exploration may do, and how often. Within these bounds it does everything, in every order.
public struct ExplorationBounds: BitwiseCopyable, Sendable {
  public var role = ExplorationRole.passive
  /// Segments that the link holds in each direction. Any of them may arrive next; what leaves while it is full
  /// waits at its sender.
  public var capacity: UInt8 = 2
  /// Octets that each application may send, one at a time; at most `ExplorationBounds.mostOctets`.
  public var octets: UInt8 = 1
  /// Segments that the link may lose.
  public var drops: UInt8 = 1
  /// Segments that may arrive once more than they were sent.
  public var duplicates: UInt8 = 1
  /// Segments that may be damaged on the way, so that their checksum fails.
  public var corruptions: UInt8 = 0
  /// Timers that may fire, but for those that fire once: delayed acknowledgments, 2·MSL, and the end of an
  /// orphan's FIN-WAIT-2, which are free.
  public var timeouts: UInt8 = 1
  /// Calls of `abort`, of both applications together.
  public var aborts: UInt8 = 0
  /// Calls that shut the receiving half, likewise.
  public var deafReaders: UInt8 = 0
  /// How applications close.
  public var closing = ClosingCalls.either
  /// Applications close once they have sent all that they may. False: whenever they like.
  public var sendsFirst = true

  /// Options that both ends offer.
  public var timestamps = true
  public var sack = true
  /// Initial sequence numbers. Their first octets lie across the two places where arithmetic could go wrong.
  public var leftISS = SequenceNumber(0xffff_ffff)
  public var rightISS = SequenceNumber(0x7fff_ffff)

  /// Times count to the millisecond in what makes two states the same. False: as their order.
  public var exactTimes = false
  /// How many states may wait before the newest go first.
  public var mostWaiting = 1_000_000
  /// Forged segments are tried in every state.
  public var triesForgeries = true
  /// From every state it is tried whether both ends reach CLOSED on a link that has become fair.
  public var triesFairness = true
  /// A mistake that is made on purpose, for tests of the explorer.
  package var fault = PlantedFault.none

  public init() {}

  public static var mostOctets: UInt8 { 6 }
  /// Segments of one direction at most.
  public static var mostCapacity: UInt8 { 6 }
}

/// Mistakes that a stack could make. Tests plant them, to see that the explorer would find them.
package enum PlantedFault: UInt8, BitwiseCopyable, CaseIterable, Sendable {
  case none
  /// A FIN's acknowledgment is overlooked.
  case forgetsAcknowledgedFin
  /// FIN-WAIT-2 is left out: TIME-WAIT begins when our FIN is acknowledged.
  case skipsFinWait2
  /// A reset is believed wherever in the window it stands.
  case believesAnyReset
  /// Text is handed to the reader once more when it comes again.
  case readsTwice
  /// What a timer wants to send is not sent.
  case ignoresTimerOutput
  /// The FIN is sent without a timer that would send it again.
  case forgetsRetransmissionTimer
  /// The end of the peer's text is told when its FIN has come, whether all in front has or not.
  case endsEarly
}

extension ExplorationBounds {
  /// The real stack's defaults, but for what would make the space larger without anything new in it: buffers
  /// stay as they are, and the congestion window, which a few octets never fill, is the simplest.
  var configuration: TCPConfiguration {
    var configuration = TCPConfiguration()
    configuration.timestamps = timestamps
    configuration.sack = sack
    configuration.fitsReceiveBuffer = false
    configuration.receiveBuffer = 16 << 10
    configuration.congestionControl = .newReno
    return configuration
  }

  /// With a user timeout and keep-alive, so that no end faces a dead one for ever.
  var options: ConnectionOptions {
    var options = ConnectionOptions()
    options.userTimeout = .seconds(100)
    options.keepAlive = true
    return options
  }

  /// How long an end may hold a connection that the other no longer has: keep-alive finds it out, or the user
  /// timeout does, which begins after it if the application sends then.
  var longestOneSided: TimeAmount {
    let options = options
    let probes =
      Int64(options.keepAliveIdle) &+ Int64(options.keepAliveInterval) &* Int64(options.keepAliveCount)
    return .milliseconds(probes &* 1_000 &+ Int64(options.userTimeout.timerMilliseconds) &+ 1_000)
  }
}
