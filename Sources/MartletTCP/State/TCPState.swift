/// The eleven states of RFC 9293 §3.3.2.
@frozen
public enum TCPState: UInt8, CaseIterable, BitwiseCopyable, Sendable {
  case closed = 0
  case listen
  case synSent
  case synReceived
  case established
  case finWait1
  case finWait2
  case closeWait
  case closing
  case lastAck
  case timeWait
}

extension TCPState {
  /// The name as RFC 9293 writes it.
  public var name: StaticString {
    switch self {
    case .closed: "CLOSED"
    case .listen: "LISTEN"
    case .synSent: "SYN-SENT"
    case .synReceived: "SYN-RECEIVED"
    case .established: "ESTABLISHED"
    case .finWait1: "FIN-WAIT-1"
    case .finWait2: "FIN-WAIT-2"
    case .closeWait: "CLOSE-WAIT"
    case .closing: "CLOSING"
    case .lastAck: "LAST-ACK"
    case .timeWait: "TIME-WAIT"
    }
  }

  /// Both sides have sent and received a SYN: RFC 9293's "synchronized states".
  @inlinable
  public var isSynchronized: Bool { rawValue >= TCPState.established.rawValue }

  /// The edges of RFC 9293 Figure 5, with those that its text adds: an abort or
  /// a reset leads to CLOSED from anywhere, and FIN and ACK in one segment lead
  /// from FIN-WAIT-1 straight to TIME-WAIT.
  public func canBecome(_ next: TCPState) -> Bool {
    if next == .closed { return self != .closed }
    switch self {
    case .closed: return next == .listen || next == .synSent
    case .listen: return next == .synReceived || next == .synSent
    case .synSent: return next == .synReceived || next == .established
    case .synReceived:
      return next == .established || next == .finWait1 || next == .closeWait || next == .listen
    case .established: return next == .finWait1 || next == .closeWait
    case .finWait1: return next == .finWait2 || next == .closing || next == .timeWait
    case .finWait2: return next == .timeWait
    case .closeWait: return next == .lastAck
    case .closing: return next == .timeWait
    case .lastAck: return false
    case .timeWait: return next == .synReceived
    }
  }
}
