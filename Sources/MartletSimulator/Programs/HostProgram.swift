public import MartletStack
public import MartletTCP
public import MartletTrace
import MartletWire

/// An application on a host that does one thing after the other, as a program with blocking calls does.
///
///     let client = HostProgram([.connect, .awaitConnected, .send(100), .close], port: 40_000, peer: server)
///     world[host].programs.append(client)
///     world.settle(host)
///
/// It keeps a note of everything it has done, and of what it was told.
public final class HostProgram {
  public let steps: [ProgramStep]
  /// The port that it listens at, or connects from.
  public let port: UInt16
  /// Where it connects to; nil: it only listens.
  public let peer: Endpoint?
  private let listening: ListenerOptions
  /// Which step is next.
  public private(set) var position = 0
  /// Its connection, as long as it has one.
  public private(set) var connection: ConnectionID?
  public private(set) var notes: [Note] = []

  public struct Note: Equatable, Sendable {
    public var time: Instant
    public var event: EndEvent
    /// Records that the stack's flight recorder had written by then.
    public var records: UInt64
  }

  private var listener: ListenerID?
  /// When the step that waits has waited enough.
  private(set) var deadline: Instant?
  /// Octets of the step that are still to be sent or read.
  private var remaining: UInt32?
  private var buffer = [UInt8](repeating: 0x2e, count: 16_384)

  public init(
    _ steps: [ProgramStep], port: UInt16, peer: Endpoint? = nil,
    listening: ListenerOptions = ListenerOptions()
  ) {
    self.steps = steps
    self.port = port
    self.peer = peer
    self.listening = listening
  }

  public var isOver: Bool { position >= steps.count }

  // MARK: What the host does with it

  /// Goes on as far as it can. True: it did something.
  func run(_ stack: inout NetworkStack, now: Instant) -> Bool {
    var didSomething = false
    while position < steps.count, take(steps[position], &stack, now) {
      didSomething = true
      remaining = nil
      deadline = nil
    }
    return didSomething
  }

  /// Its host is gone under it.
  func crash() {
    position = steps.count
    connection = nil
    listener = nil
    remaining = nil
    deadline = nil
  }

  /// Its host is back: it begins anew.
  func restart() { position = 0 }

  // MARK: Steps

  /// True: it is done, and the position is that of the next.
  private func take(_ step: ProgramStep, _ stack: inout NetworkStack, _ now: Instant) -> Bool {
    switch step {
    case .listen: return done(listen(&stack, now))
    case .connect: return done(connect(&stack, now))
    case .accept:
      guard let listener, let id = try? stack.accept(listener) else { return false }
      connection = id
      return done()
    case .wait(let amount):
      let end = deadline ?? now.advanced(by: amount)
      deadline = end
      return now >= end ? done() : false
    case .awaitConnected, .send, .receive, .receiveEnd, .shutdown, .close, .abort, .awaitEnd:
      guard let id = connection else { return skip() }
      return use(id, step, &stack, now)
    }
  }

  private func done(_ isDone: Bool = true) -> Bool {
    if isDone { position += 1 }
    return isDone
  }

  /// Without a connection there is nothing to do before the next one.
  private func skip() -> Bool {
    connection = nil
    position = steps[position...].firstIndex { $0.opens } ?? steps.count
    return true
  }

  private func note(_ event: EndEvent, _ stack: borrowing NetworkStack, _ now: Instant) {
    notes.append(Note(time: now, event: event, records: stack.recordsWritten))
  }

  private func listen(_ stack: inout NetworkStack, _ now: Instant) -> Bool {
    if listener == nil {
      listener = try? stack.listen(on: LocalEndpoint(port: port), listening)
      note(.listens, stack, now)
    }
    return true
  }

  private func connect(_ stack: inout NetworkStack, _ now: Instant) -> Bool {
    guard let peer else { return true }
    note(.connects, stack, now)
    connection = try? stack.connect(to: peer, from: LocalEndpoint(port: port), now: now)
    return true
  }

  private func use(
    _ id: ConnectionID, _ step: ProgramStep, _ stack: inout NetworkStack, _ now: Instant
  ) -> Bool {
    guard let status = try? stack.status(id, now: now).tcp else { return skip() }
    switch step {
    case .awaitConnected:
      if status.endReason != .none { return isTold(status.endReason, &stack, now) }
      return status.state.isSynchronized ? done() : false
    case .send(let count): return send(id, count, &stack, now)
    case .receive(let count): return receive(id, count, &stack, now)
    case .receiveEnd: return receive(id, nil, &stack, now)
    case .shutdown:
      note(.shutsSending, stack, now)
      do throws(ShutdownError) { try stack.shutdown(id, .send, now: now) } catch {}
      return done()
    case .close:
      note(.closes, stack, now)
      try? stack.close(id, now: now)
      connection = nil
      return done()
    case .abort:
      note(.aborts, stack, now)
      try? stack.abort(id, now: now)
      connection = nil
      return done()
    case .awaitEnd:
      guard status.endReason != .none else { return false }
      return isTold(status.endReason, &stack, now)
    case .listen, .connect, .accept, .wait: return done()
    }
  }

  private func isTold(_ reason: EndReason, _ stack: inout NetworkStack, _ now: Instant) -> Bool {
    note(.isTold(reason), stack, now)
    if let connection { try? stack.close(connection, now: now) }
    return skip()
  }

  private func send(
    _ id: ConnectionID, _ count: UInt32, _ stack: inout NetworkStack, _ now: Instant
  ) -> Bool {
    if remaining == nil { note(.sends(UInt64(count)), stack, now) }
    var left = remaining ?? count
    var ended: EndReason?
    while left > 0, ended == nil {
      let text = buffer.rawSpan.extracting(first: Int(min(left, UInt32(buffer.count))))
      do throws(SendError) {
        left &-= UInt32(truncatingIfNeeded: try stack.send(id, text, now: now))
      } catch .ended(let reason) {
        ended = reason
      } catch {
        break
      }
    }
    remaining = left
    if let ended { return isTold(ended, &stack, now) }
    return left == 0 ? done() : false
  }

  /// - Parameter count: nil: to the end of the stream.
  private func receive(
    _ id: ConnectionID, _ count: UInt32?, _ stack: inout NetworkStack, _ now: Instant
  ) -> Bool {
    var left = remaining ?? count ?? .max
    var read: UInt64 = 0
    var ended: EndReason?
    var sawEnd = false
    while left > 0, ended == nil, !sawEnd {
      do throws(ReceiveError) {
        let part = try buffer.writing(first: Int(min(left, 16_384))) { out throws(ReceiveError) in
          try stack.receive(id, into: &out, now: now)
        }
        sawEnd = part == 0
        read &+= UInt64(part)
        if count != nil { left &-= UInt32(truncatingIfNeeded: part) }
      } catch .ended(let reason) {
        ended = reason
      } catch {
        break
      }
    }
    remaining = left
    if read > 0 { note(.reads(read), stack, now) }
    if let ended { return isTold(ended, &stack, now) }
    if sawEnd { note(.readsEnd, stack, now) }
    return sawEnd || left == 0 ? done() : false
  }
}
