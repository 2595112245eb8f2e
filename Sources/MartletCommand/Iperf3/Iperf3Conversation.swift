import MartletTCP

/// One connection of an iperf3 service. Its cookie tells which: the first is the control connection
/// of a test, those with the same cookie are its streams, and all others come while the server is
/// busy.
package final class Iperf3Conversation: CoupledConversation {
  private enum Role {
    /// The cookie has not arrived.
    case unknown
    case control(Iperf3Test)
    case stream(Iperf3Stream, Iperf3Test)
    /// All that is left is to say why.
    case leaving
  }

  private let room: Iperf3Room
  private var role = Role.unknown
  private var inbox = Iperf3Inbox()
  private var outbox: [UInt8] = []
  private var notes: [ServiceNote] = []
  private var hasStirred = false
  /// The client has been told that the test runs.
  private var hasAnnounced = false
  private var now = Instant.origin
  private var opened: Instant?

  /// How long each message of the control connection may take.
  private static let patience = TimeAmount.seconds(30)
  /// How long a test runs on though nothing moves.
  private static let stall = TimeAmount.seconds(120)

  package init(_ room: Iperf3Room) { self.room = room }

  // MARK: Time and the others

  package func look(_ now: Instant, retransmitted: UInt32) {
    self.now = now
    if case .stream(let stream, _) = role { stream.retransmitted = retransmitted }
    if opened == nil { opened = now }
    if case .control(let test) = role, test.phase == .running, !hasAnnounced {
      hasAnnounced = true
      outbox += [Iperf3State.testStart.octet, Iperf3State.testRunning.octet]
    }
    if let deadline, deadline <= now { fail(.tooSlow) }
  }

  package var deadline: Instant? {
    switch role {
    case .unknown: opened?.advanced(by: Self.patience)
    case .control(let test):
      test.lastProgress.advanced(by: test.phase == .running ? Self.stall : Self.patience)
    case .stream, .leaving: nil
    }
  }

  package func takeStir() -> Bool {
    defer { hasStirred = false }
    return hasStirred
  }

  /// The connection is over, whoever ended it.
  package func gone() {
    if case .control(let test) = role { release(test) }
    // A test that has lost a stream cannot say what it measured.
    if case .stream(_, let test) = role, test.phase < .results { release(test) }
  }

  /// Ends the test for all its connections, and makes room for the next.
  private func release(_ test: Iperf3Test) {
    guard room.test === test else { return }
    test.enter(.over, now: now)
    room.test = nil
    hasStirred = true
  }

  private func fail(_ fault: Iperf3Fault) {
    if case .control(let test) = role {
      outbox += fault.message
      release(test)
    }
    notes.append(.refused(fault.sentence))
    role = .leaving
  }

  // MARK: Octets

  package var appetite: Int {
    switch role {
    case .unknown: Iperf3Cookie.count - inbox.count
    case .control: inbox.room
    case .stream, .leaving: .max
    }
  }

  package func take(_ octets: RawSpan) {
    switch role {
    case .unknown:
      inbox.append(octets)
      if let cookie = inbox.take(Iperf3Cookie.count) { meet(Iperf3Cookie(cookie)) }
    case .control(let test):
      inbox.append(octets)
      do throws(Iperf3Fault) {
        while try advance(test) {}
      } catch {
        fail(error)
      }
    case .stream(let stream, let test):
      if !stream.sends { test.count(octets.byteCount, on: stream, now: now) }
    case .leaving: break
    }
  }

  package func peerFinished() {
    switch role {
    case .unknown: role = .leaving
    case .control(let test):
      release(test)
      role = .leaving
    case .stream, .leaving: break
    }
  }

  package func offer(_ room: inout MutableRawSpan) -> Int {
    if !outbox.isEmpty { return room.fill(outbox[...]) }
    guard case .stream(let stream, let test) = role, stream.sends, test.phase == .running else { return 0 }
    return Iperf3Filling.fill(&room)
  }

  package func sent(_ count: Int) {
    if !outbox.isEmpty {
      outbox.removeFirst(count)
    } else if case .stream(let stream, let test) = role {
      test.count(count, on: stream, now: now)
    }
  }

  package var outlook: Outlook {
    switch role {
    case .unknown: .open
    case .control(let test): test.phase == .over ? .close : .open
    case .stream(_, let test): test.phase > .running ? .close : .open
    case .leaving: .close
    }
  }

  package func takeNote() -> ServiceNote? { notes.isEmpty ? nil : notes.removeFirst() }

  // MARK: The protocol

  /// The cookie says what the connection is for.
  private func meet(_ cookie: Iperf3Cookie?) {
    guard let cookie else {
      role = .leaving
      return
    }
    guard let test = room.test else {
      let test = Iperf3Test(cookie, now: now)
      room.test = test
      role = .control(test)
      outbox.append(Iperf3State.paramExchange.octet)
      return
    }
    let expected = test.parameters.serverSends
    guard test.cookie == cookie, test.phase == .streams, test.streams.count < expected.count else {
      role = .leaving
      outbox.append(Iperf3State.accessDenied.octet)
      notes.append(.refused("a test is running"))
      return
    }
    role = .stream(test.addStream(sends: expected[test.streams.count], now: now), test)
    if test.streams.count == expected.count {
      test.begin(now: now)
      hasStirred = true
    }
  }

  /// Understands the next message of the client; false: it is not there yet.
  private func advance(_ test: Iperf3Test) throws(Iperf3Fault) -> Bool {
    switch test.phase {
    case .parameters:
      guard let json = try inbox.takeMessage(or: .badParameters) else { return false }
      test.parameters = try Iperf3Parameters(parsing: json)
      test.enter(.streams, now: now)
      outbox.append(Iperf3State.createStreams.octet)
    case .results:
      guard let json = try inbox.takeMessage(or: .badResults) else { return false }
      let theirs = try Iperf3Results(parsing: json)
      outbox += Iperf3Inbox.message(test.results.json) + [Iperf3State.displayResults.octet]
      notes.append(.measured(test.measurement(theirs)))
      test.enter(.farewell, now: now)
    case .streams, .running:
      guard let octet = inbox.takeOctet() else { return false }
      switch Iperf3State(octet: octet) {
      case .testEnd where test.phase == .running:
        test.finish(now: now)
        outbox.append(Iperf3State.exchangeResults.octet)
        hasStirred = true
      case .clientTerminate:
        release(test)
        role = .leaving
      default: throw .unexpectedState
      }
    case .farewell, .over:
      guard let octet = inbox.takeOctet() else { return false }
      guard Iperf3State(octet: octet) == .iperfDone else { throw .unexpectedState }
      release(test)
      role = .leaving
    }
    return true
  }
}
