import ArgumentParser
import MartletTCP
import MartletWire

/// `martlet ping`
struct PingCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ping",
    abstract: "Ask a host for echoes, and tell how long they take.",
    discussion: """
      Makes a TUN device like "serve", and sends ICMP echo requests through it, in
      fragments where they do not fit the path.

      EXAMPLES
        martlet ping --address 10.7.0.1/24 10.7.0.2
        martlet ping --address fd00:7::1/64 fd00:7::2 --count 5 --interval 0.2
        martlet ping --address 10.7.0.1/24 10.7.0.2 --count 1 --size 60000
        martlet ping --packet eth0 --address 10.7.0.1/24 --gateway 10.7.0.254 192.0.2.1
            as a station of eth0's Ethernet, beside the kernel


      """ + ProbeStatus.discussion)

  @OptionGroup var device: DeviceOptions

  @Argument(help: "The host's IPv4 or IPv6 address.", transform: ConnectCommand.address)
  var host: IPAddress

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("End after so many requests (default: when interrupted).", valueName: "number"))
  var count: UInt64?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Time between two requests, such as 0.2 or 50ms.", valueName: "seconds"),
    transform: { try TimeAmount(seconds: $0) })
  var interval = TimeAmount.seconds(1)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("Octets behind the ICMP header, up to 65,507, over IPv6 65,527.", valueName: "octets"))
  var size = 56

  @Option(
    name: [.customShort("W"), .long],
    help: ArgumentHelp("How long the last answers are waited for.", valueName: "seconds"),
    transform: { try TimeAmount(seconds: $0) })
  var timeout = TimeAmount.seconds(5)

  @Option(
    name: [.customShort("t"), .long],
    help: ArgumentHelp("Hop limit, or time to live (default: 64).", valueName: "hops"))
  var hopLimit: UInt8?

  @Flag(name: .shortAndLong, help: "Print the sums alone.")
  var quiet = false

  /// What fits a datagram behind the headers of IP, whose length IPv6 does not count, and ICMP.
  private var largestSize: Int { host.isIPv4 ? 65_507 : 65_527 }

  func validate() throws {
    if count == 0 { throw ValidationError("--count is at least 1.") }
    guard (0...largestSize).contains(size) else {
      throw ValidationError("--size is from 0 to \(largestSize) for \(host.isIPv4 ? "IPv4" : "IPv6").")
    }
    guard interval >= .milliseconds(1) else { throw ValidationError("--interval is at least 1ms.") }
    guard timeout >= .milliseconds(1) else { throw ValidationError("--timeout is at least 1ms.") }
    if hopLimit == 0 { throw ValidationError("--hop-limit is from 1 to 255.") }
    guard host.isUnicast, !host.isUnspecified else { throw ValidationError("\(host) is no single host.") }
  }

  var plan: PingPlan {
    var plan = PingPlan(to: host)
    plan.count = count
    plan.interval = interval
    plan.size = size
    plan.timeout = timeout
    plan.hopLimit = hopLimit ?? 0
    plan.isQuiet = quiet
    return plan
  }

  #if os(Linux)
    func run() throws {
      try reportingFailures {
        let status = try runProbe(PingApplication(plan), device)
        if status != .success { throw status }
      }
    }
  #else
    func run() throws { throw ValidationError("TUN devices are made on Linux only so far.") }
  #endif
}
