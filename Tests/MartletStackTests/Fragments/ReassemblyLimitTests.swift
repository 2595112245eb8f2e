import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("E4 Limits of reassembly")
struct ReassemblyLimitTests {
  @Test(
    "RFC 1122 §3.3.2, RFC 8200 §4.5: what is not whole in its time is given up, and the sender told of the first",
    arguments: [4, 6])
  func time(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(3_000))
    let parts = cut(datagram, 1_000)
    let lifetime: TimeAmount = .seconds(version == 4 ? 30 : 60)
    let began = r.host.now
    r.inject([parts[0]])
    r.host.advance(by: .seconds(20))
    // What comes later prolongs nothing.
    r.inject([parts[1]])
    #expect(r.host.stack.nextDeadline(now: r.host.now) == began.advanced(by: lifetime))
    r.host.advance(by: .seconds(version == 4 ? 9 : 39))
    #expect(r.host.stack.held.unfinishedDatagrams == 1 && r.host.pull().isEmpty)
    r.host.advance(by: .seconds(1))
    #expect(r.host.stack.held.unfinishedDatagrams == 0)
    var quote = parts[0]
    if version == 4 { quote = Packet(quote.prefix(576 - 28)) }
    #expect(
      r.host.pull().map(\.packet) == [
        icmp(from: r.own.address, to: r.peer.address, type: version == 4 ? 11 : 3, code: 1, quote)
      ])
    #expect(r.host.stack.held.chunks == 0)
    #expect(r.host.stack.counters.ipReasmTimeout == 1 && r.host.stack.counters.icmpOutTimeExcds == 1)
    r.inject([parts[2]])
    #expect(r.text() == nil)
    // Without the first fragment nobody is told.
    r.host.advance(by: .seconds(61))
    #expect(r.host.pull().isEmpty && r.host.stack.counters.ipReasmTimeout == 2)
    #expect(r.host.stack.nextDeadline(now: r.host.now) == nil)
  }

  @Test(
    "Errors about datagrams that were never whole have the limit of all errors, and none goes to everybody")
  func errors() throws {
    let r = try Receiver(4) { $0.icmpErrorsPerSecond = 4 }
    for id in 0..<40 { r.inject([fragment(of: r.datagram(pattern(100)), 0, 56, id: UInt32(id))]) }
    r.host.advance(by: .seconds(31))
    #expect((1...4).contains(r.host.pull().count))
    #expect(r.host.drops(.icmpLimited) >= 36)
    r.host.advance(by: .seconds(60))
    let toAll = udp(from: r.peer, to: Endpoint(address: v4(10, 0, 0, 255), port: 53), pattern(100))
    r.inject([fragment(of: toAll, 0, 56)])
    #expect(r.host.stack.held.unfinishedDatagrams == 1)
    r.host.advance(by: .seconds(31))
    #expect(r.host.pull().isEmpty)
    // Nothing was written either that could not leave.
    #expect(r.host.drops(.lostAddress) == 0)
    r.inject(cut(toAll, 56))
    #expect(r.text() == pattern(100))
  }

  @Test(
    "A datagram of more than 64 fragments is refused, and what it held is free at once", arguments: [4, 6])
  func fragments(version: Int) throws {
    let r = try Receiver(version)
    let datagram = r.datagram(pattern(64 * 8 - 8))
    r.inject(cut(datagram, 8))
    #expect(r.text() == pattern(64 * 8 - 8))
    r.inject(cut(r.datagram(pattern(65 * 8 - 8)), 8, id: 5))
    #expect(r.text() == nil && r.host.drops(.fragmentLimited) == 1)
    #expect(r.host.stack.held.chunks == 0)
  }

  @Test("E4: a source that fills its share pushes out its own oldest, and nobody else's", arguments: [4, 6])
  func share(version: Int) throws {
    let r = try Receiver(version)
    let other = version == 4 ? v4(10, 0, 0, 8) : v6(8)
    let parts = cut(r.datagram(pattern(100), from: other), 56)
    r.inject([parts[0]])
    let text = pattern(3_000)
    for id in 1...100 { r.inject([fragment(of: r.datagram(text), 0, 2_000, id: UInt32(id))]) }
    // A sixteenth of 4 MiB, in chunks of 4 KiB and a record each.
    #expect((50...65).contains(r.host.stack.held.unfinishedDatagrams))
    #expect(r.host.stack.counters.fragmentsEvicted >= 35)
    r.inject([parts[1]])
    #expect(r.text() == pattern(100))
    r.inject([fragment(of: r.datagram(text), 2_000, 3_008, id: 1)])
    #expect(r.text() == nil, "the oldest is gone")
    r.inject([fragment(of: r.datagram(text), 2_000, 3_008, id: 100)])
    #expect(r.text() == text, "the youngest is not")
  }

  @Test("E4: all of them hold what they may and no more, and the oldest goes first", arguments: [4, 6])
  func pool(version: Int) throws {
    let r = try Receiver(version) { $0.reassemblyLimit = 1 << 20 }
    func source(_ n: Int) -> IPAddress {
      version == 4
        ? v4(10, 1, UInt8(n >> 8), UInt8(n & 255)) : .v6(IPv6Address(high: UInt64(0x2001_0000 + n), low: 1))
    }
    try r.host.stack.addRoute(Route(prefix: IPPrefix("10.1.0.0/16")!, interface: r.host.interface))
    for n in 0..<2_000 { r.flood(fragment(of: r.datagram(pattern(100), from: source(n)), 0, 56)) }
    r.host.check()
    let use = r.host.stack.memoryUse()
    #expect(use.fragments <= 1 << 20 && use.fragments > 1 << 19)
    #expect(r.host.stack.held.unfinishedDatagrams < 256)
    r.inject([fragment(of: r.datagram(pattern(100), from: source(1_999)), 56, 108)])
    #expect(r.text() == pattern(100))
    r.inject([fragment(of: r.datagram(pattern(100), from: source(0)), 56, 108)])
    #expect(r.text() == nil)
  }

  @Test(
    "While thousands of unfinished datagrams keep arriving, honest ones go on arriving", arguments: [4, 6])
  func flood(version: Int) throws {
    let r = try Receiver(version)
    func source(_ n: Int) -> IPAddress {
      version == 4
        ? v4(10, 0, 0, UInt8(10 + n % 200)) : .v6(IPv6Address(high: UInt64(0x2001_0000 + n), low: 1))
    }
    let text = pattern(20_000)
    let stranger = pattern(1_400)
    var answered = 0
    var strange = 0
    for round in 0..<20 {
      // Twenty unfinished datagrams between any two honest fragments.
      for part in cut(r.datagram(text), 1_480, id: UInt32(round)) {
        r.inject([part])
        for _ in 0..<20 {
          strange += 1
          r.flood(fragment(of: r.datagram(stranger, from: source(strange)), 0, 1_000, id: UInt32(strange)))
        }
      }
      if r.text() == text { answered += 1 }
      r.host.advance(by: .milliseconds(100))
    }
    #expect(strange == 20 * 14 * 20 && answered == 20)
    #expect(r.host.stack.memoryUse().fragments <= 4 << 20)
  }

  @Test("E6: when memory is short no datagram begins, and then all that are unfinished are given up")
  func pressure() throws {
    let r = try Receiver(4) {
      $0.memoryBudget = 4 << 20
      $0.chunksPerArena = 1
    }
    r.inject([fragment(of: r.datagram(pattern(100)), 0, 56)])
    #expect(r.host.stack.held.unfinishedDatagrams == 1)
    // Other things take the rest: connections that nobody reads.
    let listener = try r.host.stack.listen(on: LocalEndpoint(port: 80))
    var port: UInt16 = 5_000
    func connection() throws -> Bool {
      port += 1
      let peer = Endpoint(address: v4(10, 0, 0, 7), port: port)
      guard let synAck = try r.host.answers(to: tcp(from: peer, to: r.host.endpoint(80), seq: 7, .syn)).last,
        synAck.flags.contains(.ack), !synAck.flags.contains(.rst)
      else { return false }
      r.host.inject(tcp(from: peer, to: r.host.endpoint(80), seq: 8, ack: synAck.seq + 1, .ack))
      for i in 0..<20 {
        r.host.inject(
          tcp(
            from: peer, to: r.host.endpoint(80), seq: 8 + UInt32(i) * 1_400, ack: synAck.seq + 1, .ack,
            text: pattern(1_400)))
      }
      _ = r.host.pull()
      _ = try? r.host.stack.accept(listener)
      return true
    }
    var refused = false
    while r.host.stack.memoryPressure.rawValue < MemoryPressure.records.rawValue, try connection() {
      if r.host.stack.memoryPressure == .outOfOrder, !refused {
        refused = true
        r.inject([fragment(of: r.datagram(pattern(100)), 0, 56, id: 5)])
        #expect(r.host.drops(.fragmentLimited) == 1)
        #expect(r.host.stack.held.unfinishedDatagrams == 1)
      }
    }
    #expect(refused && r.host.stack.memoryPressure.rawValue >= MemoryPressure.outOfOrder.rawValue)
    #expect(r.host.stack.held.unfinishedDatagrams == 0)
  }
}
