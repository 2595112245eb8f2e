import ArgumentParser
import Martlet
import MartletTCP

/// `martlet nstat`
struct NstatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "nstat",
    abstract: "Show the counters of a running Martlet, by the names that \"nstat\" gives the kernel's.",
    discussion: """
      What was counted since the start. What only Martlet counts has a name that
      begins with "Martlet": packets dropped for each reason, for instance. Counters
      of IP and ICMP hold the packets of both families.

      EXAMPLES
        martlet nstat
        martlet nstat -z 'TcpExtListen*' TcpExtSyncookiesSent
        martlet nstat --watch 1         what has changed, each second
        martlet nstat --json | jq .martlet.TcpRetransSegs


      """ + ExitStatus.discussion)

  @Flag(name: [.customShort("a"), .customLong("ignore")], help: "Since the start; here they always are.")
  var absolute = false
  @Flag(name: [.customShort("z"), .customLong("zeros")], help: "Those that are zero, too.")
  var zeros = false
  @Flag(name: [.customShort("j"), .long], help: "Tell in JSON, one object on a line.")
  var json = false
  @OptionGroup var watching: WatchOptions
  @OptionGroup var asking: AskOptions

  @Argument(help: ArgumentHelp("Only these; * stands for any characters, ? for one.", valueName: "pattern"))
  var patterns: [String] = []

  func run() throws {
    try askingPolitely {
      let client = try asking.client()
      let table = CounterTable(patterns: patterns, showsZeros: zeros)
      var before: (answer: JSONValue, at: Instant)?
      try watching.run { _ in
        guard let answer = try client.ask("counters").first else { return }
        let now = SystemClock.now
        let seconds = before.map { Double(now.since($0.at).nanoseconds) / 1e9 } ?? 0
        let text =
          json
          ? table.json(answer, since: before?.answer)
          : table.text(answer, since: before?.answer, seconds: seconds)
        try OutputStream.output.deliver(text)
        if watching.watch != nil { before = (answer, now) }
      }
    }
  }
}
