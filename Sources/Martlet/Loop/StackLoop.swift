import MartletLinks
import MartletStack
import MartletTCP

/// Drives one stack and its links on one thread: waits for a link, the mailbox or the
/// stack's next deadline; takes in a batch; lets the application answer; sends what the
/// stack has to send. One reading of the clock serves a batch, and nothing is allocated for
/// a packet. When nothing is pending it sleeps without a time.
///
/// ```swift
/// let link = try TUNLink(TUNConfiguration(name: "mt0", kernelAddresses: [kernelSide]))
/// var loop = try StackLoop(
///   stack: NetworkStack(seed: .fromSystem()), links: LinkSet(link, addresses: [ourSide]),
///   application: Echo())
/// loop.control.stopOnSignals()
/// try loop.run()
/// ```
public struct StackLoop<L: Link & ~Copyable, App: Application & ~Copyable>: ~Copyable {
  public var stack: NetworkStack
  public var application: App
  public let control: LoopControl

  private var links: LinkSet<L>
  private var poller: Poller
  /// What the stack says to itself.
  private var loopback: Loopback?
  private var isStarted = false
  /// There is something to do that no descriptor will announce.
  private var hasWork = true
  /// Some link has no descriptor: it is looked at once a millisecond.
  private var polls = false
  /// Who is shown every packet; mostly nobody.
  private var captures = LoopCaptures()

  /// Packets taken from a link before the others have their turn.
  private static var receiveBatch: Int { 64 }
  /// Packets given to a link before arrivals are looked at again.
  private static var sendBatch: Int { 256 }
  /// More events than this wait for the next turn, so that links and deadlines have theirs.
  private static var eventBatch: Int { 4_096 }

  /// Gives the stack an interface for each link. Nothing moves until `run` or `turn`.
  /// `control` is for those who need it before there is a loop; it serves one loop. With `hasLoopback` the stack reaches
  /// itself, at 127.0.0.1, ::1 and its own addresses.
  public init(
    stack: consuming NetworkStack, links: consuming LinkSet<L>, application: consuming App,
    control: LoopControl? = nil, hasLoopback: Bool = true
  ) throws(LinkError) {
    var poller = try Poller()
    let control = if let control { control } else { try LoopControl() }
    try poller.add(control.wakeup.descriptor, tag: ReadyDescriptors.mailboxTag)
    var stack = stack
    var links = links
    var polls = false
    for i in 0..<links.count {
      try links.ports[i]?.attach(to: &stack)
      try links.ports[i]?.watch(by: &poller, tag: i)
      if links.ports[i]?.watched == nil { polls = true }
    }
    loopback = hasLoopback ? Loopback(of: &stack) : nil
    self.stack = stack
    self.links = links
    self.application = application
    self.poller = poller
    self.control = control
    self.polls = polls
  }

  /// Runs until `control.stop()`, and then at most for as long as `grace` until no connection
  /// is left but in TIME-WAIT. Throws when a link is gone.
  public mutating func run(grace: TimeAmount = .zero) throws(LinkError) {
    while !control.isStopping { try turn() }
    let stopped = SystemClock.now
    application.stop(stack: &stack, now: stopped)
    hasWork = true
    var now = stopped
    repeat {
      try turn(waitingAtMost: stopped.advanced(by: grace).since(now))
      now = SystemClock.now
    } while now.since(stopped) < grace && stack.held.connections > 0 && !control.isImpatient
    try flush()
  }

  /// What is ready has to leave: of many connections the resets of all. Links that are full have a moment to take it.
  private mutating func flush() throws(LinkError) {
    let end = SystemClock.now.advanced(by: .milliseconds(250))
    var now = SystemClock.now
    while now < end, hasOutput() {
      try turn(waitingAtMost: end.since(now))
      now = SystemClock.now
    }
  }

  private mutating func hasOutput() -> Bool {
    for i in 0..<links.count {
      if let id = links.ports[i]?.interface, stack.hasOutput(on: id) { return true }
      if links.ports[i]?.awaitsRoom == true { return true }
    }
    return false
  }

  /// Gives back what DHCP servers lend to the stack, and tells them (RFC 2131 §4.4.6). For the end: connections that have
  /// such an address end, too, and no other is asked for.
  public mutating func giveBackLeases() {
    for i in 0..<links.count {
      // Most have none.
      if let id = links.ports[i]?.interface { try? stack.releaseLease(of: id, now: SystemClock.now) }
    }
    // When a link has gone the server finds out when the time is over.
    try? turn(waitingAtMost: .zero)
  }

  /// One turn: waits, if there is nothing to do, and does what there is. At most `limit`
  /// is waited; nil: until something happens.
  public mutating func turn(waitingAtMost limit: TimeAmount? = nil) throws(LinkError) {
    if !isStarted {
      isStarted = true
      application.start(stack: &stack, now: SystemClock.now)
    }
    let ready = try poller.wait(atMost: patience(limit))
    let now = SystemClock.now
    hasWork = false
    try receive(ready, now)
    if loopback?.pass(of: &stack, now) == true { hasWork = true }
    if let deadline = stack.nextDeadline(now: now), deadline <= now { stack.advance(to: now) }
    if let deadline = application.nextDeadline, deadline <= now {
      application.deadlineReached(stack: &stack, now: now)
    }
    if ready.isReadable(ReadyDescriptors.mailboxTag) {
      control.wakeup.clear()
      application.woken(stack: &stack, now: now)
      letVisitorsIn(now)
    }
    dispatchEvents(now)
    try transmit(now)
    if !captures.isEmpty { captures.gather(stack) }
  }

