import MartletStack
import MartletTCP
import MartletWire

// What routers and switches do with a packet.

extension Simulation {
  /// A packet comes to a relay's port.
  func relay(_ flight: Flight, at port: Attachment) {
    let place = Int(truncatingIfNeeded: flight.place)
    let count = Int(truncatingIfNeeded: flight.count)
    let relay = port.node.index
    if needsRoutes { findRoutes() }
    guard relays[relay].isRunning else { return pool.release(place) }
    guard let packet = RoutedPacket(pool[place].rawSpan.extracting(first: count)) else {
      relays[relay].counts.discarded &+= 1
      return pool.release(place)
    }
    if relays[relay].isRouter {
      route(place, count, packet, at: port)
    } else {
      spread(place, count, packet, at: port)
    }
  }

  /// RFC 1812 §5.2.1.
  private func route(_ place: Int, _ count: Int, _ packet: RoutedPacket, at port: Attachment) {
    let relay = port.node.index
    let target = addressBook.first { $0.address == packet.destination }?.place
    guard target != self.place(of: port.node), !packet.isForMany else {
      relays[relay].counts.discarded &+= 1
      return pool.release(place)
    }
    guard packet.timeToLive > 1 else {
      relays[relay].counts.expired &+= 1
      return refuse(place, .timeExceeded, packet, at: port)
    }
    guard let target, relays[relay].nextPorts[target] >= 0 else {
      relays[relay].counts.unreachable &+= 1
      let isKnown = target == nil && knowsNetwork(of: packet.destination)
      return refuse(place, isKnown ? .hostUnreachable : .networkUnreachable, packet, at: port)
    }
    let next = relays[relay].ports[relays[relay].nextPorts[target]]
    if relays[relay].conditions.tellsOfCuts, !links[next.link.index].isUp(to: 1 - next.side) {
      relays[relay].counts.unreachable &+= 1
      return refuse(place, .hostUnreachable, packet, at: port)
    }
    relays[relay].counts.forwarded &+= 1
    RoutedPacket.age(&pool[place])
    transmit(place, count, on: WayID(to: 1 &- next.side, of: next.link))
  }

  /// As a switch that has learned who is where; what nobody has is flooded, and dropped by all but routers.
  private func spread(_ place: Int, _ count: Int, _ packet: RoutedPacket, at port: Attachment) {
    let relay = port.node.index
    let target = addressBook.first { $0.address == packet.destination }?.place
    if !packet.isForMany, let target, relays[relay].nextPorts[target] >= 0 {
      let next = relays[relay].ports[relays[relay].nextPorts[target]]
      guard next.link != port.link else { return pool.release(place) }
      relays[relay].counts.forwarded &+= 1
      return transmit(place, count, on: WayID(to: 1 &- next.side, of: next.link))
    }
    for other in relays[relay].ports where other.link != port.link {
      relays[relay].counts.forwarded &+= 1
      transmit(pool.take(pool[place]), count, on: WayID(to: 1 &- other.side, of: other.link))
    }
    pool.release(place)
  }

  private func knowsNetwork(of address: IPAddress) -> Bool {
    addressBook.contains { IPPrefix($0.address, length: $0.address.isIPv4 ? 24 : 64).contains(address) }
  }

  /// The packet goes no further, and its sender is told, if routers tell such things.
  private func refuse(_ place: Int, _ complaint: Complaint, _ packet: RoutedPacket, at port: Attachment) {
    let octets = Array(pool[place][..<packet.count])
    pool.release(place)
    let conditions = relays[port.node.index].conditions
    let tells = complaint == .timeExceeded ? conditions.tellsTimeExceeded : conditions.tellsUnreachable
    if tells { complain(complaint, about: octets, packet, from: port) }
  }

  /// A router's ICMP error: its source is the port at which the packet came.
  private func complain(
    _ complaint: Complaint, about octets: [UInt8], _ packet: RoutedPacket, from port: Attachment
  ) {
    let router = port.node.index
    guard packet.mayBeComplainedOf, relays[router].mayComplain(now: now) else { return }
    let error = complaint.octets(
      about: octets, packet, from: relays[router].addresses[Int(port.interface.rawValue)])
    let target = addressBook.first { $0.address == packet.source }?.place
    guard let target, relays[router].nextPorts[target] >= 0 else { return }
    let next = relays[router].ports[relays[router].nextPorts[target]]
    transmit(pool.take(error), error.count, on: WayID(to: 1 &- next.side, of: next.link))
  }

  /// A packet is larger than a way takes: the router before it tells, or if a host sent it, a hop inside the link.
  func complainOfSize(_ octets: [UInt8], _ mtu: Int, on way: WayID) {
    guard directions[way.index].conditions.tellsTooBig, let packet = RoutedPacket(octets.rawSpan) else {
      return
    }
    let sender = links[way.link].end(1 - way.side)
    if case .router = sender.node {
      return complain(.tooBig(mtu: mtu), about: octets, packet, from: sender)
    }
    guard packet.mayBeComplainedOf else { return }
    let error = Complaint.tooBig(mtu: mtu).octets(about: octets, packet, from: .hop(inside: way.link))
    transmit(pool.take(error), error.count, on: way.reverse)
  }
}
