import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Whoever is on the link may answer, and say anything.
@Suite("DHCP: servers that lie")
struct LyingServerTests {
  @Test("What is no answer to the question is passed over, and the right one is taken after it")
  func wrong() throws {
    let scene = try LeaseScene()
    let s = scene.s
    let discover = try #require(scene.question(within: .seconds(5)))
    let good = scene.answer(.offer, to: discover.message)
    func changed(_ change: (inout DHCPMessage) -> Void) -> DHCPMessage {
      var message = good
      change(&message)
      return message
    }
    let ignored: [Packet] = [
      scene.frame(changed { $0.xid &+= 1 }),
      scene.frame(changed { $0.chaddr = mac(9) }),
      scene.frame(changed { $0.op = .request }),
      scene.frame(changed { $0.options.serverIdentifier = nil }),
      scene.frame(changed { $0.options.serverIdentifier = .broadcast }),
      scene.frame(changed { $0.options.serverIdentifier = .loopback }),
      scene.frame(changed { $0.options.messageType = nil }),
      scene.frame(changed { $0.options.messageType = .ack }),
      scene.frame(changed { $0.options.messageType = .discover }),
      scene.frame(scene.answer(.nak, to: discover.message)),
      scene.frame(good, to: v4(10, 0, 0, 99)),
    ]
    for frame in ignored { s.inject(frame) }
    #expect(s.drops(.dhcpIgnored) == UInt64(ignored.count))
    let martians = [v4(0, 0, 0, 0), v4(127, 0, 0, 1), v4(224, 0, 0, 1), v4(255, 255, 255, 255)]
    for source in martians { s.inject(scene.frame(good, from: Endpoint(address: source, port: 67))) }
    #expect(s.drops(.martianSource) == 4)
    var group = scene.frame(good)
    group.replaceSubrange(0..<6, with: Packet(repeating: 0xff, count: 6))
    s.inject(group)
    #expect(s.drops(.groupFrame) == 1)
    var sum = scene.frame(good)
    sum[14 + 26] ^= 1
    s.inject(sum)
    var header = scene.frame(good)
    header[14 + 8] ^= 1
    s.inject(header)
    #expect(s.drops(.badUDPChecksum) == 1 && s.drops(.badIPChecksum) == 1)
    for place in [14 + 28 + 1, 14 + 28 + 236, 14 + 28 + 241] {
      var octets = scene.frame(good)
      octets[place] = 250
      octets[14 + 26] = 0
      octets[14 + 27] = 0
      s.inject(octets)
    }
    #expect(s.drops(.badDHCP) == 3)
    // Other ports are no business of the client.
    s.inject(scene.frame(good, from: Endpoint(address: .v4(LeaseScene.server), port: 66)))
    s.inject(scene.frame(good, port: 69))
    #expect(s.drops(.notOurs) == 2)
    #expect(scene.asked().isEmpty && scene.others.isEmpty)
    s.inject(scene.frame(good))
    let request = try #require(scene.asked().first)
    // The acknowledgment of another server, or of another address.
    scene.tell(.ack, to: request) { $0.options.serverIdentifier = IPv4Address(10, 0, 0, 249) }
    scene.tell(.ack, to: request) { $0.yiaddr = IPv4Address(10, 0, 0, 78) }
    scene.tell(.nak, to: request) { $0.options.serverIdentifier = IPv4Address(10, 0, 0, 249) }
    scene.tell(.offer, to: request) { $0.yiaddr = IPv4Address(10, 0, 0, 78) }
    #expect(s.drops(.dhcpIgnored) == UInt64(ignored.count) + 4)
    scene.tell(.ack, to: request)
    s.advance(by: .seconds(8))
    #expect(scene.lease != nil)
  }

