/// A line of the table of datagram sockets, as `ss -u` prints it.
public struct DatagramSocketReport: BitwiseCopyable, Sendable {
  public var local: LocalEndpoint
  /// Nil: it is connected to nobody.
  public var peer: Endpoint?
  /// Octets that wait to be received, with what is known of them.
  public var receiveQueue: UInt32
  public var receiveBuffer: UInt32
  /// Datagrams for which there was no room.
  public var drops: UInt64
  /// Of ICMP: the port is its identifier.
  public var isEcho: Bool
}

extension NetworkStack {
  /// Calls `body` with every UDP and echo socket.
  public func forEachDatagramSocket(_ body: (DatagramSocketReport) -> Void) {
    sockets.forEachLive { s in
      let socket = sockets[s]
      guard !socket.isClosed else { return }
      body(
        DatagramSocketReport(
          local: socket.local, peer: socket.peer, receiveQueue: UInt32(clamping: socket.queue.byteCount),
          receiveBuffer: configuration.datagramReceiveBuffer, drops: socket.drops, isEcho: socket.isEcho))
    }
  }
}
