import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Groups that sockets join and leave, and what switches and routers hear of them.
@Suite("Groups")
struct GroupTests {
  static let group4 = v4(239, 1, 2, 3)
  static let group6 = IPAddress("ff05::1:2:3")!

  private func group(_ version: Int) -> IPAddress { version == 4 ? Self.group4 : Self.group6 }

  private func station(
    _ version: Int, _ configure: (inout StackConfiguration) -> Void = { _ in }
  ) throws -> (Station, UDPSocketID) {
    let s = try Station(configure)
    _ = s.takeReports()
    return (s, try s.stack.openDatagram(on: LocalEndpoint(port: 5_000)))
  }

  private func join(_ s: Station, _ socket: UDPSocketID, _ group: IPAddress) throws(GroupError) {
    try s.stack.joinGroup(socket, group, on: s.interface, now: s.now)
    s.advance(by: .zero)
  }

  private func leave(_ s: Station, _ socket: UDPSocketID, _ group: IPAddress) throws(GroupError) {
    try s.stack.leaveGroup(socket, group, on: s.interface, now: s.now)
    s.advance(by: .zero)
  }

  /// A datagram for a group, with the frame's address to match.
  private func datagram(_ s: Station, to group: IPAddress, port: UInt16 = 5_000, _ text: Packet) -> Packet {
    let from = Endpoint(address: group.isFour ? v4(10, 0, 0, 9) : v6(9), port: 9)
    return s.frame(
      udp(from: from, to: Endpoint(address: group, port: port), text), from: mac(9), to: hardware(of: group))
  }

  private func hardware(of group: IPAddress) -> MACAddress {
    switch group {
    case .v4(let a): MACAddress(multicast: a)
    case .v6(let a): MACAddress(multicast: a)
    }
  }

  private func receive(_ s: Station, _ socket: UDPSocketID) throws(DatagramError) -> Packet {
    var block = Packet(repeating: 0, count: 65_536)
    var span = block.mutableSpan
    var raw = span.mutableBytes
    let datagram = try s.stack.receive(socket, into: &raw, now: s.now)
    #expect(datagram.on == s.interface)
    return Packet(block.prefix(datagram.count))
  }

  // MARK: Changes

  @Test(
    "RFC 3376 §5.1, RFC 3810 §6.1: a change is told at once, and once more within a second",
    arguments: [4, 6])
  func changes(version: Int) throws {
    let (s, socket) = try station(version)
    let group = group(version)
    try join(s, socket, group)
    let first = s.takeReports()
    #expect(first.map(\.said) == [[.joined(group)]])
    #expect(first.first?.destination == (version == 4 ? v4(224, 0, 0, 22) : IPAddress("ff02::16")!))
    #expect(first.first?.source == (version == 4 ? s.address : .v6(.any)))
    s.advance(by: .milliseconds(1_001))
    #expect(s.takeReports().map(\.said) == [[.joined(group)]])
    s.advance(by: .seconds(100))
    #expect(s.takeReports().isEmpty)
    try leave(s, socket, group)
    #expect(s.takeReports().map(\.said) == [[.left(group)]])
    s.advance(by: .milliseconds(1_001))
    #expect(s.takeReports().map(\.said) == [[.left(group)]])
    s.advance(by: .seconds(100))
    #expect(s.takeReports().isEmpty && s.stack.nextDeadline(now: s.now) == nil)
    #expect(s.stack.counters.groupReports >= 4)
  }

  @Test("A querier's robustness says how often a change is told", arguments: [4, 6])
  func robustness(version: Int) throws {
    let (s, socket) = try station(version)
    s.inject(s.query(isIPv4: version == 4, robustness: 4))
    s.advance(by: .seconds(20))
    _ = s.takeReports()
    try join(s, socket, group(version))
    s.advance(by: .seconds(4))
    #expect(s.takeReports().map(\.said) == Array(repeating: [.joined(group(version))], count: 4))
    // It does not tell: twice.
    s.inject(s.query(isIPv4: version == 4, robustness: 0))
    s.advance(by: .seconds(20))
    _ = s.takeReports()
    try leave(s, socket, group(version))
    s.advance(by: .seconds(4))
    #expect(s.takeReports().count == 2)
  }

