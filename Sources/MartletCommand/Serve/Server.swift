#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace

  /// A server at work: turns its loop until it is told to stop, and shows how it is.
  struct Server: ~Copyable {
    private var loop: StackLoop<CommandLink, ServerApplication>
    private let journal: Journal
    private var statusFile: StatusFile?
    private let capture: CaptureFile?
    private var rate = ByteRate()

    /// How long connections have to close in order when the server ends.
    private static let farewell = TimeAmount.seconds(1)

    init(
      _ loop: consuming StackLoop<CommandLink, ServerApplication>, journal: Journal, statusFile: String?,
      capture: CaptureFile?
    ) {
      self.loop = loop
      self.journal = journal
      self.statusFile = statusFile.map { StatusFile($0) }
      self.capture = capture
    }

    consuming func run() throws {
      loop.control.stopOnSignals()
      defer { loop.giveBackLeases() }
      StatusSignal.watch(loop.control)
      while !loop.control.isStopping { try turn(atMost: patience) }
      journal.tell(.normal, "stopping", "Closing \(loop.application.openConnections) connections.")
      let end = SystemClock.now.advanced(by: Self.farewell)
      loop.application.stop(stack: &loop.stack, now: SystemClock.now)
      repeat {
        try turn(atMost: .milliseconds(20))
      } while loop.stack.held.connections > 0 && SystemClock.now < end
      try statusFile?.writeLast(loop.stack, SystemClock.now)
      sayTotals()
    }

    private mutating func turn(atMost limit: TimeAmount) throws {
      try loop.turn(waitingAtMost: limit)
      let now = SystemClock.now
      loop.application.tick(&loop.stack, now)
      try statusFile?.update(loop.stack, now)
      capture?.flush()
      if StatusSignal.take() { showTable(now) }
      if journal.detail >= .detail { showProgress(now) }
    }

    /// How long to sleep when nothing happens.
    private var patience: TimeAmount {
      var limit = statusFile == nil ? TimeAmount.hours(1) : StatusFile.interval
      if journal.detail >= .detail { limit = min(limit, .seconds(1)) }
      if let due = loop.application.nextDue { limit = min(limit, due.since(SystemClock.now)) }
      return limit
    }

    private func showTable(_ now: Instant) {
      let table = StatusTable(loop.stack, now)
      if let json = journal.json {
        json.write(table.json)
      } else {
        OutputStream.error.write(table.text)
      }
    }

    private mutating func showProgress(_ now: Instant) {
      let counters = loop.stack.counters
      guard let speed = rate.update(counters.inOctets &+ counters.outOctets, now) else { return }
      let totals = loop.application.totals
      journal.showStatus(
        "\(loop.application.openConnections) open, \(totals.accepted) accepted, \(counters.inPackets) packets in, \(counters.outPackets) out, \(counters.drops) dropped, \(speed)"
      )
    }

    private func sayTotals() {
      let totals = loop.application.totals
      journal.tell(
        .normal, "stopped",
        "Served \(totals.accepted) connections: \(totals.received) octets in, \(totals.sent) out."
      ) {
        $0.add("accepted", totals.accepted)
        $0.add("received", totals.received)
        $0.add("sent", totals.sent)
      }
    }
  }
#endif
