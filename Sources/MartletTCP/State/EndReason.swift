/// Why a connection ended, so that an orderly close, a reset, a refusal and a
/// time-out can be told apart (RFC 9293 MUST-12; S5.2).
public enum EndReason: UInt8, BitwiseCopyable, Sendable {
  /// It has not ended.
  case none = 0
  /// Both sides closed in order.
  case closed
  /// The peer reset a synchronized connection.
  case reset
  /// The peer answered the SYN with a reset.
  case refused
  /// No answer to SYN, data or FIN within the tries or the user timeout.
  case timedOut
  /// No answer to keep-alive probes.
  case keepAliveTimedOut
  /// ICMP said that the destination cannot be reached, before the connection was established; or our own address was
  /// only lent, and its time is over.
  case unreachable
  /// This side aborted it.
  case aborted
  /// The stack took it down to keep its memory budget.
  case evicted
  /// Its listener ends connections on which nothing moves for so long.
  case idle
}
