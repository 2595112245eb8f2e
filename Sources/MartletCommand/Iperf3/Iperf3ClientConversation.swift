import MartletTCP

/// The control connection of a test of ours.
package final class Iperf3ClientConversation: Conversation {
  let test: Iperf3Test
  private(set) var outcome: Outcome?
  private var inbox = Iperf3Inbox()
  private var outbox: [UInt8]
  private var awaits = Awaited.state
  /// Told before it is given octets.
  package var now = Instant.origin

  package enum Outcome: Equatable, Sendable {
    /// What the server has counted.
    case measured(Iperf3Results)
    case busy
    /// The server gave up, with iperf3's number of the reason.
    case refused(UInt32)
    case terminated
    case failed(Iperf3Fault)
  }

  private enum Awaited {
    case state, results, errorNumbers
  }

  package init(_ parameters: Iperf3Parameters, _ cookie: Iperf3Cookie, now: Instant) {
    test = Iperf3Test(cookie, now: now)
    test.parameters = parameters
    outbox = cookie.octets
  }

  /// The time is up, or enough octets have passed.
  package func finish() {
    guard test.phase == .running else { return }
    test.finish(now: now)
    outbox.append(Iperf3State.testEnd.octet)
  }

  /// We are interrupted.
  package func terminate() {
    outbox.append(Iperf3State.clientTerminate.octet)
    outcome = .terminated
  }

  package var appetite: Int { outcome == nil ? inbox.room : .max }

  package func take(_ octets: RawSpan) {
    guard outcome == nil else { return }
    inbox.append(octets)
    do throws(Iperf3Fault) {
      while outcome == nil, try advance() {}
    } catch {
      outcome = .failed(error)
    }
  }

  package func peerFinished() { if outcome == nil { outcome = .terminated } }
  package func offer(_ room: inout MutableRawSpan) -> Int { room.fill(outbox[...]) }
  package func sent(_ count: Int) { outbox.removeFirst(count) }
  package var outlook: Outlook { outcome == nil ? .open : .close }

  /// Understands what comes next; false: it has not all arrived.
  private func advance() throws(Iperf3Fault) -> Bool {
    switch awaits {
    case .state:
      guard let octet = inbox.takeOctet() else { return false }
      try enter(Iperf3State(octet: octet))
    case .results:
      guard let json = try inbox.takeMessage(or: .badResults) else { return false }
      theirs = try Iperf3Results(parsing: json)
      awaits = .state
    case .errorNumbers:
      guard let numbers = inbox.take(8) else { return false }
      outcome = .refused(numbers[..<4].reduce(0) { $0 << 8 | UInt32($1) })
    }
    return true
  }

  private var theirs: Iperf3Results?

  private func enter(_ state: Iperf3State?) throws(Iperf3Fault) {
    switch (state, test.phase) {
    case (.paramExchange, .parameters): outbox += Iperf3Inbox.message(test.parameters.json)
    case (.createStreams, .parameters): test.enter(.streams, now: now)
    case (.testStart, .streams): break
    case (.testRunning, .streams): test.begin(now: now)
    case (.exchangeResults, .results):
      outbox += Iperf3Inbox.message(test.results.json)
      awaits = .results
    case (.displayResults, .results):
      guard let theirs else { throw .unexpectedState }
      outbox.append(Iperf3State.iperfDone.octet)
      outcome = .measured(theirs)
    case (.accessDenied, _): outcome = .busy
    case (.serverError, _): awaits = .errorNumbers
    case (.serverTerminate, _): outcome = .terminated
    default: throw .unexpectedState
    }
  }
}

/// A stream of a test of ours.
final class Iperf3ClientStream: Conversation {
  private let test: Iperf3Test
  private let stream: Iperf3Stream
  private var cookie: ArraySlice<UInt8>
  private var now = Instant.origin

  init(_ test: Iperf3Test, sends: Bool, now: Instant) {
    self.test = test
    stream = test.addStream(sends: sends, now: now)
    cookie = test.cookie.octets[...]
  }

  /// Told before it is asked anything: the time, and how many segments its connection has sent again.
  func look(_ now: Instant, retransmitted: UInt32) {
    self.now = now
    stream.retransmitted = retransmitted
  }

  var appetite: Int { .max }

  func take(_ octets: RawSpan) {
    if !stream.sends { test.count(octets.byteCount, on: stream, now: now) }
  }

  func peerFinished() {}

  func offer(_ room: inout MutableRawSpan) -> Int {
    if !cookie.isEmpty { return room.fill(cookie) }
    return stream.sends && test.phase == .running ? Iperf3Filling.fill(&room) : 0
  }

  func sent(_ count: Int) {
    if !cookie.isEmpty {
      cookie = cookie.dropFirst(count)
    } else {
      test.count(count, on: stream, now: now)
    }
  }

  var outlook: Outlook { test.phase > .results ? .close : .open }
}
