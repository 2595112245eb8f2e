#if os(Linux)
  import Martlet
  import MartletStack
  import MartletTCP

  /// A test of ours against a server of iperf3: its control connection and its streams.
  struct Iperf3Application: Application, ~Copyable {
    enum Failure: Equatable {
      case refusal(ConnectError)
      case ended(EndReason)
    }

    private let remote: Endpoint
    private let options: ConnectionOptions
    private let service = Service(port: 0, kind: .iperf3)
    let control: Iperf3ClientConversation
    private(set) var failure: Failure?
    private var wait = AddressWait()

    private var controlID: ConnectionID?
    private var connections: [ConnectionID: ServedConnection] = [:]
    private var scratch = [UInt8](repeating: 0, count: 64 << 10)

    /// How long the server may be silent when it is its turn.
    private static let patience = TimeAmount.seconds(30)

    init(to remote: Endpoint, _ options: ConnectionOptions, _ parameters: Iperf3Parameters, now: Instant) {
      self.remote = remote
      self.options = options
      var random = SystemRandomNumberGenerator()
      control = Iperf3ClientConversation(parameters, Iperf3Cookie(using: &random), now: now)
    }

    var isOver: Bool { failure != nil || control.outcome != nil }
    private var test: Iperf3Test { control.test }

    mutating func start(stack: inout NetworkStack, now: Instant) {
      controlID = open(control, &stack, now)
      test.enter(.parameters, now: now)
    }

    mutating func event(_ event: StackEvent, stack: inout NetworkStack, now: Instant) {
      if controlID == nil, failure == nil, case .addressReady = event { start(stack: &stack, now: now) }
      guard case .connection(let id, let readiness) = event, connections[id] != nil else { return }
      if readiness.contains(.ended), !isOver, test.phase < .results || id == controlID {
        failure = .ended((try? stack.status(id, now: now))?.tcp.endReason ?? .closed)
      }
      move(id, &stack, now)
      settle(&stack, now)
    }

    var nextDeadline: Instant? {
      if isOver { return nil }
      if let nextTry = wait.nextTry { return nextTry }
      if test.phase == .running { return test.parameters.octets == 0 ? test.timeIsUp : nil }
      return test.lastProgress.advanced(by: Self.patience)
    }

    mutating func deadlineReached(stack: inout NetworkStack, now: Instant) {
      if wait.nextTry != nil { return start(stack: &stack, now: now) }
      guard test.phase == .running else {
        failure = .ended(.timedOut)
        return
      }
      control.now = now
      control.finish()
      moveAll(&stack, now)
    }

    /// Tells the server that nothing more comes.
    mutating func interrupt(stack: inout NetworkStack, now: Instant) {
      if !isOver { control.terminate() }
      moveAll(&stack, now)
    }

    /// Lets go of everything.
    mutating func stop(stack: inout NetworkStack, now: Instant) {
      for id in connections.keys {
        if id == controlID { try? stack.close(id, now: now) } else { try? stack.abort(id, now: now) }
      }
      connections = [:]
    }

    // MARK: Connections

    private mutating func open(
      _ conversation: any Conversation, _ stack: inout NetworkStack, _ now: Instant
    ) -> ConnectionID? {
      do throws(ConnectError) {
        let id = try stack.connect(to: remote, options, now: now)
        wait.isOver()
        connections[id] = ServedConnection(
          UInt64(connections.count), service, conversation, from: remote, at: now)
        return id
      } catch {
        let mayWait = error == .noRoute && controlID == nil && wait.goesOn(for: remote.address, stack, now)
        if !mayWait { failure = .refusal(error) }
        return nil
      }
    }

    private mutating func move(_ id: ConnectionID, _ stack: inout NetworkStack, _ now: Instant) {
      guard let connection = connections[id] else { return }
      if let stream = connection.conversation as? Iperf3ClientStream {
        stream.look(now, retransmitted: (try? stack.status(id, now: now))?.tcp.totalRetrans ?? 0)
      }
      control.now = now
      if case .ended(let reason) = connection.move(id, &stack, &scratch, now), id == controlID, !isOver {
        failure = .ended(reason)
      }
    }

    private mutating func moveAll(_ stack: inout NetworkStack, _ now: Instant) {
      for id in connections.keys { move(id, &stack, now) }
    }

    /// Does what the control connection has brought up.
    private mutating func settle(_ stack: inout NetworkStack, _ now: Instant) {
      if test.phase == .streams, test.streams.isEmpty {
        for serverSends in test.parameters.serverSends {
          _ = open(Iperf3ClientStream(test, sends: !serverSends, now: now), &stack, now)
        }
      }
      if test.phase == .running, !hasBegun {
        hasBegun = true
        moveAll(&stack, now)
      }
      let enough = test.parameters.octets
      if test.phase == .running, enough > 0, test.octets >= enough {
        control.finish()
        moveAll(&stack, now)
      }
    }

    /// The streams have been told that the test runs.
    private var hasBegun = false
  }
#endif
