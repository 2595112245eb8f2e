public import MartletStack
public import MartletTCP
public import MartletWire

/// Where an interface is plugged in.
struct Attachment {
  var node: NodeID
  var interface: InterfaceID
  var link: LinkID
  var side: Int
  var mtu: Int
}

/// A computer of the simulation: a stack, and the applications on it.
///
/// A class, because a stack cannot be copied and an array cannot hold what cannot.
public final class Host {
  public let id: HostID
  /// The stack; look and call as you like, then `Simulation.settle(_:)`.
  public var stack: NetworkStack
  /// In the order in which they began.
  public private(set) var applications: [Application] = []
  /// Programs of its own, besides those applications; call `Simulation.settle(_:)` after a change.
  public var programs: [HostProgram] = []
  /// Its addresses, one of each family for each link.
  public internal(set) var addresses: [IPAddress] = []
  /// What the stack told that is no application's business, in order.
  public var otherEvents: [StackEvent] = []

  var attachments: [Attachment] = []
  /// What its own clock shows.
  var clock = HostClock()
  /// When the stack or an application wants to be woken, by the world's clock.
  private(set) var deadline: Instant?
  /// False: crashed, or not yet started. Packets to it vanish, its timers do not fire.
  public internal(set) var isRunning = true
  /// It lost its power and was not started again.
  private(set) var hasCrashed = false
  /// How often it has been started: 1 from the beginning.
  public private(set) var lives = 1
  /// Packets and octets that links have given it, and that it has given them, since it was last started.
  public internal(set) var traffic = HostTraffic()
  /// It has a way to networks that it is not on.
  var hasGateway = false
  private let configuration: StackConfiguration
  private let seed: UInt64
  private var interfaces: [InterfaceConfiguration] = []
  private var routes: [Route] = []
  private var services: [Service] = []
  private var buffer: [UInt8] = []
  /// Which application has the connection of a slot, by the slot's index.
  private var placeOfSlot: [Int] = []
  /// Applications that want to be woken some time.
  private var impatient: [Int] = []

  init(id: HostID, _ configuration: StackConfiguration, seed: UInt64) {
    self.id = id
    self.configuration = configuration
    self.seed = seed
    stack = NetworkStack(configuration: configuration, seed: StackSeed(seed))
  }

  // MARK: Building

  func addInterface(_ configuration: InterfaceConfiguration) throws(InterfaceError) -> InterfaceID {
    let id = try stack.addInterface(configuration)
    interfaces.append(configuration)
    return id
  }

  /// Whoever it cannot reach itself is behind this router.
  func addGateway(_ gateway: AddressPair, on interface: InterfaceID) {
    let everybody: [(IPAddress, IPAddress)] = [
      (.v4(IPv4Address(bits: 0)), .v4(gateway.v4)), (.v6(IPv6Address(high: 0, low: 0)), .v6(gateway.v6)),
    ]
    for (network, router) in everybody {
      let route = Route(prefix: IPPrefix(network, length: 0), interface: interface, gateway: router)
      routes.append(route)
      try? stack.addRoute(route)
    }
    hasGateway = true
  }

  /// As if its power were cut: what stack and applications knew is gone.
  func crash() {
    isRunning = false
    hasCrashed = true
    for place in applications.indices { applications[place].crash() }
    for program in programs { program.crash() }
    impatient = []
    placeOfSlot = []
    deadline = nil
    otherEvents = []
    traffic = HostTraffic()
    // Another life has other secrets; that of the n-th is the same in every run.
    stack = NetworkStack(
      configuration: configuration, seed: StackSeed(SplitMix64.scramble(seed &+ UInt64(lives))))
    lives += 1
    for interface in interfaces { _ = try? stack.addInterface(interface) }
    for route in routes { try? stack.addRoute(route) }
  }

  /// Starts it again, and the services that listened when it crashed. It knows nothing else of its former life.
  func restart() {
    isRunning = true
    hasCrashed = false
    let former = services
    services = []
    for service in former { _ = try? serve(port: service.port, service.plan, service.options) }
    for program in programs { program.restart() }
  }

  // MARK: Applications

  /// Takes connections at a port, each with an application of this plan.
  @discardableResult
  public func serve(
    port: UInt16, _ plan: ApplicationPlan, _ options: ListenerOptions = ListenerOptions()
  ) throws(ListenError) -> ListenerID {
    let listener = try stack.listen(on: LocalEndpoint(port: port), options)
    services.append(Service(listener: listener, port: port, plan: plan, options: options))
    return listener
  }

