import MartletTCP
import MartletWire

/// A group that an interface listens to, and what is still to be said of it.
struct GroupMembership: BitwiseCopyable {
  var group: IPAddress
  var interface: InterfaceID
  /// Sockets that have joined it.
  var sockets: UInt32 = 0
  /// Our addresses whose solicited-node group it is.
  var addresses: UInt32 = 0
  /// It has been left, and is here until that is told.
  var isLeaving = false
  /// How often the last change is still to be told, and when next.
  var changesLeft: UInt8 = 0
  var changeDue = Instant.distant
  /// When a querier who asked for this group has its answer; distant: nobody did.
  var answerDue = Instant.distant

  init(_ group: IPAddress, on interface: InterfaceID) {
    self.group = group
    self.interface = interface
  }

  var isWanted: Bool { sockets > 0 || addresses > 0 }

  /// RFC 3376 §4.2, RFC 3810 §6: never of all hosts, nor of what does not leave a host.
  var isReported: Bool {
    switch group {
    case .v4(let address): address != .allHosts
    case .v6(let address): address != .allNodes && address.high >> 48 & 15 > 1
    }
  }
}

/// One socket in one group.
struct GroupJoin: BitwiseCopyable {
  var socket: UInt32
  var group: IPAddress
  var interface: InterfaceID
}

/// The groups that are listened to, and who has joined them. Both lists are charged for what they may hold.
struct GroupTable {
  var memberships: [GroupMembership] = []
  var joins: [GroupJoin] = []
  private var membershipRoom = 0
  private var joinRoom = 0

  /// Octets charged.
  var heldBytes: Int {
    membershipRoom &* MemoryLayout<GroupMembership>.stride &+ joinRoom &* MemoryLayout<GroupJoin>.stride
  }

  /// Makes sure that there is room for one more. False: the budget refused.
  mutating func reserveMembership(_ budget: inout MemoryBudget) -> Bool {
    guard memberships.count == membershipRoom else { return true }
    let larger = max(4, membershipRoom &* 2)
    guard budget.take((larger &- membershipRoom) &* MemoryLayout<GroupMembership>.stride) else {
      return false
    }
    membershipRoom = larger
    memberships.reserveCapacity(larger)
    return true
  }

  mutating func reserveJoin(_ budget: inout MemoryBudget) -> Bool {
    guard joins.count == joinRoom else { return true }
    let larger = max(4, joinRoom &* 2)
    guard budget.take((larger &- joinRoom) &* MemoryLayout<GroupJoin>.stride) else { return false }
    joinRoom = larger
    joins.reserveCapacity(larger)
    return true
  }

  func place(of group: IPAddress, on interface: InterfaceID) -> Int? {
    memberships.firstIndex { $0.group == group && $0.interface == interface }
  }

  func place(of socket: UInt32, in group: IPAddress, on interface: InterfaceID) -> Int? {
    joins.firstIndex { $0.socket == socket && $0.group == group && $0.interface == interface }
  }

  /// Whether some socket has joined a group.
  func hasSocket(_ group: IPAddress, on interface: InterfaceID) -> Bool {
    if joins.isEmpty { return false }
    return place(of: group, on: interface).map { memberships[$0].sockets > 0 } ?? false
  }

  /// Whether anything is listened to that a querier would ask for.
  func isListening(on interface: InterfaceID, isIPv4: Bool) -> Bool {
    memberships.contains { $0.interface == interface && $0.group.isIPv4 == isIPv4 }
  }

  /// The link of a group that a socket has joined; nil: of none, or it is in none of that name.
  func interface(of group: IPAddress, joinedBy socket: UInt32) -> InterfaceID? {
    joins.first { $0.socket == socket && $0.group == group }?.interface
  }
}

/// What is known of the queriers of a link, for one family (RFC 3376 §7.2.1, RFC 3810 §8.2.1).
struct GroupQuerier: BitwiseCopyable {
  /// Until when one of the first version, or the second, is taken to be there.
  private var firstUntil = Instant.origin
  private var secondUntil = Instant.origin
  /// How often a change is told.
  private(set) var robustness: UInt8 = 2
  /// Seconds between general questions.
  private var interval: UInt32 = 125
  /// When it has its answer about all groups; distant: it did not ask.
  var answerDue = Instant.distant
  /// Nothing is answered before.
  var quietUntil = Instant.origin

  func version(at now: Instant) -> GroupProtocolVersion {
    if now < firstUntil { return .first }
    return now < secondUntil ? .second : .third
  }

  /// RFC 3376 §8.12, RFC 3810 §9.12: an older querier is taken to be there for as long as it may take to ask again.
  mutating func hear(_ query: GroupQuery, at now: Instant) {
    if query.version == .third {
      robustness = query.robustness == 0 ? 2 : query.robustness
      interval = query.interval == 0 ? 125 : query.interval
      return
    }
    let milliseconds = UInt64(robustness) &* UInt64(interval) &* 1_000 &+ UInt64(query.maximumResponse)
    let until = now.advanced(by: .milliseconds(Int64(truncatingIfNeeded: milliseconds)))
    if query.version == .first { firstUntil = until } else { secondUntil = until }
  }
}
