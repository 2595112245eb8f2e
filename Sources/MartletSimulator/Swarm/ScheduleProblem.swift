/// What can be wrong with a run.
public enum ScheduleProblem: Equatable, Sendable {
  /// It could not be set up.
  case setup(String)
  /// An invariant of a stack was broken; which, and whose.
  case invariant(String)
  /// It does not come to rest.
  case neverEnds
  /// An application read an octet that nobody had sent there.
  case wrongOctet(Fault.Side, conversation: Int, offset: UInt64)
  /// An application read more than was sent.
  case tooMuch(Fault.Side, conversation: Int, octets: UInt64)
  /// An application waits, though nothing will ever happen.
  case stillRunning(Fault.Side, conversation: Int)
  /// Nothing stood in its way any more, and yet a conversation did not come to its end.
  case noProgress(Fault.Side, conversation: Int, String)
  /// A stack holds something in the end.
  case leak(Fault.Side, String)
  /// A stack wants to be woken, though it has nothing.
  case timer(Fault.Side)
  /// Two counters that must agree do not.
  case counters(Fault.Side, String)
  /// The simulator lost a packet, or kept one.
  case packets(Int)

  /// Problems of one kind are one problem, to the shrinker.
  public var kind: Int {
    switch self {
    case .setup: 0
    case .invariant: 1
    case .neverEnds: 2
    case .wrongOctet: 3
    case .tooMuch: 4
    case .stillRunning: 5
    case .noProgress: 6
    case .leak: 7
    case .timer: 8
    case .counters: 9
    case .packets: 10
    }
  }

  public var text: String {
    switch self {
    case .setup(let why): "could not be set up: " + why
    case .invariant(let what): "an invariant is broken: " + what
    case .neverEnds: "it does not come to rest"
    case .wrongOctet(let side, let number, let offset):
      side.text + ", conversation " + String(number) + ": octet " + String(offset) + " is wrong"
    case .tooMuch(let side, let number, let octets):
      side.text + ", conversation " + String(number) + ": " + String(octets)
        + " octets were read, more than sent"
    case .stillRunning(let side, let number):
      side.text + ", conversation " + String(number) + ": still waits"
    case .noProgress(let side, let number, let how):
      side.text + ", conversation " + String(number) + ": did not come to its end: " + how
    case .leak(let side, let what): side.text + " holds " + what
    case .timer(let side): side.text + " has nothing left and a timer"
    case .counters(let side, let what): side.text + ": " + what
    case .packets(let count): String(count) + " packets are held by the simulator"
    }
  }
}

extension Fault.Side {
  public var text: String { self == .client ? "client" : "server" }

  /// Its place among the hosts.
  var host: HostID { HostID(index: self == .client ? 0 : 1) }

  var other: Fault.Side { self == .client ? .server : .client }
}
