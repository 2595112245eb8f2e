import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 2131 §4.4.5, §4.4.6: an address is kept, lost, or given back.
@Suite("DHCP: an address is kept or lost")
struct RenewalTests {
  private let lent = IPAddress.v4(LeaseScene.lent)

  /// A connection from the lent address, established.
  private func connection(_ scene: LeaseScene) throws -> ConnectionID {
    let peer = Endpoint(address: v4(10, 0, 0, 9), port: 80)
    scene.s.inject(scene.s.arp(.request, from: mac(9), peer.address, for: lent))
    _ = scene.s.pull()
    let client = try scene.s.stack.connect(to: peer, now: scene.s.now)
    let syn = try #require(scene.s.pull().first?.ip)
    let local = Endpoint(address: lent, port: try #require(syn.header?.sourcePort))
    scene.s.inject(
      scene.s.frame(
        tcp(from: peer, to: local, seq: 9, ack: syn.seq &+ 1, [.syn, .ack]), from: mac(9)))
    _ = scene.s.pull()
    _ = scene.s.drain()
    return client
  }

  /// It has ended, and nothing is said with the lost address.
  private func isLost(_ scene: LeaseScene, _ client: ConnectionID) throws {
    #expect(try scene.s.stack.status(client, now: scene.s.now).tcp.endReason == .unreachable)
    #expect(throws: SendError.self) {
      try scene.s.stack.send(client, [1 as UInt8].span.bytes, now: scene.s.now)
    }
    for frame in scene.others {
      #expect(frame.ip?.source != lent && frame.arp?.senderProtocol != LeaseScene.lent)
    }
    // Nor was anything counted as said.
    #expect(scene.s.stack.counters.tcp.outRsts == 0)
    try scene.s.stack.close(client, now: scene.s.now)
    #expect(throws: ConnectError.noRoute) {
      try scene.s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 9), port: 80), now: scene.s.now)
    }
    #expect(scene.lease == nil)
  }

  @Test(
    "At half the time the server is asked, at the station that the lease came from; and the time begins anew")
  func renewed() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let first = try #require(scene.lease)
    // A little early, so that not all ask at once.
    let half = first.renewal.since(first.requested)
    #expect(half <= .minutes(30) && half > .minutes(28))
    let t2 = first.rebinding.since(first.requested)
    #expect(t2 <= .milliseconds(3_150_000) && t2 > .minutes(49))
    #expect(scene.s.stack.nextDeadline(now: scene.s.now) == first.renewal)
    scene.wait(until: first.renewal.advanced(by: .milliseconds(-10)))
    scene.others = []
    let request = try #require(scene.question(within: .milliseconds(20)))
    let asked = scene.s.now
    #expect(request.kind == .request && request.hardware == LeaseScene.serverHardware)
    #expect(request.source == lent && request.destination == .v4(LeaseScene.server))
    #expect(request.message.ciaddr == LeaseScene.lent && request.options.requestedAddress == nil)
    #expect(request.options.serverIdentifier == nil && request.options.clientIdentifier == scene.s.hardware)
    #expect(scene.others.isEmpty)
    scene.s.advance(by: .milliseconds(700))
    scene.tell(.ack, to: request) { $0.options.leaseTime = 7_200 }
    #expect(scene.s.drain() == [.lease(.renewed, lent, scene.s.interface)])
    let second = try #require(scene.lease)
    #expect(second.requested == asked && second.expiration == asked.advanced(by: .hours(2)))
    scene.s.advance(by: .minutes(20))
    #expect(scene.s.stack.nextDeadline(now: scene.s.now) == second.renewal)
    #expect(scene.asked().isEmpty && scene.others.isEmpty)
  }

  @Test("T1 and T2 are the server's where they make sense")
  func times() throws {
    func bound(_ t1: UInt32?, _ t2: UInt32?, lease: UInt32 = 3_600) throws -> (TimeAmount, TimeAmount) {
      let scene = try LeaseScene()
      try scene.bind {
        $0.options.renewalTime = t1
        $0.options.rebindingTime = t2
        $0.options.leaseTime = lease
      }
      let terms = try #require(scene.lease)
      return (terms.renewal.since(terms.requested), terms.rebinding.since(terms.requested))
    }
    func near(_ amount: TimeAmount, _ seconds: Int64) -> Bool {
      amount <= .seconds(seconds) && amount.nanoseconds >= seconds * 15 * 1_000_000_000 / 16
    }
    let told = try bound(100, 200)
    #expect(near(told.0, 100) && near(told.1, 200))
    for (t1, t2) in [(3_150, 3_150), (4_000, 0), (0, 3_600), (0, .max), (.max, .max)] as [(UInt32, UInt32)] {
      let plain = try bound(t1, t2)
      #expect(near(plain.0, 1_800) && near(plain.1, 3_150), "\(t1), \(t2)")
    }
    let late = try bound(nil, 700)
    #expect(near(late.0, 400) && near(late.1, 700))
    // Not all the time.
    #expect(try bound(1, nil).0 >= .seconds(5))
  }

  @Test("No answer: half of what is left until T2, a minute at least; then everybody; at the end it is lost")
  func expired() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let client = try connection(scene)
    let lease = try #require(scene.lease)
    let end = try #require(lease.expiration)
    var times: [(at: Instant, toAll: Bool)] = []
    var numbers: Set<UInt32> = []
    var last: SeenMessage?
    while let request = scene.question(within: end.advanced(by: .milliseconds(-1)).since(scene.s.now)) {
      times.append((scene.s.now, request.isToAll))
      numbers.insert(request.message.xid)
      #expect(request.kind == .request && request.source == lent)
      #expect(request.message.ciaddr == LeaseScene.lent && request.options.requestedAddress == nil)
      #expect(request.options.serverIdentifier == nil)
      last = request
    }
    #expect(numbers.count == times.count)
    let renewals = times.filter { !$0.toAll }
    let rebindings = times.filter(\.toAll)
    #expect(renewals.count >= 5 && renewals.count < 20 && rebindings.count >= 3 && rebindings.count < 12)
    #expect(renewals.allSatisfy { $0.at < lease.rebinding } && rebindings[0].at >= lease.rebinding)
    for (later, earlier) in zip(times.dropFirst(), times) where later.toAll == earlier.toAll {
      let left = (later.toAll ? end : lease.rebinding).since(earlier.at).nanoseconds / 2
      let wait = later.at.since(earlier.at).nanoseconds
      #expect(abs(wait - max(left, 60_000_000_000)) <= 1_000_000)
    }
    #expect(scene.lease != nil)
    scene.others = []
    scene.s.advance(by: .milliseconds(1))
    #expect(
      scene.s.drain().filter { if case .connection = $0 { false } else { true } }
        == [.addressRemoved(lent, scene.s.interface), .lease(.expired, lent, scene.s.interface)])
    #expect(scene.asked().isEmpty)
    try isLost(scene, client)
    // Late.
    scene.tell(.ack, to: try #require(last))
    #expect(scene.lease == nil)
    let discover = try #require(scene.question(within: .seconds(2)))
    #expect(discover.kind == .discover && discover.options.requestedAddress == LeaseScene.lent)
    scene.tell(.offer, to: discover)
    scene.tell(.ack, to: try #require(scene.asked().first))
    scene.s.advance(by: .seconds(8))
    #expect(scene.lease != nil)
  }

  @Test("After T2 any server may answer, before it only the one")
  func rebound() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let other = IPv4Address(10, 0, 0, 249)
    let renewal = try #require(scene.question(within: .minutes(31)))
    scene.tell(.ack, to: renewal) { $0.options.serverIdentifier = other }
    scene.tell(.nak, to: renewal) { $0.options.serverIdentifier = other }
    #expect(scene.s.drops(.dhcpIgnored) == 2 && scene.s.drain().isEmpty)
    var request = renewal
    while !request.isToAll { request = try #require(scene.question(within: .minutes(20))) }
    scene.tell(.ack, to: request) { $0.yiaddr = IPv4Address(10, 0, 0, 78) }
    #expect(scene.s.drops(.dhcpIgnored) == 3)
    scene.tell(.ack, to: request) { $0.options.serverIdentifier = other }
    #expect(scene.s.drain() == [.lease(.renewed, lent, scene.s.interface)])
    #expect(scene.lease?.server == other)
  }

  @Test("Refused when it asks for more time: the address is gone at once")
  func refused() throws {
    let scene = try LeaseScene()
    try scene.bind { $0.options.interfaceMTU = 1_400 }
    let client = try connection(scene)
    let renewal = try #require(scene.question(within: .minutes(31)))
    scene.others = []
    scene.tell(.nak, to: renewal)
    #expect(scene.asked().isEmpty)
    let events = scene.s.drain()
    #expect(events.contains(.addressRemoved(lent, scene.s.interface)))
    #expect(events.contains(.lease(.refused, lent, scene.s.interface)))
    try isLost(scene, client)
    let discover = try #require(scene.question(within: .seconds(1)))
    #expect(discover.kind == .discover && discover.options.requestedAddress == nil)
    #expect(discover.source == v4(0, 0, 0, 0))
  }

  @Test("Nobody waits for an answer: a refusal or acknowledgment out of the blue changes nothing")
  func unasked() throws {
    let scene = try LeaseScene()
    let discover = try #require(scene.question(within: .seconds(5)))
    scene.tell(.offer, to: discover)
    let request = try #require(scene.asked().first)
    scene.tell(.ack, to: request)
    scene.tell(.nak, to: request)
    scene.tell(.ack, to: request)
    scene.s.advance(by: .seconds(8))
    let lease = try #require(scene.lease)
    scene.tell(.nak, to: request)
    scene.tell(.ack, to: request) { $0.options.leaseTime = 99 }
    scene.tell(.offer, to: request)
    #expect(scene.s.drops(.dhcpIgnored) == 5 && scene.lease == lease)
  }

  @Test("A lease for ever is never asked about again")
  func infinite() throws {
    let scene = try LeaseScene()
    try scene.bind {
      $0.options.leaseTime = .max
      $0.options.renewalTime = 60
    }
    let lease = try #require(scene.lease)
    #expect(lease.expiration == nil)
    #expect(scene.s.stack.nextDeadline(now: scene.s.now) == nil)
    scene.wait(until: scene.s.now.advanced(by: .hours(24 * 400)))
    #expect(scene.lease == lease)
  }

  @Test(
    "Given back: the server is told by the lent address, which is ours no longer; asked for again it is wished for"
  )
  func released() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let client = try connection(scene)
    scene.others = []
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    let release = try #require(scene.asked().first)
    #expect(release.kind == .release && release.hardware == LeaseScene.serverHardware)
    #expect(release.source == lent && release.destination == .v4(LeaseScene.server))
    #expect(
      release.message.ciaddr == LeaseScene.lent && release.options.serverIdentifier == LeaseScene.server)
    #expect(release.options.requestedAddress == nil && release.options.parameters.isEmpty)
    #expect(release.options.clientIdentifier == scene.s.hardware)
    #expect(scene.s.drain().contains(.lease(.released, lent, scene.s.interface)))
    try isLost(scene, client)
    scene.wait(until: scene.s.now.advanced(by: .hours(48)))
    #expect(scene.s.stack.nextDeadline(now: scene.s.now) == nil)
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    #expect(scene.asked().isEmpty && scene.s.drain().isEmpty)
    try scene.s.stack.requestLease(of: scene.s.interface, now: scene.s.now)
    let discover = try #require(scene.question(within: .seconds(1)))
    #expect(discover.kind == .discover && discover.options.requestedAddress == LeaseScene.lent)
    // Before there is anything to give back, nothing is said.
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    #expect(scene.question(within: .hours(1)) == nil && scene.s.drain().isEmpty)
  }

  @Test(
    "What is given back and asked for again before the link takes a frame is given back all the same",
    arguments: [0, 2])
  func releasedAndRequested(seconds: Int64) throws {
    let scene = try LeaseScene()
    try scene.bind()
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    try scene.s.stack.requestLease(of: scene.s.interface, now: scene.s.now)
    scene.s.advance(by: .seconds(seconds))
    var said = scene.s.pull().compactMap { SeenMessage($0) }
    #expect(said.first?.kind == .release && said.first?.source == lent)
    #expect(
      said.first?.message.ciaddr == LeaseScene.lent && said.first?.hardware == LeaseScene.serverHardware)
    if seconds == 0 { said.append(try #require(scene.question(within: .seconds(2)))) }
    #expect(said.map(\.kind) == [.release, .discover])
    #expect(said.last?.options.requestedAddress == LeaseScene.lent)
  }

  @Test("Taking the address away gives it back; while it is checked, too")
  func removed() throws {
    let scene = try LeaseScene()
    try scene.bind()
    try scene.s.stack.removeAddress(lent, from: scene.s.interface)
    #expect(scene.asked().map(\.kind) == [.release])
    let checking = try LeaseScene()
    let discover = try #require(checking.question(within: .seconds(5)))
    checking.tell(.offer, to: discover)
    checking.tell(.ack, to: try #require(checking.asked().first))
    checking.s.advance(by: .seconds(1))
    try checking.s.stack.releaseLease(of: checking.s.interface, now: checking.s.now)
    #expect(checking.asked().map(\.kind) == [.release])
    #expect(checking.s.drain() == [.lease(.released, lent, checking.s.interface)])
    #expect(checking.question(within: .hours(1)) == nil)
  }

  @Test("Renewed with other terms: network, router and MTU change, connections stay")
  func changed() throws {
    let scene = try LeaseScene()
    try scene.bind()
    let client = try connection(scene)
    scene.tell(.ack, to: try #require(scene.question(within: .minutes(31)))) {
      $0.options.subnetMask = IPv4Address(255, 255, 0, 0)
      $0.options.routers = DHCPAddressList()
      $0.options.routers.append(IPv4Address(10, 0, 9, 9))
      $0.options.interfaceMTU = 1_000
    }
    #expect(try scene.s.stack.status(client, now: scene.s.now).tcp.endReason == .none)
    _ = try scene.s.stack.connect(to: Endpoint(address: v4(10, 0, 7, 7), port: 80), now: scene.s.now)
    #expect(scene.s.pull().compactMap { $0.arp?.targetProtocol } == [IPv4Address(10, 0, 7, 7)])
    _ = try scene.s.stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: scene.s.now)
    #expect(scene.s.pull().compactMap { $0.arp?.targetProtocol } == [IPv4Address(10, 0, 9, 9)])
  }

  @Test("A clock that jumps beyond the end loses the address, and asks nobody first")
  func jumped() throws {
    let scene = try LeaseScene()
    try scene.bind()
    scene.s.now = scene.s.now.advanced(by: .hours(5))
    scene.s.stack.advance(to: scene.s.now)
    scene.s.check()
    #expect(scene.asked().isEmpty && scene.lease == nil)
    #expect(scene.s.drain().contains(.lease(.expired, lent, scene.s.interface)))
  }

  @Test("Who has the address and hears another claim it keeps and defends it")
  func claimed() throws {
    let scene = try LeaseScene()
    try scene.bind()
    scene.s.inject(scene.s.arp(.request, from: mac(9), lent, for: lent))
    #expect(scene.asked().isEmpty && scene.lease != nil)
    #expect(scene.s.drain() == [.addressConflict(lent, scene.s.interface, mac(9))])
  }
}
