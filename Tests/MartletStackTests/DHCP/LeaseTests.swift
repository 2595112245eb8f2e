import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 2131 §3.1, §4.4.1: from nothing to an address.
@Suite("DHCP: an address is lent")
struct LeaseTests {
  @Test("A question to everybody within a second, then after 4, 8, 16, 32 and always 64 s, one more or less")
  func discover() throws {
    let scene = try LeaseScene(hostName: "martlet")
    let start = scene.s.now
    let first = try #require(scene.question(within: .seconds(1)))
    #expect(first.kind == .discover && first.isToAll && first.source == v4(0, 0, 0, 0))
    #expect(first.message.chaddr == scene.s.hardware && first.options.clientIdentifier == scene.s.hardware)
    #expect(first.options.parameters == .all && first.options.maximumMessageSize == 1_500)
    #expect(first.options.hostName == DHCPHostName("martlet") && first.options.requestedAddress == nil)
    #expect(first.message.ciaddr == .any && first.message.secs == 0)
    var last = scene.s.now
    var jitters: Set<Int64> = []
    for (i, wait) in ([4, 8, 16, 32, 64, 64, 64] as [Int64]).enumerated() {
      let again = try #require(scene.question(within: .seconds(70)))
      let passed = scene.s.now.since(last).nanoseconds / 1_000_000
      #expect(passed >= wait * 1_000 - 1_000 && passed <= wait * 1_000 + 1_000)
      jitters.insert(passed - wait * 1_000)
      last = scene.s.now
      #expect(again.kind == .discover && again.message.xid == first.message.xid && again.isToAll)
      #expect(Int64(again.message.secs) >= scene.s.now.since(start).nanoseconds / 1_000_000_000 - 1)
      // Somebody on the way may not manage to send to an address that we do not have yet.
      #expect(again.message.wantsBroadcast == (i > 0))
    }
    #expect(!first.message.wantsBroadcast && jitters.count > 5)
    #expect(scene.others.isEmpty && scene.s.drain().isEmpty && scene.lease == nil)
  }

