public import MartletTCP
import MartletWire

/// A UDP socket, or an echo socket.
struct DatagramSocket: BitwiseCopyable {
  var local: LocalEndpoint
  /// Of a link-local peer or, where there is none, own address; 0: that of whoever sends (RFC 4007 §6).
  var zone: UInt16
  var peer: Endpoint?
  var queue = DatagramQueue()
  var drops: UInt64 = 0
  /// From ICMP (RFC 1122 §4.1.3.3), about a datagram to `errorRemote`.
  var error: SoftError = .none
  var errorRemote: Endpoint?
  var errorReporter: IPAddress?
  /// One that is connected does so in any case.
  var hearsErrors: Bool
  /// Its own address is ours no longer, and no call has said so.
  var hasLostAddress = false
  /// An interface whose queue had no room for what it wanted to send, and one; 0: there is none.
  var waitsFor: UInt16 = 0
  var nextEvent = IndexList.none
  var news: Readiness = []
  var hasEvent = false
  var isClosed = false
  /// Of ICMP: the local port is its identifier, and the peer has none.
  var isEcho = false
}

/// Why a datagram was not sent or received.
public enum DatagramError: Error, Equatable, Sendable {
  /// Nothing is there, or the queue is full.
  case wouldBlock
  case stale
  /// No destination was given, or one that differs from the connected one.
  case noDestination
  /// Larger than any datagram can be, or than the queue for those that leave.
  case tooLarge
  case noRoute
  /// The socket is bound to an address that is ours no longer: another may have it already. `receive` says so once.
  case addressNotOurs
  /// An ICMP error about an earlier datagram.
  case network(SoftError)
}

extension NetworkStack {
  /// Binds a UDP socket to an address or any, and a port or an ephemeral one. A connected one talks to one
  /// peer only; a link-local peer is on the link of `local`, else on the first that a route tells.
  ///
  /// - Parameter hearsErrors: ICMP errors about what it sends come out of its calls though it is connected to nobody;
  ///   `takeError` tells whom they are about.
  public mutating func openDatagram(
    on local: LocalEndpoint = LocalEndpoint(), connectedTo peer: Endpoint? = nil, hearsErrors: Bool = false
  ) throws(ListenError) -> UDPSocketID {
    if let address = local.address, !routing.isOurs(address) { throw .addressNotOurs }
    guard sockets.live < Int(configuration.datagramSocketLimit) else { throw .tooMany }
    var local = local
    var zone: UInt16 = 0
    if let own = local.address {
      zone = routing.zone(of: peer?.address ?? own, from: own)
    } else if let peer {
      guard let path = path(to: peer.address),
        let source = routing.sourceAddress(for: peer.address, on: path.interface)
      else { throw .noRoute }
      local.address = source
      if peer.address.hasZone { zone = path.interface.zone }
    }
    if local.port == 0 {
      let first = randomPort()
      guard let port = socketPorts.freePort(from: first, configuration) else { throw .noPort }
      local.port = port
    } else if socketPorts.best(
      local.port,
      {
        let other = sockets[$0]
        return other.local.address == local.address && other.peer == peer && other.zone == zone ? 1 : 0
      }) != nil
    {
      throw .portInUse
    }
    guard socketPorts.reserve(&around.budget),
      let handle = sockets.allocate(
        DatagramSocket(local: local, zone: zone, peer: peer, hearsErrors: hearsErrors || peer != nil),
        &around.budget)
    else { throw .budget }
    socketPorts.insert(local.port, handle.index)
    return UDPSocketID(handle: handle)
  }

  /// The socket's own endpoint.
  public func localEndpoint(_ id: UDPSocketID) throws(HandleError) -> LocalEndpoint {
    guard let s = sockets.index(of: id) else { throw .stale }
    return sockets[s].local
  }

  /// Queues a datagram; it leaves when it is pulled, in fragments if it does not fit the path.
  ///
  /// - Parameters:
  ///   - destination: nil only for a connected socket.
  ///   - interface: the link of a link-local destination, as `receive` gave it, or of a group. Nil: that of the
  ///     socket's own address, or on which it has joined the group, else the first that a route tells.
  public mutating func send(
    _ id: UDPSocketID, _ bytes: RawSpan, to destination: Endpoint? = nil, on interface: InterfaceID? = nil,
    fields: IPFields = IPFields(), now: Instant
  ) throws(DatagramError) {
    _ = try queue(id, bytes, segmentSize: 0, to: destination, on: interface, fields, now)
  }

