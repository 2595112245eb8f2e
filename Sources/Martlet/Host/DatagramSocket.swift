import MartletStack
import MartletTCP
import MartletWire
import Synchronization

/// A datagram that has arrived at a `DatagramSocket`.
public struct Datagram: Equatable, Sendable {
  /// What the sender wrote; it may be nothing.
  public let octets: [UInt8]
  public let remote: Endpoint
  /// Whom it was for: one of our addresses, a broadcast, or a group's.
  public let destination: IPAddress
  /// Where it came in. To answer a link-local sender, hand it to `send`.
  public let interface: InterfaceID
  /// Hop limit, class of service and mark that it came with.
  public let fields: IPFields
}

/// A UDP socket of a `Host`, for tasks: a sequence of the datagrams that come to its port (RFC 768).
///
/// Datagrams wait in the stack until a task asks for the next, at most `StackConfiguration.datagramReceiveBuffer` octets
/// of them; what comes beyond that is lost, as anything may be on its way. Any number of tasks may send and receive. The
/// sequence ends when the socket is closed or the task is cancelled. A socket that is dropped is closed.
public final class DatagramSocket: AsyncSequence, Sendable {
  public typealias Element = Datagram
  public typealias Failure = HostError

  /// Where it receives; the port that was chosen, if it was asked for port 0.
  public let local: LocalEndpoint
  private let id: UDPSocketID
  private let mailbox: Mailbox
  private let isReleased = Atomic<Bool>(false)

  init(_ id: UDPSocketID, local: LocalEndpoint, _ mailbox: Mailbox) {
    self.id = id
    self.local = local
    self.mailbox = mailbox
  }

  deinit { close() }

  /// Waits for the next datagram. Throws as well when an ICMP error has come about one that was sent, once for each, if
  /// the socket is connected or was opened with `hearsErrors`.
  public func receive() async throws(HostError) -> Datagram {
    let id = self.id
    return try await mailbox.ask { waiter, service, stack, now in
      service.receive(waiter, id, &stack, now)
    } sweep: { service, _, _ in
      service.sweep(id)
    }
  }

  /// Sends a datagram; waits while there is no room in the queue of the link. It comes back when the stack has it, which
  /// says nothing of the receiver.
  ///
  /// - Parameters:
  ///   - octets: at most 65,507, over IPv6 65,527. What does not fit the path leaves in fragments.
  ///   - destination: nil: the one that the socket is connected to.
  ///   - interface: the link of a link-local destination or a group; nil: the socket's own, or what a route tells.
  ///   - fields: hop limit, class of service and mark; as the configuration says, unless given.
  public func send(
    _ octets: [UInt8], to destination: Endpoint? = nil, on interface: InterfaceID? = nil,
    fields: IPFields = IPFields()
  ) async throws(HostError) {
    let id = self.id
    try await mailbox.ask { (waiter: Waiter<Void>, service, stack, now) in
      let parcel = Parcel(
        octets: octets, destination: destination, interface: interface, fields: fields, waiter: waiter)
      service.send(parcel, id, &stack, now)
    } sweep: { service, _, _ in
      service.sweep(id)
    }
  }

  /// Hears what is sent to a group on a link from now on (RFC 1112 §7). Only for a socket that is bound to no address.
  public func join(_ group: IPAddress, on interface: InterfaceID) async throws(HostError) {
    try await change { (id, stack, now) throws(GroupError) in
      try stack.joinGroup(id, group, on: interface, now: now)
    }
  }

  /// The opposite. Closing does it for all groups.
  public func leave(_ group: IPAddress, on interface: InterfaceID) async throws(HostError) {
    try await change { (id, stack, now) throws(GroupError) in
      try stack.leaveGroup(id, group, on: interface, now: now)
    }
  }

  private func change(
    _ body: @escaping @Sendable (UDPSocketID, inout NetworkStack, Instant) throws(GroupError) -> Void
  ) async throws(HostError) {
    let id = self.id
    try await mailbox.ask { (waiter: Waiter<Void>, _, stack, now) in
      waiter.resume(Result { () throws(GroupError) in try body(id, &stack, now) }.mapError { HostError($0) })
    } sweep: { _, _, _ in
    }
  }

  /// Gives the port back. Tasks that still wait fail.
  public func close() {
    guard !isReleased.exchange(true, ordering: .relaxed) else { return }
    let id = self.id
    _ = mailbox.post { service, stack, _ in service.close(id, &stack) }
  }

  public struct AsyncIterator: AsyncIteratorProtocol {
    fileprivate let socket: DatagramSocket

    public mutating func next() async throws(HostError) -> Datagram? {
      try await socket.receiveUnlessClosed()
    }

    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(HostError) -> Datagram? {
      try await socket.receiveUnlessClosed()
    }
  }

  private func receiveUnlessClosed() async throws(HostError) -> Datagram? {
    do throws(HostError) {
      return try await receive()
    } catch {
      guard error.code == .closed || error.code == .cancelled else { throw error }
      return nil
    }
  }

  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(socket: self) }
}
