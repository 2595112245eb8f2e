import MartletTCP
import MartletWire

extension NetworkStack {
  /// An address that was lent is ours no longer, and somebody else's soon: whatever has it ends at once, and says nothing
  /// more with it (RFC 2131 §4.4.5, RFC 8981 §3.5). Peers find out by themselves. What waits to leave from it is dropped:
  /// answers here, datagrams and what waits for a neighbour when they are pulled.
  mutating func endFlows(from address: IPAddress, on interface: InterfaceID) {
    var next = connections.nextLive(from: 0)
    while let i = next {
      next = connections.nextLive(from: i &+ 1)
      guard connections[i].marks.contains(.onWire), connections.flow(of: i, keys6).local == address else {
        continue
      }
      endSilently(i)
    }
    endEmbryos(from: address)
    tellSockets(ofLoss: address)
    for i in interfaces.indices { dropReplies(from: address, on: i) }
  }

  /// Sockets that are bound to an address which was taken away hear of it, whoever took it.
  mutating func tellSockets(ofLoss address: IPAddress) {
    var next = sockets.nextLive(from: 0)
    while let s = next {
      next = sockets.nextLive(from: s &+ 1)
      guard !sockets[s].isClosed, sockets[s].local.address == address else { continue }
      sockets[s].hasLostAddress = true
      raise([.error, .readable], ofSocket: s)
    }
  }

  private mutating func endSilently(_ i: UInt32) {
    guard let j = coldIndex(of: i, needed: false) else { return }
    around.recorder.flow = i
    let reaction = connections[i].tcb.abort(reason: .unreachable, cold: &cold[j], &around, now: clock)
    settleCold(i, j)
    apply(reaction.subtracting(.sendReset), to: i)
  }

  private mutating func endEmbryos(from address: IPAddress) {
    var next = flows4.embryos.nextLive(from: 0)
    while let i = next {
      next = flows4.embryos.nextLive(from: i &+ 1)
      guard flows4.embryos[i].key.flow.local == address else { continue }
      discardEmbryo(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: true))
    }
    next = flows6.embryos.nextLive(from: 0)
    while let i = next {
      next = flows6.embryos.nextLive(from: i &+ 1)
      guard flows6.embryos[i].key.flow.local == address else { continue }
      discardEmbryo(FlowReference(entry: FlowEntry(.embryonic, i), isIPv4: false))
    }
  }
}
