import MartletStack
import MartletTCP
import MartletWire
import Testing

/// A host's life, whole: everything that runs for days, at the same time.
@Suite("Two days")
struct TwoDaysTests {
  @Test(
    "48 hours of leases, made addresses, neighbours, routers, groups and connections leave nothing, and then silence",
    arguments: [1, 2, 3] as [UInt64])
  func life(seed: UInt64) throws {
    let life = try Neighbourhood(seed: seed)
    let s = life.s
    let atFirst = s.stack.memory.held
    let listener = try s.stack.listen(on: LocalEndpoint(port: 80))
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 5_353))
    let groups = [GroupTests.group4, GroupTests.group6]
    let end = s.now.advanced(by: .hours(48))
    var most = 0
    var round = 0
    while s.now < end {
      round += 1
      for _ in 0..<3 { try something(life, socket, groups) }
      try life.live(for: .milliseconds(Int64(life.draw(300_000))))
      most = max(most, s.stack.memory.held)
      if round % 16 == 0 { s.check() }
    }
    #expect(
      life.leases >= 5 && life.accepted >= 500 && life.connected >= 1_000,
      "seed \(seed): they met too seldom: \(life.leases), \(life.accepted), \(life.connected)")
    #expect(most < atFirst + 1 << 20, "seed \(seed): \(most - atFirst) octets")
    s.check()

    // Everybody goes, and what was learned with them; what was to last for ever is taken back.
    life.takeBackNetworks()
    life.isDeserted = true
    for id in life.open { life.close(id) }
    try s.stack.close(listener, now: s.now)
    try s.stack.close(socket)
    try life.live(for: .hours(12))
    try s.stack.releaseLease(of: s.interface, now: s.now)
    try life.live(for: .hours(12))
    s.check()
    #expect(s.stack.nextDeadline(now: s.now) == nil, "seed \(seed): something is still due")
    let held = s.stack.held
    #expect(held.connections == 0 && held.timeWait == 0 && held.halfOpen == 0 && held.coldBlocks == 0)
    #expect(
      held.chunks == 0 && held.replies == 0 && held.unfinishedDatagrams == 0 && held.datagramSockets == 0)
    #expect(life.ours.allSatisfy { $0.isLinkLocal }, "seed \(seed): \(life.ours)")
    try s.stack.removeInterface(s.interface)
    _ = s.drain()
    s.check()
    #expect(s.stack.held.neighbours == 0 && s.stack.nextEvent() == nil)
  }

  /// One thing that happens on a link.
  private func something(_ life: Neighbourhood, _ socket: UDPSocketID, _ groups: [IPAddress]) throws {
    let s = life.s
    let n = UInt8(2 + life.draw(60))
    switch life.draw(12) {
    case 0: life.epoch &+= 1
    case 1, 2:
      let isForEver = life.draw(8) == 0
      life.tellOfNetwork(
        life.draw(5), valid: isForEver ? .max : UInt32(600 + life.draw(20_000)),
        preferred: isForEver && life.draw(2) == 0 ? .max : UInt32(life.draw(600)))
    case 3: life.connect(to: v4(10, 0, 0, n))
    case 4: life.connect(to: v4(192, 0, 2, n))
    case 5: life.connect(to: .v6(IPv6Address(high: 0x2001_0db8_ffff_0000, low: UInt64(n))))
    case 6: if let id = life.open.first { life.close(id) }
    case 7:
      let group = groups[Int(life.draw(2))]
      if life.draw(2) == 0 {
        try? s.stack.joinGroup(socket, group, on: s.interface, now: s.now)
      } else {
        try? s.stack.leaveGroup(socket, group, on: s.interface, now: s.now)
      }
      s.inject(s.query(isIPv4: life.draw(2) == 0))
    case 8: s.inject(s.arp(.request, from: mac(n), v4(10, 0, 0, n), for: .v4(LeaseScene.lent)))
    default: life.isCalled(by: n, port: UInt16(1_024 + life.draw(60_000)))
    }
    try life.settle()
  }
}