  @Test("A group is told of once however many sockets are in it, and left when the last one is closed")
  func several() throws {
    let (s, first) = try station(4)
    let second = try s.stack.openDatagram(on: LocalEndpoint(port: 5_001))
    try join(s, first, Self.group4)
    try join(s, second, Self.group4)
    s.advance(by: .seconds(3))
    #expect(s.takeReports().count == 2)
    try s.stack.close(first)
    s.advance(by: .seconds(3))
    #expect(s.takeReports().isEmpty)
    try s.stack.close(second)
    s.advance(by: .seconds(3))
    #expect(s.takeReports().map(\.said) == [[.left(Self.group4)], [.left(Self.group4)]])
    // Joined again before all was said of leaving.
    let third = try s.stack.openDatagram(on: LocalEndpoint(port: 5_002))
    try join(s, third, Self.group4)
    try leave(s, third, Self.group4)
    try join(s, third, Self.group4)
    s.advance(by: .seconds(3))
    #expect(
      s.takeReports().map(\.said) == [
        [.joined(Self.group4)], [.left(Self.group4)], [.joined(Self.group4)], [.joined(Self.group4)],
      ])
  }

  @Test(
    "The groups in which neighbours are asked for are told of before the first question",
    arguments: [false, true])
  func solicitedNode(checks: Bool) throws {
    let s = try Station(checksAddresses: checks)
    s.advance(by: .seconds(10))
    let group = IPAddress("ff02::1:ff00:1")!
    #expect(s.takeReports().map(\.said) == [[.joined(group)], [.joined(group)]])
    try s.stack.addAddress(IPPrefix("fd00:7::1:0:1/64")!, to: s.interface)
    s.advance(by: .seconds(10))
    #expect(s.takeReports().isEmpty, "the same group")
    try s.stack.removeAddress(s.address6, from: s.interface)
    s.advance(by: .seconds(10))
    #expect(s.takeReports().isEmpty, "another address has it")
    try s.stack.removeAddress(IPAddress("fd00:7::1:0:1")!, from: s.interface)
    s.advance(by: .seconds(10))
    #expect(s.takeReports().map(\.said) == [[.left(group)], [.left(group)]])
  }

  @Test(
    "RFC 3590 §4: what was told from :: is told again from the first link-local address",
    arguments: [false, true])
  func linkLocalLater(checks: Bool) throws {
    let s = try Station(checksAddresses: checks, addresses: [])
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    for group in [Self.group4, Self.group6] { try join(s, socket, group) }
    func said(of group: IPAddress) -> [IPAddress] {
      s.takeReports().filter { $0.said == [.joined(group)] }.map(\.source)
    }
    s.advance(by: .seconds(3))
    #expect(said(of: Self.group6) == [.v6(.any), .v6(.any)])
    try s.stack.addAddress(IPPrefix(linkLocal(0xb), length: 64), to: s.interface)
    s.advance(by: .seconds(5))
    #expect(said(of: Self.group6) == [linkLocal(0xb), linkLocal(0xb)])
    // Of IPv4 nothing has changed, nor with a second one.
    try s.stack.addAddress(IPPrefix(linkLocal(0xc), length: 64), to: s.interface)
    s.advance(by: .seconds(5))
    let last = s.takeReports()
    #expect(last.allSatisfy { $0.said == [.joined(IPAddress("ff02::1:ff00:c")!)] } && last.count == 2)
    // When both have gone the next one is the first.
    for n in [0xb, 0xc] as [UInt64] { try s.stack.removeAddress(linkLocal(n), from: s.interface) }
    try s.stack.addAddress(IPPrefix(linkLocal(0xd), length: 64), to: s.interface)
    s.advance(by: .seconds(5))
    #expect(said(of: Self.group6) == [linkLocal(0xd), linkLocal(0xd)])
    #expect(s.takeReports().isEmpty && s.stack.nextDeadline(now: s.now) == nil)
  }

  @Test("RFC 4862 §5.4.2: the group is told of before the address is asked for")
  func beforeTheQuestion() throws {
    let s = try Station(checksAddresses: true, addresses: [IPPrefix("fd00:7::1/64")!])
    while s.reports.isEmpty, s.stack.counters.groupReports == 0 {
      let next = s.stack.nextDeadline(now: s.now)
      s.now = try #require(next)
      s.stack.advance(to: s.now)
    }
    var order: [Bool] = []
    var buffer = Packet(repeating: 0, count: 2_000)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = s.stack.nextPacket(on: s.interface, into: &raw, now: s.now) else { break }
      let frame = try #require(SeenFrame(Packet(buffer.prefix(out.count)), out.metadata, vlan: nil))
      order.append(SeenReport(frame) != nil)
    }
    #expect(order == [true, false])
  }

  // MARK: Queries

  @Test("Who asks for all groups is told of all but that of all hosts, within the time", arguments: [4, 6])
  func general(version: Int) throws {
    let (s, socket) = try station(version)
    let all: [IPAddress] = (1...19).map { n in
      version == 4 ? v4(239, 0, 0, UInt8(n)) : .v6(IPv6Address(high: 0xff05 << 48, low: UInt64(n)))
    }
    for group in all { try join(s, socket, group) }
    try join(s, socket, version == 4 ? v4(224, 0, 0, 1) : IPAddress("ff02::1")!)
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    let queries = s.stack.counters.groupQueries
    s.inject(s.query(isIPv4: version == 4, response: version == 4 ? 100 : 10_000))
    #expect(s.stack.counters.groupQueries == queries + 1)
    #expect(s.takeReports().isEmpty)
    s.advance(by: .milliseconds(10_001))
    let said = s.takeReports().flatMap(\.said)
    let solicited = version == 4 ? [] : [IPAddress("ff02::1:ff00:1")!]
    #expect(Set(said.map { "\($0)" }) == Set((all + solicited).map { "\(SeenReport.Said.isMember($0))" }))
    #expect(said.count == all.count + solicited.count)
    s.advance(by: .seconds(100))
    #expect(s.takeReports().isEmpty)
  }

  @Test("Who asks for one group is told of that, if somebody is in it", arguments: [4, 6])
  func specific(version: Int) throws {
    let (s, socket) = try station(version)
    try join(s, socket, group(version))
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    let other = version == 4 ? v4(239, 9, 9, 9) : IPAddress("ff05::9")!
    s.inject(s.query(other, isIPv4: version == 4, response: 10))
    s.advance(by: .seconds(5))
    #expect(s.takeReports().isEmpty)
    for sources in [0, 3] {
      s.inject(s.query(group(version), isIPv4: version == 4, response: 10, sources: sources))
      s.advance(by: .milliseconds(1_001))
      #expect(s.takeReports().map(\.said) == [[.isMember(group(version))]])
    }
  }

  @Test("RFC 3376 §5.2: a further question makes the answer sooner, never more of it", arguments: [4, 6])
  func merging(version: Int) throws {
    let (s, socket) = try station(version)
    try join(s, socket, group(version))
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    s.inject(s.query(isIPv4: version == 4, response: version == 4 ? 127 : 30_000))
    s.inject(s.query(isIPv4: version == 4, response: version == 4 ? 2 : 200))
    s.inject(s.query(isIPv4: version == 4, response: version == 4 ? 127 : 30_000))
    s.inject(s.query(group(version), isIPv4: version == 4, response: version == 4 ? 127 : 30_000))
    s.advance(by: .milliseconds(201))
    #expect(s.takeReports().flatMap(\.said).contains(.isMember(group(version))))
    s.advance(by: .seconds(60))
    #expect(s.takeReports().isEmpty)
  }

  @Test(
    "A flood of questions is answered four times a second, one of questions for a group as well",
    arguments: [4, 6])
  func flood(version: Int) throws {
    let (s, socket) = try station(version)
    try join(s, socket, group(version))
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    for asked in [nil, group(version)] {
      var count = 0
      for _ in 0..<2_000 {
        s.inject(s.query(asked, isIPv4: version == 4, response: 0, extra: version == 4 ? [] : []))
        s.advance(by: .milliseconds(1))
        count += s.takeReports().count
      }
      #expect((6...10).contains(count), "\(count) reports in two seconds")
      s.advance(by: .seconds(5))
      _ = s.takeReports()
    }
  }

  @Test("What is no question, came from afar, or bears no router alert, is dropped", arguments: [4, 6])
  func wrong(version: Int) throws {
    let (s, socket) = try station(version)
    try join(s, socket, group(version))
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    let four = version == 4
    var damaged = s.query(isIPv4: four)
    // The interval at which it asks: any is one.
    damaged[damaged.count - 3] ^= 1
    let strangers: [Packet] = [
      s.query(isIPv4: four, hopLimit: 2), s.query(isIPv4: four, alert: false),
      s.query(isIPv4: four, version: .second, alert: false),
      // More sources than it has room for; a length of no version; a group that is none.
      s.query(isIPv4: four, sources: 0, extra: []).dropLastOctets(2, four),
      s.query(four ? v4(10, 0, 0, 7) : v6(7), isIPv4: four, to: four ? v4(224, 0, 0, 1) : .v6(.allNodes)),
    ]
    for frame in strangers { s.inject(frame) }
    if !four { s.inject(s.query(isIPv4: false, from: v6(254))) }
    #expect(s.drops(.badGroupMessage) == (four ? 5 : 6))
    s.inject(damaged)
    #expect(s.drops(.badGroupMessage) + s.drops(.badICMPChecksum) == (four ? 6 : 7))
    s.advance(by: .seconds(60))
    #expect(s.takeReports().isEmpty && s.stack.counters.groupQueries == 0)
  }

  @Test("A switch without an address may ask")
  func fromNobody() throws {
    let (s, socket) = try station(4)
    try join(s, socket, Self.group4)
    s.advance(by: .seconds(5))
    _ = s.takeReports()
    s.inject(s.query(from: v4(0, 0, 0, 0)))
    s.advance(by: .seconds(11))
    #expect(s.takeReports().map(\.said) == [[.isMember(Self.group4)]])
    // Nothing else comes from there.
    let from = Endpoint(address: v4(0, 0, 0, 0), port: 9)
    s.inject(
      s.frame(
        udp(from: from, to: Endpoint(address: Self.group4, port: 5_000), [1]), from: mac(9),
        to: hardware(of: Self.group4)))
    #expect(s.drops(.martianSource) == 1)
  }

  // MARK: Older versions

  @Test(
    "RFC 3376 §7.2, RFC 3810 §8.2: who asks in an older version is answered in it, for a while",
    arguments: [4, 6])
  func older(version: Int) throws {
    let (s, socket) = try station(version)
    let (four, group) = (version == 4, group(version))
    let (report, done): (UInt8, UInt8) = four ? (0x16, 0x17) : (131, 132)
    s.inject(s.query(isIPv4: four, version: .second, response: four ? 100 : 10_000))
    s.advance(by: .seconds(11))
    _ = s.takeReports()
    try join(s, socket, group)
    let joined = s.takeReports()
    #expect(joined.map(\.said) == [[.older(type: report, group)]] && joined.first?.destination == group)
    s.advance(by: .milliseconds(10_001))
    #expect(s.takeReports().map(\.said) == [[.older(type: report, group)]])
    s.inject(s.query(group, isIPv4: four, version: .second, response: 10))
    s.advance(by: .milliseconds(1_001))
    #expect(s.takeReports().map(\.said) == [[.older(type: report, group)]])
    try leave(s, socket, group)
    s.advance(by: .seconds(30))
    let left = s.takeReports()
    #expect(left.map(\.said) == [[.older(type: done, group)]])
    #expect(left.first?.destination == (four ? v4(224, 0, 0, 2) : .v6(.allRouters)))
    // Twice 125 s and ten: nobody of that version is there any more. 52 s have passed.
    s.advance(by: .seconds(206))
    try join(s, socket, group)
    #expect(s.takeReports().map(\.said) == [[.older(type: report, group)]])
    s.advance(by: .seconds(15))
    _ = s.takeReports()
    try leave(s, socket, group)
    #expect(s.takeReports().map(\.said) == [[.left(group)]])
  }

  @Test("RFC 1112: to a querier of the first version nothing is said of leaving")
  func first() throws {
    let (s, socket) = try station(4)
    s.inject(s.query(version: .first, alert: false))
    s.advance(by: .seconds(11))
    _ = s.takeReports()
    try join(s, socket, Self.group4)
    s.advance(by: .seconds(30))
    #expect(
      s.takeReports().map(\.said) == [
        [.older(type: 0x12, Self.group4)], [.older(type: 0x12, Self.group4)],
      ])
    try leave(s, socket, Self.group4)
    s.advance(by: .seconds(30))
    #expect(s.takeReports().isEmpty)
  }

  // MARK: Datagrams

  @Test("A datagram for a group reaches each socket that has joined it, and no other", arguments: [4, 6])
  func delivery(version: Int) throws {
    let (s, socket) = try station(version)
    let group = group(version)
    let own = version == 4 ? s.address : s.address6
    let bound = try s.stack.openDatagram(on: LocalEndpoint(address: own, port: 5_000))
    s.inject(datagram(s, to: group, [1]))
    #expect(s.drops(.multicast) == 1)
    try join(s, socket, group)
    try join(s, bound, group)
    s.inject(datagram(s, to: group, [2]))
    s.inject(datagram(s, to: group, port: 5_001, [3]))
    #expect(s.drops(.noSocket) == 1)
    let other = try s.stack.openDatagram(on: LocalEndpoint(port: 5_002))
    s.inject(datagram(s, to: group, port: 5_002, [3]))
    #expect(s.drops(.noSocket) == 2)
    #expect(throws: DatagramError.wouldBlock) { try receive(s, other) }
    #expect(try receive(s, socket) == [2])
    #expect(throws: DatagramError.wouldBlock) { try receive(s, socket) }
    #expect(throws: DatagramError.wouldBlock) { try receive(s, bound) }
    #expect(s.pull().isEmpty, "nothing is answered to a group")
    try leave(s, socket, group)
    try leave(s, bound, group)
    s.inject(datagram(s, to: group, [4]))
    #expect(s.drops(.multicast) == 2)
  }

  @Test("A datagram for a group is put together, if somebody has joined it", arguments: [4, 6])
  func fragments(version: Int) throws {
    let (s, socket) = try station(version)
    let group = group(version)
    let text = Packet((0..<3_000).map { UInt8(truncatingIfNeeded: $0) })
    let from = Endpoint(address: version == 4 ? v4(10, 0, 0, 9) : v6(9), port: 9)
    let whole = udp(from: from, to: Endpoint(address: group, port: 5_000), text)
    let parts = cut(whole, 1_400, id: 7).map { s.frame($0, from: mac(9), to: hardware(of: group)) }
    for part in parts { s.inject(part) }
    #expect(s.drops(.multicast) == UInt64(parts.count) && s.stack.held.unfinishedDatagrams == 0)
    try join(s, socket, group)
    for part in parts { s.inject(part) }
    #expect(try receive(s, socket) == text)
  }

  @Test("Fragments for a group of every host are not kept: no such datagram is that long")
  func fragmentsForAll() throws {
    let (s, _) = try station(6)
    let whole = udp(
      from: Endpoint(address: v6(9), port: 9), to: Endpoint(address: .v6(.allNodes), port: 5_000),
      Packet(repeating: 7, count: 3_000))
    let parts = cut(whole, 1_400, id: 7)
    for part in parts { s.inject(s.frame(part, from: mac(9), to: hardware(of: .v6(.allNodes)))) }
    #expect(s.drops(.multicast) == UInt64(parts.count) && s.stack.held.unfinishedDatagrams == 0)
  }

  @Test("What goes to a group goes no further than the link, unless it is told to", arguments: [4, 6])
  func sending(version: Int) throws {
    let (s, socket) = try station(version)
    let group = group(version)
    let to = Endpoint(address: group, port: 6_000)
    let text: Packet = [1, 2, 3]
    // There is no route to it, but a socket that is in it has a link for it.
    #expect(throws: DatagramError.noRoute) { try s.stack.send(socket, text.span.bytes, to: to, now: s.now) }
    try s.stack.send(
      socket, text.span.bytes, to: to, on: s.interface, fields: IPFields(hopLimit: 5), now: s.now)
    try join(s, socket, group)
    try s.stack.send(socket, text.span.bytes, to: to, now: s.now)
    let sent = s.pull()
    #expect(sent.compactMap(\.ip?.hopLimit) == [5, 1])
    #expect(sent.allSatisfy { $0.destination == hardware(of: group) && $0.ip?.destination == group })
  }

  // MARK: Limits

  @Test("Joins are limited, charged and given back")
  func limits() throws {
    let (s, socket) = try station(4) { $0.groupLimit = 5 }
    let held = s.stack.memory.held
    for n in 1...5 { try join(s, socket, v4(239, 0, 0, UInt8(n))) }
    #expect(s.stack.memory.held > held)
    #expect(throws: GroupError.tooMany) { try join(s, socket, v4(239, 0, 0, 6)) }
    #expect(throws: GroupError.alreadyJoined) { try join(s, socket, v4(239, 0, 0, 1)) }
    try leave(s, socket, v4(239, 0, 0, 1))
    #expect(throws: GroupError.notJoined) { try leave(s, socket, v4(239, 0, 0, 1)) }
    #expect(throws: GroupError.invalidGroup) { try join(s, socket, v4(10, 0, 0, 1)) }
    #expect(throws: GroupError.invalidGroup) { try join(s, socket, IPAddress("ff01::5")!) }
    #expect(throws: GroupError.noSuchInterface) {
      try s.stack.joinGroup(socket, Self.group4, on: InterfaceID(rawValue: 3), now: s.now)
    }
    try s.stack.close(socket)
    #expect(throws: GroupError.stale) { try join(s, socket, Self.group4) }
    try s.stack.removeInterface(s.interface)
    s.check()
    let small = try Station { $0.memoryBudget = 64 << 10 }
    let one = try small.stack.openDatagram()
    var joined = 0
    while joined < 300, (try? join(small, one, v4(239, 1, UInt8(joined >> 8), UInt8(joined & 255)))) != nil {
      joined += 1
    }
    #expect((1..<100).contains(joined))
  }

  @Test("A tunnel has groups too, and tells of those alone that somebody has joined")
  func tunnel() throws {
    let host = try Host(2)
    let socket = try host.stack.openDatagram(on: LocalEndpoint(port: 5_000))
    host.inject(
      udp(
        from: Endpoint(address: v4(10, 0, 0, 9), port: 9), to: Endpoint(address: Self.group4, port: 5_000),
        [1]))
    #expect(host.drops(.multicast) == 1)
    try host.stack.joinGroup(socket, Self.group4, on: host.interface, now: host.now)
    host.advance(by: .zero)
    let report = try #require(host.pull().first).packet
    #expect(report[9] == 2 && report[8] == 1)
    host.inject(
      udp(
        from: Endpoint(address: v4(10, 0, 0, 9), port: 9), to: Endpoint(address: Self.group4, port: 5_000),
        [1]))
    #expect(try host.receive(socket) == [1])
  }
}

