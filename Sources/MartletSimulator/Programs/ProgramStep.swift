public import MartletTCP

/// One thing that a program does, in the order of the program: what comes after a step that waits is not begun before.
public enum ProgramStep: Equatable, BitwiseCopyable, Sendable {
  /// Passive OPEN at the program's own port.
  case listen
  /// Active OPEN to the program's peer, from its own port. It does not wait.
  case connect
  /// Waits until the connection is established.
  case awaitConnected
  /// Waits until somebody has connected.
  case accept
  /// Hands over so many octets; waits for room.
  case send(UInt32)
  /// Waits until so many octets have come, and reads them.
  case receive(UInt32)
  /// Reads to the end of the stream.
  case receiveEnd
  /// Closes the sending half.
  case shutdown
  case close
  case abort
  case wait(TimeAmount)
  /// Waits until the connection is over, in order or not.
  case awaitEnd

  /// A program whose connection has ended goes on here.
  var opens: Bool {
    switch self {
    case .connect, .accept: true
    default: false
    }
  }
}
