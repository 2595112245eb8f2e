import ArgumentParser
import Martlet
import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// `martlet serve`
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Offer services through a TUN device, or as a station of an Ethernet.",
    discussion: """
      Makes a TUN device with the stack on its one side and the kernel on the
      other, and serves until it is interrupted. Device and addresses are gone
      afterwards. With --tap the device is an Ethernet, and with --packet the
      stack joins one that there is.

      SERVICES (--service PORT=KIND for TCP, udp/PORT=KIND for UDP)
        echo             sends back what arrives (RFC 862); TCP and UDP
        discard          throws away what arrives (RFC 863); TCP and UDP
        chargen          sends characters until the peer closes (RFC 864)
        chargen:OCTETS   sends so many and closes
        http:DIR         serves a directory: GET, HEAD; PUT with --allow-upload
        hold             accepts and never reads: watch the window close
        bye              sends a line and closes first
        reset            accepts and resets
        iperf3           measures with the program iperf3, one test at a time

      EXAMPLES
        martlet serve --address 10.7.0.1/24 --service 80=http:. --service 7=echo
        martlet serve --dev tun0 --address fd00:7::1/64 --service udp/7=echo
        martlet serve --netns lab --address 10.7.0.1/24 --service 13=bye
        martlet serve --address 10.7.0.1/24 --service 5201=iperf3
        martlet serve --packet eth0 --address 10.7.0.1/24 --service udp/7=echo
          --join 239.1.2.3
        martlet serve --tap tap0 --address 10.7.0.1/24 --service 80=http:.
        martlet serve --packet eth0 --vlan 7 --address 10.7.0.1/24
          --gateway 10.7.0.254 --service 80=http:.
        martlet serve --packet eth0 --dhcp --service 80=http:.
        kill -USR1 PID                  prints the table of connections
        martlet ss -tan                 the same from elsewhere; also netstat,
                                        nstat, capture and control
        martlet serve … --metrics 127.0.0.1:9100    for Prometheus
        martlet serve … --shards 4      serves with four processors
        martlet serve … --status-file F keeps it in a file, as JSON lines
        martlet serve … --backlog 128 --syn-cookies off    shows what a flood of SYNs does


      """ + ExitStatus.discussion)

  /// A stack for each: what there is to hold is divided among them.
  static let mostShards = 16

  @OptionGroup var device: DeviceOptions

  @Option(
    name: .customLong("service"),
    help: ArgumentHelp("A service and its port; may be repeated.", valueName: "port=kind"),
    transform: { try ServiceSpecification(parsing: $0) })
  var services: [ServiceSpecification] = []

  @Option(
    name: .customLong("join"),
    help: ArgumentHelp(
      "Serve what is sent to this multicast group, too, on every port of UDP; may be repeated.",
      valueName: "group"),
    transform: ConnectCommand.address)
  var groups: [IPAddress] = []

  @Flag(help: "Let clients of http:DIR write files with PUT.")
  var allowUpload = false

  @Option(help: ArgumentHelp("The largest upload.", valueName: "octets"))
  var uploadLimit: UInt64 = 1 << 30

  @Option(
    help: ArgumentHelp("Keep the state of every connection in this file.", valueName: "file"))
  var statusFile: String?

  @Option(
    help: ArgumentHelp(
      "Share the work among so many stacks, each with a thread and a queue of the device.",
      valueName: "number"))
  var shards = 1

  @OptionGroup(title: "Looking at it") var control: ControlOptions

  @Flag(name: .customLong("no-control"), help: "Answer nobody: make no control socket.")
  var hasNoControl = false

  @Option(
    help: ArgumentHelp(
      "Answer Prometheus at this address of the kernel, such as 127.0.0.1:9100.", valueName: "address:port"),
    transform: { try MetricsAddress.typed($0) })
  var metrics: MetricsAddress?

  @OptionGroup(title: "Connections") var transport: TransportOptions
  @OptionGroup(title: "Limits") var limits: LimitOptions
  @OptionGroup(title: "Listening") var listening: ListenOptions
  @OptionGroup var output: OutputOptions

  func validate() throws {
    if hasNoControl, control.control != nil {
      throw ValidationError("--control and --no-control contradict each other. Leave one of them out.")
    }
    guard !services.isEmpty else {
      throw ValidationError("Nothing to serve. Give a --service, such as 80=http:. or 7=echo.")
    }
    guard (1...Self.mostShards).contains(shards) else {
      throw ValidationError("\(shards) is no number of shards. Choose one from 1 to \(Self.mostShards).")
    }
    if shards > 1, device.serial != nil {
      throw ValidationError("--shards does not go with --serial: a line has one queue.")
    }
    if shards > 1, device.reconnect {
      throw ValidationError("--shards does not go with --reconnect: its stacks end with their device.")
    }
    if shards > 1, device.dhcp || device.autoconfigure {
      throw ValidationError(
        "--shards goes with addresses that are given: leave out --dhcp and --autoconfigure.")
    }
    if shards > 1, services.contains(where: { $0.kind == .iperf3 }) {
      throw ValidationError(
        "--shards does not go with iperf3: a test's connections know of each other. Serve it alone.")
    }
    if let group = groups.first(where: { !$0.isMulticast }) {
      throw ValidationError("\(group) is no group. Join one such as 239.1.2.3 or ff05::7:1.")
    }
    if !groups.isEmpty, !services.contains(where: { $0.transport == .udp }) {
      throw ValidationError("--join goes with a service of UDP, such as udp/7=echo.")
    }
    for (i, service) in services.enumerated() {
      if services[..<i].contains(where: { $0.port == service.port && $0.transport == service.transport }) {
        throw ValidationError(
          "Port \(service.transport.rawValue)/\(service.port) has two services. Give one of them another port."
        )
      }
    }
  }

  #if os(Linux)
    func run() throws {
      try reportingFailures {
        let journal = output.journal(json: .output)
        let plan = try device.plan()
        let seed = StackSeed.fromSystem()
        let totals =
          shards == 1 ? try serveAlone(plan, seed, journal) : try serveInShards(plan, seed, journal)
        totals.tell(journal)
      }
    }

    private func serveAlone(
      _ plan: DevicePlan, _ seed: StackSeed, _ journal: Journal
    ) throws -> ServerApplication.Totals {
      let stack = NetworkStack(configuration: configuration, seed: seed)
      let capture = try device.capture()
      let link = try device.open(plan, seed, journal, capture: capture)
      let name = link.name
      let loop = try makeLoop(stack, link, plan, journal)
      let windows = try openWindows([loop.control], journal)
      defer { windows.close() }
      announce(plan, on: name, journal)
      return try Server(loop, journal: journal, statusFile: statusFile, capture: capture).run()
    }

    /// A stack and a thread for each queue of a device.
    private func serveInShards(
      _ plan: DevicePlan, _ seed: StackSeed, _ journal: Journal
    ) throws -> ServerApplication.Totals {
      let steering = Steering(among: shards, seed: seed)
      let captures = try (0..<shards).map { try device.capture($0) }
      let queues = try device.open(plan, seed, captures: captures)
      let exchange = try ShardExchange(among: shards)
      var server = ShardedServer(journal: journal)
      for (index, queue) in queues.enumerated() {
        let stack = NetworkStack(
          configuration: configuration.divided(among: steering, index: index),
          seed: index == 0 ? seed : .fromSystem())
        let link = try SteeredLink(queue.take(), at: exchange.places[index], of: steering)
        server.add(
          try makeLoop(stack, link, plan, journal),
          statusFile: statusFile.map { index == 0 ? $0 : "\($0).\(index)" }, capture: captures[index])
      }
      let windows = try openWindows(server.controls, journal)
      defer { windows.close() }
      announce(plan, on: queues[0].name, journal)
      return try server.run()
    }

    /// Lets others look at the stacks of these loops.
    private func openWindows(_ loops: [LoopControl], _ journal: Journal) throws -> ServerWindows {
      ServerWindows(
        control: hasNoControl ? nil : try control.openAnywhere(of: loops, journal),
        metrics: try metrics.map { try MetricsEndpoint($0, of: loops) })
    }

    private var configuration: StackConfiguration {
      var configuration = transport.configuration
      limits.apply(to: &configuration)
      listening.apply(to: &configuration)
      return configuration
    }

    /// A stack at work on a link, with all services.
    private func makeLoop<L: Link & ~Copyable>(
      _ stack: consuming NetworkStack, _ link: consuming L, _ plan: DevicePlan, _ journal: Journal
    ) throws -> StackLoop<L, ServerApplication> {
      var stack = stack
      var application = ServerApplication(journal: journal)
      for specification in services {
        let service = try Service(specification, allowsUpload: allowUpload, uploadLimit: uploadLimit)
        do {
          var options = limits.listenerOptions(for: specification.kind, of: services.count)
          options.fastOpenLimit = transport.fastOpenLimit
          listening.apply(to: &options)
          try application.offer(service, options, on: &stack)
        } catch {
          throw SpecificationError("Port \(specification.port) cannot be served: \(error). Choose another.")
        }
      }
      application.groups = groups
      return try StackLoop(
        stack: stack,
        links: LinkSet(link, addresses: plan.addresses, routes: plan.routes, gateways: plan.gateways),
        application: application)
    }
  #else
    func run() throws { throw ValidationError("TUN devices are made on Linux only so far.") }
  #endif

  /// Tells where everything is, and how to get there from the kernel's side.
  private func announce(_ plan: DevicePlan, on name: String, _ journal: Journal) {
    let own =
      plan.addresses.isEmpty
      ? device.addressSource : plan.addresses.map(\.description).joined(separator: ", ")
    var text = "Serving \(own) on \(name)"
    if plan.kernelAddresses.isEmpty {
      text += ".\n"
    } else {
      text += "; the kernel is \(plan.kernelAddresses.map(\.description).joined(separator: ", ")) there.\n"
    }
    for service in services {
      let line = service.description
      text += "  " + line + String(repeating: " ", count: max(24 - line.count, 1))
      text +=
        device.kernelSidePrefix
        + service.visit(plan.addresses.first?.address ?? (device.dhcp ? .v4(.any) : .v6(.any))) + "\n"
    }
    journal.tell(.normal, "ready", text + "Interrupt (Ctrl-C) to end.") {
      $0.add("device", name)
      $0.add("addresses", plan.addresses.map(\.description))
      $0.add("kernel_addresses", plan.kernelAddresses.map(\.description))
      $0.add("services", services.map(\.description))
    }
  }
}

extension ServiceSpecification {
  /// A command line that uses the service.
  fileprivate func visit(_ address: IPAddress) -> String {
    switch (transport, kind) {
    case (.udp, _): return "nc -u \(address) \(port)"
    case (.tcp, .http):
      let host = address.isIPv4 ? "\(address)" : "[\(address)]"
      return port == 80 ? "curl http://\(host)/" : "curl http://\(host):\(port)/"
    case (.tcp, .iperf3): return "iperf3 -c \(address)" + (port == 5201 ? "" : " -p \(port)")
    case (.tcp, _): return "nc \(address) \(port)"
    }
  }
}
