import Logging
import MartletLinks
import MartletStack
import MartletTCP
import MartletWire
import Synchronization

/// A TCP/IP host in this process: a stack with its links, on a thread of its own, for tasks.
///
/// ```swift
/// let link = try TUNLink(TUNConfiguration(kernelAddresses: [try own.nextFreeAddress()]))
/// let host = try Host(LinkSet(link, addresses: [own]))
/// try await host.withListener(on: 7) { listener in
///   for try await connection in listener {
///     while let octets = try await connection.read() { try await connection.write(octets) }
///     try await connection.finish()
///   }
/// }
/// await host.shutdown()
/// ```
///
/// A host that is dropped stops soon after; `shutdown` waits for it.
public final class Host: Sendable {
  private let mailbox: Mailbox
  private let control: LoopControl
  private let ending: Ending
  private let interfaces: [String: InterfaceID]

  /// Starts the host. Its links are its own from now on and end with it.
  public init<L: Link & Sendable & ~Copyable>(
    _ links: consuming LinkSet<L>, configuration: StackConfiguration = StackConfiguration(),
    logger: Logger = Logger(label: "martlet")
  ) throws(LinkError) {
    let stack = NetworkStack(configuration: configuration, seed: .fromSystem())
    let control = try LoopControl()
    let mailbox = Mailbox(waking: control)
    var names: [String] = []
    for i in 0..<links.count {
      guard let name = links.ports[i]?.link.name, let mtu = links.ports[i]?.link.mtu else { continue }
      let addresses = links.ports[i]?.addresses ?? []
      names.append(name)
      logger.info(
        "interface up",
        metadata: ["name": "\(name)", "mtu": "\(mtu)", "addresses": "\(addresses.map(\.description))"])
    }
    var loop = try StackLoop(
      stack: stack, links: links, application: HostService(mailbox: mailbox, logger: logger),
      control: control)
    var interfaces: [String: InterfaceID] = [:]
    for name in names { interfaces[name] = loop.interface(named: name) }
    let ending = Ending()
    let box = LoopBox(loop)
    try SystemThread(name: "martlet-host") {
      let failure = box.run()
      if let failure {
        logger.error("The host has stopped: \(failure.message)")
      } else {
        logger.info("The host has stopped.")
      }
      ending.reached()
    }.detach()
    self.control = control
    self.mailbox = mailbox
    self.ending = ending
    self.interfaces = interfaces
  }

  deinit { control.stop() }

  /// Opens a connection. Waits until the handshake is done; while routers or a DHCP server are asked for the address
  /// that it needs, or nobody may have one that was given, it waits for that first, for `AddressWait.limit` at most.
  public func connect(
    to remote: Endpoint, from local: LocalEndpoint? = nil, options: ConnectionOptions? = nil
  ) async throws(HostError) -> Connection {
    try await mailbox.ask { waiter, service, stack, now in
      service.connect(waiter, to: remote, from: local, options, &stack, now)
    } sweep: { service, stack, now in
      service.sweepOpening(&stack, now)
    }
  }

  /// Opens a connection to an address in its usual text form.
  public func connect(
    to address: String, port: UInt16, options: ConnectionOptions? = nil
  ) async throws(HostError) -> Connection {
    guard let parsed = IPAddress(address) else {
      throw HostError(
        .badAddress, "\"\(address)\" is no IP address. Write it like 192.0.2.1 or 2001:db8::1.")
    }
    return try await connect(to: Endpoint(address: parsed, port: port), options: options)
  }

  /// Opens a UDP socket on a port of every address, or of one; port 0: a free one, see `DatagramSocket.local`. One that is
  /// connected sends to its peer and hears nobody else. Waits for an address as `connect` does, where it needs one.
  ///
  /// - Parameter hearsErrors: `receive` and `send` throw what routers and hosts say of earlier datagrams, though the
  ///   socket is connected to nobody.
  public func datagramSocket(
    on local: LocalEndpoint = LocalEndpoint(), connectedTo peer: Endpoint? = nil, hearsErrors: Bool = false
  ) async throws(HostError) -> DatagramSocket {
    try await mailbox.ask { waiter, service, stack, now in
      service.open(waiter, on: local, connectedTo: peer, hearsErrors: hearsErrors, &stack, now)
    } sweep: { service, _, _ in
      service.sweepAttempts()
    }
  }

