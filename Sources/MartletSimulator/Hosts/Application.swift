public import MartletStack
public import MartletTCP

/// What an application does with its connection.
public struct ApplicationPlan: BitwiseCopyable, Sendable {
  /// When it closes.
  public enum End: Equatable, BitwiseCopyable, Sendable {
    /// Shuts its sending half as soon as everything is handed over; closes at the peer's end of stream.
    case finishAfterSending
    /// Closes when everything is handed over and everything expected has come: it closes first.
    case closeAfterBoth
    /// Closes when everything is handed over and the peer has finished: it closes second.
    case closeAfterPeer
    /// Aborts once this many octets have come.
    case abortAfter(UInt64)
  }

  /// When it begins to send.
  public enum Begin: Equatable, BitwiseCopyable, Sendable {
    case atOnce
    /// After the peer's end of stream: the long answer of a half-closed connection.
    case afterPeerFinished
  }

  /// Octets to send, from the stream of `sendKey`.
  public var sends: UInt64 = 0
  public var sendKey: UInt64 = 0
  /// Octets to come, from the stream of `receiveKey`: each is checked.
  public var receives: UInt64 = 0
  public var receiveKey: UInt64 = 0
  /// False: it sends any octets and looks at none, for speed.
  public var isKeyed = true
  /// It sends back what comes in place of a stream of its own.
  public var echoes = false
  public var begin = Begin.atOnce
  public var end = End.finishAfterSending
  /// Octets in one call.
  public var sendSize = 16_384
  public var receiveSize = 16_384
  /// A slow reader rests so long after each `receiveSize` octets.
  public var pause: TimeAmount = .zero
  /// Without progress for so long it aborts: what real programs do when a peer vanishes. Zero: never.
  public var patience: TimeAmount = .minutes(60)

  public init() {}

  /// Some time it does something that no event calls for.
  var watchesTime: Bool { patience > .zero || pause > .zero }
}

/// How an application's connection went.
public enum ApplicationOutcome: Equatable, BitwiseCopyable, Sendable {
  case running
  /// Everything planned was done, and the connection handed back in order.
  case completed
  /// The connection ended under it.
  case ended(EndReason)
  /// It aborted, as planned.
  case aborted
  /// Its patience ended.
  case gaveUp
  /// Its host crashed.
  case crashed
}

/// A small program with one connection, driven by the stack's events.
public struct Application {
  public let plan: ApplicationPlan
  /// Nil once it is handed back.
  public private(set) var connection: ConnectionID?
  public private(set) var outcome = ApplicationOutcome.running
  public private(set) var isConnected = false
  /// Octets handed to the stack, and taken from it.
  public private(set) var sent: UInt64 = 0
  public private(set) var received: UInt64 = 0
  /// The first octet of the peer's stream that was wrong.
  public private(set) var mismatch: UInt64?
  /// The peer's end of stream has been read.
  public private(set) var sawEnd = false
  /// The sending half is shut.
  private var hasFinished = false
  private var restsUntil: Instant?
  private var progressAt: Instant
  private var echo: [UInt8] = []

  init(_ plan: ApplicationPlan, _ connection: ConnectionID, now: Instant) {
    self.plan = plan
    self.connection = connection
    progressAt = now
  }

  /// When it wants to be driven again without an event.
  var deadline: Instant? {
    guard outcome == .running else { return nil }
    let limit = plan.patience > .zero ? progressAt.advanced(by: plan.patience) : nil
    guard let rest = restsUntil else { return limit }
    return limit.map { min($0, rest) } ?? rest
  }

  /// Does whatever can be done now. Calling it for nothing is harmless.
  mutating func drive(_ stack: inout NetworkStack, now: Instant, buffer: inout [UInt8]) {
    guard outcome == .running, let id = connection else { return }
    makeRoom(in: &buffer)
    let before = (sent, received, sawEnd)
    if let rest = restsUntil, rest <= now { restsUntil = nil }
    receive(id, &stack, now, &buffer)
    send(id, &stack, now, &buffer)
    // An echo makes room for more.
    if plan.echoes, echo.isEmpty { receive(id, &stack, now, &buffer) }
    finish(id, &stack, now)
    if before != (sent, received, sawEnd) { progressAt = now }
    guard outcome == .running, plan.patience > .zero, now.since(progressAt) >= plan.patience else { return }
    try? stack.abort(id, now: now)
    end(.gaveUp)
  }

