#if os(Linux)
  import ArgumentParser
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import MartletWire

  /// The main scene: a namespace with a TUN device, Martlet on one side of it, the kernel's TCP on
  /// the other. Namespace and device exist only as long as this process, however it ends.
  struct KernelScene: ~Copyable {
    private let stage: DemoStage
    private let namespace: NetworkNamespace
    private let log: SegmentLog
    private var loop: StackLoop<TappedLink<TUNLink, SegmentTap>, ServerApplication>
    private var checks: [(time: Instant, told: TCPState?)] = []

    private static let server = Endpoint(address: .v4(IPv4Address(10, 7, 0, 1)), port: 80)
    private static let kernel = IPAddress.v4(IPv4Address(10, 7, 0, 2))
    /// How long the application behind Martlet takes to close after the kernel has.
    private static let closingDelay = TimeAmount.milliseconds(20)
    private static let patience = TimeAmount.seconds(10)

    init(_ stage: DemoStage, capturePath: String?) throws(LinkError) {
      let namespace = try NetworkNamespace.anonymous()
      try namespace.bringLoopbackUp()
      let device = try TUNLink(
        TUNConfiguration(name: "martlet0", kernelAddresses: [IPPrefix(Self.kernel, length: 24)]),
        in: namespace)
      let log = SegmentLog(capture: try Self.capture(capturePath))
      var configuration = StackConfiguration()
      configuration.recorderCapacity = 4096
      var stack = NetworkStack(configuration: configuration, seed: .fromSystem())
      var application = ServerApplication(journal: Journal(detail: .warning))
      application.closingDelay = Self.closingDelay
      application.isHeld = true
      do {
        try application.offer(Service(port: Self.server.port, page: DemoPage.text), on: &stack)
      } catch {
        throw LinkError(.failed, "Martlet cannot listen: \(error).")
      }
      let loop = try StackLoop(
        stack: stack,
        links: LinkSet(
          TappedLink(device, tap: SegmentTap(log: log)),
          addresses: [IPPrefix(Self.server.address, length: 24)]),
        application: application)
      self.stage = stage
      self.namespace = namespace
      self.log = log
      self.loop = loop
    }

    private static func capture(_ path: String?) throws(LinkError) -> CaptureFile? {
      guard let path else { return nil }
      return try CaptureFile(path: path, interface: "martlet0")
    }

    /// Throws `LinkError` where the kernel does not take part, `ExitCode` when interrupted.
    mutating func play() throws {
      loop.control.stopOnSignals()
      var fetch = try KernelFetch(of: Self.server, in: namespace)
      // Nothing is answered before ss has been asked: the connection is open and idle.
      try turn(&fetch, until: .accepted)
      ask()
      loop.application.release(&loop.stack, SystemClock.now)
      try turn(&fetch, until: .closedByKernel)
      ask()
      try turn(&fetch, until: .over)
      ask()
      let octets = fetch.finish()
      guard let ladder = ladder() else { throw LinkError(.failed, "The kernel sent nothing.") }
      let start = ladder.observations.first?.time ?? .origin
      let results = checks.map { check in
        StateCheck(
          time: check.time.since(start), inferred: ladder.inferredState(of: .left, at: check.time),
          told: check.told)
      }
      try stage.show(.fetchFromKernel, ladder, checks: results)
      try stage.say("\(fetch.name) received \(octets) octets of content.")
    }

    /// What is waited for.
    private enum Moment {
      /// The connection is established and accepted.
      case accepted
      /// The kernel has closed its half.
      case closedByKernel
      /// Nothing is left of it here.
      case over
    }

    private func hasCome(_ moment: Moment) -> Bool {
      switch moment {
      case .accepted: return loop.application.openConnections > 0
      case .closedByKernel:
        var found = false
        loop.stack.forEachFlow(now: SystemClock.now) { if $0.state == .closeWait { found = true } }
        return found
      case .over: return loop.stack.held.connections == 0
      }
    }

    /// Turns the loop until a moment has come.
    private mutating func turn(_ fetch: inout KernelFetch, until moment: Moment) throws {
      let end = SystemClock.now.advanced(by: Self.patience)
      while !hasCome(moment) {
        try loop.turn(waitingAtMost: .milliseconds(5))
        loop.application.tick(&loop.stack, SystemClock.now)
        fetch.advance()
        guard !loop.control.isStopping else { throw ExitStatus.interrupted }
        guard SystemClock.now < end else {
          throw LinkError(
            .failed, "The kernel does not go on. Is a firewall between, in this fresh namespace?")
        }
      }
      log.capture?.flush()
    }

    /// Asks `ss` for the kernel's state. Meanwhile the loop stands still, and so does the connection.
    private mutating func ask() {
      let now = SystemClock.now
      guard let local = log.kernelEndpoint(Self.server) else { return }
      var told: TCPState?
      if var ss = try? namespace.start(["ss", "-tanH"]) {
        told = StateCheck.state(of: local.text, in: String(decoding: ss.readOutput(), as: UTF8.self))
        _ = ss.wait()
      } else {
        try? stage.say("There is no \"ss\" to check the kernel's states with; install iproute2.")
      }
      checks.append((now, told))
    }

    private borrowing func ladder() -> Ladder? {
      guard let kernel = log.kernelEndpoint(Self.server) else { return nil }
      var ladder = Ladder(left: kernel, right: TraceEndpoint(Self.server.address, Self.server.port))
      for (time, segment) in log.segments {
        guard let side = ladder.side(of: segment) else { continue }
        ladder.add(Observation(segment, from: side, at: time))
      }
      for n in 0..<loop.stack.recordsWritten {
        if let record = loop.stack.record(n), let change = KnownTransition(record, of: .right) {
          ladder.know(change)
        }
      }
      return ladder
    }
  }
#endif
