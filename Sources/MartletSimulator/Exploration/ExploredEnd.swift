import MartletTCP
import MartletWire

/// One end of an explored connection: the record that its stack would have for the flow, and the application
/// behind it. It is a value; exploring copies it.
///
/// Each end has a clock of its own, which only its own timers move: that covers every order in which the timers
/// of two ends, and segments between them, can come.
struct ExploredEnd {
  /// RFC 9293's states as the stack keeps them.
  enum Record {
    /// CLOSED, or LISTEN.
    case none
    case embryonic(EmbryonicTCB)
    case connection(TCB)
    case lingering(TimeWaitTCB)
  }

  var record = Record.none
  /// The cold block of a connection that is not idle: one or none.
  var cold: [ColdBlock] = []
  /// What the queues hold while the end is at rest; see `ExploredEnd+Rest`.
  var rest = RestingQueues()
  var clock = Instant(nanoseconds: 1_000_000_000_000)
  let iss: SequenceNumber
  let listens: Bool
  /// `.output` was raised, and nothing was pulled in vain since.
  var isSender = false
  /// The deadline that the timer wheel knows.
  var wheel: Tick?
  /// Passive opens so far: the first SYN, and old duplicates of it.
  var passiveOpens: UInt8 = 0
  var application = ExploredApplication()

  init(iss: SequenceNumber, listens: Bool) {
    self.iss = iss
    self.listens = listens
  }

  var state: TCPState {
    switch record {
    case .none: listens ? .listen : .closed
    case .embryonic: .synReceived
    case .connection(let tcb): tcb.state
    case .lingering: .timeWait
    }
  }

  /// Nothing is left of the connection.
  var isOver: Bool {
    if case .none = record { return true }
    return false
  }

  /// SYN-RECEIVED because of an old duplicate: to the other end it is as good as LISTEN, until its reset.
  var isLeftover: Bool {
    if case .embryonic = record { return passiveOpens > 1 }
    return false
  }

  /// The first deadline of the record.
  var deadline: Tick? {
    switch record {
    case .none: nil
    case .embryonic(let tcb): tcb.deadline
    case .connection(let tcb): tcb.nextDeadline(near: clock)
    case .lingering(let tcb): tcb.deadline
    }
  }
}

/// What the application has done, may do, and has seen.
struct ExploredApplication: BitwiseCopyable {
  /// It may still call `connect`.
  var mayOpen = false
  /// Octets that it may still send.
  var unsent: UInt8 = 0
  /// Octets that `send` took, and octets that were read.
  var sent: UInt8 = 0
  var read: UInt8 = 0
  /// It has read the end of the stream.
  var sawEnd = false
  var hasShutSend = false
  var hasShutReceive = false
  /// `close` or `abort` was called.
  var hasLetGo = false

  func add(to print: inout Fingerprint, withBounds: Bool) {
    let flags =
      (mayOpen ? 1 : 0) | (sawEnd ? 2 : 0) | (hasShutSend ? 4 : 0) | (hasShutReceive ? 8 : 0)
      | (hasLetGo ? 16 : 0)
    print.add(flags)
    print.add(sent)
    print.add(read)
    if withBounds { print.add(unsent) }
  }
}

/// What ends of all states share while one of them is worked on: the memory of the queues, and the first thing
/// that was found wrong.
struct ExplorationGround: ~Copyable {
  var around: Surroundings
  let bounds: ExplorationBounds
  let options: ConnectionOptions
  var violation: ExplorationViolation?
  /// How the last connection that left its end did.
  var ended = EndReason.none
  /// The ISS of the end that is not being worked on.
  var peerISS = SequenceNumber(0)

  init(_ bounds: ExplorationBounds) {
    self.bounds = bounds
    options = bounds.options
    around = Surroundings(
      configuration: bounds.configuration, pool: ChunkPool(), budget: MemoryBudget(),
      recorder: FlightRecorder())
  }

  mutating func fail(_ violation: ExplorationViolation) {
    if self.violation == nil { self.violation = violation }
  }
}
