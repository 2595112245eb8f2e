import MartletTCP
import MartletWire

extension NetworkStack {
  /// What must hold of groups; nil: it does.
  func checkGroups() -> StaticString? {
    var sockets: UInt32 = 0
    for membership in groups.memberships {
      sockets &+= membership.sockets
      if !isPresent(membership.interface) { return "a group is on an interface" }
      if membership.isWanted == membership.isLeaving { return "a group that nobody wants is left" }
      if membership.isLeaving, membership.changesLeft == 0 { return "a group that was left is told of" }
      if min(membership.changeDue, membership.answerDue) < neighbourDeadline ?? .distant {
        return "what is to be said of a group is waited for"
      }
      var joined: UInt32 = 0
      for join in groups.joins where join.group == membership.group && join.interface == membership.interface
      {
        joined &+= 1
        if !self.sockets.records(join.socket) { return "whoever has joined a group is there" }
      }
      if joined != membership.sockets { return "a group counts the sockets that have joined it" }
    }
    if Int(sockets) != groups.joins.count { return "who has joined a group is in the group" }
    if groups.joins.count > Int(configuration.groupLimit) {
      return "sockets join no more groups than they may"
    }
    for interface in interfaces where interface.isPresent {
      if min(interface.querier4.answerDue, interface.querier6.answerDue) < neighbourDeadline ?? .distant {
        return "an answer to a querier is waited for"
      }
    }
    return checkGroupsOfAddresses()
  }

  /// An interface hears the questions about each of its addresses, and about no others (RFC 4861 §7.2.1), unless the budget
  /// had no room for a group.
  private func checkGroupsOfAddresses() -> StaticString? {
    let hadRoom = around.budget.refusals == 0
    for membership in groups.memberships {
      let addresses = ownAddresses.reduce(0 as UInt32) {
        $1.isWanted && $1.interface == membership.interface && $1.solicitedNode == membership.group
          ? $0 &+ 1 : $0
      }
      if membership.addresses != addresses, hadRoom || membership.addresses > 0 {
        return "a group counts the addresses whose questions it hears"
      }
    }
    if !hadRoom { return nil }
    for own in ownAddresses where own.isWanted {
      guard let group = own.solicitedNode else { continue }
      if groups.place(of: group, on: own.interface) == nil { return "questions about an address are heard" }
    }
    for used in routing.addresses where interfaces[used.interface.index].link.isEthernet {
      let isOwn = ownAddresses.contains {
        $0.isWanted && $0.interface == used.interface && $0.prefix.address == used.prefix.address
      }
      if !isOwn { return "an address on an Ethernet is one that was asked about" }
    }
    return nil
  }
}

extension OwnAddress {
  /// The group in which others ask for it; nil: it is of IPv4.
  fileprivate var solicitedNode: IPAddress? {
    guard case .v6(let address) = prefix.address else { return nil }
    return .v6(address.solicitedNode)
  }
}

extension Slab where Record == DatagramSocket {
  /// Whether there is one that is not closed.
  fileprivate func records(_ index: UInt32) -> Bool {
    handle(at: index) != nil && !self[index].isClosed
  }
}
