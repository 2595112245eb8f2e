import Martlet
import MartletStack
import MartletTCP
import MartletWire

/// What a ping is to do.
package struct PingPlan: Sendable {
  package var destination: IPAddress
  /// Nil: until it is interrupted.
  package var count: UInt64?
  package var interval = TimeAmount.seconds(1)
  /// Octets behind the header of ICMP.
  package var size = 56
  /// How long the last answers are waited for.
  package var timeout = TimeAmount.seconds(5)
  /// 0: that of the stack.
  package var hopLimit: UInt8 = 0
  /// Tells the sums alone.
  package var isQuiet = false

  package init(to destination: IPAddress) { self.destination = destination }
}

/// Asks a host for echoes, and tells of each.
package struct PingApplication: ProbingApplication, ~Copyable {
  private let plan: PingPlan
  private let octets: [UInt8]
  private var room: [UInt8]
  private var socket: EchoSocketID?
  private var text = ""
  private var failure: String?
  package private(set) var tally = PingTally()
  private var began: Instant?
  private var wait = AddressWait()
  private var nextRequest: Instant?
  private var lastRequest: Instant?
  /// By sequence number, of which there are 65,536.
  private var requests: [UInt16: Request] = [:]

  private struct Request {
    var time: Instant
    var isAnswered = false
  }

  package init(_ plan: PingPlan) {
    self.plan = plan
    octets = (0..<plan.size).map { UInt8(truncatingIfNeeded: $0) }
    room = [UInt8](repeating: 0, count: plan.size)
    let headers = plan.destination.isIPv4 ? 28 : 48
    let (name, size) = (plan.destination, plan.size)
    let total = plan.destination.isIPv4 ? "\(size)(\(size + headers))" : "\(size)"
    text = "PING \(name) (\(name)) \(total) bytes of data.\n"
  }

  package var outcome: ProbeOutcome {
    if let failure { return .failed(failure) }
    return tally.received > 0 ? .reached : .silent
  }

  private var isAllSent: Bool { plan.count.map { tally.sent >= $0 } ?? false }

  package private(set) var isOver = false

  package mutating func takeText() -> String {
    defer { text = "" }
    return text
  }

  package func farewell(now: Instant) -> String {
    guard began != nil else { return "" }
    return tally.text(to: plan.destination.description, after: now.since(began ?? now))
  }

  // MARK: Sending

  package mutating func start(stack: inout NetworkStack, now: Instant) {
    do throws(ListenError) {
      socket = try stack.openEcho(to: plan.destination)
      wait.isOver()
      began = now
      nextRequest = now
      send(&stack, now)
    } catch {
      if !wait.goesOn(for: plan.destination, stack, now) { fail(noWay(to: plan.destination)) }
    }
  }

  package var nextDeadline: Instant? { isOver ? nil : wait.nextTry ?? nextRequest }

  package mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {
    if socket == nil {
      start(stack: &stack, now: now)
    } else if isAllSent {
      isOver = true
    } else {
      send(&stack, now)
    }
  }

  private mutating func send(_ stack: inout NetworkStack, _ now: Instant) {
    guard let socket else { return }
    let sequence = UInt16(truncatingIfNeeded: tally.sent &+ 1)
    do throws(DatagramError) {
      try stack.sendEcho(
        socket, sequence: sequence, octets.span.bytes, fields: IPFields(hopLimit: plan.hopLimit), now: now)
      requests[sequence] = Request(time: now)
      tally.sent += 1
      lastRequest = now
    } catch .wouldBlock {
      // The next one may find room.
    } catch {
      return fail(
        error == .tooLarge
          ? "The stack takes no request of \(plan.size) octets." : noWay(to: plan.destination))
    }
    // Who was late does not catch up: requests never crowd.
    nextRequest = now.advanced(by: isAllSent ? plan.timeout : plan.interval)
  }

  private mutating func fail(_ sentence: String) {
    failure = sentence
    isOver = true
  }

  // MARK: Hearing

  package mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
    switch event {
    case .addressReady, .addressConflict, .addressRemoved:
      if socket == nil, !isOver { start(stack: &stack, now: now) }
    case .echo(let id, _):
      if id == socket { hear(id, &stack, now) }
    default: break
    }
  }

  private mutating func hear(_ id: EchoSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    while let answer = next(id, &stack, now) {
      if answer.error == .none { take(answer) } else { tell(answer) }
    }
    if isAllSent, tally.received + tally.errors >= tally.sent { isOver = true }
  }

  private mutating func next(_ id: EchoSocketID, _ stack: inout NetworkStack, _ now: Instant) -> EchoAnswer? {
    var span = room.mutableSpan
    var bytes = span.mutableBytes
    return try? stack.receiveEcho(id, into: &bytes, now: now)
  }

  private mutating func take(_ answer: EchoAnswer) {
    guard let request = requests[answer.sequence] else { return }
    requests[answer.sequence]?.isAnswered = true
    let time = answer.time.since(request.time)
    let isIntact = answer.totalCount == plan.size && room == octets
    if request.isAnswered {
      tally.duplicates += 1
    } else {
      tally.add(time)
    }
    if !isIntact { tally.corrupted += 1 }
    guard !plan.isQuiet else { return }
    text += "\(answer.totalCount + 8) bytes from \(answer.from): icmp_seq=\(answer.sequence) "
    text += "ttl=\(answer.fields.hopLimit) time=\(time.shortMillisecondsText) ms"
    if request.isAnswered { text += " (DUP!)" }
    if !isIntact { text += " (other octets came back)" }
    text += "\n"
  }

  private mutating func tell(_ answer: EchoAnswer) {
    guard requests[answer.sequence] != nil else { return }
    tally.errors += 1
    guard !plan.isQuiet else { return }
    text += "From \(answer.from) icmp_seq=\(answer.sequence) "
    text += answer.error.sentence(isIPv4: plan.destination.isIPv4) + "\n"
  }
}

extension SoftError {
  /// As `ping` says it.
  fileprivate func sentence(isIPv4: Bool) -> String {
    switch self {
    case .networkUnreachable: isIPv4 ? "Destination Net Unreachable" : "Destination unreachable: No route"
    case .hostUnreachable:
      isIPv4 ? "Destination Host Unreachable" : "Destination unreachable: Address unreachable"
    case .protocolUnreachable:
      isIPv4 ? "Destination Protocol Unreachable" : "Parameter problem: Unknown next header"
    case .portUnreachable:
      isIPv4 ? "Destination Port Unreachable" : "Destination unreachable: Port unreachable"
    case .sourceRouteFailed: "Source Route Failed"
    case .administrativelyProhibited:
      isIPv4 ? "Packet filtered" : "Destination unreachable: Administratively prohibited"
    case .timeExceeded: isIPv4 ? "Time to live exceeded" : "Time exceeded: Hop limit"
    case .parameterProblem: "Parameter problem"
    case .unknown: "Unknown error"
    case .none, .retransmitting: "An error that nobody can send"
    }
  }
}