  /// Opens a connection with an application of this plan; returns its place in `applications`.
  @discardableResult
  public func connect(
    to remote: Endpoint, from local: LocalEndpoint? = nil, _ plan: ApplicationPlan,
    _ options: ConnectionOptions? = nil, now: Instant
  ) throws(ConnectError) -> Int {
    let id = try stack.connect(to: remote, from: local, options, now: now)
    let place = begin(plan, id, now)
    // What is handed over before the SYN leaves goes with it (RFC 7413).
    if options?.fastOpen ?? configuration.tcp.connection.fastOpen {
      applications[place].drive(&stack, now: now, buffer: &buffer)
    }
    return place
  }

  private func begin(_ plan: ApplicationPlan, _ id: ConnectionID, _ now: Instant) -> Int {
    let place = applications.count
    applications.append(Application(plan, id, now: now))
    let slot = Int(truncatingIfNeeded: id.handle.index)
    while placeOfSlot.count <= slot { placeOfSlot.append(0) }
    placeOfSlot[slot] = place
    if plan.watchesTime { impatient.append(place) }
    return place
  }

  /// Closes every listener.
  public func stopServing(now: Instant) {
    for service in services { try? stack.close(service.listener, now: now) }
    services = []
  }

  // MARK: What the simulation does with it

  /// Drives the applications by what the stack tells. True: there was something.
  func drainEvents(now: Instant) -> Bool {
    var isBusy = false
    while let event = stack.nextEvent() {
      isBusy = true
      switch event {
      case .connection(let id, let news): tell(id, news, now)
      case .listener(let listener): accept(listener, now, event)
      case .attempt, .datagram, .echo, .memoryPressure, .synFlood, .addressReady, .addressConflict,
        .addressRemoved, .lease:
        otherEvents.append(event)
      }
    }
    for program in programs where program.run(&stack, now: now) { isBusy = true }
    return isBusy
  }

  private func tell(_ id: ConnectionID, _ news: Readiness, _ now: Instant) {
    guard let place = place(of: id) else {
      otherEvents.append(.connection(id, news))
      return
    }
    if news.contains(.connected) { applications[place].noteConnected(now: now) }
    applications[place].drive(&stack, now: now, buffer: &buffer)
  }

  private func place(of id: ConnectionID) -> Int? {
    let slot = Int(truncatingIfNeeded: id.handle.index)
    guard slot < placeOfSlot.count, placeOfSlot[slot] < applications.count else { return nil }
    return applications[placeOfSlot[slot]].connection == id ? placeOfSlot[slot] : nil
  }

  private func accept(_ listener: ListenerID, _ now: Instant, _ event: StackEvent) {
    guard let service = services.first(where: { $0.listener == listener }) else {
      otherEvents.append(event)
      return
    }
    while let id = try? stack.accept(listener) {
      let place = begin(service.plan, id, now)
      applications[place].noteConnected(now: now)
      applications[place].drive(&stack, now: now, buffer: &buffer)
    }
  }

  /// Fires the timers of the stack and of the applications.
  func wake(now: Instant) {
    stack.advance(to: now)
    for place in impatient {
      guard let deadline = applications[place].deadline, deadline <= now else { continue }
      applications[place].drive(&stack, now: now, buffer: &buffer)
    }
  }

  /// Looks again when it wants to be woken.
  func reckonDeadline(now: Instant) {
    var earliest = stack.nextDeadline(now: now)
    if !impatient.isEmpty {
      impatient.removeAll { applications[$0].outcome != .running }
      for place in impatient {
        guard let own = applications[place].deadline else { continue }
        earliest = earliest.map { min($0, own) } ?? own
      }
    }
    for program in programs {
      guard let own = program.deadline else { continue }
      earliest = earliest.map { min($0, own) } ?? own
    }
    deadline = earliest.map { clock.time(of: $0) }
  }
}

/// What links have carried from and to a host.
public struct HostTraffic: Equatable, BitwiseCopyable, Sendable {
  public var packetsIn: UInt64 = 0
  public var octetsIn: UInt64 = 0
  public var packetsOut: UInt64 = 0
  public var octetsOut: UInt64 = 0
}

/// What listens, and what each connection is given to.
private struct Service {
  var listener: ListenerID
  var port: UInt16
  var plan: ApplicationPlan
  var options: ListenerOptions
}
