#if os(Linux)
  import ArgumentParser
  import Martlet
  import MartletLinks
  import MartletStack
  import MartletTCP
  import MartletTrace
  import MartletWire

  /// A client at work: turns its loop until its connection has ended, and tells how.
  struct Client: ~Copyable {
    private var loop: StackLoop<CommandLink, ClientApplication>
    private let journal: Journal
    private var statusFile: StatusFile?
    private let capture: CaptureFile?
    private var openedAt: Instant?
    private let start = SystemClock.now

    var remote = Endpoint(address: .v4(.any), port: 0)
    var connectTimeout: TimeAmount?
    var stay = TimeAmount.zero
    var isWithholding = false

    /// How long the last segments have to leave, and their acknowledgments to come.
    private static let farewell = TimeAmount.seconds(1)

    init(
      _ loop: consuming StackLoop<CommandLink, ClientApplication>, journal: Journal, statusFile: String?,
      capture: CaptureFile?
    ) {
      self.loop = loop
      self.journal = journal
      self.statusFile = statusFile.map { StatusFile($0) }
      self.capture = capture
    }

    mutating func run(_ streams: StandardStreams?) throws -> ExitCode {
      loop.control.stopOnSignals()
      defer { loop.giveBackLeases() }
      StatusSignal.watch(loop.control)
      while !loop.control.isStopping, !isOver, loop.application.refusal == nil, !isTooLate, !hasWithheldEnough
      {
        try turn()
      }
      let status = conclude()
      if !isOver { loop.application.abort(&loop.stack, SystemClock.now) }
      try turn(until: Self.farewell) { $0.held.connections > 0 }
      streams?.finish()
      if status != ExitStatus.interrupted && !isWithholding { try turn(until: stay) { _ in true } }
      try statusFile?.writeLast(loop.stack, SystemClock.now)
      return status
    }

    private var isOver: Bool {
      switch loop.application.phase {
      case .over, .brokenPipe: true
      case .opening, .open, .closing: false
      }
    }

    /// A client that withholds its third segment has nothing else to wait for.
    private var hasWithheldEnough: Bool {
      guard isWithholding, let openedAt else { return false }
      return SystemClock.now.since(openedAt) >= stay
    }

    private var isTooLate: Bool {
      guard let connectTimeout, loop.application.phase == .opening else { return false }
      return SystemClock.now.since(start) >= connectTimeout
    }

    private mutating func turn(atMost limit: TimeAmount = .hours(1)) throws {
      var limit = min(limit, statusFile == nil ? .hours(1) : StatusFile.interval)
      if isWithholding, let openedAt {
        limit = min(limit, openedAt.advanced(by: stay).since(SystemClock.now))
      }
      if let connectTimeout, loop.application.phase == .opening {
        let passed = SystemClock.now.since(start).nanoseconds
        limit = min(limit, .nanoseconds(max(connectTimeout.nanoseconds - passed, 0)))
      }
      try loop.turn(waitingAtMost: limit)
      let now = SystemClock.now
      tellOpen(now)
      try statusFile?.update(loop.stack, now)
      capture?.flush()
      if StatusSignal.take() { OutputStream.error.write(StatusTable(loop.stack, now).text) }
    }

    private mutating func turn(
      until time: TimeAmount, while isNeeded: (borrowing NetworkStack) -> Bool
    ) throws {
      let end = SystemClock.now.advanced(by: time)
      while SystemClock.now < end, isNeeded(loop.stack), !(loop.control.isStopping && time > Self.farewell) {
        try turn(atMost: min(.milliseconds(50), end.since(SystemClock.now)))
      }
    }

    private mutating func tellOpen(_ now: Instant) {
      guard openedAt == nil, loop.application.phase != .opening,
        let report = loop.application.report(loop.stack, now)
      else { return }
      openedAt = now
      let time = now.since(start)
      if isWithholding {
        journal.tell(
          .warning, "half_open",
          "\(remote.text) answered our SYN; the third segment is withheld. There it is SYN-RECEIVED, here ESTABLISHED. Interrupt (Ctrl-C) to end."
        ) { $0.add("remote", remote.text) }
      } else {
        journal.tell(
          .detail, "connected",
          "Connected \(report.local.text) to \(report.remote.text) after \(time.secondsText) s."
        ) {
          $0.add("local", report.local.text)
          $0.add("remote", report.remote.text)
          $0.add("nanoseconds", UInt64(clamping: time.nanoseconds))
        }
        tellTicket(report.tcp.fastOpen, now)
      }
    }

    /// What Fast Open came to, and what the next run may use.
    private mutating func tellTicket(_ wasUsed: Bool, _ now: Instant) {
      guard let ticket = loop.application.newTicket(&loop.stack, now) else { return }
      let text = wasUsed ? "The text of our SYN was taken. " : ""
      journal.tell(.normal, "fast_open", text + "Fast Open cookie for the next run: \(ticket.text)") {
        $0.add("used", wasUsed)
        $0.add("cookie", ticket.text)
      }
    }

    /// Tells how it ended.
    private func conclude() -> ExitCode {
      if let refusal = loop.application.refusal { return fail(ExitStatus.failed, sentence(refusal)) }
      switch loop.application.phase {
      case .over(.closed, _, _), .over(.none, _, _):
        journal.tell(
          .detail, "closed",
          "Closed: \(loop.application.received) octets received, \(loop.application.sent) sent."
        ) {
          $0.add("received", loop.application.received)
          $0.add("sent", loop.application.sent)
        }
        return .success
      case .over(let reason, let tries, let milliseconds):
        return fail(ExitStatus.of(reason), sentence(reason, tries, milliseconds))
      case .brokenPipe:
        return fail(ExitStatus.failed, "Nobody reads standard output any more; the connection was reset.")
      case .opening, .open, .closing:
        if isTooLate {
          return fail(ExitStatus.timedOut, "\(remote.text) did not answer within \(secondsSinceStart) s.")
        }
        return isWithholding ? .success : ExitStatus.interrupted
      }
    }

    private var secondsSinceStart: String { SystemClock.now.since(start).secondsText }

    private func fail(_ status: ExitCode, _ text: String) -> ExitCode {
      journal.tell(.warning, "failed", "Error: \(text)") {
        $0.add("status", Int64(status.rawValue))
        $0.add("message", text)
      }
      return status
    }

    private func sentence(_ reason: EndReason, _ tries: UInt8, _ milliseconds: UInt32) -> String {
      switch reason {
      case .refused: return "\(remote.text) refused the connection: nobody listens on that port."
      case .timedOut:
        let time = TimeAmount.milliseconds(Int64(milliseconds)).secondsText
        return "\(remote.text) does not answer: \(tries) retransmissions in \(time) s."
      case .unreachable:
        return
          "\(remote.text) cannot be reached; a router or the host itself said so (ICMP), or our own address was lost."
      default: return "The connection to \(remote.text) ended: \(reason.sentence)."
      }
    }

    private func sentence(_ refusal: ConnectError) -> String {
      switch refusal {
      case .noRoute: noWay(to: remote.address)
      case .unreachable:
        "\(remote.address) is the stack's own link-local address, which leads nowhere. Connect to 127.0.0.1 or ::1."
      case .portInUse: "The source port is in use. Choose another --source-port, or leave it out."
      case .broadcastOrMulticast: "\(remote.address) is no single host. Connect to a unicast address."
      default: "The stack refuses to connect: \(refusal)."
      }
    }
  }
#endif
