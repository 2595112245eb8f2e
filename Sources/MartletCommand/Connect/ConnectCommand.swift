import ArgumentParser
import Martlet
import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// `martlet connect`
struct ConnectCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "connect",
    abstract: "Connect standard input and output to a TCP port.",
    discussion: """
      Makes a TUN device like "serve", and connects through it: to the kernel on
      its other side, or to whatever the kernel forwards to. At the end of
      standard input our half is closed and the peer's answer is awaited; the
      command ends when both halves are closed.

      EXAMPLES
        martlet connect --address 10.7.0.1/24 10.7.0.2 80
        printf 'GET / HTTP/1.0\\n\\n' |
          martlet connect --address 10.7.0.1/24 10.7.0.2 80
        martlet connect --netns lab --address fd00:7::1/64 fd00:7::2 22
        martlet connect --address 10.7.0.1/24 10.7.0.2 80 --withhold-ack
            never sends the third segment: "ss -tan" shows SYN-RECV
        martlet connect --packet eth0 --address 10.7.0.1/24 10.7.0.2 80
            as a station of eth0's Ethernet, beside the kernel
        martlet connect --address 10.7.0.1/24 --iperf3 10.7.0.2 --reverse
            measures with a server of the program iperf3 ("iperf3 -s")


      """ + ExitStatus.discussion)

  @OptionGroup var device: DeviceOptions

  @Argument(help: "The peer's IPv4 or IPv6 address.", transform: ConnectCommand.address)
  var host: IPAddress

  @Argument(help: "The peer's port; 5201 with --iperf3.")
  var port: UInt16?

  @Option(help: ArgumentHelp("Connect from this port (default: a random one).", valueName: "port"))
  var sourcePort: UInt16 = 0

  @Flag(
    name: [.customShort("N"), .long], inversion: .prefixedNo,
    help: "Close our half at the end of input; otherwise it stays open until the peer closes.")
  var halfClose = true

  @Flag(help: "Close both halves at the end of input, without waiting for the peer.")
  var closeOnEof = false

  @Flag(help: "Close our half as soon as the peer closes its own.")
  var closeWithPeer = false

  @Flag(help: "Send small segments at once (Nagle's algorithm off).")
  var noDelay = false

  @Option(help: ArgumentHelp("Probe a silent peer after so many seconds.", valueName: "seconds"))
  var keepAlive: UInt16?

  @Option(
    help: ArgumentHelp("Give up when sent data stays unacknowledged for so long.", valueName: "seconds"))
  var userTimeout: UInt32?

  @Option(help: ArgumentHelp("Give up when there is no connection after so long.", valueName: "seconds"))
  var connectTimeout: UInt32?

  @Option(
    help: ArgumentHelp("Stay so long after the end, to watch TIME-WAIT.", valueName: "seconds"))
  var stay: UInt32?

  @Option(
    help: ArgumentHelp(
      "Use the Fast Open cookie that an earlier run with --fast-open told of.", valueName: "hex"),
    transform: { try FastOpenTicket(parsing: $0) })
  var fastOpenCookie: FastOpenTicket?

  @Flag(help: "Never send the third segment of the open; stay until interrupted (or --stay).")
  var withholdAck = false

  @Flag(help: "Measure with a server of iperf3 in place of carrying standard input and output.")
  var iperf3 = false

  @OptionGroup(title: "Options of --iperf3") var measurement: MeasurementOptions

  @Option(help: ArgumentHelp("Keep the state of the connection in this file.", valueName: "file"))
  var statusFile: String?

  @OptionGroup(title: "Looking at it") var looking: ControlOptions
  @OptionGroup(title: "Connections") var transport: TransportOptions
  @OptionGroup var output: OutputOptions

  static func address(_ text: String) throws -> IPAddress {
    guard let address = IPAddress(text) else {
      throw SpecificationError("names are not looked up here. Give an IPv4 or IPv6 address.")
    }
    return address
  }

  func validate() throws {
    guard port != nil || iperf3 else {
      throw ValidationError("Which port? Give it behind the address, such as \(host) 80.")
    }
    guard port != 0 else { throw ValidationError("Nobody can be reached at port 0.") }
    if iperf3 {
      guard !withholdAck else { throw ValidationError("--iperf3 and --withhold-ack contradict each other.") }
    } else if measurement.isGiven {
      throw ValidationError("--reverse, --time, --parallel and --bytes go with --iperf3.")
    }
    if closeOnEof && !halfClose {
      throw ValidationError("--close-on-eof and --no-half-close contradict each other.")
    }
  }

  var options: ConnectionOptions {
    var options = ConnectionOptions()
    options.noDelay = noDelay
    options.fastOpen = transport.fastOpen || fastOpenCookie != nil
    if let keepAlive {
      options.keepAlive = true
      options.keepAliveIdle = keepAlive
      options.keepAliveInterval = min(75, max(keepAlive, 1))
    }
    if let userTimeout { options.userTimeout = .seconds(Int64(userTimeout)) }
    return options
  }

  #if os(Linux)
    func run() throws {
      try reportingFailures {
        let plan = try device.plan()
        let journal = output.journal(json: .error)
        let capture = try device.capture()
        let seed = StackSeed.fromSystem()
        let link = try device.open(plan, seed, journal, capture: capture, withholding: withholdAck)
        let remote = Endpoint(address: host, port: port ?? 5201)
        if iperf3 { return try measure(remote, plan, link, capture) }
        let control = try LoopControl()
        let streams = withholdAck ? nil : try StandardStreams(waking: control)
        let application = ClientApplication(
          to: remote, from: LocalEndpoint(port: sourcePort), options,
          ClientApplication.Manners(
            halfClosesAtEnd: halfClose, closesAtEnd: closeOnEof, followsPeer: closeWithPeer,
            waitsForAllAddresses: device.temporaryAddresses),
          streams?.ends, journal: journal, ticket: fastOpenCookie)
        let stack = NetworkStack(configuration: transport.configuration, seed: seed)
        let loop = try StackLoop(
          stack: stack,
          links: LinkSet(link, addresses: plan.addresses, routes: plan.routes, gateways: plan.gateways),
          application: application, control: control)
        let window = try looking.open(of: [control])
        defer { window?.close() }
        var client = Client(
          loop, journal: journal, statusFile: statusFile, capture: capture)
        client.remote = remote
        client.connectTimeout = connectTimeout.map { .seconds(Int64($0)) }
        client.stay = stay.map { .seconds(Int64($0)) } ?? (withholdAck ? .hours(24) : .zero)
        client.isWithholding = withholdAck
        let status = try client.run(streams)
        if status != .success { throw status }
      }
    }

    private func measure(
      _ remote: Endpoint, _ plan: DevicePlan, _ link: consuming CommandLink, _ capture: CaptureFile?
    ) throws {
      var parameters = measurement.parameters
      parameters.congestion = transport.congestion?.linuxName
      let application = Iperf3Application(to: remote, options, parameters, now: SystemClock.now)
      let loop = try StackLoop(
        stack: NetworkStack(configuration: transport.configuration, seed: .fromSystem()),
        links: LinkSet(link, addresses: plan.addresses, routes: plan.routes, gateways: plan.gateways),
        application: application)
      let window = try looking.open(of: [loop.control])
      defer { window?.close() }
      let run = Iperf3Run(
        loop, to: remote, journal: output.journal(json: .error), isJSON: output.json, capture: capture)
      let status = try run.run()
      if status != .success { throw status }
    }
  #else
    func run() throws { throw ValidationError("TUN devices are made on Linux only so far.") }
  #endif
}