  /// The interface of the first link with this name; nil: there is none.
  public mutating func interface(named name: String) -> InterfaceID? {
    for i in 0..<links.count {
      if let known = links.ports[i]?.link.name, known == name { return links.ports[i]?.interface }
    }
    return nil
  }

  /// Calls `body` with the link of an interface, for its counters or settings.
  public mutating func withLink<R>(of interface: InterfaceID, _ body: (inout L) -> R) -> R? {
    for i in 0..<links.count {
      guard let id = links.ports[i]?.interface, id == interface else { continue }
      return body(&links.ports[i]!.link)
    }
    return nil
  }

  /// Lets other threads look at the stack who have asked for it.
  private mutating func letVisitorsIn(_ now: Instant) {
    let visits = control.takeVisits()
    guard !visits.isEmpty else { return }
    var reports: [LinkReport] = []
    for i in 0..<links.count {
      if let report = links.ports[i]?.report { reports.append(report) }
    }
    var view = LoopView(links: reports, captures: captures)
    for visit in visits { visit(&stack, &view, now) }
    captures = view.captures
  }

  /// How long the poller may sleep; nil: for ever.
  private func patience(_ limit: TimeAmount?) -> TimeAmount? {
    if hasWork { return .zero }
    let now = SystemClock.now
    var amount = stack.nextDeadline(now: now)?.since(now)
    if let deadline = application.nextDeadline {
      amount = min(amount ?? deadline.since(now), deadline.since(now))
    }
    if polls { amount = min(amount ?? .milliseconds(1), .milliseconds(1)) }
    guard let limit else { return amount }
    return min(amount ?? limit, limit)
  }

  private mutating func receive(_ ready: ReadyDescriptors, _ now: Instant) throws(LinkError) {
    for i in 0..<links.count {
      try Self.receive(&links.ports[i]!, ready, tag: i, &stack, &captures, now)
      if links.ports[i]!.hasArrivals { hasWork = true }
    }
    try watchLinks()
  }

  private static func receive(
    _ port: inout LinkPort<L>, _ ready: ReadyDescriptors, tag: Int, _ stack: inout NetworkStack,
    _ captures: inout LoopCaptures, _ now: Instant
  ) throws(LinkError) {
    let isPolled = port.link.readiness == nil
    let isReadable = isPolled || ready.isReadable(tag)
    let hasRoom = isPolled || port.link.roomSignal == .readable ? isReadable : ready.isWritable(tag)
    if hasRoom { port.isFull = false }
    guard isReadable || port.hasArrivals else { return }
    let interface = port.interface
    let count =
      captures.isEmpty
      ? try port.link.receive(limit: receiveBatch, now: now) { packet, metadata in
        stack.receive(packet, metadata, on: interface, now: now)
      }
      : try port.link.receive(limit: receiveBatch, now: now) { packet, metadata in
        captures.receive(packet, metadata, on: interface, &stack, now)
      }
    port.hasArrivals = count == receiveBatch
    let returns = port.link.counters.returns
    guard returns != port.returns else { return }
    port.returns = returns
    // Only a stack whose application has taken the interface away does not know it.
    try? stack.linkIsBack(on: interface, now: now)
  }

  /// A link that was made again has another descriptor (`ReconnectingLink`).
  private mutating func watchLinks() throws(LinkError) {
    for i in 0..<links.count where links.ports[i]?.isWatchedElsewhere == true {
      try links.ports[i]?.watch(by: &poller, tag: i)
      polls = false
      for j in 0..<links.count where links.ports[j]?.watched == nil { polls = true }
    }
  }

  private mutating func dispatchEvents(_ now: Instant) {
    for _ in 0..<Self.eventBatch {
      guard let event = stack.nextEvent() else { return }
      application.event(event, stack: &stack, now: now)
    }
    hasWork = true
  }

  private mutating func transmit(_ now: Instant) throws(LinkError) {
    for i in 0..<links.count {
      if try Self.transmit(&links.ports[i]!, tag: i, &poller, &stack, &captures, now) == .limit {
        hasWork = true
      }
    }
    try watchLinks()
    if loopback?.hasWork(in: stack) == true { hasWork = true }
    // Sending may have made room for the application, whose answer goes out in the next turn.
    guard let event = stack.nextEvent() else { return }
    application.event(event, stack: &stack, now: now)
    dispatchEvents(now)
    hasWork = true
  }

  private static func transmit(
    _ port: inout LinkPort<L>, tag: Int, _ poller: inout Poller, _ stack: inout NetworkStack,
    _ captures: inout LoopCaptures, _ now: Instant
  ) throws(LinkError) -> SendOutcome {
    guard !port.isFull else { return .full }
    let interface = port.interface
    guard port.awaitsRoom || stack.hasOutput(on: interface) else { return .drained }
    let outcome =
      captures.isEmpty
      ? try port.link.send(limit: sendBatch, now: now) { buffer in
        stack.nextPacket(on: interface, into: &buffer, now: now)
      }
      : try port.link.send(limit: sendBatch, now: now) { buffer in
        captures.nextPacket(on: interface, into: &buffer, &stack, now)
      }
    port.isFull = outcome == .full
    if port.isFull != port.awaitsRoom {
      port.awaitsRoom = port.isFull
      if port.link.roomSignal == .writable, let descriptor = port.link.readiness {
        try poller.setWriting(port.isFull, descriptor, tag: tag)
      }
    }
    return outcome
  }
}
