#if os(Linux)
  import Martlet
  import MartletStack
  import MartletTCP

  /// One connection of ours, between the stack and the standard streams.
  package struct ClientApplication: Application, ~Copyable {
    /// What becomes of the connection when standard input or the peer is at its end.
    package struct Manners: Equatable, Sendable {
      /// Closes our half at the end of input.
      var halfClosesAtEnd = true
      /// Closes both at the end of input, without waiting for what the peer still has to send.
      var closesAtEnd = false
      /// Closes our half when the peer has closed its own, whatever is still to be read.
      var followsPeer = false
      /// Begins when every address that may come is there: a temporary one comes beside others.
      var waitsForAllAddresses = false

      package init(
        halfClosesAtEnd: Bool = true, closesAtEnd: Bool = false, followsPeer: Bool = false,
        waitsForAllAddresses: Bool = false
      ) {
        self.halfClosesAtEnd = halfClosesAtEnd
        self.closesAtEnd = closesAtEnd
        self.followsPeer = followsPeer
        self.waitsForAllAddresses = waitsForAllAddresses
      }
    }

    enum Phase: Equatable {
      case opening
      case open
      /// Both halves are closed or closing; what is left is the peer's acknowledgment.
      case closing
      /// `tries` and `milliseconds` say how long nobody answered.
      case over(EndReason, tries: UInt8, milliseconds: UInt32)
      /// Standard output is closed.
      case brokenPipe
    }

    private let remote: Endpoint
    private let local: LocalEndpoint
    private let options: ConnectionOptions
    private let manners: Manners
    /// Nil: nothing is carried.
    private let streams: StreamEnds?
    private let journal: Journal
    /// With one, the SYN waits for the first of standard input and takes it along.
    private let ticket: FastOpenTicket?

    private var connection: ConnectionID?
    private(set) var phase = Phase.opening
    private(set) var refusal: ConnectError?
    private(set) var received: UInt64 = 0
    private(set) var sent: UInt64 = 0
    private var wait = AddressWait()
    private var peerIsFinished = false
    private var isFinished = false
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    package init(
      to remote: Endpoint, from local: LocalEndpoint, _ options: ConnectionOptions, _ manners: Manners,
      _ streams: StreamEnds?, journal: Journal, ticket: FastOpenTicket? = nil
    ) {
      self.remote = remote
      self.local = local
      self.options = options
      self.manners = manners
      self.streams = streams
      self.journal = journal
      self.ticket = ticket
    }

    package mutating func start(stack: inout NetworkStack, now: Instant) {
      open(&stack, now)
    }

    /// The first time, and each time when what is waited for may have come.
    private mutating func open(_ stack: inout NetworkStack, _ now: Instant) {
      if ticket != nil, streams != nil { connectWithText(&stack, now) } else { connect(&stack, now) }
    }

    private mutating func connect(_ stack: inout NetworkStack, _ now: Instant) {
      if manners.waitsForAllAddresses, wait.goesOn(for: remote.address, stack, now) { return }
      do throws(ConnectError) {
        connection = try stack.connect(to: remote, from: local, options, now: now)
        wait.isOver()
      } catch {
        if error == .noRoute || error == .addressNotOurs, wait.goesOn(for: remote.address, stack, now) {
          return
        }
        wait.isOver()
        refusal = error
      }
    }

    package var nextDeadline: Instant? { wait.nextTry }

    package mutating func deadlineReached(stack: inout NetworkStack, now: Instant) { open(&stack, now) }

    /// Once there is something to say: what is sent before the SYN has left rides on it.
    private mutating func connectWithText(_ stack: inout NetworkStack, _ now: Instant) {
      guard let streams, !streams.input.isEmpty || streams.input.isOver else { return }
      // It is for an address of ours: one that has just come, perhaps.
      if let ticket { stack.remember(ticket, for: remote, now: now) }
      connect(&stack, now)
      if let id = connection { send(id, streams.input, &stack, now) }
    }

    package mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      switch event {
      case .addressReady, .addressConflict, .addressRemoved:
        if wait.nextTry != nil { open(&stack, now) }
      case .lease(let news, let address, let interface):
        journal.tell(news, of: address, try? stack.lease(of: interface), now)
      default: break
      }
      guard case .connection(let id, let readiness) = event, id == connection else { return }
      if phase == .opening, readiness.contains(.connected) { phase = .open }
      move(&stack, now)
      if readiness.contains(.ended) { end(&stack, now) }
    }

    package mutating func woken(stack: inout NetworkStack, now: Instant) {
      if ticket != nil, phase == .opening, connection == nil { connectWithText(&stack, now) }
      move(&stack, now)
    }

    /// The cookie for the next run.
    func newTicket(_ stack: inout NetworkStack, _ now: Instant) -> FastOpenTicket? {
      options.fastOpen ? stack.fastOpenTicket(for: remote, now: now) : nil
    }

    /// What the stack says of the connection; nil when it has let go of it.
    func report(_ stack: borrowing NetworkStack, _ now: Instant) -> ConnectionReport? {
      guard let connection else { return nil }
      return try? stack.status(connection, now: now)
    }

    /// Gives up.
    mutating func abort(_ stack: inout NetworkStack, _ now: Instant) {
      guard let id = connection else { return }
      connection = nil
      try? stack.abort(id, now: now)
    }

    // MARK: Carrying

    private mutating func move(_ stack: inout NetworkStack, _ now: Instant) {
      guard let streams, let id = connection, phase == .open || phase == .closing else { return }
      if streams.output.hasBroken {
        abort(&stack, now)
        phase = .brokenPipe
        return
      }
      receive(id, streams.output, &stack, now)
      send(id, streams.input, &stack, now)
      if let reason = reasonToFinish(streams.input) { finish(id, reason, &stack, now) }
      if isFinished && peerIsFinished && phase == .open { phase = .closing }
      if phase == .closing { lookForEnd(id, &stack, now) }
    }

    private mutating func receive(
      _ id: ConnectionID, _ output: Sluice, _ stack: inout NetworkStack, _ now: Instant
    ) {
      while !peerIsFinished {
        let room = min(output.room, scratch.count)
        guard room > 0 else { return }
        let count = scratch.lend(room) { room in try? stack.receive(id, into: &room, now: now) }
        guard let count else { return }  // nothing is there, or `.ended` comes
        if count == 0 {
          peerIsFinished = true
        } else {
          received += UInt64(count)
          output.append(scratch.span.bytes.extracting(first: count))
        }
      }
    }

    private mutating func send(
      _ id: ConnectionID, _ input: Sluice, _ stack: inout NetworkStack, _ now: Instant
    ) {
      var taken = 1
      while !isFinished && taken > 0 {
        taken = 0
        input.take { octets in
          taken = (try? stack.send(id, octets, now: now)) ?? 0
          return taken
        }
        sent += UInt64(taken)
      }
    }

    private enum ReasonToFinish {
      case endOfInput, endOfPeer
    }

    private func reasonToFinish(_ input: Sluice) -> ReasonToFinish? {
      guard !isFinished else { return nil }
      if peerIsFinished && manners.followsPeer { return .endOfPeer }
      guard input.isOver else { return nil }
      // Nothing comes from either side any more: then also those close that would not half-close.
      return manners.halfClosesAtEnd || manners.closesAtEnd || peerIsFinished ? .endOfInput : nil
    }

    private mutating func finish(
      _ id: ConnectionID, _ reason: ReasonToFinish, _ stack: inout NetworkStack, _ now: Instant
    ) {
      isFinished = true
      if reason == .endOfInput && manners.closesAtEnd {
        connection = nil
        try? stack.close(id, now: now)
        phase = .over(.closed, tries: 0, milliseconds: 0)
      } else {
        try? stack.shutdown(id, .send, now: now)
      }
    }

    /// After both FINs: in TIME-WAIT nothing can go wrong any more that anybody should know.
    private mutating func lookForEnd(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      guard let report = try? stack.status(id, now: now) else { return }
      if report.tcp.state == .timeWait || report.tcp.state == .closed { end(&stack, now) }
    }

    private mutating func end(_ stack: inout NetworkStack, _ now: Instant) {
      guard let id = connection else { return }
      let status = (try? stack.status(id, now: now))?.tcp
      phase = .over(
        status?.endReason ?? .closed, tries: status?.retransmits ?? 0, milliseconds: status?.gaveUpAfter ?? 0)
      connection = nil
      try? stack.close(id, now: now)
    }
  }
#endif
