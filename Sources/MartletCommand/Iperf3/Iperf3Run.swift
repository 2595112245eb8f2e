#if os(Linux)
  import ArgumentParser
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import MartletWire

  /// A test at work: turns its loop until it is over, and prints what was measured.
  struct Iperf3Run: ~Copyable {
    private var loop: StackLoop<CommandLink, Iperf3Application>
    private let remote: Endpoint
    private let journal: Journal
    private let isJSON: Bool
    private let capture: CaptureFile?
    private var rate = ByteRate()

    /// How long the last segments have to leave.
    private static let farewell = TimeAmount.seconds(1)

    init(
      _ loop: consuming StackLoop<CommandLink, Iperf3Application>, to remote: Endpoint, journal: Journal,
      isJSON: Bool, capture: CaptureFile?
    ) {
      self.loop = loop
      self.remote = remote
      self.journal = journal
      self.isJSON = isJSON
      self.capture = capture
    }

    consuming func run() throws -> ExitCode {
      loop.control.stopOnSignals()
      defer { loop.giveBackLeases() }
      StatusSignal.watch(loop.control)
      while !loop.control.isStopping, !loop.application.isOver { try turn(atMost: .seconds(1)) }
      let wasInterrupted = !loop.application.isOver
      loop.application.interrupt(stack: &loop.stack, now: SystemClock.now)
      try turn(atMost: .zero)
      loop.application.stop(stack: &loop.stack, now: SystemClock.now)
      let end = SystemClock.now.advanced(by: Self.farewell)
      repeat {
        try turn(atMost: .milliseconds(20))
      } while loop.stack.held.connections > 0 && SystemClock.now < end
      return wasInterrupted ? ExitStatus.interrupted : try conclude()
    }

    private mutating func turn(atMost limit: TimeAmount) throws {
      try loop.turn(waitingAtMost: limit)
      capture?.flush()
      if StatusSignal.take() { OutputStream.error.write(StatusTable(loop.stack, SystemClock.now).text) }
      let counters = loop.stack.counters
      if let speed = rate.update(counters.inOctets &+ counters.outOctets, SystemClock.now) {
        journal.showStatus(speed)
      }
    }

    private func conclude() throws -> ExitCode {
      switch loop.application.failure {
      case .refusal(.noRoute): return fail(ExitStatus.failed, noWay(to: remote.address))
      case .refusal(let error): return fail(ExitStatus.failed, "The stack refuses to connect: \(error).")
      case .ended(.refused):
        return fail(
          ExitStatus.refused, "\(remote.text) refused the connection: no iperf3 listens on that port.")
      case .ended(.reset) where loop.application.control.test.phase == .parameters:
        return fail(
          ExitStatus.reset,
          "\(remote.text) turned us away; probably it is busy with another test. Try again later.")
      case .ended(let reason):
        let status = reason == .closed || reason == .none ? ExitStatus.failed : ExitStatus.of(reason)
        return fail(status, "The test with \(remote.text) broke off: \(reason.sentence).")
      case nil: break
      }
      let control = loop.application.control
      switch control.outcome {
      case .measured(let theirs):
        let report = Iperf3Report(control.test.parameters, ours: control.test.results, theirs: theirs)
        try OutputStream.output.deliver(isJSON ? report.object.text + "\n" : report.text)
        return .success
      case .busy: return fail(ExitStatus.failed, "\(remote.text) is busy with another test. Try again later.")
      case .refused(let number):
        return fail(ExitStatus.failed, "\(remote.text) gave up (iperf3's error \(number)).")
      case .failed(let fault):
        return fail(ExitStatus.failed, "\(remote.text) does not speak iperf3's language: \(fault.sentence).")
      case .terminated, nil: return fail(ExitStatus.failed, "\(remote.text) ended the test.")
      }
    }

    private func fail(_ status: ExitCode, _ text: String) -> ExitCode {
      journal.tell(.warning, "failed", "Error: \(text)") {
        $0.add("status", Int64(status.rawValue))
        $0.add("message", text)
      }
      return status
    }
  }
#endif