  /// Queues several datagrams to one place, of `size` octets each, the last of them perhaps shorter. Where they fit the path,
  /// and the device cuts such trains, they cost little more than one.
  ///
  /// - Parameter size: octets of text in each; 0: all of `bytes` is one datagram, as in `send`.
  /// - Returns: octets that were queued: all, or those of the first datagrams, for which there was room.
  public mutating func sendTrain(
    _ id: UDPSocketID, _ bytes: RawSpan, of size: UInt16, to destination: Endpoint? = nil,
    on interface: InterfaceID? = nil, fields: IPFields = IPFields(), now: Instant
  ) throws(DatagramError) -> Int {
    try queue(id, bytes, segmentSize: Int(size), to: destination, on: interface, fields, now)
  }

  private mutating func queue(
    _ id: UDPSocketID, _ bytes: RawSpan, segmentSize: Int, to destination: Endpoint?,
    on interface: InterfaceID?, _ fields: IPFields, _ now: Instant
  ) throws(DatagramError) -> Int {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    try throwError(of: s)
    guard let remote = sockets[s].peer ?? destination, remote.port != 0, remote == destination ?? remote
    else { throw .noDestination }
    guard routing.mayLeave(to: remote.address) else { throw .noRoute }
    var zone: UInt16 = 0
    let isGroup = remote.address.isMulticast
    if remote.address.hasZone || isGroup {
      zone = isGroup ? 0 : sockets[s].zone
      if let interface {
        guard zone == 0 || zone == interface.zone else { throw .noDestination }
        zone = interface.zone
      } else if isGroup, let link = groups.interface(of: remote.address, joinedBy: s) {
        zone = link.zone
      }
    }
    if let source = sockets[s].local.address, !routing.isOurs(source) { throw .addressNotOurs }
    guard let path = path(to: remote.address, zone: zone),
      let source = sockets[s].local.address ?? routing.sourceAddress(for: remote.address, on: path.interface),
      source.isFamily(of: remote.address)
    else { throw .noRoute }
    let flow = Flow(
      local: source, remote: remote.address, localPort: sockets[s].local.port, remotePort: remote.port)
    var fields = fields
    if isGroup { fields.hopLimit = max(fields.hopLimit, 1) }
    return try queue(bytes, flow, of: s, fields, segmentSize: segmentSize, on: path.interface.index)
  }

  private mutating func queue(
    _ bytes: RawSpan, _ flow: Flow, of s: UInt32, _ fields: IPFields, segmentSize: Int, on i: Int
  ) throws(DatagramError) -> Int {
    let isIPv4 = flow.local.isIPv4
    let largest =
      UDPHeader.encodedCount &+ (segmentSize > 0 ? min(segmentSize, bytes.byteCount) : bytes.byteCount)
    let most = Int(UInt16.max) &- (isIPv4 ? IPv4Header.encodedCount : 0)
    guard largest <= most, largest &+ DatagramQueue.headerCount <= Int(configuration.datagramQueueLimit)
    else {
      throw .tooLarge
    }
    let headers = isIPv4 ? IPv4Header.encodedCount : IPv6Header.encodedCount
    let isCutByDevice =
      interfaces[i].offload.isSuperset(of: .trains)
      && headers &+ largest <= Int(pathMTU(of: flow.remote, on: i))
    var done = 0
    repeat {
      let count = DatagramTrain.count(
        of: bytes.byteCount &- done, segmentSize: segmentSize,
        limit: isCutByDevice
          ? min(most, Int(configuration.datagramQueueLimit) &- DatagramQueue.headerCount) : 0)
      let size = UInt16(truncatingIfNeeded: UDPHeader.encodedCount &+ count)
      var front = ScratchBytes<8>()
      front.fill {
        UDPHeader(sourcePort: flow.localPort, destinationPort: flow.remotePort, totalCount: size).write(
          into: &$0, at: 0)
      }
      let isTrain = segmentSize > 0 && count > segmentSize
      let record = DatagramHeader(
        count: size, proto: .udp, fields: fields,
        segmentSize: isTrain ? UInt16(truncatingIfNeeded: segmentSize) : 0, local: flow.local,
        remote: flow.remote)
      guard
        interfaces[i].datagrams.append(
          record, front.bytes, bytes.extracting(done..<done &+ count),
          limit: configuration.datagramQueueLimit,
          &around.pool, &around.budget)
      else {
        socketWaits(s, on: i)
        if done == 0 { throw .wouldBlock }
        return done
      }
      done &+= count
    } while done < bytes.byteCount
    stopWaiting(s, on: i)
    return done
  }

