public import MartletTCP
public import MartletWire

/// Why a socket did not join or leave a group.
public enum GroupError: Error, Equatable, Sendable {
  case stale
  /// No multicast address, or one that does not leave a host.
  case invalidGroup
  case noSuchInterface
  case alreadyJoined
  case notJoined
  /// `groupLimit` is reached.
  case tooMany
  /// The memory budget refused.
  case budget
}

extension NetworkStack {
  /// Has a UDP socket hear what is sent to a group on one link, whoever sends it. The switches and routers there are
  /// told (IGMP, MLD). Only a socket that is bound to no address hears it; what the stack itself sends to the group
  /// does not come back.
  public mutating func joinGroup(
    _ id: UDPSocketID, _ group: IPAddress, on interface: InterfaceID, now: Instant
  ) throws(GroupError) {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    guard group.isJoinable else { throw .invalidGroup }
    guard isPresent(interface) else { throw .noSuchInterface }
    guard groups.place(of: s, in: group, on: interface) == nil else { throw .alreadyJoined }
    guard groups.joins.count < Int(configuration.groupLimit) else { throw .tooMany }
    guard groups.reserveJoin(&around.budget), let k = membership(of: group, on: interface) else {
      throw .budget
    }
    groups.joins.append(GroupJoin(socket: s, group: group, interface: interface))
    let wasWanted = groups.memberships[k].isWanted
    groups.memberships[k].sockets &+= 1
    if !wasWanted { tellChange(of: k, at: clock) }
  }

  /// The opposite. Closing a socket does this for all its groups.
  public mutating func leaveGroup(
    _ id: UDPSocketID, _ group: IPAddress, on interface: InterfaceID, now: Instant
  ) throws(GroupError) {
    tell(now)
    guard let s = sockets.index(of: id) else { throw .stale }
    guard let j = groups.place(of: s, in: group, on: interface) else { throw .notJoined }
    removeJoin(j)
  }

  /// A socket is closed.
  mutating func leaveGroups(ofSocket s: UInt32) {
    while let j = groups.joins.firstIndex(where: { $0.socket == s }) { removeJoin(j) }
  }

  private mutating func removeJoin(_ j: Int) {
    let join = groups.joins.remove(at: j)
    guard let k = groups.place(of: join.group, on: join.interface) else { return }
    groups.memberships[k].sockets &-= 1
    if !groups.memberships[k].isWanted { tellChange(of: k, at: clock) }
  }

  /// Where a membership is, or may be begun; nil: there is no room.
  private mutating func membership(of group: IPAddress, on interface: InterfaceID) -> Int? {
    if let k = groups.place(of: group, on: interface) { return k }
    guard groups.reserveMembership(&around.budget) else { return nil }
    groups.memberships.append(GroupMembership(group, on: interface))
    return groups.memberships.count &- 1
  }

  /// Our addresses on an Ethernet have changed, and with them the groups in which neighbours are asked for
  /// (RFC 4861 §7.2.1). A group is told of before the first question that goes to it (RFC 4862 §5.4.2).
  mutating func followAddresses(on interface: InterfaceID) {
    for k in groups.memberships.indices where groups.memberships[k].interface == interface {
      groups.memberships[k].addresses = 0
    }
    // First all are counted: one that goes and one that comes may share a group.
    for n in ownAddresses.indices where ownAddresses[n].interface == interface && ownAddresses[n].isWanted {
      let own = ownAddresses[n]
      guard case .v6(let address) = own.prefix.address else { continue }
      let group = IPAddress.v6(address.solicitedNode)
      let isNew = groups.place(of: group, on: interface) == nil
      guard let k = membership(of: group, on: interface) else { continue }
      let wasLeft = !isNew && groups.memberships[k].isLeaving
      groups.memberships[k].addresses &+= 1
      if isNew || wasLeft { tellChange(of: k, at: own.state == .tentative ? own.deadline : clock) }
    }
    var k = 0
    while k < groups.memberships.count {
      let membership = groups.memberships[k]
      if membership.interface == interface, !membership.isWanted, !membership.isLeaving {
        tellChange(of: k, at: clock)
      }
      k &+= 1
    }
  }

  /// RFC 3590 §4: what was said before there was a link-local address came from ::, and no router has heard it.
  mutating func tellGroupsAgain(on interface: InterfaceID, ofIPv4 includesIPv4: Bool = false) {
    for k in groups.memberships.indices {
      let membership = groups.memberships[k]
      guard membership.interface == interface, membership.isWanted else { continue }
      if includesIPv4 || !membership.group.isIPv4 { tellChange(of: k, at: clock) }
    }
  }

  /// An interface goes.
  mutating func forgetGroups(of interface: InterfaceID) {
    groups.memberships.removeAll { $0.interface == interface }
    groups.joins.removeAll { $0.interface == interface }
  }
}

extension IPAddress {
  /// Whether an application can be in it: multicast, and of a scope that leaves the host (RFC 4291 §2.7).
  fileprivate var isJoinable: Bool {
    switch self {
    case .v4(let address): address.isMulticast
    case .v6(let address): address.isMulticast && address.high >> 48 & 15 > 1
    }
  }
}
