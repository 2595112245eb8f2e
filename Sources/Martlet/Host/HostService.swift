import Logging
import MartletLinks
import MartletStack
import MartletTCP
import MartletWire

/// The application behind a `Host`: matches tasks that wait with what the stack can do.
/// Lives on the loop's thread.
struct HostService: Application, ~Copyable {
  let mailbox: Mailbox
  let logger: Logger
  private var connections: [ConnectionID: ConnectionRecord] = [:]
  /// Those who want something for which there is no address yet.
  private var attempts: [Attempt] = []
  private var listeners: [ListenerID: [Waiter<Connection>]] = [:]
  var sockets: [UDPSocketID: SocketRecord] = [:]
  /// Connections that are to be reset: the host ends.
  private var doomed: [ConnectionID] = []
  var scratch = PacketBuffer(capacity: HostService.largestRead)

  /// Octets that one read gives at most.
  static var largestRead: Int { 65_536 }

  /// The tasks that wait for one connection, in the order of their coming.
  private struct ConnectionRecord {
    var opening: Waiter<Connection>?
    var readers: [(limit: Int, waiter: Waiter<[UInt8]?>)] = []
    var writers: [Write] = []
  }

  private struct Write {
    /// What is still to be sent; nil: no more, the sending half is to be closed.
    var octets: [UInt8]?
    var sent = 0
    let waiter: Waiter<Void>
  }

  init(mailbox: Mailbox, logger: Logger) {
    self.mailbox = mailbox
    self.logger = logger
  }

  // MARK: Told by the loop

  mutating func woken(stack: inout NetworkStack, now: Instant) {
    for request in mailbox.take() { request(&self, &stack, now) }
  }

  mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
    switch event {
    case .connection(let id, let readiness):
      if connections[id]?.opening != nil { opened(id, readiness, &stack, now) }
      read(id, &stack, now)
      write(id, &stack, now)
    case .listener(let id):
      accept(id, &stack, now)
    case .memoryPressure(let level, let held, let limit):
      // Buffers that do not grow any more are nobody's trouble.
      guard level != .growth, level != .none else { break }
      logger.warning(
        "The stack is short of memory and gives things up. Raise StackConfiguration.memoryBudget.",
        metadata: ["pressure": "\(level)", "held": "\(held)", "limit": "\(limit)"])
    case .synFlood(let id):
      guard let flood = try? stack.synFlood(id, now: now) else { return }
      logger.warning(
        "More SYNs come than the half-open queue can hold.",
        metadata: [
          "listener": "\(flood.local.port)", "syns_per_second": "\(flood.synsPerSecond)",
          "half_open": "\(flood.halfOpen)", "distinct_sources": "\(flood.distinctSources)",
        ])
    case .addressConflict(let address, _, let hardware):
      logger.warning(
        "Another station says to have one of our addresses.",
        metadata: ["address": "\(address)", "hardware_address": "\(hardware)"])
      tryAgain(&stack, now)
    case .addressReady(let address, _):
      logger.info("An address is ours.", metadata: ["address": "\(address)"])
      tryAgain(&stack, now)
    case .addressRemoved(let address, _):
      logger.notice("An address is ours no longer.", metadata: ["address": "\(address)"])
      tryAgain(&stack, now)
    case .datagram(let id, _):
      receive(id, &stack, now)
      send(id, &stack, now)
    case .attempt, .echo, .lease:
      break
    }
  }

  var nextDeadline: Instant? { doomed.isEmpty ? attempts.lazy.compactMap(\.nextTry).min() : .origin }

  mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {
    resetSome(&stack, now)
    tryAgain(&stack, now)
  }

  mutating func stop(stack: inout NetworkStack, now: Instant) {
    for request in mailbox.close() { request(&self, &stack, now) }
    for attempt in attempts { attempt.fail(.stopped) }
    attempts = []
    for (_, record) in sockets { record.fail(.stopped) }
    sockets = [:]
    for (id, record) in connections {
      fail(record, .stopped)
      doomed.append(id)
    }
    for (id, waiters) in listeners {
      for waiter in waiters { waiter.resume(.failure(.stopped)) }
      try? stack.close(id, now: now)
    }
    connections = [:]
    listeners = [:]
    resetSome(&stack, now)
  }

  /// Resets that have no room are not sent: no more at a time than a turn of the loop sends.
  private mutating func resetSome(_ stack: inout NetworkStack, _ now: Instant) {
    for _ in 0..<max(0, 256 - stack.held.replies) {
      guard let id = doomed.popLast() else { return }
      try? stack.abort(id, now: now)
    }
  }

  // MARK: Asked by tasks

  mutating func connect(
    _ waiter: Waiter<Connection>, to remote: Endpoint, from local: LocalEndpoint?,
    _ options: ConnectionOptions?, _ stack: inout NetworkStack, _ now: Instant
  ) {
    begin(
      Attempt(waiter, needing: remote.address) { service, stack, now in
        do throws(ConnectError) {
          let id = try stack.connect(to: remote, from: local, options, now: now)
          service.connections[id] = ConnectionRecord(opening: waiter)
          return .done
        } catch {
          let failure = HostError(error, remote)
          return error == .noRoute || error == .addressNotOurs ? .needsAddress(failure) : .failed(failure)
        }
      }, &stack, now)
  }

  mutating func listen(
    _ waiter: Waiter<Listener>, on local: LocalEndpoint, _ options: ListenerOptions,
    _ stack: inout NetworkStack, _ now: Instant
  ) {
    let mailbox = mailbox
    begin(
      Attempt(waiter, needing: local.address) { service, stack, _ in
        do throws(ListenError) {
          let id = try stack.listen(on: local, options)
          service.listeners[id] = []
          let bound = (try? stack.status(id))?.local ?? local
          waiter.resume(.success(Listener(id, local: bound, mailbox)))
          return .done
        } catch {
          let failure = HostError(error, local)
          return error == .addressNotOurs ? .needsAddress(failure) : .failed(failure)
        }
      }, &stack, now)
  }

  mutating func begin(_ attempt: Attempt, _ stack: inout NetworkStack, _ now: Instant) {
    var attempt = attempt
    if !isSettled(&attempt, &stack, now) { attempts.append(attempt) }
  }

  /// False: it has to wait for an address.
  private mutating func isSettled(
    _ attempt: inout Attempt, _ stack: inout NetworkStack, _ now: Instant
  ) -> Bool {
    switch attempt.begin(&self, &stack, now) {
    case .done: return true
    case .needsAddress(let failure):
      if attempt.goesOn(stack, now) { return false }
      attempt.fail(failure)
    case .failed(let failure): attempt.fail(failure)
    }
    return true
  }

  /// What somebody has waited for may have come.
  private mutating func tryAgain(_ stack: inout NetworkStack, _ now: Instant) {
    let waiting = attempts
    attempts = []
    for var attempt in waiting where !isSettled(&attempt, &stack, now) { attempts.append(attempt) }
  }

  mutating func accept(
    _ waiter: Waiter<Connection>, _ id: ListenerID, _ stack: inout NetworkStack, _ now: Instant
  ) {
    guard listeners[id] != nil else { return waiter.resume(.failure(.closed)) }
    listeners[id]?.append(waiter)
    accept(id, &stack, now)
  }

  mutating func read(
    _ waiter: Waiter<[UInt8]?>, _ id: ConnectionID, limit: Int, _ stack: inout NetworkStack, _ now: Instant
  ) {
    guard connections[id] != nil else { return waiter.resume(.failure(.closed)) }
    connections[id]?.readers.append((min(max(limit, 1), Self.largestRead), waiter))
    read(id, &stack, now)
  }

  /// Queues octets to be sent; nil closes the sending half behind what is queued.
  mutating func write(
    _ waiter: Waiter<Void>, _ id: ConnectionID, _ octets: [UInt8]?, _ stack: inout NetworkStack,
    _ now: Instant
  ) {
    guard connections[id] != nil else { return waiter.resume(.failure(.closed)) }
    connections[id]?.writers.append(Write(octets: octets, waiter: waiter))
    write(id, &stack, now)
  }

  /// Closes gracefully, or resets. Tasks that still wait for the connection fail.
  mutating func end(_ id: ConnectionID, aborting: Bool, _ stack: inout NetworkStack, _ now: Instant) {
    guard let record = connections.removeValue(forKey: id) else { return }
    fail(record, .closed)
    if aborting {
      try? stack.abort(id, now: now)
    } else {
      try? stack.close(id, now: now)
    }
  }

  mutating func close(_ id: ListenerID, _ stack: inout NetworkStack, _ now: Instant) {
    guard let waiters = listeners.removeValue(forKey: id) else { return }
    for waiter in waiters { waiter.resume(.failure(.closed)) }
    try? stack.close(id, now: now)
  }

  /// Resumes the cancelled among the tasks that open, read or write a connection.
  mutating func sweep(_ id: ConnectionID) {
    guard var record = connections[id] else { return }
    record.readers.removeAll { reader in
      guard reader.waiter.isCancelled else { return false }
      reader.waiter.resume(.failure(.cancelled))
      return true
    }
    record.writers.removeAll { write in
      guard write.waiter.isCancelled else { return false }
      write.waiter.resume(.failure(.cancelled))
      return true
    }
    connections[id] = record
  }

  /// Gives up what tasks wait for that were cancelled.
  mutating func sweepAttempts() {
    attempts.removeAll { attempt in
      guard attempt.isCancelled() else { return false }
      attempt.fail(.cancelled)
      return true
    }
  }

  /// Likewise, and the connections that they wait for.
  mutating func sweepOpening(_ stack: inout NetworkStack, _ now: Instant) {
    sweepAttempts()
    let given = connections.filter { $0.value.opening?.isCancelled == true }
    for (id, record) in given {
      record.opening?.resume(.failure(.cancelled))
      connections[id] = nil
      try? stack.abort(id, now: now)
    }
  }

  mutating func sweep(_ id: ListenerID) {
    listeners[id]?.removeAll { waiter in
      guard waiter.isCancelled else { return false }
      waiter.resume(.failure(.cancelled))
      return true
    }
  }

  // MARK: What can be done now

  private mutating func opened(
    _ id: ConnectionID, _ readiness: Readiness, _ stack: inout NetworkStack, _ now: Instant
  ) {
    if readiness.contains(.connected), let waiter = connections[id]?.opening {
      connections[id]?.opening = nil
      guard !waiter.isCancelled, let connection = handle(id, stack, now) else {
        waiter.resume(.failure(waiter.isCancelled ? .cancelled : .closed))
        return end(id, aborting: true, &stack, now)
      }
      waiter.resume(.success(connection))
    } else if readiness.contains(.ended), let record = connections.removeValue(forKey: id) {
      let reason = HostError(ended: id, &stack)
      try? stack.close(id, now: now)
      fail(record, reason)
    }
  }

  private mutating func accept(_ id: ListenerID, _ stack: inout NetworkStack, _ now: Instant) {
    while let waiter = listeners[id]?.first {
      if waiter.isCancelled {
        waiter.resume(.failure(.cancelled))
      } else {
        guard let accepted = try? stack.accept(id) else { return }
        guard let connection = handle(accepted, stack, now) else { continue }
        connections[accepted] = ConnectionRecord()
        waiter.resume(.success(connection))
      }
      listeners[id]?.removeFirst()
    }
  }

  private mutating func read(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
    while let (limit, waiter) = connections[id]?.readers.first {
      if waiter.isCancelled {
        waiter.resume(.failure(.cancelled))
      } else {
        let result = receive(id, limit: limit, &stack, now)
        if case .failure(.wouldBlock) = result { return }
        waiter.resume(result.mapError { HostError($0) })
      }
      connections[id]?.readers.removeFirst()
    }
  }

  private mutating func receive(
    _ id: ConnectionID, limit: Int, _ stack: inout NetworkStack, _ now: Instant
  ) -> Result<[UInt8]?, ReceiveError> {
    let count = scratch.lend(limit) { room in
      Result { () throws(ReceiveError) in try stack.receive(id, into: &room, now: now) }
    }
    return count.map { count in
      count == 0 ? nil : scratch.show(count) { span in span.withUnsafeBytes { [UInt8]($0) } }
    }
  }

  private mutating func write(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
    while var write = connections[id]?.writers.first {
      if write.waiter.isCancelled {
        write.waiter.resume(.failure(.cancelled))
      } else {
        let sentBefore = write.sent
        guard let result = advance(&write, id, &stack, now) else {
          if write.sent != sentBefore { connections[id]?.writers[0] = write }
          return
        }
        write.waiter.resume(result)
      }
      connections[id]?.writers.removeFirst()
    }
  }

  /// Sends what there is room for. Nil: there is more to send than room.
  private func advance(
    _ write: inout Write, _ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant
  ) -> Result<Void, HostError>? {
    guard let octets = write.octets else {
      return Result { () throws(ShutdownError) in try stack.shutdown(id, .send, now: now) }.mapError {
        HostError($0)
      }
    }
    while write.sent < octets.count {
      do throws(SendError) {
        write.sent += try stack.send(id, octets.span.bytes.extracting(write.sent...), now: now)
      } catch {
        return error == .wouldBlock ? nil : .failure(HostError(error))
      }
    }
    return .success(())
  }

  private func handle(_ id: ConnectionID, _ stack: borrowing NetworkStack, _ now: Instant) -> Connection? {
    guard let report = try? stack.status(id, now: now) else { return nil }
    return Connection(id, local: report.local, remote: report.remote, mailbox)
  }

  private func fail(_ record: ConnectionRecord, _ error: HostError) {
    record.opening?.resume(.failure(error))
    for reader in record.readers { reader.waiter.resume(.failure(error)) }
    for write in record.writers { write.waiter.resume(.failure(error)) }
  }
}
