import MartletTCP
import MartletWire

extension NetworkStack {
  /// RFC 3376 §4.1, §9.1. What other hosts say of their groups is nothing to us.
  mutating func igmpArrives(_ bytes: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    guard bytes.byteCount >= IGMPMessage.encodedCount else { return counts.drop(.badGroupMessage) }
    var sum = InternetChecksum()
    sum.add(bytes)
    guard sum.isValid else { return counts.drop(.badGroupMessage) }
    guard bytes.u8(0) == 0x11 else { return counts.drop(.icmpIgnored) }
    guard arrival.hops == 1, let query = GroupQuery(parsingIGMP: bytes),
      let view = IPv4HeaderView(validating: packet), query.version == .first || RouterAlert.isIn(view)
    else { return counts.drop(.badGroupMessage) }
    queryArrives(query, isIPv4: true, on: arrival.interface)
  }

  /// RFC 3810 §5.1.14, §6.2. The checksum is right; nothing else has been looked at. A packet that came in parts has no
  /// hop limit here.
  mutating func mldQueryArrives(_ bytes: RawSpan, _ arrival: Arrival, packet: RawSpan) {
    guard arrival.neighbourHops == 1, let query = GroupQuery(parsingMLD: bytes),
      let view = IPv6HeaderView(validating: packet), arrival.source.isLinkLocal && RouterAlert.isIn(view)
    else { return counts.drop(.badGroupMessage) }
    queryArrives(query, isIPv4: false, on: arrival.interface)
  }

  /// RFC 3376 §5.2, RFC 3810 §6.2: there is one time at which all groups are answered for, and one for each group. A
  /// further question can only make it sooner. Who asks for sources of a group hears that it is listened to.
  private mutating func queryArrives(_ query: GroupQuery, isIPv4: Bool, on interface: InterfaceID) {
    counts.groupQueries &+= 1
    let i = interface.index
    var querier = isIPv4 ? interfaces[i].querier4 : interfaces[i].querier6
    let version = querier.version(at: clock)
    querier.hear(query, at: clock)
    // RFC 3376 §7.2.1: what was to be said in another version is not said.
    if querier.version(at: clock) != version {
      querier.answerDue = .distant
      forgetAnswers(isIPv4: isIPv4, on: interface)
    }
    let wait = randomTime(upTo: .milliseconds(Int64(query.maximumResponse)))
    let due = max(clock.advanced(by: wait), querier.quietUntil)
    if query.group == nil {
      querier.answerDue = min(querier.answerDue, due)
      wakeNeighbours(at: querier.answerDue)
    } else if let group = query.group, due < querier.answerDue {
      answer(group, at: due, on: interface)
    }
    if isIPv4 { interfaces[i].querier4 = querier } else { interfaces[i].querier6 = querier }
  }

  private mutating func answer(_ group: IPAddress, at due: Instant, on interface: InterfaceID) {
    guard let k = groups.place(of: group, on: interface), groups.memberships[k].isReported,
      !groups.memberships[k].isLeaving
    else { return }
    groups.memberships[k].answerDue = min(groups.memberships[k].answerDue, due)
    wakeNeighbours(at: groups.memberships[k].answerDue)
  }

  private mutating func forgetAnswers(isIPv4: Bool, on interface: InterfaceID) {
    for k in groups.memberships.indices {
      let membership = groups.memberships[k]
      guard membership.interface == interface, membership.group.isIPv4 == isIPv4 else { continue }
      groups.memberships[k].answerDue = .distant
    }
  }

  // MARK: Datagrams

  /// A datagram of UDP for a group: each socket that has joined it gets it (RFC 1112 §7.2).
  mutating func groupDatagramArrives(
    _ view: borrowing UDPHeaderView, from remote: Endpoint, _ arrival: Arrival
  ) {
    var isHeard = false
    var place = 0
    while let s = socketPorts.next(view.destinationPort, from: &place) {
      guard sockets[s].local.address == nil, sockets[s].peer == nil,
        groups.place(of: s, in: arrival.destination, on: arrival.interface) != nil
      else { continue }
      isHeard = true
      queueArrived(view, from: remote, arrival, to: s)
    }
    if !isHeard { counts.drop(.noSocket) }
  }
}
