#if os(Linux)
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import Synchronization

  /// A server at work: turns its loop until it is told to stop, and shows how it is.
  struct Server<L: Link & ~Copyable>: ~Copyable {
    private var loop: StackLoop<L, ServerApplication>
    private let journal: Journal
    private var statusFile: StatusFile?
    private let capture: CaptureFile?
    /// The others that share the work; nil: it is alone.
    private let board: ShardBoard?
    private let index: Int
    private var tablesShown = 0
    private var rate = ByteRate()

    /// How long connections have to close in order when the server ends.
    private static var farewell: TimeAmount { .seconds(1) }

    init(
      _ loop: consuming StackLoop<L, ServerApplication>, journal: Journal, statusFile: String?,
      capture: CaptureFile?, index: Int = 0, board: ShardBoard? = nil
    ) {
      self.loop = loop
      self.journal = journal
      self.statusFile = statusFile.map { StatusFile($0) }
      self.capture = capture
      self.index = index
      self.board = board
    }

    /// Serves until it is told to stop, and returns what it has done.
    consuming func run() throws -> ServerApplication.Totals {
      if index == 0 {
        loop.control.stopOnSignals()
        StatusSignal.watch(loop.control)
      }
      defer {
        loop.giveBackLeases()
        // All of them end when one does, whatever the reason.
        board?.stop()
      }
      while !loop.control.isStopping { try turn(atMost: patience) }
      journal.tell(.normal, "stopping", "Closing \(loop.application.openConnections) connections.")
      let end = SystemClock.now.advanced(by: Self.farewell)
      loop.application.stop(stack: &loop.stack, now: SystemClock.now)
      repeat {
        try turn(atMost: .milliseconds(20))
      } while loop.stack.held.connections > 0 && SystemClock.now < end
      try statusFile?.writeLast(loop.stack, SystemClock.now)
      return totals()
    }

    private mutating func totals() -> ServerApplication.Totals {
      var all = loop.application.totals
      all.link = loop.withLink(of: InterfaceID(rawValue: 0)) { $0.counters } ?? LinkCounters()
      return all
    }

    private mutating func turn(atMost limit: TimeAmount) throws {
      try loop.turn(waitingAtMost: limit)
      let now = SystemClock.now
      loop.application.tick(&loop.stack, now)
      try statusFile?.update(loop.stack, now)
      capture?.flush()
      if index == 0, StatusSignal.take() {
        if let board { board.askForTables() } else { showTable(now) }
      }
      if let board, board.tablesAsked != tablesShown {
        tablesShown = board.tablesAsked
        showTable(now)
      }
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
  }

  /// What the servers of a process that share their work have in common.
  final class ShardBoard: Sendable {
    private let controls = Mutex<[LoopControl]>([])
    private let asked = Atomic<Int>(0)

    func add(_ control: LoopControl) { controls.withLock { $0.append(control) } }

    /// How often somebody wanted to see all tables.
    var tablesAsked: Int { asked.load(ordering: .sequentiallyConsistent) }

    func askForTables() {
      asked.add(1, ordering: .sequentiallyConsistent)
      for control in controls.withLock({ $0 }) { control.wake() }
    }

    func stop() {
      for control in controls.withLock({ $0 }) where !control.isStopping { control.stop() }
    }
  }

  extension ServerApplication.Totals {
    func tell(_ journal: Journal) {
      var text = "Served \(accepted) connections: \(received) octets in, \(sent) out."
      if link.strays > 0 {
        text +=
          " \(link.strays) packets came by another shard's queue, \(link.strayDrops) of them found no room."
      }
      if link.missed > 0 { text += " \(link.missed) frames came faster than they were taken, and were lost." }
      journal.tell(.normal, "stopped", text) {
        $0.add("accepted", accepted)
        $0.add("received", received)
        $0.add("sent", sent)
        $0.add("strays", link.strays)
        $0.add("stray_drops", link.strayDrops)
        $0.add("missed", link.missed)
      }
    }

    static func + (a: Self, b: Self) -> Self {
      var sum = a
      sum.accepted += b.accepted
      sum.ended += b.ended
      sum.received &+= b.received
      sum.sent &+= b.sent
      sum.datagrams += b.datagrams
      sum.link = a.link + b.link
      return sum
    }
  }
#endif
