public import MartletStack
public import MartletTCP
import MartletWire
public import Testing

/// What `Scenario.receive` gave.
public struct ScenarioReceived: Equatable {
  public var octets: [UInt8]
  /// Why there was no more; nil at the end of the stream, or when the limit was reached.
  public var error: ReceiveError?
  /// The peer's FIN has been reached.
  public var isEndOfStream: Bool

  public init(octets: [UInt8] = [], error: ReceiveError? = nil, isEndOfStream: Bool = false) {
    self.octets = octets
    self.error = error
    self.isEndOfStream = isEndOfStream
  }

  public var text: String { String(decoding: octets, as: UTF8.self) }
}

extension Scenario {
  /// SEND on the script's connection. Returns how many octets were taken; an error fails the test.
  @discardableResult
  public func send(
    _ text: ScriptText, urgent: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) -> Int {
    switch trySend(text, urgent: urgent, sourceLocation: sourceLocation) {
    case .success(let count): return count
    case .failure(let error):
      fail("send failed: \(error)", sourceLocation)
      return 0
    }
  }

  /// SEND that may fail.
  public func trySend(
    _ text: ScriptText, urgent: Bool = false, sourceLocation: SourceLocation = #_sourceLocation
  ) -> Result<Int, SendError> {
    guard let connection else { return .failure(.noConnection) }
    let octets = text.octets(from: sent.count)
    let result: Result<Int, SendError>
    do throws(SendError) {
      let count = try stack.send(connection, octets.span.bytes, urgent: urgent, now: now)
      sent += octets.prefix(count)
      result = .success(count)
    } catch {
      result = .failure(error)
    }
    transcript.add("·", "send \(octets.count) octets\(urgent ? ", urgent" : ""): \(show(result))", at: now)
    settle(sourceLocation: sourceLocation)
    return result
  }

  /// RECEIVE on the script's connection: everything there is, up to a limit.
  @discardableResult
  public func receive(
    upTo limit: Int = 1 << 24, sourceLocation: SourceLocation = #_sourceLocation
  ) -> ScenarioReceived {
    var received = ScenarioReceived()
    guard let connection else {
      received.error = .noConnection
      return received
    }
    while received.octets.count < limit, received.error == nil, !received.isEndOfStream {
      var piece = [UInt8](repeating: 0, count: min(65_536, limit - received.octets.count))
      do throws(ReceiveError) {
        var elements = piece.mutableSpan
        var out = elements.mutableBytes
        let count = try stack.receive(connection, into: &out, now: now)
        received.isEndOfStream = count == 0
        received.octets += piece.prefix(count)
      } catch {
        received.error = error
      }
    }
    let end = received.isEndOfStream ? ", end of stream" : received.error.map { ", \($0)" } ?? ""
    transcript.add("·", "receive: \(received.octets.count) octets\(end)", at: now)
    settle(sourceLocation: sourceLocation)
    return received
  }

  /// Ends one half of the script's connection.
  public func shutdown(_ half: Half = .send, sourceLocation: SourceLocation = #_sourceLocation) {
    call("shutdown \(half)", sourceLocation: sourceLocation) { (stack, id, now) throws(ShutdownError) in
      try stack.shutdown(id, half, now: now)
    }
  }

  /// CLOSE: the handle is gone afterwards.
  public func close(sourceLocation: SourceLocation = #_sourceLocation) {
    call("close", sourceLocation: sourceLocation) { (stack, id, now) throws(HandleError) in
      try stack.close(id, now: now)
    }
    connection = nil
  }

  /// ABORT: the handle is gone afterwards.
  public func abort(sourceLocation: SourceLocation = #_sourceLocation) {
    call("abort", sourceLocation: sourceLocation) { (stack, id, now) throws(HandleError) in
      try stack.abort(id, now: now)
    }
    connection = nil
  }

  /// Changes the options of the script's connection.
  public func setOptions(
    sourceLocation: SourceLocation = #_sourceLocation, _ change: (inout ConnectionOptions) -> Void
  ) {
    call("set options", sourceLocation: sourceLocation) { (stack, id, now) throws(HandleError) in
      var options = try stack.options(id)
      change(&options)
      try stack.setOptions(id, options, now: now)
    }
  }

  /// Any call on the script's connection; an error fails the test.
  public func call<Failure>(
    _ name: String = "call", sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (inout NetworkStack, ConnectionID, Instant) throws(Failure) -> Void
  ) {
    guard let connection else {
      fail("\(name): there is no connection", sourceLocation)
      return
    }
    transcript.add("·", name, at: now)
    do throws(Failure) {
      try body(&stack, connection, now)
    } catch {
      fail("\(name) failed: \(error)", sourceLocation)
    }
    settle(sourceLocation: sourceLocation)
  }

  /// Any call on the stack; an error fails the test.
  @discardableResult
  public func callStack<Result, Failure>(
    _ name: String = "call", sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (inout NetworkStack, Instant) throws(Failure) -> Result
  ) -> Result? {
    transcript.add("·", name, at: now)
    defer { settle(sourceLocation: sourceLocation) }
    do throws(Failure) {
      return try body(&stack, now)
    } catch {
      fail("\(name) failed: \(error)", sourceLocation)
      return nil
    }
  }

  /// Active OPEN to the peer; the script's flow is this connection's from now on.
  @discardableResult
  public func connect(
    to port: UInt16 = 80, from localPort: UInt16? = 49_152, _ options: ConnectionOptions? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> ConnectionID? {
    let id = callStack("connect to port \(port)", sourceLocation: sourceLocation) {
      (stack, now) throws(ConnectError) in
      let id = try stack.connect(
        to: Endpoint(address: peer, port: port), from: LocalEndpoint(port: localPort ?? 0), options, now: now)
      if let report = try? stack.status(id, now: now) { self.localPort = report.local.port }
      self.peerPort = port
      sent = []
      return id
    }
    connection = id
    if id != nil { hasEverConnected = true }
    return id
  }

  /// Passive OPEN.
  @discardableResult
  public func listen(
    port: UInt16 = 80, _ options: ListenerOptions = ListenerOptions(),
    sourceLocation: SourceLocation = #_sourceLocation
  ) -> ListenerID? {
    listener = callStack("listen at port \(port)", sourceLocation: sourceLocation) {
      (stack, _) throws(ListenError) in
      try stack.listen(on: LocalEndpoint(port: port), options)
    }
    return listener
  }

  /// Takes a connection from the listener by hand; for scripts with `acceptsAtOnce` off.
  @discardableResult
  public func accept(sourceLocation: SourceLocation = #_sourceLocation) -> ConnectionID? {
    guard let listener else { return nil }
    let id = callStack("accept", sourceLocation: sourceLocation) { (stack, _) throws(AcceptError) in
      try stack.accept(listener)
    }
    guard let id else { return nil }
    accepted.append(id)
    connection = id
    hasEverConnected = true
    return id
  }

  private func show(_ result: Result<Int, SendError>) -> String {
    switch result {
    case .success(let count): "\(count) taken"
    case .failure(let error): "\(error)"
    }
  }
}