  /// Copies the next datagram out. What does not fit `out` is lost.
  public mutating func receive(
    _ id: UDPSocketID, into out: inout MutableRawSpan, now: Instant
  ) throws(DatagramError) -> ArrivedDatagram {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    try throwError(of: s)
    guard let header = sockets[s].queue.first(around.pool) else { throw .wouldBlock }
    let count = min(header.count, UInt16(clamping: out.byteCount))
    _ = sockets[s].queue.emitFirst(count, into: &out, at: 0, around.pool)
    sockets[s].queue.removeFirst(header, &around.pool, &around.budget)
    return ArrivedDatagram(
      count: Int(count), totalCount: Int(header.count),
      from: Endpoint(address: header.remote, port: header.port), to: header.local, on: header.interface,
      fields: header.fields)
  }

  mutating func throwError(of s: UInt32) throws(DatagramError) {
    if sockets[s].hasLostAddress {
      sockets[s].hasLostAddress = false
      // It may have come back.
      if let own = sockets[s].local.address, !routing.isOurs(own) { throw .addressNotOurs }
    }
    let error = sockets[s].error
    guard error != .none else { return }
    sockets[s].error = .none
    throw .network(error)
  }

  /// The latest ICMP error that no call has thrown, where the datagram went that it is about, and who says so; nil:
  /// there is none.
  public mutating func takeError(
    _ id: UDPSocketID
  ) throws(HandleError) -> (error: SoftError, destination: Endpoint, reporter: IPAddress)? {
    guard let s = sockets.index(of: id) else { throw .stale }
    let error = sockets[s].error
    guard error != .none, let destination = sockets[s].errorRemote, let reporter = sockets[s].errorReporter
    else { return nil }
    sockets[s].error = .none
    return (error, destination, reporter)
  }

  /// Whether `receive` would give something, and `send` take it: after a refusal it says no until there is room again,
  /// of which an event tells.
  public func readiness(_ id: UDPSocketID) throws(HandleError) -> Readiness {
    guard let s = sockets.index(of: id) else { throw .stale }
    return sockets[s].readiness
  }

  /// Frees the socket, its port and what waits in it.
  public mutating func close(_ id: UDPSocketID) throws(HandleError) {
    guard let s = sockets.index(of: id) else { throw .stale }
    socketPorts.remove(sockets[s].local.port, s)
    discard(socket: s)
  }

  /// The record of one that nobody can find any more.
  mutating func discard(socket s: UInt32) {
    leaveGroups(ofSocket: s)
    stopWaiting(s)
    sockets[s].queue.removeAll(&around.pool, &around.budget)
    if sockets[s].hasEvent {
      sockets[s].isClosed = true
    } else {
      sockets.free(s, &around.budget)
    }
  }
}

extension Slab where Record == DatagramSocket {
  /// The record of a socket that is not closed.
  @inline(__always)
  func index(of id: UDPSocketID) -> UInt32? { index(of: id.handle, isEcho: false) }

  @inline(__always)
  func index(of id: EchoSocketID) -> UInt32? { index(of: id.handle, isEcho: true) }

  @inline(__always)
  private func index(of handle: Handle, isEcho: Bool) -> UInt32? {
    guard contains(handle), !self[handle.index].isClosed, self[handle.index].isEcho == isEcho else {
      return nil
    }
    return handle.index
  }
}
