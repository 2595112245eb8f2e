import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("DHCP: what it costs")
struct LeaseMemoryTests {
  private func interface(_ n: UInt8, mtu: UInt16 = 1_500) -> InterfaceConfiguration {
    InterfaceConfiguration(
      mtu: mtu,
      medium: .ethernet(EthernetMedium(hardwareAddress: mac(n), dhcp: DHCPConfiguration())))
  }

  @Test(
    "Two days of renewals, lost answers, other servers and conflicts: nothing is held that was not at the start"
  )
  func twoDays() throws {
    let scene = try LeaseScene()
    try scene.bind()
    scene.s.checksEachStep = false
    let held = scene.s.stack.held
    let end = scene.s.now.advanced(by: .hours(48))
    var asked = 0
    var longest = TimeAmount.zero
    while scene.s.now < end {
      let next = scene.s.stack.nextDeadline(now: scene.s.now)
      let deadline = try #require(next)
      longest = max(longest, deadline.since(scene.s.now))
      guard let question = scene.question(within: .hours(2)) else { continue }
      asked += 1
      switch (question.kind, asked % 13) {
      case (_, 3), (_, 4): break
      case (.request, 9): scene.tell(.nak, to: question)
      case (.discover, _): scene.tell(.offer, to: question)
      default: scene.tell(.ack, to: question)
      }
      _ = scene.s.drain()
      if asked % 10 == 0 { scene.s.check() }
    }
    #expect(asked > 90 && asked < 400)
    #expect(longest > .minutes(25))
    try scene.s.stack.releaseLease(of: scene.s.interface, now: scene.s.now)
    #expect(scene.asked().map(\.kind) == [.release])
    _ = scene.s.drain()
    scene.s.check()
    #expect(scene.s.stack.held == held)
    scene.wait(until: scene.s.now.advanced(by: .hours(2)))
    #expect(scene.s.stack.nextDeadline(now: scene.s.now) == nil)
  }

  @Test("An interface is charged for its client, the same for each, and given it back; no room is an error")
  func charged() throws {
    var configuration = StackConfiguration()
    configuration.memoryBudget = 64 << 10
    var stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    var links: [InterfaceID] = []
    var charges: [Int] = []
    do {
      while links.count < 1_000 {
        links.append(try stack.addInterface(interface(UInt8(truncatingIfNeeded: links.count))))
        charges.append(stack.memoryUse().neighbours)
      }
    } catch {
      #expect(error == .noMemory)
    }
    #expect(links.count > 5 && links.count < 300)
    #expect(charges.enumerated().allSatisfy { $1 == charges[0] * ($0 + 1) } && charges[0] > 200)
    for link in links {
      try stack.removeInterface(link)
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
    }
    #expect(stack.memoryUse().neighbours == 0)
  }

  @Test("No client where none was asked for, and none on a link that is too narrow")
  func none() throws {
    let s = try Station()
    #expect(try s.stack.lease(of: s.interface) == nil)
    #expect(throws: InterfaceError.noSuchAddress) { try s.stack.releaseLease(of: s.interface, now: s.now) }
    #expect(throws: InterfaceError.noSuchAddress) { try s.stack.requestLease(of: s.interface, now: s.now) }
    let nowhere = InterfaceID(rawValue: 9)
    #expect(throws: InterfaceError.noSuchInterface) { try s.stack.lease(of: nowhere) }
    #expect(throws: InterfaceError.noSuchInterface) { try s.stack.releaseLease(of: nowhere, now: s.now) }
    #expect(throws: InterfaceError.mtuTooSmall) { try s.stack.addInterface(interface(1, mtu: 575)) }
    // A datagram from port 67 to 68 is one like any other there.
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 68))
    s.inject(
      s.frame(
        udp(
          from: Endpoint(address: v4(10, 0, 0, 9), port: 67), to: Endpoint(address: s.address, port: 68), [1]),
        from: mac(9)))
    #expect(s.drain() == [.datagram(socket, .readable)])
  }

  @Test(
    "Two links with a server each: two leases, and the route goes to the other router when the first has gone"
  )
  func twoLinks() throws {
    var stack = NetworkStack(seed: StackSeed(7))
    var now = Instant(nanoseconds: 1_000_000_000)
    stack.advance(to: now)
    let links = [try stack.addInterface(interface(1)), try stack.addInterface(interface(2))]
    func turn(_ n: Int, _ stack: inout NetworkStack) {
      var buffer = Packet(repeating: 0, count: 2_000)
      while true {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        guard let out = stack.nextPacket(on: links[n], into: &raw, now: now) else { return }
        guard let frame = SeenFrame(Packet(buffer.prefix(out.count)), out.metadata, vlan: nil),
          let seen = SeenMessage(frame), let kind = seen.kind, kind == .discover || kind == .request
        else { continue }
        var answer = DHCPMessage(op: .reply, xid: seen.message.xid, chaddr: seen.message.chaddr)
        answer.yiaddr = IPv4Address(10, UInt8(n), 0, 7)
        answer.options.messageType = kind == .discover ? .offer : .ack
        answer.options.serverIdentifier = IPv4Address(10, UInt8(n), 0, 1)
        answer.options.subnetMask = IPv4Address(255, 255, 255, 0)
        answer.options.leaseTime = 3_600
        answer.options.routers.append(IPv4Address(10, UInt8(n), 0, 1))
        var octets = Packet(repeating: 0, count: answer.encodedCount)
        do {
          var span = octets.mutableSpan
          var raw = span.mutableBytes
          answer.write(into: &raw, at: 0)
        }
        let packet = udp(
          from: Endpoint(address: v4(10, UInt8(n), 0, 1), port: 67),
          to: Endpoint(address: v4(255, 255, 255, 255), port: 68), octets)
        let header = Packet(repeating: 0xff, count: 6) + MartletStackTests.octets(mac(200)) + [8, 0]
        stack.receive((header + packet).span.bytes, on: links[n], now: now)
      }
    }
    for _ in 0..<200 {
      now = now.advanced(by: .milliseconds(100))
      stack.advance(to: now)
      turn(0, &stack)
      turn(1, &stack)
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
    }
    #expect(try stack.lease(of: links[0])?.address.address == v4(10, 0, 0, 7))
    #expect(try stack.lease(of: links[1])?.address.address == v4(10, 1, 0, 7))
    func source(_ stack: inout NetworkStack) throws(ConnectError) -> IPAddress? {
      let id = try stack.connect(to: Endpoint(address: LeaseScene.far, port: 80), now: now)
      return (try? stack.status(id, now: now))?.local.address
    }
    #expect(try source(&stack) == v4(10, 0, 0, 7))
    try stack.releaseLease(of: links[0], now: now)
    #expect(try source(&stack) == v4(10, 1, 0, 7))
    try stack.removeInterface(links[1])
    #expect(throws: ConnectError.noRoute) { try source(&stack) }
    if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
  }
}
