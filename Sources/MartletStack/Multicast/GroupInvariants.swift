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
    return nil
  }
}

extension Slab where Record == DatagramSocket {
  /// Whether there is one that is not closed.
  fileprivate func records(_ index: UInt32) -> Bool {
    handle(at: index) != nil && !self[index].isClosed
  }
}
