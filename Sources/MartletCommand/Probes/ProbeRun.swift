#if os(Linux)
  import ArgumentParser
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP

  #if canImport(Glibc)
    import Glibc
  #elseif canImport(Musl)
    import Musl
  #endif

  /// Turns the loop of a probing command until it is over or interrupted, and prints what it has to say.
  func runProbe<App: ProbingApplication & ~Copyable>(
    _ application: consuming App, _ device: DeviceOptions
  ) throws -> ExitCode {
    let plan = try device.plan()
    let capture = try device.capture()
    let seed = StackSeed.fromSystem()
    let link = try device.open(plan, seed, nil, capture: capture)
    var loop = try StackLoop(
      stack: NetworkStack(seed: seed),
      links: LinkSet(link, addresses: plan.addresses, routes: plan.routes, gateways: plan.gateways),
      application: application)
    loop.control.stopOnSignals()
    // Whoever reads what is printed may have read enough.
    signal(SIGPIPE, SIG_IGN)
    defer { loop.giveBackLeases() }
    while !loop.control.isStopping, !loop.application.isOver {
      try OutputStream.output.deliver(loop.application.takeText())
      try loop.turn(waitingAtMost: .hours(1))
      capture?.flush()
    }
    try OutputStream.output.deliver(
      loop.application.takeText() + loop.application.farewell(now: SystemClock.now))
    switch loop.application.outcome {
    case .reached: return .success
    case .silent: return ProbeStatus.silent
    case .failed(let sentence):
      OutputStream.error.write("Error: \(sentence)\n")
      return ProbeStatus.failed
    }
  }
#endif
