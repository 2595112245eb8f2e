import ArgumentParser
import MartletLinks
import MartletTCP

/// How the command ends, for scripts. Help lists these.
enum ExitStatus {
  static let failed = ExitCode(1)
  static let refused = ExitCode(3)
  static let timedOut = ExitCode(4)
  static let reset = ExitCode(5)
  static let unreachable = ExitCode(6)
  /// As sysexits.h has it: the command line makes no sense.
  static let usage = ExitCode(64)
  /// As sysexits.h has it: a privilege is missing.
  static let noPermission = ExitCode(77)
  /// 128 + SIGINT.
  static let interrupted = ExitCode(130)

  /// For a connection that has ended.
  static func of(_ reason: EndReason) -> ExitCode {
    switch reason {
    case .none, .closed: .success
    case .refused: refused
    case .timedOut, .keepAliveTimedOut, .idle: timedOut
    case .reset: reset
    case .unreachable: unreachable
    case .aborted, .evicted: failed
    }
  }

  /// For a device that cannot be had.
  static func of(_ code: LinkError.Code) -> ExitCode {
    switch code {
    case .noPermission: noPermission
    case .badName, .nameTooLong, .badMTU, .badAddress: usage
    default: failed
    }
  }

  static let discussion = """
    EXIT STATUS
      0    all went well; a connection was closed in order by both sides
      1    something else failed; the message says what
      3    the peer refused the connection (RST in answer to SYN)
      4    no answer: the connection timed out
      5    the peer reset the connection
      6    the destination cannot be reached (ICMP)
      64   the command line makes no sense
      77   a privilege is missing
      130  interrupted
    """
}
