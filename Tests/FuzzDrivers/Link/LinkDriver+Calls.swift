import MartletStack
import MartletTCP
import MartletWire

// What an application does meanwhile. Every refusal is allowed.

extension LinkDriver {
  mutating func call(_ argument: UInt8) throws(Finding) {
    let n = script.next()
    let group: IPAddress =
      n & 1 == 0 ? .v4(IPv4Address(239, 1, 2, 3)) : .v6(IPv6Address(high: 0xff05 << 48, low: 0x1_0002_0003))
    switch argument {
    case 0, 1:
      let remote: [IPAddress] = [
        Places.peer4, .v4(IPv4Address(192, 0, 2, 1)), Places.peer6,
        .v6(IPv6Address(high: 0x2001_0db8_ffff_0000, low: UInt64(n))),
      ]
      let to = Endpoint(address: remote[Int(n & 3)], port: 80)
      if let id = try? stack.connect(to: to, now: now) { connections.append(id) }
      if connections.count > 8 { try? stack.abort(connections.removeFirst(), now: now) }
    case 2:
      if let id = connections.first {
        _ = try? stack.send(id, Octets(repeating: 7, count: 600).span.bytes, now: now)
      }
    case 3: if !connections.isEmpty { try? stack.close(connections.removeFirst(), now: now) }
    case 4, 5:
      guard let socket = sockets.first else { return }
      let to = Endpoint(address: argument == 4 ? Places.peer4 : group, port: 9)
      try? stack.send(socket, Octets(repeating: 3, count: Int(n) * 20).span.bytes, to: to, now: now)
    case 6: if let socket = sockets.first { try? stack.joinGroup(socket, group, on: interface, now: now) }
    case 7: if let socket = sockets.first { try? stack.leaveGroup(socket, group, on: interface, now: now) }
    case 8: try? stack.releaseLease(of: interface, now: now)
    case 9: try? stack.requestLease(of: interface, now: now)
    case 10:
      let address = n & 2 == 0 ? IPPrefix(Places.own4, length: 24) : IPPrefix(Places.own6, length: 64)
      if n & 4 == 0 {
        try? stack.addAddress(address, to: interface)
      } else {
        try? stack.removeAddress(address.address, from: interface)
      }
    case 11:
      // The cable was out for a moment; or the card is pulled, and put in again.
      guard n & 15 == 0 else {
        if n & 3 == 1 { try? stack.linkIsBack(on: interface, now: now) }
        break
      }
      try? stack.removeInterface(interface)
      try check()
      drainEvents()
      ours = []
      if let again = try? stack.addInterface(InterfaceConfiguration(addresses: [], medium: medium)) {
        interface = again
      }
    case 12: if !ours.isEmpty { try? stack.removeAddress(ours[Int(n) % ours.count], from: interface) }
    case 13:
      // What a router or a server may tell of, too.
      let network = IPAddress.v6(IPv6Address(high: 0x2001_0db8_0000_0000 | UInt64(n & 7) << 16, low: 0))
      let prefix = [
        IPPrefix(.v4(.any), length: 0), IPPrefix(.v6(.any), length: 0), IPPrefix(network, length: 64),
      ][Int(n >> 4 & 3) % 3]
      if n & 8 == 0 {
        let gateway = prefix.address.isIPv4 ? Places.peer4 : Places.peer6
        try? stack.addRoute(Route(prefix: prefix, interface: interface, gateway: gateway))
      } else {
        try? stack.removeRoute(to: prefix)
      }
    default:
      if sockets.count > 1 { try? stack.close(sockets.removeLast()) }
      if let socket = try? stack.openDatagram(on: LocalEndpoint(port: UInt16(n) + 1)) {
        sockets.append(socket)
      }
    }
    try pull()
  }
}
