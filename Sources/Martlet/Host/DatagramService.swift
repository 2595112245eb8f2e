import MartletLinks
import MartletStack
import MartletTCP
import MartletWire

/// A datagram that a task wants to send.
struct Parcel {
  let octets: [UInt8]
  let destination: Endpoint?
  let interface: InterfaceID?
  let fields: IPFields
  let waiter: Waiter<Void>
}

/// The tasks that wait for one UDP socket, in the order of their coming.
struct SocketRecord {
  var readers: [Waiter<Datagram>] = []
  var writers: [Parcel] = []

  func fail(_ error: HostError) {
    for reader in readers { reader.resume(.failure(error)) }
    for writer in writers { writer.waiter.resume(.failure(error)) }
  }
}

// The datagrams of a `Host`, on the loop's thread.
extension HostService {
  // MARK: Asked by tasks

  mutating func open(
    _ waiter: Waiter<DatagramSocket>, on local: LocalEndpoint, connectedTo peer: Endpoint?, hearsErrors: Bool,
    _ stack: inout NetworkStack, _ now: Instant
  ) {
    let mailbox = mailbox
    let attempt = Attempt(waiter, needing: local.address ?? peer?.address) { service, stack, _ in
      do throws(ListenError) {
        let id = try stack.openDatagram(on: local, connectedTo: peer, hearsErrors: hearsErrors)
        service.sockets[id] = SocketRecord()
        let bound = (try? stack.localEndpoint(id)) ?? local
        waiter.resume(.success(DatagramSocket(id, local: bound, mailbox)))
        return .done
      } catch {
        let failure = HostError(error, local)
        return error == .addressNotOurs || error == .noRoute ? .needsAddress(failure) : .failed(failure)
      }
    }
    begin(attempt, &stack, now)
  }

  mutating func receive(
    _ waiter: Waiter<Datagram>, _ id: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant
  ) {
    guard sockets[id] != nil else { return waiter.resume(.failure(.closed)) }
    sockets[id]?.readers.append(waiter)
    receive(id, &stack, now)
  }

  mutating func send(_ parcel: Parcel, _ id: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    guard sockets[id] != nil else { return parcel.waiter.resume(.failure(.closed)) }
    sockets[id]?.writers.append(parcel)
    send(id, &stack, now)
  }

  mutating func close(_ id: UDPSocketID, _ stack: inout NetworkStack) {
    guard let record = sockets.removeValue(forKey: id) else { return }
    record.fail(HostError(.closed, "The socket was closed on this side."))
    try? stack.close(id)
  }

  /// Resumes the cancelled.
  mutating func sweep(_ id: UDPSocketID) {
    sockets[id]?.readers.removeAll { reader in
      guard reader.isCancelled else { return false }
      reader.resume(.failure(.cancelled))
      return true
    }
    sockets[id]?.writers.removeAll { writer in
      guard writer.waiter.isCancelled else { return false }
      writer.waiter.resume(.failure(.cancelled))
      return true
    }
  }

  // MARK: What can be done now

  mutating func receive(_ id: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    while let waiter = sockets[id]?.readers.first {
      if waiter.isCancelled {
        waiter.resume(.failure(.cancelled))
      } else {
        let result = next(id, &stack, now)
        if case .failure(.wouldBlock) = result { return }
        waiter.resume(result.mapError { HostError($0) })
      }
      sockets[id]?.readers.removeFirst()
    }
  }

  private mutating func next(
    _ id: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant
  ) -> Result<Datagram, DatagramError> {
    let arrived = scratch.lend(Self.largestRead) { room in
      Result { () throws(DatagramError) in try stack.receive(id, into: &room, now: now) }
    }
    return arrived.map { arrived in
      Datagram(
        octets: scratch.show(arrived.count) { span in span.withUnsafeBytes { [UInt8]($0) } },
        remote: arrived.from, destination: arrived.to, interface: arrived.on, fields: arrived.fields)
    }
  }

  mutating func send(_ id: UDPSocketID, _ stack: inout NetworkStack, _ now: Instant) {
    while let parcel = sockets[id]?.writers.first {
      if parcel.waiter.isCancelled {
        parcel.waiter.resume(.failure(.cancelled))
      } else {
        do throws(DatagramError) {
          try stack.send(
            id, parcel.octets.span.bytes, to: parcel.destination, on: parcel.interface, fields: parcel.fields,
            now: now)
          parcel.waiter.resume(.success(()))
        } catch {
          if error == .wouldBlock { return }
          parcel.waiter.resume(.failure(HostError(error)))
        }
      }
      sockets[id]?.writers.removeFirst()
    }
  }
}
