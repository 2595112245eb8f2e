import ArgumentParser
import MartletTCP
import MartletWire

/// `martlet traceroute`
struct TracerouteCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "traceroute",
    abstract: "Tell which hosts pass packets on to a destination.",
    discussion: """
      Makes a TUN device like "serve", and sends datagrams of UDP through it whose
      hop limit grows: each router that must not pass one on says so. Marks:
      !N, !H, !P network, host or protocol unreachable, !X prohibited, !S source
      route failed, !Q a bad header.

      EXAMPLES
        martlet traceroute --address 10.7.0.1/24 10.8.0.2
        martlet traceroute --address fd00:7::1/64 fd00:8::2 --queries 1 --timeout 1
        martlet traceroute --packet eth0 --address 10.7.0.1/24 --gateway 10.7.0.254 192.0.2.1


      """ + ProbeStatus.discussion)

  @OptionGroup var device: DeviceOptions

  @Argument(help: "The destination's IPv4 or IPv6 address.", transform: ConnectCommand.address)
  var host: IPAddress

  @Option(name: .shortAndLong, help: ArgumentHelp("Go no further than so many hops.", valueName: "hops"))
  var maxHops = 30

  @Option(name: .shortAndLong, help: ArgumentHelp("Datagrams for each hop, 1 to 10.", valueName: "number"))
  var queries = 3

  @Option(name: .shortAndLong, help: ArgumentHelp("Begin at this hop.", valueName: "hop"))
  var firstHop = 1

  @Option(
    name: [.customShort("w"), .long],
    help: ArgumentHelp("How long a hop is waited for.", valueName: "seconds"),
    transform: { try TimeAmount(seconds: $0) })
  var timeout = TimeAmount.seconds(5)

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp(
      "The port that the first datagram goes to; each other goes to the next.", valueName: "port"))
  var port: UInt16 = 33_434

  func validate() throws {
    guard (1...255).contains(maxHops) else { throw ValidationError("--max-hops is from 1 to 255.") }
    guard (1...10).contains(queries) else { throw ValidationError("--queries is from 1 to 10.") }
    guard (1...maxHops).contains(firstHop) else {
      throw ValidationError("--first-hop is from 1 to the hop that --max-hops ends at.")
    }
    guard timeout >= .milliseconds(1) else { throw ValidationError("--timeout is at least 1ms.") }
    guard port > 0, plan.lastPort <= Int(UInt16.max) else {
      throw ValidationError("There are not as many ports from \(port) on. Choose a lower --port.")
    }
    guard host.isUnicast, !host.isUnspecified else { throw ValidationError("\(host) is no single host.") }
  }

  var plan: TraceroutePlan {
    var plan = TraceroutePlan(to: host)
    plan.firstHop = firstHop
    plan.maxHops = maxHops
    plan.queries = queries
    plan.timeout = timeout
    plan.port = port
    return plan
  }

  #if os(Linux)
    func run() throws {
      try reportingFailures {
        let status = try runProbe(TracerouteApplication(plan), device)
        if status != .success { throw status }
      }
    }
  #else
    func run() throws { throw ValidationError("TUN devices are made on Linux only so far.") }
  #endif
}
