import MartletTCP
import MartletWire

extension NetworkStack {
  /// What must hold of DHCP clients; nil: it does.
  func checkClients() -> StaticString? {
    var sending = false
    for client in dhcp.clients {
      if client.deadline < .distant, client.deadline < neighbourDeadline ?? .distant {
        return "a DHCP client with a deadline is waited for"
      }
      if !isPresent(client.interface) || !interfaces[client.interface.index].link.hasClient {
        return "a DHCP client is on an interface"
      }
      if client.outgoing != nil { sending = true }
      if let wrong = checkLentAddress(of: client) { return wrong }
    }
    if sending != dhcp.isSending { return "who has a DHCP message to send is asked for it" }
    let isLed = dhcp.clients.contains { $0.isBound && $0.lease?.routers.isEmpty == false }
    if isLed, !routing.routes.contains(where: { $0.prefix.address.isIPv4 && $0.prefix.length == 0 }) {
      return "a lease's router leads to everybody"
    }
    let learned = routing.routes.reduce(0) { $1.isLearned && $1.prefix.address.isIPv4 ? $0 &+ 1 : $0 }
    if learned > 1 { return "servers tell of one default route" }
    for route in routing.routes where route.isLearned && route.prefix.address.isIPv4 {
      let isTold = dhcp.clients.contains { client in
        client.isBound && client.interface == route.interface
          && client.lease?.routers.contains { .v4($0) == route.gateway } == true
      }
      if !isTold { return "a default route goes with its lease" }
    }
    return nil
  }

  private func checkLentAddress(of client: DHCPClient) -> StaticString? {
    var live = 0
    var gone = 0
    for own in ownAddresses where own.isLent && own.interface == client.interface {
      if own.state == .expired {
        gone &+= 1
        continue
      }
      live &+= 1
      if own.state == .duplicate { return "what another has is not lent" }
      if client.lease?.address != own.prefix { return "an address is what was lent" }
      if client.isBound == (own.state == .tentative) { return "a lease is used when nobody else has it" }
    }
    if live != (client.hasLease ? 1 : 0) { return "a lease has one address" }
    return gone > 1 ? "a lost address is told once" : nil
  }
}
