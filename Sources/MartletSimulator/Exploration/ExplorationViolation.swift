public import MartletTCP

/// What must not happen, and did.
public enum ExplorationViolation: Equatable, Sendable {
  /// An application read an octet that the other did not send there.
  case wrongOctet(at: UInt32)
  /// An application was told the end of the stream before it had all of it.
  case endsEarly(read: UInt32, of: UInt32)
  /// Two states that RFC 9293 does not let face each other.
  case pair(TCPState, TCPState)
  /// On a link that loses nothing any more, with applications that have closed, nothing is left to happen.
  case deadlock(TCPState, TCPState)
  /// Likewise, and it goes on for ever.
  case neverCloses(TCPState, TCPState)
  /// An end stays synchronized though the other has no connection, and nothing ends that in time.
  case onesided(TCPState, TCPState)
  /// A segment forged off the path closed or changed something.
  case forgeryWorks(TCPState)
  /// An old duplicate of a SYN became a connection.
  case duplicateOpens
  /// `TCB.checkInvariants` says.
  case invariant(String)
  /// A deadline became earlier, and the engine was not told to look.
  case silentDeadline(TCPState)
  /// On a fair link one of two ends gives up, though both were there.
  case givesUp(TCPState, TCPState)
  /// Chunks that nobody gave back.
  case leak(Int)
  /// Something grew that the fingerprint takes for constant.
  case unforeseen(String)

  public var text: String {
    switch self {
    case .wrongOctet(let place): "octet \(place) that was read is not the one that was sent"
    case .endsEarly(let read, let sent): "the stream ends after \(read) of \(sent) octets"
    case .pair(let a, let b): "\(a.name) faces \(b.name)"
    case .deadlock(let a, let b): "deadlock: \(a.name) and \(b.name) wait for each other"
    case .neverCloses(let a, let b): "no end: \(a.name) and \(b.name)"
    case .onesided(let a, let b): "\(a.name) faces \(b.name), and it stays so"
    case .forgeryWorks(let state): "a forged segment has an effect in \(state.name)"
    case .duplicateOpens: "an old duplicate of a SYN becomes a connection"
    case .invariant(let rule): "an invariant is broken: \(rule)"
    case .silentDeadline(let state): "a deadline in \(state.name) that the engine is not told of"
    case .givesUp(let a, let b): "an end gives up on a fair link; what is left: \(a.name) and \(b.name)"
    case .leak(let chunks): "\(chunks) chunks were not given back"
    case .unforeseen(let what): "\(what): the fingerprint does not cover it"
    }
  }
}
