import ArgumentParser
import Martlet

/// `martlet netstat`
struct NetstatCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "netstat",
    abstract: "Show the sockets of a running Martlet, as \"netstat\" shows the kernel's.",
    discussion: """
      Columns and spellings are those of netstat(8) of net-tools, so that what is
      written for one works with the other.

      EXAMPLES
        martlet netstat -nap
        martlet netstat -nap | grep SYN_RECV
        martlet netstat -ant | awk '/^tcp/ { n[$6]++ } END { for (s in n) print s, n[s] }'


      """ + ExitStatus.discussion)

  @Flag(name: [.customShort("t"), .long], help: "TCP.")
  var tcp = false
  @Flag(name: [.customShort("u"), .long], help: "UDP.")
  var udp = false
  @Flag(name: [.customShort("l"), .long], help: "Who listens.")
  var listening = false
  @Flag(name: [.customShort("a"), .long], help: "Who listens, and who is connected.")
  var all = false
  @Flag(name: [.customShort("n"), .long], help: "Numbers; names are never looked up.")
  var numeric = false
  @Flag(name: [.customShort("p"), .long], help: "The process.")
  var programs = false
  @Flag(name: [.customShort("o"), .long], help: "Timers.")
  var timers = false
  @Flag(name: [.customShort("W"), .long], help: "Addresses whole; they are never cut.")
  var wide = false
  @Flag(help: "Tell in JSON, one object on a line.")
  var json = false
  @OptionGroup var watching: WatchOptions
  @OptionGroup var asking: AskOptions

  func run() throws {
    try askingPolitely {
      let client = try asking.client()
      try watching.run { _ in try show(client) }
    }
  }

  private var requests: [String] {
    var requests: [String] = []
    if tcp || !udp {
      if all || listening { requests.append("listeners") }
      if !listening || all { requests.append("connections exclude closed") }
    }
    if udp || !tcp {
      requests.append(all || listening ? "datagrams" : "datagrams state established")
    }
    return requests
  }

  private func show(_ client: ControlClient) throws {
    if json {
      for request in requests {
        try client.ask(request) { line, _ in try OutputStream.output.deliver(line + "\n") }
      }
      return
    }
    var columns = NetstatTable.Columns()
    columns.hasOwner = programs
    columns.hasTimers = timers
    columns.shown = all ? "(servers and established)" : listening ? "(only servers)" : "(w/o servers)"
    let table = NetstatTable(columns, owner: SocketOwner(programs ? try client.ask("version").first : nil))
    var text = table.header
    for request in requests {
      try client.ask(request) { _, value in
        if let line = SocketLine(value) { text += table.text(line) }
        // A million connections are not kept for one print.
        guard text.utf8.count > 64 << 10 else { return }
        try OutputStream.output.deliver(text)
        text = ""
      }
    }
    try OutputStream.output.deliver(text)
  }
}
