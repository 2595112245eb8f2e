import Martlet
import MartletStack
import MartletTCP
import MartletWire

/// What a traceroute is to do.
package struct TraceroutePlan: Sendable {
  package var destination: IPAddress
  package var firstHop = 1
  package var maxHops = 30
  /// Datagrams for each hop, one from each of as many sockets.
  package var queries = 3
  package var timeout = TimeAmount.seconds(5)
  /// Where the first goes; each of the next to the next port, so that an error tells which it is about.
  package var port: UInt16 = 33_434
  /// Octets of a datagram behind the header of UDP.
  package var size = 32

  package init(to destination: IPAddress) { self.destination = destination }

  /// The last port that something may be sent to; above 65,535 there is none.
  package var lastPort: Int { Int(port) + (maxHops - firstHop + 1) * queries - 1 }
}

/// Sends datagrams of UDP with small hop limits to ports where nobody listens, and tells who sends what back.
///
/// The queries of one hop leave together, each from a socket of its own, which has one question open at a time.
package struct TracerouteApplication: ProbingApplication, ~Copyable {
  private let plan: TraceroutePlan
  private let octets: [UInt8]
  private var sockets: [UDPSocketID] = []
  private var text: String
  private var failure: String?
  private var hop: Int
  private var sentAt: Instant?
  private var wait = AddressWait()
  private var replies: [HopReply?] = []
  private var isReached = false
  package private(set) var isOver = false

  package init(_ plan: TraceroutePlan) {
    self.plan = plan
    octets = (0..<plan.size).map { UInt8(truncatingIfNeeded: 0x40 + $0 % 64) }
    hop = plan.firstHop
    let size = plan.size + 8 + (plan.destination.isIPv4 ? 20 : 40)
    let name = plan.destination
    text = "traceroute to \(name) (\(name)), \(plan.maxHops) hops max, \(size) byte packets\n"
  }

  package var outcome: ProbeOutcome {
    if let failure { return .failed(failure) }
    return isReached ? .reached : .silent
  }

  package mutating func takeText() -> String {
    defer { text = "" }
    return text
  }

  package func farewell(now: Instant) -> String { "" }

  // MARK: Sending

  package mutating func start(stack: inout NetworkStack, now: Instant) {
    do throws(ListenError) {
      for _ in 0..<plan.queries { sockets.append(try stack.openDatagram(hearsErrors: true)) }
    } catch {
      return fail("The stack has no room for \(plan.queries) sockets.")
    }
    sendQueries(&stack, now)
  }

  private mutating func sendQueries(_ stack: inout NetworkStack, _ now: Instant) {
    sentAt = now
    replies = Array(repeating: nil, count: plan.queries)
    for (q, socket) in sockets.enumerated() {
      // What came too late is forgotten, and does not keep the next from leaving.
      _ = try? stack.takeError(socket)
      do throws(DatagramError) {
        try stack.send(
          socket, octets.span.bytes, to: Endpoint(address: plan.destination, port: port(q)),
          fields: IPFields(hopLimit: UInt8(truncatingIfNeeded: hop)), now: now)
      } catch {
        sentAt = nil
        let mayWait = error == .noRoute && wait.goesOn(for: plan.destination, stack, now)
        if !mayWait { fail(noWay(to: plan.destination)) }
        return
      }
    }
  }

  private func port(_ q: Int) -> UInt16 {
    UInt16(truncatingIfNeeded: Int(plan.port) + (hop - plan.firstHop) * plan.queries + q)
  }

  private mutating func fail(_ sentence: String) {
    failure = sentence
    isOver = true
  }

  package var nextDeadline: Instant? { isOver ? nil : sentAt?.advanced(by: plan.timeout) ?? wait.nextTry }

  package mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {
    if sentAt == nil { sendQueries(&stack, now) } else { finishHop(&stack, now) }
  }

  // MARK: Hearing

  package mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
    switch event {
    case .addressReady, .addressConflict, .addressRemoved:
      if sentAt == nil, !isOver { sendQueries(&stack, now) }
    case .datagram(let id, _):
      guard let q = sockets.firstIndex(of: id), !isOver else { return }
      hear(q, &stack, now)
      if replies.allSatisfy({ $0 != nil }) { finishHop(&stack, now) }
    default: break
    }
  }

  private mutating func hear(_ q: Int, _ stack: inout NetworkStack, _ now: Instant) {
    guard let sentAt else { return }
    let time = now.since(sentAt)
    if let told = try? stack.takeError(sockets[q]) {
      guard told.destination.port == port(q), replies[q] == nil else { return }
      replies[q] = HopReply(from: told.reporter, time: time, error: told.error)
    }
    // Somebody listens there after all.
    var room = [UInt8](repeating: 0, count: 1)
    var span = room.mutableSpan
    var bytes = span.mutableBytes
    while let answer = try? stack.receive(sockets[q], into: &bytes, now: now) {
      guard answer.from == Endpoint(address: plan.destination, port: port(q)), replies[q] == nil else {
        continue
      }
      replies[q] = HopReply(from: answer.from.address, time: time, error: .portUnreachable)
    }
  }

  private mutating func finishHop(_ stack: inout NetworkStack, _ now: Instant) {
    text += HopReply.line(hop, replies, to: plan.destination)
    isReached = replies.contains { $0?.from == plan.destination }
    // Whoever says that it goes no further is the last who will say anything.
    let isEnd = replies.contains { $0 != nil && $0?.error != .timeExceeded }
    guard !isEnd, hop < plan.maxHops else {
      isOver = true
      return
    }
    hop += 1
    sendQueries(&stack, now)
  }
}
