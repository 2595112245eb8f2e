public import MartletTCP
public import MartletWire

// An echo socket is a datagram socket of ICMP: one host is asked for echoes (RFC 792; RFC 4443 §4.1), and what comes
// back waits in the socket's queue, each with the time at which it came. An identifier stands in place of a port.

/// What has come of an echo request.
public struct EchoAnswer: Equatable, BitwiseCopyable, Sendable {
  /// Of the request.
  public var sequence: UInt16
  /// `.none`: it was answered; else why it went no further.
  public var error: SoftError
  /// Who sent the reply, or the error; the stack itself, when there was nobody at the next hop.
  public var from: IPAddress
  public var interface: InterfaceID
  /// Of what came; the hop limit is 0 where nobody sent it.
  public var fields: IPFields
  /// When it came.
  public var time: Instant
  /// Octets of the reply that were copied out, and that there were.
  public var count: Int
  public var totalCount: Int
}

extension NetworkStack {
  /// Opens a socket that asks one host for echoes.
  ///
  /// - Parameters:
  ///   - source: one of our addresses; nil: the one that a route tells.
  ///   - interface: the link of a link-local destination. Nil: that of `source`, else the first that a route tells.
  public mutating func openEcho(
    to destination: IPAddress, from source: IPAddress? = nil, on interface: InterfaceID? = nil
  ) throws(ListenError) -> EchoSocketID {
    if let source, !routing.isOurs(source) { throw .addressNotOurs }
    guard sockets.live < Int(configuration.datagramSocketLimit) else { throw .tooMany }
    var zone = routing.zone(of: destination, from: source)
    if let interface, destination.hasZone { zone = interface.zone }
    guard destination.isUnicastDestination, !isBroadcast(destination), routing.mayLeave(to: destination),
      let path = path(to: destination, zone: zone),
      let local = source ?? routing.sourceAddress(for: destination, on: path.interface),
      local.isFamily(of: destination)
    else { throw .noRoute }
    if destination.hasZone { zone = path.interface.zone }
    let first = randomPort()
    guard let identifier = echoIdentifiers.freePort(from: first, configuration) else { throw .noPort }
    var socket = DatagramSocket(
      local: LocalEndpoint(address: local, port: identifier), zone: zone,
      peer: Endpoint(address: destination, port: 0), hearsErrors: true)
    socket.isEcho = true
    guard echoIdentifiers.reserve(&around.budget), let handle = sockets.allocate(socket, &around.budget)
    else { throw .budget }
    echoIdentifiers.insert(identifier, handle.index)
    return EchoSocketID(handle: handle)
  }

  private func isBroadcast(_ destination: IPAddress) -> Bool {
    guard case .v4(let a) = destination else { return false }
    return routing.isSubnetBroadcast(a)
  }

  /// The identifier of its requests, and the address that they are from.
  public func localEndpoint(_ id: EchoSocketID) throws(HandleError) -> LocalEndpoint {
    guard let s = sockets.index(of: id) else { throw .stale }
    return sockets[s].local
  }

  /// Queues an echo request; it leaves when it is pulled, in fragments if it does not fit the path.
  ///
  public mutating func sendEcho(
    _ id: EchoSocketID, sequence: UInt16, _ bytes: RawSpan, fields: IPFields = IPFields(), now: Instant
  ) throws(DatagramError) {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    let (identifier, zone) = (sockets[s].local.port, sockets[s].zone)
    guard let remote = sockets[s].peer?.address, let source = sockets[s].local.address else { throw .noRoute }
    guard routing.isOurs(source) else { throw .addressNotOurs }
    guard let path = path(to: remote, zone: zone) else { throw .noRoute }
    let isIPv4 = source.isIPv4
    let size = ICMPv4Message.encodedCount &+ bytes.byteCount
    let most = Int(UInt16.max) &- (isIPv4 ? IPv4Header.encodedCount : 0)
    guard size <= most, size &+ DatagramQueue.headerCount <= Int(configuration.datagramQueueLimit) else {
      throw .tooLarge
    }
    var front = ScratchBytes<8>()
    if isIPv4 {
      let message = ICMPv4Message.echoRequest(identifier: identifier, sequence: sequence)
      front.fill { message.write(into: &$0, at: 0) }
    } else {
      let message = ICMPv6Message.echoRequest(identifier: identifier, sequence: sequence)
      front.fill { message.write(into: &$0, at: 0) }
    }
    let record = DatagramHeader(
      count: UInt16(truncatingIfNeeded: size), proto: isIPv4 ? .icmp : .icmpv6, fields: fields,
      local: source, remote: remote)
    let i = path.interface.index
    guard
      interfaces[i].datagrams.append(
        record, front.bytes, bytes, limit: configuration.datagramQueueLimit, &around.pool, &around.budget)
    else {
      socketWaits(s, on: i)
      throw .wouldBlock
    }
    stopWaiting(s, on: i)
    counts.icmpOutEchos &+= 1
  }

  /// Takes the next answer, and copies the octets of a reply out; those that do not fit `out` are lost.
  public mutating func receiveEcho(
    _ id: EchoSocketID, into out: inout MutableRawSpan, now: Instant
  ) throws(DatagramError) -> EchoAnswer {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    guard let header = sockets[s].queue.first(around.pool) else {
      try throwError(of: s)
      throw .wouldBlock
    }
    var front = ScratchBytes<12>()
    front.fill { raw in
      sockets[s].queue.copyFirst(from: 0, EchoNote.count, into: &raw, at: 0, around.pool)
    }
    let note = EchoNote(front.bytes)
    let total = header.count &- EchoNote.count
    let count = min(total, UInt16(clamping: out.byteCount))
    sockets[s].queue.copyFirst(from: EchoNote.count, count, into: &out, at: 0, around.pool)
    sockets[s].queue.removeFirst(header, &around.pool, &around.budget)
    return EchoAnswer(
      sequence: note.sequence, error: note.error, from: header.remote, interface: header.interface,
      fields: header.fields, time: note.time, count: Int(count), totalCount: Int(total))
  }

  /// Whether `receiveEcho` would give something, and `sendEcho` take it, as of a socket of UDP.
  public func readiness(_ id: EchoSocketID) throws(HandleError) -> Readiness {
    guard let s = sockets.index(of: id) else { throw .stale }
    return sockets[s].readiness
  }

  /// Frees the socket, its identifier and what waits in it.
  public mutating func close(_ id: EchoSocketID) throws(HandleError) {
    guard let s = sockets.index(of: id) else { throw .stale }
    echoIdentifiers.remove(sockets[s].local.port, s)
    discard(socket: s)
  }
}

/// What stands before the octets of an answer in the queue.
struct EchoNote: BitwiseCopyable {
  var time: Instant
  var sequence: UInt16
  var error: SoftError

  static var count: UInt16 { 12 }

  init(time: Instant, sequence: UInt16, error: SoftError) {
    self.time = time
    self.sequence = sequence
    self.error = error
  }

  init(_ bytes: RawSpan) {
    time = Instant(nanoseconds: bytes.be64(0))
    sequence = bytes.be16(8)
    error = SoftError(rawValue: bytes.u8(10)) ?? .none
  }

  func write(into out: inout MutableRawSpan) {
    out.store64be(time.nanoseconds, at: 0)
    out.store16be(sequence, at: 8)
    out.store8(error.rawValue, at: 10)
  }
}
