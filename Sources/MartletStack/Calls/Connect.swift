public import MartletTCP
import MartletWire

/// Why no connection attempt was made: nothing was sent.
public enum ConnectError: Error, Equatable, Sendable {
  /// No interface leads there.
  case noRoute
  /// A connection has one peer (RFC 9293 MUST-46).
  case broadcastOrMulticast
  /// The address is one of this stack's own, and it has no loopback interface; or a link-local one, which has no way to
  /// itself.
  case unreachable
  /// The local address is none of ours, or of the other family.
  case addressNotOurs
  /// Port 0 cannot be connected to.
  case invalidPort
  /// What is said on this port comes to another of the stacks that share the work (`Steering`).
  case portOfAnotherShard
  /// The same two endpoints have a connection, or TIME-WAIT.
  case portInUse
  /// Every ephemeral port has a connection to this peer.
  case noPort
  /// The memory budget or the limit of connections refused.
  case budget
}

extension NetworkStack {
  /// Active OPEN (RFC 9293 §3.10.1): starts a connection. Its SYN waits in `nextPacket`; an event tells
  /// `.connected` or `.ended`.
  ///
  /// - Parameters:
  ///   - remote: where to. A link-local address is on the link of `local`, else on the first that a route tells.
  ///   - local: an address of ours (MUST-43), else the route decides (MUST-44); a port, else a random one.
  ///   - options: nil: the configuration's.
  public mutating func connect(
    to remote: Endpoint, from local: LocalEndpoint? = nil, _ options: ConnectionOptions? = nil, now: Instant
  ) throws(ConnectError) -> ConnectionID {
    tell(now)
    guard remote.port != 0 else { throw .invalidPort }
    let options = options ?? configuration.tcp.connection
    var (flow, path) = try flow(to: remote, from: local?.address)
    flow.localPort = try port(for: flow, wanted: local?.port ?? 0)
    var tcb = TCB(
      connecting: secrets.initialSequence(flow, now: clock), timestampOffset: secrets.timestampOffset(flow),
      mss: offeredMSS(flow, path.interface, options), sendMSSLimit: path.mss(isIPv4: flow.local.isIPv4),
      defaultPeerMSS: flow.defaultMSS, options: options, around, now: clock)
    if options.fastOpen { offerFastOpen(&tcb, flow, path) }
    guard let i = addConnection(tcb, flow, on: path.interface, options) else { throw .budget }
    guard insert(i, flow.tableHash(secrets.flowTable)), let handle = connections.handle(at: i) else {
      freeConnection(i)
      throw .budget
    }
    connections[i].marks.formUnion([.onWire, .owned])
    noteName(of: i, flow)
    noteTransition(.closed, .synSent, of: i)
    around.counters.activeOpens &+= 1
    becomeSender(i)
    rearmTimer(of: i)
    return ConnectionID(handle: handle)
  }

  /// Everything of the new flow but its local port.
  mutating func flow(
    to remote: Endpoint, from local: IPAddress?
  ) throws(ConnectError) -> (Flow, Path) {
    guard remote.address.isUnicastDestination else { throw .broadcastOrMulticast }
    if case .v4(let address) = remote.address, routing.isSubnetBroadcast(address) {
      throw .broadcastOrMulticast
    }
    guard routing.mayLeave(to: remote.address) else { throw .unreachable }
    if let local, !routing.isOurs(local) || !local.isFamily(of: remote.address) { throw .addressNotOurs }
    guard let path = path(to: remote.address, zone: routing.zone(of: remote.address, from: local)),
      let source = local ?? routing.sourceAddress(for: remote.address, on: path.interface)
    else { throw .noRoute }
    let flow = Flow(
      local: source, remote: remote.address, localPort: 0, remotePort: remote.port,
      zone: remote.address.hasZone ? path.interface.zone : 0)
    return (flow, path)
  }

  /// The port that the caller wants, or a random one (RFC 6056 §3.3.2) that gives a flow of its own.
  private mutating func port(for flow: Flow, wanted: UInt16) throws(ConnectError) -> UInt16 {
    var candidate = flow
    if wanted != 0 {
      candidate.localPort = wanted
      if find(candidate) != nil || candidate.isOfItself { throw .portInUse }
      guard comesHome(candidate) else { throw .portOfAnotherShard }
      return wanted
    }
    let first = configuration.firstEphemeralPort
    let last = configuration.lastEphemeralPort
    guard first <= last else { throw .noPort }
    // A few random draws; when the range is nearly full, a walk from the last of them finds what is left.
    for _ in 0..<8 {
      candidate.localPort = secrets.drawPort(for: flow, first: first, last: last)
      if isFree(candidate) { return candidate.localPort }
    }
    let start = candidate.localPort
    repeat {
      candidate.localPort = candidate.localPort == last ? first : candidate.localPort &+ 1
      if isFree(candidate) { return candidate.localPort }
    } while candidate.localPort != start
    throw .noPort
  }

  private mutating func isFree(_ flow: Flow) -> Bool {
    comesHome(flow) && find(flow) == nil && listener(at: flow.localEndpoint) == nil && !flow.isOfItself
  }

  /// Whether the answers come to this stack. What it says to itself no other hears.
  private func comesHome(_ flow: Flow) -> Bool {
    guard let shard = configuration.shard else { return true }
    return shard.owns(flow) || routing.isOurs(flow.remote)
  }

  /// Enters a connection into the flow table. False: the budget refused.
  ///
  /// - Parameter hash: `Flow.tableHash` of its flow.
  mutating func insert(_ i: UInt32, _ hash: UInt64) -> Bool {
    let value = FlowEntry(.connection, i).rawValue
    return connections[i].isIPv4
      ? flows4.table.insert(hash, value, &around.budget) : flows6.table.insert(hash, value, &around.budget)
  }
}