  @Test("Offers of what nobody can have or use are passed over")
  func useless() throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .seconds(5)))
    let lies: [(inout DHCPMessage) -> Void] = [
      { $0.options.leaseTime = nil }, { $0.options.leaseTime = 0 }, { $0.options.leaseTime = 29 },
      { $0.options.subnetMask = nil }, { $0.options.subnetMask = .any },
      { $0.options.subnetMask = IPv4Address(255, 0, 255, 0) },
      { $0.options.subnetMask = IPv4Address(254, 0, 0, 0) },
      { $0.options.subnetMask = IPv4Address(0, 255, 255, 255) }, { $0.yiaddr = .any },
      { $0.yiaddr = IPv4Address(0, 1, 2, 3) }, { $0.yiaddr = .loopback },
      { $0.yiaddr = IPv4Address(224, 0, 0, 9) }, { $0.yiaddr = IPv4Address(240, 0, 0, 9) },
      { $0.yiaddr = .broadcast }, { $0.yiaddr = IPv4Address(10, 0, 0, 255) },
      { $0.yiaddr = IPv4Address(10, 0, 0, 0) },
    ]
    for lie in lies { scene.tell(.offer, to: discover, toAll: true, lie) }
    #expect(scene.s.drops(.dhcpIgnored) == UInt64(lies.count) && scene.asked().isEmpty)
    scene.tell(.offer, to: discover)
    let request = try #require(scene.asked().first)
    for lie in lies { scene.tell(.ack, to: request, toAll: true, lie) }
    #expect(scene.s.drops(.dhcpIgnored) == 2 * UInt64(lies.count))
    scene.tell(.ack, to: request) { $0.options.leaseTime = 30 }
    scene.s.advance(by: .seconds(8))
    #expect(scene.lease != nil)
    // Nor does an empty promise end what there is before its time.
    let renewal = try #require(scene.question(within: .seconds(30)))
    scene.tell(.ack, to: renewal) { $0.options.leaseTime = 0 }
    #expect(scene.lease != nil)
  }

  @Test("Routers that are not on the link, or nobody, or we, are none; name servers likewise")
  func routers() throws {
    let scene = try LeaseScene()
    try scene.bind {
      $0.options.routers = DHCPAddressList()
      $0.options.domainNameServers = DHCPAddressList()
      for router in [IPv4Address(10, 0, 1, 1), LeaseScene.lent, IPv4Address(10, 0, 0, 255), .any] {
        $0.options.routers.append(router)
      }
      for name in [
        IPv4Address(127, 0, 0, 53), .broadcast, IPv4Address(9, 9, 9, 9), IPv4Address(224, 0, 0, 1),
      ] {
        $0.options.domainNameServers.append(name)
      }
    }
    let lease = try #require(scene.lease)
    #expect(lease.routers.isEmpty && lease.domainNameServers.map { $0 } == [IPv4Address(9, 9, 9, 9)])
    #expect(throws: ConnectError.noRoute) {
      try scene.s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: scene.s.now)
    }
  }

  @Test("The MTU is the server's from 576 to the device's own, and the device's when the lease has gone")
  func mtu() throws {
    for (told, mss) in [(575, 1_460), (576, 536), (1_499, 1_459), (9_000, 1_460), (0, 1_460)]
      as [(UInt16, UInt16)]
    {
      let scene = try LeaseScene(addresses: [IPPrefix(v6(1), length: 64)])
      scene.s.advance(by: .milliseconds(1))
      let discover = try #require(scene.question(within: .seconds(5)))
      scene.tell(.offer, to: discover) { $0.options.interfaceMTU = told }
      scene.tell(.ack, to: try #require(scene.asked().first)) { $0.options.interfaceMTU = told }
      scene.s.advance(by: .seconds(8))
      _ = scene.s.pull()
      func offered(_ peer: IPAddress, _ n: UInt8) throws -> UInt16? {
        _ = try scene.s.stack.connect(to: Endpoint(address: peer, port: 80), now: scene.s.now)
        _ = scene.s.pull()
        let answer =
          peer.isFour
          ? scene.s.arp(.reply, from: mac(n), peer, for: .v4(LeaseScene.lent), at: scene.s.hardware)
          : scene.s.advertisement(of: peer, at: mac(n))
        return scene.s.answers(to: answer).first?.ip?.header?.options.maximumSegmentSize
      }
      #expect(try offered(v4(10, 0, 0, 9), 9) == mss, "\(told)")
      #expect(try offered(v6(8), 8) == 1_440)
      try scene.s.stack.setMTU(1_300, of: scene.s.interface)
      #expect(try offered(v4(10, 0, 0, 10), 10) == min(1_260, mss))
      try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
      _ = scene.s.pull()
      try scene.s.stack.addAddress(IPPrefix(v4(10, 0, 0, 3), length: 24), to: scene.s.interface)
      scene.s.advance(by: .seconds(10))
      _ = scene.s.pull()
      _ = try scene.s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 11), port: 80), now: scene.s.now)
      _ = scene.s.pull()
      let syn = scene.s.answers(
        to: scene.s.arp(.reply, from: mac(11), v4(10, 0, 0, 11), for: v4(10, 0, 0, 3), at: scene.s.hardware))
      #expect(syn.first?.ip?.header?.options.maximumSegmentSize == 1_260)
    }
  }

  @Test("RFC 1122 §3.3.1.4: the second router has its turn when the first is silent")
  func secondRouter() throws {
    let scene = try LeaseScene()
    try scene.bind { $0.options.routers.append(IPv4Address(10, 0, 0, 252)) }
    _ = try scene.s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: scene.s.now)
    var asked: [IPv4Address] = []
    for _ in 0..<120 {
      asked += scene.s.pull().compactMap { $0.arp?.targetProtocol }
      scene.s.advance(by: .milliseconds(100))
    }
    #expect(Array(asked.prefix(4)) == [254, 254, 254, 252].map { IPv4Address(10, 0, 0, $0) })
  }

  @Test(
    "What was configured by hand stays: a default route is not taken over, and comes back when it is taken away"
  )
  func configured() throws {
    let scene = try LeaseScene()
    let all = IPPrefix(v4(0, 0, 0, 0), length: 0)
    try scene.s.stack.addRoute(
      Route(prefix: all, interface: scene.s.interface, gateway: v4(10, 0, 0, 1)))
    try scene.bind()
    func router() throws -> [IPv4Address] {
      _ = try scene.s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: scene.s.now)
      return scene.s.pull().compactMap { $0.arp?.targetProtocol }
    }
    #expect(try router() == [IPv4Address(10, 0, 0, 1)])
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    scene.s.check()
    try scene.s.stack.removeRoute(to: all)
  }

  /// Draws from a seed (Knuth's multiplier).
  private struct Draws {
    var state: UInt64

    mutating func callAsFunction(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
  }

  @Test("A server that says anything, at any time, breaks nothing", arguments: 1...8 as ClosedRange<UInt64>)
  func anything(seed: UInt64) throws {
    let scene = try LeaseScene(seed: seed)
    var draw = Draws(state: seed)
    var last: SeenMessage?
    var bound = 0
    for _ in 0..<1_500 {
      if let message = scene.asked().first { last = message }
      if draw(3) > 0, let question = last {
        let kind: DHCPMessageType =
          switch question.kind {
          case .discover: .offer
          default: draw(4) == 0 ? .nak : .ack
          }
        var message = scene.answer(
          draw(6) == 0 ? DHCPMessageType(rawValue: UInt8(1 + draw(8))) ?? .ack : kind, to: question.message)
        message.options.leaseTime = [30, 60, 120, 3_600, .max, 0][draw(6)]
        if draw(4) == 0 { message.options.renewalTime = UInt32(draw(200)) }
        if draw(4) == 0 { message.options.rebindingTime = UInt32(draw(200)) }
        if draw(4) == 0 { message.options.interfaceMTU = UInt16(draw(65_536)) }
        if draw(4) == 0 { message.options.routers.append(IPv4Address(bits: 0x0a00_0000 | UInt32(draw(512)))) }
        if draw(8) == 0 { message.yiaddr = IPv4Address(bits: 0x0a00_0000 | UInt32(draw(512))) }
        if draw(8) == 0 { message.options.serverIdentifier = IPv4Address(bits: UInt32(draw(1 << 31))) }
        if draw(8) == 0 { message.options.subnetMask = IPv4Address(bits: .max << UInt32(draw(33))) }
        var frame = scene.frame(
          message, toAll: draw(2) == 0, tail: Packet(repeating: UInt8(draw(256)), count: draw(20)))
        if draw(4) == 0 {
          frame[14 + 26] = 0
          frame[14 + 27] = 0
          for _ in 0...draw(4) { frame[14 + 28 + 232 + draw(68)] = UInt8(draw(256)) }
        }
        scene.s.inject(frame)
      }
      if draw(12) == 0, let address = scene.lease?.address.address {
        scene.s.inject(scene.s.arp(.request, from: mac(9), address, for: address))
      }
      if draw(20) == 0 {
        scene.s.inject(scene.s.arp(.reply, from: mac(9), .v4(LeaseScene.lent), for: v4(0, 0, 0, 0)))
      }
      switch draw(60) {
      case 0: try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
      case 1, 2: try scene.s.stack.requestLease(of: scene.s.interface, now: scene.s.now)
      default: break
      }
      scene.s.advance(by: .milliseconds(Int64(draw(draw(5) == 0 ? 100_000 : 3_000))))
      if scene.lease != nil { bound += 1 }
      if draw(3) == 0 { _ = scene.s.drain() }
    }
    #expect(bound > 50)
    try scene.s.stack.removeInterface(scene.s.interface)
    scene.s.check()
    #expect(scene.s.stack.memoryUse().neighbours == 0)
  }
}
