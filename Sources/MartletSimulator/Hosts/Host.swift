public import MartletStack
public import MartletTCP
public import MartletWire

/// Where an interface of a host is plugged in.
struct Attachment {
  var host: HostID
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
  /// Its addresses, one of each family for each link.
  public internal(set) var addresses: [IPAddress] = []
  /// What the stack told that is no application's business, in order.
  public var otherEvents: [StackEvent] = []

  var attachments: [Attachment] = []
  /// When the stack or an application wants to be woken.
  private(set) var deadline: Instant?
  /// False: crashed, or not yet started. Packets to it vanish, its timers do not fire.
  public internal(set) var isRunning = true
  private var services: [(listener: ListenerID, plan: ApplicationPlan)] = []
  private var buffer = [UInt8](repeating: 0, count: 65_536)
  /// Which application has the connection of a slot, by the slot's index.
  private var placeOfSlot: [Int] = []
  /// Applications that want to be woken some time.
  private var impatient: [Int] = []

  init(id: HostID, stack: consuming NetworkStack) {
    self.id = id
    self.stack = stack
  }

  // MARK: Applications

  /// Takes connections at a port, each with an application of this plan.
  @discardableResult
  public func serve(
    port: UInt16, _ plan: ApplicationPlan, _ options: ListenerOptions = ListenerOptions()
  ) throws(ListenError) -> ListenerID {
    let listener = try stack.listen(on: LocalEndpoint(port: port), options)
    services.append((listener, plan))
    return listener
  }

  /// Opens a connection with an application of this plan; returns its place in `applications`.
  @discardableResult
  public func connect(
    to remote: Endpoint, from local: LocalEndpoint? = nil, _ plan: ApplicationPlan,
    _ options: ConnectionOptions? = nil, now: Instant
  ) throws(ConnectError) -> Int {
    let id = try stack.connect(to: remote, from: local, options, now: now)
    return begin(plan, id, now)
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
      case .attempt, .datagram, .memoryPressure, .synFlood: otherEvents.append(event)
      }
    }
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
    deadline = stack.nextDeadline(now: now)
    guard !impatient.isEmpty else { return }
    impatient.removeAll { applications[$0].outcome != .running }
    for place in impatient {
      guard let own = applications[place].deadline else { continue }
      deadline = deadline.map { min($0, own) } ?? own
    }
  }
}
