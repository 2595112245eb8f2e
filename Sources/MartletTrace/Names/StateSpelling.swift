public import MartletTCP

/// Whose spelling of the eleven states to print.
public enum StateSpelling: CaseIterable, Sendable {
  /// RFC 9293 §3.3.2: SYN-RECEIVED.
  case rfc
  /// `ss` of iproute2: SYN-RECV, ESTAB.
  case ss
  /// `netstat` of net-tools: SYN_RECV, FIN_WAIT1.
  case netstat
  /// BSD and macOS `netstat`: SYN_RCVD, FIN_WAIT_1.
  case bsd
}

extension TCPState {
  /// The state in one of the spellings that tools print.
  public func text(_ spelling: StateSpelling) -> String {
    let row = names
    return switch spelling {
    case .rfc: row.rfc
    case .ss: row.ss
    case .netstat: row.netstat
    case .bsd: row.bsd
    }
  }

  private var names: (rfc: String, ss: String, netstat: String, bsd: String) {
    switch self {
    case .closed: ("CLOSED", "UNCONN", "CLOSE", "CLOSED")
    case .listen: ("LISTEN", "LISTEN", "LISTEN", "LISTEN")
    case .synSent: ("SYN-SENT", "SYN-SENT", "SYN_SENT", "SYN_SENT")
    case .synReceived: ("SYN-RECEIVED", "SYN-RECV", "SYN_RECV", "SYN_RCVD")
    case .established: ("ESTABLISHED", "ESTAB", "ESTABLISHED", "ESTABLISHED")
    case .finWait1: ("FIN-WAIT-1", "FIN-WAIT-1", "FIN_WAIT1", "FIN_WAIT_1")
    case .finWait2: ("FIN-WAIT-2", "FIN-WAIT-2", "FIN_WAIT2", "FIN_WAIT_2")
    case .closeWait: ("CLOSE-WAIT", "CLOSE-WAIT", "CLOSE_WAIT", "CLOSE_WAIT")
    case .closing: ("CLOSING", "CLOSING", "CLOSING", "CLOSING")
    case .lastAck: ("LAST-ACK", "LAST-ACK", "LAST_ACK", "LAST_ACK")
    case .timeWait: ("TIME-WAIT", "TIME-WAIT", "TIME_WAIT", "TIME_WAIT")
    }
  }

  /// The state that a person or a tool means: any of the spellings above, in any
  /// case, with hyphens, underscores, spaces or nothing between the words.
  public init?(spelling text: String) {
    var key: [UInt8] = []
    for octet in text.utf8 {
      switch octet {
      case UInt8(ascii: "a")...UInt8(ascii: "z"): key.append(octet &- 32)
      case UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: " "): continue
      default: key.append(octet)
      }
      if key.count > 16 { return nil }
    }
    for state in TCPState.allCases {
      for known in state.keys where key.elementsEqual(known.utf8) {
        self = state
        return
      }
    }
    return nil
  }

  /// Every spelling without what stands between the words.
  private var keys: [String] {
    switch self {
    case .closed: ["CLOSED", "CLOSE", "UNCONN", "UNCONNECTED"]
    case .listen: ["LISTEN", "LISTENING"]
    case .synSent: ["SYNSENT", "SYNSEND"]
    case .synReceived: ["SYNRECEIVED", "SYNRECV", "SYNRCVD", "SYNRECVD", "SYNREC"]
    case .established: ["ESTABLISHED", "ESTAB"]
    case .finWait1: ["FINWAIT1"]
    case .finWait2: ["FINWAIT2"]
    case .closeWait: ["CLOSEWAIT"]
    case .closing: ["CLOSING"]
    case .lastAck: ["LASTACK"]
    case .timeWait: ["TIMEWAIT"]
    }
  }
}
