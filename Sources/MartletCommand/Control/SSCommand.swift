import ArgumentParser
import Martlet
import MartletTCP
import MartletTrace

/// `martlet ss`
struct SSCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ss",
    abstract: "Show the sockets of a running Martlet, as \"ss\" shows the kernel's.",
    discussion: """
      Options, columns and filters are those of ss(8). Without -t and -u both are
      shown; without -a and -l what is connected.

      FILTERS
        state NAME        established, syn-recv, time-wait, …, or all, connected,
                          synchronized, bucket, big; may be repeated
        exclude NAME      all but these
        src ADDRESS, dst ADDRESS
                          10.0.0.0/8, 10.7.0.2:80, [fd00:7::2]:80, *:80
        sport = :80, dport >= :1024
                          with =, !=, <, <=, >, >=
        and, or, not, ( )

      EXAMPLES
        martlet ss -tan
        martlet ss -tinam state established
        martlet ss -tan state syn-recv sport = :80
        martlet ss -tln -i          listeners, their queues, and floods of SYNs
        martlet ss -tan '( dst 10.0.0.0/8 or dport = :443 )'
        martlet ss -tan --watch 1
        martlet ss -K dst 10.7.0.2:40112     resets it


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
  @Flag(name: [.customShort("i"), .long], help: "What TCP knows of each connection, and listeners' queues.")
  var info = false
  @Flag(name: [.customShort("m"), .long], help: "Memory of each socket.")
  var memory = false
  @Flag(name: [.customShort("o"), .long], help: "Timers.")
  var options = false
  @Flag(name: [.customShort("e"), .long], help: "The number of each flow in flight records.")
  var extended = false
  @Flag(name: [.customShort("p"), .long], help: "The process.")
  var processes = false
  @Flag(name: [.customShort("4"), .customLong("ipv4")], help: "IPv4 only.")
  var ipv4 = false
  @Flag(name: [.customShort("6"), .customLong("ipv6")], help: "IPv6 only.")
  var ipv6 = false
  @Flag(name: [.customShort("H"), .long], help: "No headline.")
  var noHeader = false
  @Flag(name: [.customShort("K"), .long], help: "Reset what the filter has, and show it.")
  var kill = false
  @Flag(help: "Tell in JSON, one object on a line.")
  var json = false
  @OptionGroup var watching: WatchOptions
  @OptionGroup var asking: AskOptions

  @Argument(help: ArgumentHelp("Which ones.", valueName: "filter"))
  var filter: [String] = []

  func validate() throws {
    let parsed: FlowFilter
    do throws(FilterError) {
      parsed = try FlowFilter(parsing: filter.joined(separator: " "))
    } catch {
      throw ValidationError(error.description)
    }
    if kill, parsed == FlowFilter() {
      throw ValidationError("-K resets what a filter has. Give one, such as dst 10.7.0.2:40112.")
    }
    if kill, watching.watch != nil { throw ValidationError("-K and --watch do not go together.") }
    if ipv4 && ipv6 { throw ValidationError("-4 and -6 do not go together: leave out both for all.") }
  }

  func run() throws {
    try askingPolitely {
      let client = try asking.client()
      if kill { return try reset(client) }
      try watching.run { _ in try show(client) }
    }
  }

  private var wantsTCP: Bool { tcp || !udp }
  private var wantsUDP: Bool { udp || !tcp }

  private func show(_ client: ControlClient) throws {
    var lines: [SocketLine] = []
    var raw = ""
    func take(_ request: String) throws {
      try client.ask(request) { text, value in
        guard let line = SocketLine(value), isOfFamily(line) else { return }
        if json { raw += text + "\n" } else { lines.append(line) }
      }
    }
    let plan = try SSPlan(filter: filter.joined(separator: " "), all: all, listening: listening)
    if wantsUDP { for request in plan.datagramRequests { try take(request) } }
    if wantsTCP { for request in plan.tcpRequests { try take(request) } }
    if json { return try OutputStream.output.deliver(raw) }
    try OutputStream.output.deliver(try table(client).text(lines))
  }

  private func reset(_ client: ControlClient) throws {
    var lines: [SocketLine] = []
    var raw = ""
    try client.ask("reset " + filter.joined(separator: " ")) { text, value in
      if let line = SocketLine(value) { lines.append(line) }
      raw += text + "\n"
    }
    if json { return try OutputStream.output.deliver(raw) }
    try OutputStream.output.deliver(try table(client).text(lines))
    if lines.isEmpty {
      OutputStream.error.write("No connection is like that.\n")
      throw ExitStatus.failed
    }
  }

  private func table(_ client: ControlClient) throws -> SSTable {
    var columns = SSTable.Columns()
    columns.hasKind = wantsTCP == wantsUDP
    columns.hasHeader = !noHeader
    columns.hasInternals = info
    columns.hasMemory = memory
    columns.hasTimers = options
    columns.hasDetails = extended
    columns.hasOwner = processes
    let owner = SocketOwner(processes ? try client.ask("version").first : nil)
    return SSTable(columns, owner: owner)
  }

  private func isOfFamily(_ line: SocketLine) -> Bool {
    // Whoever listens at any address has both.
    guard ipv4 || ipv6, line.local.address != "*" else { return true }
    return line.local.isIPv6 == ipv6
  }
}

/// What `ss` has to ask for: a filter's states decide, or else -a and -l.
package struct SSPlan {
  package let tcpRequests: [String]
  package let datagramRequests: [String]

  package init(filter text: String, all: Bool, listening: Bool) throws(FilterError) {
    let states: StateSet = try FlowFilter(parsing: text).states ?? Self.states(all: all, listening: listening)
    // The conditions behind the states, as they were written.
    let conditions = Self.conditions(of: text)
    var connected = states
    connected.subtract(StateSet([.listen]))
    var tcp: [String] = []
    if states.contains(.listen) { tcp.append(Self.request("listeners", StateSet(), conditions)) }
    if !connected.states.isEmpty { tcp.append(Self.request("connections", connected, conditions)) }
    tcpRequests = tcp
    var idle = states
    // A datagram socket that is connected to nobody is UNCONN, which `ss` shows among those who listen.
    idle.subtract(StateSet(TCPState.allCases.filter { $0 != .closed && $0 != .established }))
    datagramRequests = idle.states.isEmpty ? [] : [Self.request("datagrams", idle, conditions)]
  }

  /// As `ss` has it: what is connected, and neither half-open nor in TIME-WAIT.
  private static func states(all: Bool, listening: Bool) -> StateSet {
    if all { return .all }
    if listening { return StateSet([.listen, .closed]) }
    var connected = StateSet.all
    connected.subtract(StateSet([.listen, .closed, .timeWait, .synReceived]))
    return connected
  }

  private static func request(_ verb: String, _ states: StateSet, _ conditions: String) -> String {
    let names = states == .all ? "" : states.states.map { " state \($0.text(.ss).lowercased())" }.joined()
    return verb + names + (conditions.isEmpty ? "" : " " + conditions)
  }

  private static func conditions(of text: String) -> String {
    var words = text.split(whereSeparator: { $0 == " " || $0 == "\t" || $0 == "\n" })[...]
    while let word = words.first?.lowercased(), word == "state" || word == "exclude" {
      words = words.dropFirst(2)
    }
    if let word = words.first?.lowercased(), ["and", "&&", "&"].contains(word) { words = words.dropFirst() }
    return words.joined(separator: " ")
  }
}
