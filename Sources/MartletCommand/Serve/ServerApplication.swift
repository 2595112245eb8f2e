import Martlet
import MartletLinks
import MartletStack
import MartletTCP
import MartletTrace
import MartletWire

/// The services of one stack: accepts, has each connection's conversation, and tells about it.
struct ServerApplication: Application, ~Copyable {
  private let journal: Journal
  private var listeners: [ListenerID: Service] = [:]
  private var sockets: [UDPSocketID: Service] = [:]
  private var connections: [ConnectionID: ServedConnection] = [:]
  /// When something is due for a connection that the stack will not announce.
  private var due = Agenda()
  /// Some conversation has changed something for others.
  private var isStirred = false
  private var scratch = [UInt8](repeating: 0, count: 64 << 10)
  private var train = EchoTrain()
  private var isStopping = false
  private var floods: FloodWatch

  /// How long after both halves are at their end a connection is closed. An application that
  /// takes its time leaves the peer's FIN with an acknowledgment of its own.
  var closingDelay = TimeAmount.zero
  /// Nothing is read from a connection before this is false.
  var isHeld = false

  /// What all sockets of UDP join, on the one device there is.
  var groups: [IPAddress] = []

  private(set) var totals = Totals()

  struct Totals: Equatable, Sendable {
    var accepted: UInt64 = 0
    var ended: UInt64 = 0
    var datagrams: UInt64 = 0
    var received: UInt64 = 0
    var sent: UInt64 = 0
    /// What passed over the link, on all shards.
    var link = LinkCounters()
  }

  /// How long the peer may leave its half open when ours is closed.
  private static let lingerTime = TimeAmount.seconds(5)

  init(journal: Journal) {
    self.journal = journal
    floods = FloodWatch(journal)
  }

  var openConnections: Int { connections.count }

  /// Binds a service to its port, on all addresses of the stack.
  mutating func offer(
    _ service: Service, _ options: ListenerOptions = ListenerOptions(), on stack: inout NetworkStack
  ) throws(ListenError) {
    let local = LocalEndpoint(port: service.specification.port)
    switch service.specification.transport {
    case .tcp: listeners[try stack.listen(on: local, options)] = service
    case .udp: sockets[try stack.openDatagram(on: local)] = service
    }
  }

  // MARK: Told by the loop

  mutating func start(stack: inout NetworkStack, now: Instant) {
    for group in groups {
      for socket in sockets.keys { join(group, socket, &stack, now) }
    }
  }

  private func join(
    _ group: IPAddress, _ socket: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant
  ) {
    do throws(GroupError) {
      try stack.joinGroup(socket, group, on: .ofDevice, now: now)
    } catch {
      journal.tell(.warning, "join_failed", "\(group) cannot be joined: \(error).") {
        $0.add("group", "\(group)")
        $0.add("reason", "\(error)")
      }
    }
  }

  mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
    switch event {
    case .listener(let listener): accept(listener, &stack, now)
    case .connection(let id, let readiness): move(id, readiness, &stack, now)
    case .datagram(let socket, _): answer(socket, &stack, now)
    case .memoryPressure(let level, let held, let limit):
      // Buffers that do not grow any more are nobody's trouble.
      guard level != .growth, level != .none else { break }
      journal.tell(.warning, "memory_pressure", "Memory is short: \(held) of \(limit) octets are held.") {
        $0.add("pressure", "\(level)")
        $0.add("held", UInt64(clamping: held))
      }
    case .synFlood(let listener): floods.warn(listener, stack, now)
    case .addressRemoved(let address, _):
      journal.tell(.normal, "address_removed", "\(address) is ours no longer.") {
        $0.add("address", "\(address)")
      }
    case .addressReady(let address, _):
      journal.tell(.normal, "address_ready", "Nobody else has \(address): it is ours.") {
        $0.add("address", "\(address)")
      }
    case .addressConflict(let address, _, let hardware):
      journal.tell(
        .warning, "address_conflict",
        "Another station says to have \(address)"
          + (hardware.isUnicast ? ": \(hardware)" : "") + ". Give one of the two another address."
      ) {
        $0.add("address", "\(address)")
        $0.add("hardware_address", "\(hardware)")
      }
    case .lease(let news, let address, let interface):
      journal.tell(news, of: address, try? stack.lease(of: interface), now)
    case .attempt, .echo: break
    }
    settle(&stack, now)
  }

  /// Does what is due at this time.
  mutating func tick(_ stack: inout NetworkStack, _ now: Instant) {
    // What is put down meanwhile has its turn the next time.
    var left = due.count
    while left > 0, let (id, item) = due.pop(at: now) {
      left -= 1
      guard let served = connections[id] else { continue }
      switch item {
      case .closes: close(id, served, &stack, now)
      case .aborts: abort(id, served, "the peer left its half open for too long", &stack, now)
      case .moves: move(id, [], &stack, now)
      }
    }
    floods.look(stack, now)
    settle(&stack, now)
  }

  /// When `tick` has something to do.
  var nextDue: Instant? {
    guard let look = floods.nextDue else { return due.next }
    return min(due.next ?? look, look)
  }

  /// Serves the connections that were held.
  mutating func release(_ stack: inout NetworkStack, _ now: Instant) {
    isHeld = false
    for id in connections.keys { move(id, [], &stack, now) }
  }

  /// Accepts no more and closes what is open.
  mutating func stop(stack: inout NetworkStack, now: Instant) {
    guard !isStopping else { return }
    isStopping = true
    for listener in listeners.keys { try? stack.close(listener, now: now) }
    for socket in sockets.keys { try? stack.close(socket) }
    (listeners, sockets) = ([:], [:])
    for (id, served) in connections { close(id, served, &stack, now) }
  }

  // MARK: Connections

  /// Moves conversations that depend on each other until none has news for another.
  private mutating func settle(_ stack: inout NetworkStack, _ now: Instant) {
    while isStirred {
      isStirred = false
      for (id, served) in connections where served.coupled != nil { move(id, [], &stack, now) }
    }
  }

  private mutating func accept(_ listener: ListenerID, _ stack: inout NetworkStack, _ now: Instant) {
    guard let service = listeners[listener] else { return }
    while let id = try? stack.accept(listener) {
      guard let remote = try? stack.status(id, now: now).remote else { continue }
      totals.accepted += 1
      let served = ServedConnection(totals.accepted, service, from: remote, at: now)
      connections[id] = served
      journal.tell(.detail, "opened", "\(served.label): opened") { $0.add(served) }
    }
  }

  private mutating func move(
    _ id: ConnectionID, _ readiness: Readiness, _ stack: inout NetworkStack, _ now: Instant
  ) {
    guard let served = connections[id], !isHeld else { return }
    if let coupled = served.coupled {
      coupled.look(now, retransmitted: (try? stack.status(id, now: now))?.tcp.totalRetrans ?? 0)
    }
    let verdict = served.move(id, &stack, &scratch, now)
    while let note = served.conversation.takeNote() { tell(note, served) }
    switch verdict {
    case .waits:
      if let deadline = served.coupled?.deadline { due.set(.moves, at: deadline, for: id) }
      // Whoever never reads does not see the end of what it would read.
      if readiness.contains(.ended) { end(id, served, reason(of: id, stack, now), &stack, now) }
    case .lingers:
      if due[id] == nil { due.set(.aborts, at: now.advanced(by: Self.lingerTime), for: id) }
    case .closes:
      if closingDelay > .zero {
        if due[id] != .closes { due.set(.closes, at: now.advanced(by: closingDelay), for: id) }
      } else {
        close(id, served, &stack, now)
      }
    case .aborts: abort(id, served, "reset by us", &stack, now)
    case .ended(let reason): end(id, served, reason, &stack, now)
    }
    if served.coupled?.takeStir() == true { isStirred = true }
  }

  private func reason(of id: ConnectionID, _ stack: borrowing NetworkStack, _ now: Instant) -> EndReason {
    (try? stack.status(id, now: now))?.tcp.endReason ?? .closed
  }

  private mutating func close(
    _ id: ConnectionID, _ served: ServedConnection, _ stack: inout NetworkStack, _ now: Instant
  ) {
    end(id, served, .closed, &stack, now)
  }

  private mutating func abort(
    _ id: ConnectionID, _ served: ServedConnection, _ why: String, _ stack: inout NetworkStack, _ now: Instant
  ) {
    try? stack.abort(id, now: now)
    forget(id, served, why, now)
  }

  private mutating func end(
    _ id: ConnectionID, _ served: ServedConnection, _ reason: EndReason, _ stack: inout NetworkStack,
    _ now: Instant
  ) {
    try? stack.close(id, now: now)
    forget(id, served, reason.sentence, now)
  }

  private mutating func forget(
    _ id: ConnectionID, _ served: ServedConnection, _ why: String, _ now: Instant
  ) {
    connections[id] = nil
    due.remove(id)
    served.coupled?.gone()
    if served.coupled?.takeStir() == true { isStirred = true }
    totals.ended += 1
    totals.received &+= served.received
    totals.sent &+= served.sent
    let time = now.since(served.since)
    journal.tell(
      .normal, "closed",
      "\(served.label): \(why); \(served.received) octets in, \(served.sent) out, \(time.secondsText) s"
    ) {
      $0.add(served)
      $0.add("reason", why)
      $0.add("received", served.received)
      $0.add("sent", served.sent)
      $0.add("nanoseconds", UInt64(clamping: time.nanoseconds))
    }
  }

  private func tell(_ note: ServiceNote, _ served: ServedConnection) {
    switch note {
    case .request(let method, let target, let status, let octets):
      journal.tell(.normal, "request", "\(served.label): \(method) \(target) \(status) \(octets)") {
        $0.add(served)
        $0.add("method", method)
        $0.add("target", target)
        $0.add("status", UInt64(status))
        $0.add("octets", octets)
      }
    case .measured(let test):
      journal.tell(
        .normal, "measured",
        "\(served.label): \(test.streams) streams, \(test.received) octets received, \(test.sent) sent, \(bitRateText(test.rate))"
      ) {
        $0.add(served)
        $0.add("streams", UInt64(test.streams))
        $0.add("received", test.received)
        $0.add("sent", test.sent)
        $0.add("nanoseconds", test.nanoseconds)
      }
    case .refused(let why):
      journal.tell(.normal, "refused", "\(served.label): refused: \(why)") {
        $0.add(served)
        $0.add("reason", why)
      }
    }
  }

  // MARK: Datagrams

  private mutating func answer(_ socket: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    guard let service = sockets[socket] else { return }
    var train = EchoTrain()
    swap(&train, &self.train)
    defer {
      train.leave(by: socket, &stack, now)
      swap(&train, &self.train)
    }
    while true {
      do throws(DatagramError) {
        let datagram = try scratch.lend(scratch.count) {
          (room: inout MutableRawSpan) throws(DatagramError) in
          try stack.receive(socket, into: &room, now: now)
        }
        totals.datagrams += 1
        totals.received &+= UInt64(datagram.count)
        guard service.specification.kind == .echo else { continue }
        let text = scratch.span.bytes.extracting(first: datagram.count)
        guard !train.take(datagram, text) else { continue }
        train.leave(by: socket, &stack, now)
        _ = train.take(datagram, text)
      } catch {
        if case .network = error { continue }
        return
      }
    }
  }
}
