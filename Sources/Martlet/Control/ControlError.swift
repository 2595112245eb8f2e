/// Why a request came to nothing.
package enum ControlError: Error, Equatable, Sendable {
  /// The loop did not answer: it is stuck, or nobody runs it.
  case noAnswer
  /// The control socket is closed.
  case stopped
  /// The client is gone, or reads too slowly.
  case gone
  /// It makes no sense, or cannot be done; the sentence says what to do.
  case refused(String)

  package var sentence: String {
    switch self {
    case .noAnswer: "The stack does not answer: its loop is not running, or is stuck. Try again."
    case .stopped: "The stack is ending."
    case .gone: "The client is gone."
    case .refused(let why): why
    }
  }
}
