import MartletTCP

// Datagrams of all sockets wait in one queue for each interface. A socket that it had no room for is told when half of it
// is free: one that were told of every place would be woken for each packet that leaves.

extension DatagramSocket {
  /// What its calls would do.
  var readiness: Readiness {
    var level: Readiness = waitsFor == 0 ? .writable : []
    if !queue.isEmpty { level.insert(.readable) }
    if error != .none || hasLostAddress { level.formUnion([.error, .readable]) }
    return level
  }
}

extension NetworkStack {
  /// The queue of an interface, or the budget, has refused what a socket sends.
  mutating func socketWaits(_ s: UInt32, on interface: Int) {
    stopWaiting(s)
    sockets[s].waitsFor = InterfaceID(rawValue: UInt16(truncatingIfNeeded: interface)).zone
    interfaces[interface].waitingSockets &+= 1
    // Nothing will leave that could make room: only memory is missing.
    if interfaces[interface].datagrams.isEmpty { socketWaitsForMemory() }
  }

  /// It waits no more.
  mutating func stopWaiting(_ s: UInt32) {
    let zone = sockets[s].waitsFor
    guard zone > 0 else { return }
    sockets[s].waitsFor = 0
    interfaces[Int(zone) &- 1].waitingSockets &-= 1
  }

  /// An interface has taken what it sends.
  mutating func stopWaiting(_ s: UInt32, on interface: Int) {
    if Int(sockets[s].waitsFor) == interface &+ 1 { stopWaiting(s) }
  }

  /// Something has left the queue of an interface.
  mutating func wakeSockets(on interface: Int) {
    guard interfaces[interface].waitingSockets > 0,
      interfaces[interface].datagrams.byteCount <= Int(configuration.datagramQueueLimit) / 2
    else { return }
    wakeAllSockets(on: interface)
  }

  /// Tells all that wait for an interface that they may try again.
  mutating func wakeAllSockets(on interface: Int) {
    var next = sockets.nextLive(from: 0)
    while interfaces[interface].waitingSockets > 0, let s = next {
      next = sockets.nextLive(from: s &+ 1)
      guard Int(sockets[s].waitsFor) == interface &+ 1 else { continue }
      stopWaiting(s)
      raise(.writable, ofSocket: s)
    }
  }

  /// Memory has come back: likewise those whose queue is empty, whom nothing that leaves would wake.
  mutating func wakeSocketsForMemory() {
    guard shortage.mayTrySockets(inUse: octetsInUse) else { return }
    shortage.socketsRefusedAt = 0
    for i in interfaces.indices where interfaces[i].datagrams.isEmpty { wakeAllSockets(on: i) }
  }

  /// As for writers of connections: a page that only the try has taken goes back first.
  private mutating func socketWaitsForMemory() {
    giveBackSpares()
    shortage.socketsRefusedAt = octetsInUse
  }

  func checkWaitingSockets() -> StaticString? {
    var violated: StaticString?
    var waiting = 0
    sockets.forEachLive { s in
      guard sockets[s].waitsFor > 0 else { return }
      waiting &+= 1
      let i = Int(sockets[s].waitsFor) &- 1
      if sockets[s].isClosed || !interfaces[i].isPresent { violated = "who waits for room can be told of it" }
      if interfaces[i].datagrams.isEmpty, shortage.socketsRefusedAt == 0 {
        violated = "something will wake whoever waits for room"
      }
    }
    if let violated { return violated }
    let counted = interfaces.reduce(0) { $0 &+ Int($1.waitingSockets) }
    return waiting == counted ? nil : "sockets that wait for room are counted"
  }
}