extension Packet {
  /// The frame of a query without its last octets: a length that no version has.
  fileprivate func dropLastOctets(_ n: Int, _ isIPv4: Bool) -> Packet {
    var frame = Packet(dropLast(n))
    let start = 14
    if isIPv4 {
      var header = Packet(frame[start..<(start + 24)])
      store(UInt16(frame.count - start), in: &header, at: 2)
      store(0, in: &header, at: 10)
      store(plainChecksum(header), in: &header, at: 10)
      frame.replaceSubrange(start..<(start + 24), with: header)
      var message = Packet(frame[(start + 24)...])
      store(0, in: &message, at: 2)
      store(plainChecksum(message), in: &message, at: 2)
      frame.replaceSubrange((start + 24)..., with: message)
    } else {
      store(UInt16(frame.count - start - 40), in: &frame, at: start + 4)
      var message = Packet(frame[(start + 48)...])
      store(0, in: &message, at: 2)
      let source = IPAddress.v6(frame.span.bytes.ipv6Address(start + 8))
      let destination = IPAddress.v6(frame.span.bytes.ipv6Address(start + 24))
      store(checksum(message, .icmpv6, source, destination), in: &message, at: 2)
      frame.replaceSubrange((start + 48)..., with: message)
    }
    return frame
  }
}
