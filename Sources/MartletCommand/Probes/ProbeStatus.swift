import ArgumentParser

/// How `ping` and `traceroute` end, as they do elsewhere.
enum ProbeStatus {
  static let silent = ExitCode(1)
  static let failed = ExitCode(2)

  static let discussion = """
    EXIT STATUS
      0    the host has answered
      1    it has not
      2    nothing could be sent; or what else failed the message says
      64   the command line makes no sense
      77   a privilege is missing
    """
}
