import MartletTCP
import MartletWire

// What is said of groups, and when: a change at once and again, an answer at a time that nobody can tell before.

/// RFC 3376 §8, RFC 3810 §9.
private enum GroupTiming {
  /// A change is told again within this time; to queriers of older versions within the longer.
  static var changeInterval: TimeAmount { .seconds(1) }
  static var olderChangeInterval: TimeAmount { .seconds(10) }
  /// Between two answers, at least: whoever asks more often is answered no more often.
  static var quiet: TimeAmount { .milliseconds(250) }
}

/// Groups that one message tells of.
private struct GroupBatch {
  private(set) var groups: InlineArray<8, IPAddress> = InlineArray(repeating: .v4(.any))
  private(set) var count = 0

  mutating func add(_ group: IPAddress) {
    guard count < 8 else { return }
    groups[count] = group
    count &+= 1
  }

  /// As many records as a reply has room for.
  func isFull(isIPv4: Bool) -> Bool { count >= (isIPv4 ? 8 : 2) }
}

extension NetworkStack {
  func groupVersion(_ group: IPAddress, on interface: InterfaceID) -> GroupProtocolVersion {
    let i = interface.index
    return (group.isIPv4 ? interfaces[i].querier4 : interfaces[i].querier6).version(at: clock)
  }

  /// A group has been joined or left, which is to be said from `due` on (RFC 3376 §5.1, RFC 3810 §6.1).
  mutating func tellChange(of k: Int, at due: Instant) {
    let isLeaving = !groups.memberships[k].isWanted
    groups.memberships[k].isLeaving = isLeaving
    if isLeaving { groups.memberships[k].answerDue = .distant }
    guard groups.memberships[k].isReported else {
      if isLeaving { groups.memberships.remove(at: k) }
      return
    }
    let i = groups.memberships[k].interface.index
    let isIPv4 = groups.memberships[k].group.isIPv4
    groups.memberships[k].changesLeft = (isIPv4 ? interfaces[i].querier4 : interfaces[i].querier6).robustness
    groups.memberships[k].changeDue = due
    wakeNeighbours(at: due)
  }

  // MARK: Time

  /// Says what is due.
  mutating func groupsAreDue() {
    var k = 0
    while k < groups.memberships.count {
      if groups.memberships[k].changeDue <= clock { changeIsDue(k) }
      if groups.memberships[k].answerDue <= clock {
        groups.memberships[k].answerDue = .distant
        noteAnswer(about: groups.memberships[k].group, on: groups.memberships[k].interface)
        tell(.isMember, groups.memberships[k].group, on: groups.memberships[k].interface)
      }
      wakeNeighbours(at: min(groups.memberships[k].changeDue, groups.memberships[k].answerDue))
      // One that was left, and all is said.
      if groups.memberships[k].isLeaving, groups.memberships[k].changesLeft == 0 {
        groups.memberships.remove(at: k)
      } else {
        k &+= 1
      }
    }
    for i in interfaces.indices where interfaces[i].isPresent {
      let interface = InterfaceID(rawValue: UInt16(truncatingIfNeeded: i))
      if interfaces[i].querier4.answerDue <= clock {
        interfaces[i].querier4.answerDue = .distant
        interfaces[i].querier4.quietUntil = clock.advanced(by: GroupTiming.quiet)
        answerAll(isIPv4: true, on: interface)
      }
      if interfaces[i].querier6.answerDue <= clock {
        interfaces[i].querier6.answerDue = .distant
        interfaces[i].querier6.quietUntil = clock.advanced(by: GroupTiming.quiet)
        answerAll(isIPv4: false, on: interface)
      }
      wakeNeighbours(at: min(interfaces[i].querier4.answerDue, interfaces[i].querier6.answerDue))
    }
  }

  private mutating func noteAnswer(about group: IPAddress, on interface: InterfaceID) {
    let quietUntil = clock.advanced(by: GroupTiming.quiet)
    if group.isIPv4 {
      interfaces[interface.index].querier4.quietUntil = quietUntil
    } else {
      interfaces[interface.index].querier6.quietUntil = quietUntil
    }
  }

  private mutating func changeIsDue(_ k: Int) {
    let (group, interface) = (groups.memberships[k].group, groups.memberships[k].interface)
    let isLeaving = groups.memberships[k].isLeaving
    let version = groupVersion(group, on: interface)
    tell(isLeaving ? .hasLeft : .hasJoined, group, on: interface)
    groups.memberships[k].changesLeft &-= 1
    // RFC 2236 §3, RFC 2710 §4: leaving is said once.
    if isLeaving && version < .third { groups.memberships[k].changesLeft = 0 }
    guard groups.memberships[k].changesLeft > 0 else {
      groups.memberships[k].changeDue = .distant
      return
    }
    let interval = version == .third ? GroupTiming.changeInterval : GroupTiming.olderChangeInterval
    groups.memberships[k].changeDue = clock.advanced(by: randomTime(upTo: interval))
  }

  /// A time from a nanosecond to the whole, evenly.
  mutating func randomTime(upTo most: TimeAmount) -> TimeAmount {
    let draw = secrets.drawNeighbour().multipliedFullWidth(by: UInt64(truncatingIfNeeded: most.nanoseconds))
      .high
    return .nanoseconds(Int64(truncatingIfNeeded: draw &+ 1))
  }

  // MARK: Saying

  private mutating func tell(_ kind: GroupRecordKind, _ group: IPAddress, on interface: InterfaceID) {
    guard groupVersion(group, on: interface) < .third else {
      var batch = GroupBatch()
      batch.add(group)
      return queueReport(kind, batch, isIPv4: group.isIPv4, on: interface)
    }
    tellOlder(kind, group, on: interface)
  }