  @Test("Offer, request, acknowledgment, three probes: then it is ours", arguments: [false, true])
  func whole(toAll: Bool) throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.s.advance(by: .milliseconds(2_900))
    scene.tell(.offer, to: discover, toAll: toAll)
    let request = try #require(scene.asked().first)
    let asked = scene.s.now
    #expect(request.kind == .request && request.isToAll && request.source == v4(0, 0, 0, 0))
    #expect(request.message.xid == discover.message.xid && request.message.secs == discover.message.secs)
    #expect(request.options.requestedAddress == LeaseScene.lent)
    #expect(request.options.serverIdentifier == LeaseScene.server)
    #expect(request.message.ciaddr == .any && request.options.parameters == .all)
    scene.s.advance(by: .milliseconds(500))
    scene.tell(.ack, to: request, toAll: toAll)
    var isSearching = scene.s.stack.awaitsAddress(for: .v4(LeaseScene.lent))
    let searchesIPv6 = scene.s.stack.awaitsAddress(for: .v6(.any))
    #expect(scene.lease == nil && isSearching && !searchesIPv6)
    scene.s.advance(by: .milliseconds(3_900))
    #expect(scene.s.drain().isEmpty)
    scene.s.advance(by: .milliseconds(3_200))
    isSearching = scene.s.stack.awaitsAddress(for: .v4(LeaseScene.lent))
    #expect(!isSearching)
    #expect(
      scene.s.drain() == [
        .addressReady(.v4(LeaseScene.lent), scene.s.interface),
        .lease(.obtained, .v4(LeaseScene.lent), scene.s.interface),
      ])
    #expect(scene.asked().isEmpty)
    #expect(scene.others.count >= 3 && scene.others.allSatisfy { $0.arp?.targetProtocol == LeaseScene.lent })
    let lease = try #require(scene.lease)
    #expect(lease.address == IPPrefix(.v4(LeaseScene.lent), length: 24) && lease.server == LeaseScene.server)
    #expect(lease.routers.map { $0 } == [IPv4Address(10, 0, 0, 254)])
    #expect(lease.domainNameServers.map { $0 } == [IPv4Address(10, 0, 0, 253)])
    #expect(lease.requested == asked && lease.expiration == asked.advanced(by: .hours(1)))
    #expect(scene.s.stack.counters.drops == 0)
  }

  @Test("Strangers go through the router, neighbours do not; packets are as long as the server says")
  func used() throws {
    let scene = try LeaseScene()
    try scene.bind { $0.options.interfaceMTU = 1_400 }
    let client = try scene.s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: scene.s.now)
    let asked = scene.s.pull()
    #expect(asked.compactMap { $0.arp?.targetProtocol } == [IPv4Address(10, 0, 0, 254)])
    let syn = scene.s.answers(
      to: scene.s.arp(
        .reply, from: mac(254), v4(10, 0, 0, 254), for: .v4(LeaseScene.lent), at: scene.s.hardware))
    #expect(syn.map(\.destination) == [mac(254)])
    #expect(syn.first?.ip?.source == .v4(LeaseScene.lent))
    #expect(syn.first?.ip?.header?.options.maximumSegmentSize == 1_360)
    #expect(try scene.s.stack.status(client, now: scene.s.now).tcp.sndMss <= 1_360)
    #expect(try scene.s.stack.mtu(of: scene.s.interface) == 1_500)
    _ = try scene.s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 9), port: 80), now: scene.s.now)
    #expect(scene.s.pull().compactMap { $0.arp?.targetProtocol } == [IPv4Address(10, 0, 0, 9)])
    // It is answered for.
    let answers = scene.s.answers(
      to: scene.s.arp(.request, from: mac(8), v4(10, 0, 0, 8), for: .v4(LeaseScene.lent)))
    #expect(answers.map(\.destination) == [mac(8)])
  }

  @Test("Without the check it is ours at once")
  func unchecked() throws {
    let scene = try LeaseScene(checksAddresses: false)
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.tell(.offer, to: discover)
    let request = try #require(scene.asked().first)
    scene.tell(.ack, to: request)
    #expect(scene.s.drain().contains(.lease(.obtained, .v4(LeaseScene.lent), scene.s.interface)))
    #expect(scene.lease != nil)
  }

  @Test("A request without an answer is sent four times in a minute, then a server is looked for again")
  func lostRequest() throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.tell(.offer, to: discover)
    let start = scene.s.now
    var requests: [SeenMessage] = []
    var next = scene.asked().first
    while let request = next, request.kind == .request {
      requests.append(request)
      next = scene.question(within: .seconds(70))
    }
    #expect(requests.count == 4)
    #expect(
      requests.allSatisfy { $0.options == requests[0].options && $0.message.secs == discover.message.secs })
    let again = try #require(next)
    #expect(again.kind == .discover && again.message.xid != discover.message.xid)
    let passed = scene.s.now.since(start)
    #expect(passed >= .seconds(56) && passed <= .seconds(65))
    // An answer that comes now is nobody's.
    scene.tell(.ack, to: requests[0])
    #expect(scene.s.drops(.dhcpIgnored) == 1 && scene.asked().isEmpty)
  }

  @Test("A refusal sends it back to the start, sooner the first time than the tenth")
  func refused() throws {
    let scene = try LeaseScene()
    var waits: [TimeAmount] = []
    var numbers: Set<UInt32> = []
    for _ in 0..<10 {
      let start = scene.s.now
      let discover = try #require(scene.question(within: .seconds(70)))
      #expect(discover.kind == .discover && discover.options.requestedAddress == nil)
      numbers.insert(discover.message.xid)
      waits.append(scene.s.now.since(start))
      scene.tell(.offer, to: discover)
      let request = try #require(scene.asked().first)
      scene.tell(.nak, to: request)
      #expect(scene.asked().isEmpty)
    }
    #expect(numbers.count == 10)
    #expect(waits[0] <= .seconds(1) && waits[1] <= .seconds(1))
    #expect(waits[2] >= .seconds(2) && waits[4] >= .seconds(8) && waits[9] >= .seconds(64))
    #expect(scene.s.drain().isEmpty)
  }

  @Test("RFC 2131 §3.1: who finds another at the address declines it, and waits for ten seconds")
  func declined() throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.tell(.offer, to: discover)
    let request = try #require(scene.asked().first)
    scene.tell(.ack, to: request)
    scene.s.advance(by: .milliseconds(1_500))
    #expect(scene.asked().isEmpty && !scene.others.isEmpty)
    scene.s.inject(
      scene.s.arp(.reply, from: mac(9), .v4(LeaseScene.lent), for: v4(0, 0, 0, 0), to: scene.s.hardware))
    let decline = try #require(scene.asked().first)
    #expect(decline.kind == .decline && decline.isToAll && decline.source == v4(0, 0, 0, 0))
    #expect(decline.options.requestedAddress == LeaseScene.lent)
    #expect(decline.options.serverIdentifier == LeaseScene.server)
    #expect(decline.options.clientIdentifier == scene.s.hardware && decline.options.parameters.isEmpty)
    #expect(decline.message.ciaddr == .any && decline.message.xid != request.message.xid)
    #expect(
      scene.s.drain() == [
        .addressConflict(.v4(LeaseScene.lent), scene.s.interface, mac(9)),
        .lease(.declined, .v4(LeaseScene.lent), scene.s.interface),
      ])
    scene.wait(until: scene.s.now.advanced(by: .milliseconds(9_990)))
    let again = try #require(scene.question(within: .milliseconds(1_100)))
    #expect(again.kind == .discover && again.options.requestedAddress == nil)
    #expect(scene.others.allSatisfy { $0.arp?.senderProtocol.isUnspecified == true })
    // The next one is free.
    scene.tell(.offer, to: again)
    scene.tell(.ack, to: try #require(scene.asked().first))
    scene.s.advance(by: .seconds(8))
    #expect(scene.lease != nil)
  }

  @Test("An address that another interface has is declined, too")
  func ownDeclined() throws {
    let scene = try LeaseScene(addresses: [IPPrefix(.v4(LeaseScene.lent), length: 24)])
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.tell(.offer, to: discover, toAll: true)
    scene.tell(.ack, to: try #require(scene.asked().first), toAll: true)
    #expect(scene.asked().map(\.kind) == [.decline])
    #expect(scene.lease == nil)
    try scene.s.stack.removeAddress(.v4(LeaseScene.lent), from: scene.s.interface)
    scene.s.check()
  }

  @Test("RFC 2131 §3.2: an address of before is asked for at once, without a server's name")
  func reboot() throws {
    let scene = try LeaseScene(previous: LeaseScene.lent)
    let request = try #require(scene.question(within: .seconds(1)))
    #expect(request.kind == .request && request.isToAll && request.source == v4(0, 0, 0, 0))
    #expect(request.options.requestedAddress == LeaseScene.lent && request.options.serverIdentifier == nil)
    #expect(request.message.ciaddr == .any)
    scene.tell(.ack, to: request) { $0.yiaddr = IPv4Address(10, 0, 0, 78) }
    #expect(scene.s.drops(.dhcpIgnored) == 1)
    scene.tell(.ack, to: request)
    scene.s.advance(by: .seconds(8))
    #expect(scene.lease?.address == IPPrefix(.v4(LeaseScene.lent), length: 24))
  }

  @Test("An address of before that nobody knows: after two tries a server is looked for; refused: at once")
  func rebootFails() throws {
    let silent = try LeaseScene(previous: LeaseScene.lent)
    let kinds = (0..<3).map { _ in silent.question(within: .seconds(20)) }
    #expect(kinds.map { $0?.kind } == [.request, .request, .discover])
    #expect(kinds[2]?.options.requestedAddress == LeaseScene.lent)
    let refused = try LeaseScene(previous: LeaseScene.lent)
    refused.tell(.nak, to: try #require(refused.question(within: .seconds(1))))
    let discover = try #require(refused.question(within: .seconds(1)))
    #expect(discover.kind == .discover && discover.options.requestedAddress == nil)
  }
}