  /// Listens on a port of every address, or of one, for which it waits as `connect` does. Port 0: a free one, see
  /// `Listener.local`.
  public func listen(
    on local: LocalEndpoint, options: ListenerOptions = ListenerOptions()
  ) async throws(HostError) -> Listener {
    try await mailbox.ask { waiter, service, stack, now in
      service.listen(waiter, on: local, options, &stack, now)
    } sweep: { service, _, _ in
      service.sweepAttempts()
    }
  }

  /// Listens on a port of every address.
  public func listen(
    on port: UInt16, options: ListenerOptions = ListenerOptions()
  ) async throws(HostError) -> Listener {
    try await listen(on: LocalEndpoint(port: port), options: options)
  }

  /// Opens a connection for `body` and closes it after; resets it when `body` throws.
  public func withConnection<R: Sendable>(
    to remote: Endpoint, options: ConnectionOptions? = nil,
    isolation: isolated (any Actor)? = #isolation, _ body: (Connection) async throws -> R
  ) async throws -> R {
    let connection = try await connect(to: remote, options: options)
    do {
      let result = try await body(connection)
      connection.close()
      return result
    } catch {
      connection.abort()
      throw error
    }
  }

  /// Listens for `body` and closes the listener after.
  public func withListener<R: Sendable>(
    on port: UInt16, options: ListenerOptions = ListenerOptions(),
    isolation: isolated (any Actor)? = #isolation, _ body: (Listener) async throws -> R
  ) async throws -> R {
    let listener = try await listen(on: port, options: options)
    defer { listener.close() }
    return try await body(listener)
  }

  /// Makes a Unix socket at which the host can be asked for its connections, counters and packets: what `martlet ss` and others
  /// use. It answers until it is closed, or the host has ended.
  public func openControlSocket(
    _ configuration: ControlSocketConfiguration
  ) throws(LinkError) -> ControlSocket {
    try ControlSocket(configuration, of: [control])
  }

  /// Answers Prometheus at an address of the kernel until it is closed, or the host has ended.
  public func openMetrics(at address: MetricsAddress) throws(LinkError) -> MetricsEndpoint {
    try MetricsEndpoint(address, of: [control])
  }

  /// Counters of the stack at this moment.
  public func counters() async throws(HostError) -> StackCounters {
    try await mailbox.ask { (waiter: Waiter<StackCounters>, _, stack, _) in
      waiter.resume(.success(stack.counters))
    } sweep: { _, _, _ in
    }
  }

  /// The addresses that can be used at this moment, with the networks that they are on: those that were given, and
  /// those that came from routers and DHCP servers. One that others are still asked about is not among them.
  public func addresses() async throws(HostError) -> [IPPrefix] {
    try await mailbox.ask { (waiter: Waiter<[IPPrefix]>, _, stack, _) in
      waiter.resume(.success(stack.addresses()))
    } sweep: { _, _, _ in
    }
  }

  /// The link whose name it is, for what is said of one: a group, a link-local destination. Nil: there is none.
  public func interface(named name: String) -> InterfaceID? { interfaces[name] }

  /// Resets the connections that are open, lets those that were closed deliver what was written for a second at most,
  /// gives back what DHCP servers have lent, stops the thread and waits until the links are gone.
  public func shutdown() async {
    control.stop()
    await ending.wait()
  }
}

/// Carries a loop to the thread that runs it.
///
/// Invariant: filled before that thread is started, and emptied by it alone.
private final class LoopBox<L: Link & Sendable & ~Copyable>: @unchecked Sendable {
  private var loop: StackLoop<L, HostService>?

  init(_ loop: consuming StackLoop<L, HostService>) { self.loop = consume loop }

  /// Runs the loop and ends it, its links included.
  func run() -> LinkError? {
    guard var loop = loop.take() else { return nil }
    defer { loop.giveBackLeases() }
    do throws(LinkError) {
      try loop.run(grace: .seconds(1))
      return nil
    } catch {
      loop.application.stop(stack: &loop.stack, now: SystemClock.now)
      return error
    }
  }
}

/// Tells tasks that a thread has done its work.
private final class Ending: Sendable {
  private struct State {
    var isReached = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }

  private let state = Mutex(State())

  func reached() {
    let waiting = state.withLock { state in
      state.isReached = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  func wait() async {
    await withCheckedContinuation { continuation in
      let isReached = state.withLock { state in
        if !state.isReached { state.waiting.append(continuation) }
        return state.isReached
      }
      if isReached { continuation.resume() }
    }
  }
}