  /// RFC 3376 §7.2: a report of its own for each group, to the group.
  private mutating func tellOlder(_ kind: GroupRecordKind, _ group: IPAddress, on interface: InterfaceID) {
    let hasLeft = kind == .hasLeft
    switch group {
    case .v4(let group):
      let isFirst = groupVersion(.v4(group), on: interface) == .first
      // RFC 1112 appendix I: of leaving nothing was said.
      if isFirst && hasLeft { return }
      let message: IGMPMessage =
        hasLeft ? .leave(group) : isFirst ? .firstReport(group) : .secondReport(group)
      queueIGMP(message, to: hasLeft ? .allRouters : group, on: interface)
    case .v6(let group):
      queueMLD(hasLeft ? .done(group) : .firstReport(group), to: hasLeft ? .allRouters : group, on: interface)
    }
  }

  private mutating func answerAll(isIPv4: Bool, on interface: InterfaceID) {
    var batch = GroupBatch()
    var k = 0
    while k < groups.memberships.count {
      let membership = groups.memberships[k]
      k &+= 1
      guard membership.interface == interface, membership.group.isIPv4 == isIPv4, membership.isReported,
        !membership.isLeaving
      else { continue }
      if groupVersion(membership.group, on: interface) < .third {
        tellOlder(.isMember, membership.group, on: interface)
        continue
      }
      batch.add(membership.group)
      if batch.isFull(isIPv4: isIPv4) {
        queueReport(.isMember, batch, isIPv4: isIPv4, on: interface)
        batch = GroupBatch()
      }
    }
    if batch.count > 0 { queueReport(.isMember, batch, isIPv4: isIPv4, on: interface) }
  }

  private mutating func queueReport(
    _ kind: GroupRecordKind, _ batch: GroupBatch, isIPv4: Bool, on interface: InterfaceID
  ) {
    let records = UInt16(truncatingIfNeeded: batch.count)
    if isIPv4 {
      queueIGMP(.report(records: records), kind, batch, to: .allReportRouters, on: interface)
    } else {
      queueMLD(.report(records: records), kind, batch, to: .allReportRouters, on: interface)
    }
  }

  /// RFC 3376 §4: time to live of one, precedence of internetwork control, router alert; §4.2.13: from 0.0.0.0 if we
  /// have no address.
  private mutating func queueIGMP(
    _ message: IGMPMessage, _ kind: GroupRecordKind = .isMember, _ batch: GroupBatch = GroupBatch(),
    to destination: IPv4Address, on interface: InterfaceID
  ) {
    var source = IPv4Address.any
    if case .v4(let own)? = routing.sourceAddress(for: .v4(destination), on: interface) { source = own }
    guard let r = makeReply(on: interface.index) else { return }
    let start = RouterAlert.ipv4HeaderCount
    let length = IGMPMessage.encodedCount &+ batch.count &* IGMPMessage.recordCount
    replies.records[r].octets.fill { out in
      RouterAlert.write(
        IPv4Header(
          dscp: 48, totalCount: UInt16(truncatingIfNeeded: start &+ length), timeToLive: 1, proto: .igmp,
          source: source, destination: destination), into: &out, at: 0)
      message.write(into: &out, at: start)
      var place = start &+ IGMPMessage.encodedCount
      for n in 0..<batch.count {
        guard case .v4(let group) = batch.groups[n] else { continue }
        IGMPMessage.writeRecord(kind, group, into: &out, at: place)
        place &+= IGMPMessage.recordCount
      }
      let sum = out.checksum(from: start, count: length)
      out.store16be(sum.field, at: start &+ IGMPMessage.checksumOffset)
    }
    replies.records[r].count = UInt8(truncatingIfNeeded: start &+ length)
    counts.groupReports &+= 1
  }

  /// RFC 3810 §5: a hop limit of one, router alert, from a link-local address; §5.2.13: from :: if we have none.
  private mutating func queueMLD(
    _ message: MLDMessage, _ kind: GroupRecordKind = .isMember, _ batch: GroupBatch = GroupBatch(),
    to destination: IPv6Address, on interface: InterfaceID
  ) {
    let source = ownLinkLocal(on: interface) ?? .any
    guard let r = makeReply(on: interface.index) else { return }
    let start = IPv6Header.encodedCount &+ RouterAlert.hopByHopCount
    let length = message.encodedCount &+ batch.count &* MLDMessage.recordCount
    replies.records[r].octets.fill { out in
      IPv6Header(
        payloadCount: UInt16(truncatingIfNeeded: RouterAlert.hopByHopCount &+ length), nextHeader: .hopByHop,
        hopLimit: 1, source: source, destination: destination
      ).write(into: &out, at: 0)
      RouterAlert.writeHopByHop(before: .icmpv6, into: &out, at: IPv6Header.encodedCount)
      message.write(into: &out, at: start)
      var place = start &+ message.encodedCount
      for n in 0..<batch.count {
        guard case .v6(let group) = batch.groups[n] else { continue }
        MLDMessage.writeRecord(kind, group, into: &out, at: place)
        place &+= MLDMessage.recordCount
      }
      var sum = InternetChecksum.pseudoHeader(
        source: source, destination: destination, proto: .icmpv6, length: length)
      sum.add(out.checksum(from: start, count: length))
      out.store16be(sum.field, at: start &+ ICMPv6Message.checksumOffset)
    }
    replies.records[r].count = UInt8(truncatingIfNeeded: start &+ length)
    counts.groupReports &+= 1
  }
}