  mutating func noteConnected(now: Instant) {
    if !isConnected { progressAt = now }
    isConnected = true
  }

  /// The host is gone under it.
  mutating func crash() {
    if outcome == .running { end(.crashed) }
  }

  private mutating func end(_ outcome: ApplicationOutcome) {
    self.outcome = outcome
    connection = nil
  }

  // MARK: The steps

  private mutating func receive(
    _ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant, _ buffer: inout [UInt8]
  ) {
    while outcome == .running, !sawEnd, restsUntil == nil, echo.isEmpty {
      do throws(ReceiveError) {
        let count = try buffer.writing(first: max(plan.receiveSize, 1)) { out throws(ReceiveError) in
          try stack.receive(id, into: &out, now: now)
        }
        if count == 0 {
          sawEnd = true
        } else {
          check(buffer, count)
        }
        if plan.pause > .zero, count > 0 { restsUntil = now.advanced(by: plan.pause) }
      } catch .ended(let reason) {
        try? stack.close(id, now: now)
        return end(.ended(reason))
      } catch {
        return
      }
    }
  }

  private mutating func check(_ octets: [UInt8], _ count: Int) {
    if plan.isKeyed, mismatch == nil {
      mismatch = KeyedStream(key: plan.receiveKey).firstDifference(in: octets, count: count, from: received)
    }
    received &+= UInt64(count)
    if plan.echoes { echo = Array(octets[..<count]) }
  }

  private mutating func send(
    _ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant, _ buffer: inout [UInt8]
  ) {
    while outcome == .running {
      let count = prepareText(in: &buffer)
      guard count > 0 else { return }
      do throws(SendError) {
        let count = try stack.send(id, buffer.rawSpan.extracting(first: count), now: now)
        sent &+= UInt64(count)
        if plan.echoes { echo.removeFirst(count) }
      } catch .ended(let reason) {
        try? stack.close(id, now: now)
        return end(.ended(reason))
      } catch {
        return
      }
    }
  }

  /// Puts the text of the next call at the start of `buffer`; returns its length, 0: nothing to send.
  private func prepareText(in buffer: inout [UInt8]) -> Int {
    if plan.echoes {
      let count = min(echo.count, buffer.count)
      buffer.replaceSubrange(..<count, with: echo[..<count])
      return count
    }
    if plan.begin == .afterPeerFinished, !sawEnd { return 0 }
    let count = Int(truncatingIfNeeded: min(plan.sends &- sent, UInt64(max(plan.sendSize, 1))))
    if plan.isKeyed { KeyedStream(key: plan.sendKey).fill(&buffer, first: count, from: sent) }
    return count
  }

  private func makeRoom(in buffer: inout [UInt8]) {
    let room = max(plan.sendSize, plan.receiveSize)
    if buffer.count < room { buffer = [UInt8](repeating: 0, count: room) }
  }

  private mutating func finish(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
    guard outcome == .running else { return }
    if case .abortAfter(let count) = plan.end, received >= count {
      try? stack.abort(id, now: now)
      return end(.aborted)
    }
    let hasSentAll =
      plan.echoes
      ? sawEnd && echo.isEmpty
      : sent == plan.sends && (plan.begin == .atOnce || sawEnd)
    guard hasSentAll, isConnected else { return }
    if plan.end == .finishAfterSending, !hasFinished {
      do throws(ShutdownError) {
        try stack.shutdown(id, .send, now: now)
        hasFinished = true
      } catch {
        // It ended; the next `receive` tells why.
      }
    }
    let isDone = plan.end == .closeAfterBoth ? sawEnd || received >= plan.receives : sawEnd
    guard isDone else { return }
    try? stack.close(id, now: now)
    end(.completed)
  }
}
