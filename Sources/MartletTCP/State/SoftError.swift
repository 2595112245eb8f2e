/// An error that ICMP reported for a connection and that did not end it
/// (RFC 9293 §3.9.1.8, §3.9.2.2; RFC 5927 §6: in synchronized states all are soft).
public enum SoftError: UInt8, BitwiseCopyable, Sendable {
  case none = 0
  case networkUnreachable
  case hostUnreachable
  case protocolUnreachable
  case portUnreachable
  case sourceRouteFailed
  case administrativelyProhibited
  case timeExceeded
  case parameterProblem
  /// An ICMPv6 error of a type that is not known here (RFC 4443 §2.4 (a)).
  case unknown
  /// R1 was passed: no acknowledgment for several tries (RFC 9293 SHLD-9).
  case retransmitting
}
