import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Robustness rule E1: a link that takes no packets, or few, silences nobody on another.
@Suite("A link that is full")
struct FullLinkTests {
  private final class Links {
    var stack: NetworkStack
    private(set) var links: [InterfaceID] = []
    var now = Instant(nanoseconds: 1_000_000_000)

    init(_ count: UInt8, replies: UInt32 = 1_024) throws {
      var configuration = StackConfiguration()
      configuration.replyLimit = replies
      stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
      for n in 0..<count {
        links.append(
          try stack.addInterface(InterfaceConfiguration(addresses: [IPPrefix(v4(10, n, 0, 1), length: 16)])))
      }
      _ = try stack.listen(on: LocalEndpoint(port: 80))
    }

    func syn(_ link: Int, from host: Int) {
      let peer = Endpoint(
        address: v4(10, UInt8(link), UInt8(1 + host >> 8 & 127), UInt8(truncatingIfNeeded: host)), port: 4_000
      )
      let own = Endpoint(address: v4(10, UInt8(link), 0, 1), port: 80)
      let packet = tcp(from: peer, to: own, seq: 1, .syn)
      stack.receive(packet.span.bytes, on: links[link], now: now)
    }

    func pull(_ link: Int, most: Int = .max) -> Int {
      var buffer = Packet(repeating: 0, count: 1_500)
      for count in 0..<most {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        guard stack.nextPacket(on: links[link], into: &raw, now: now) != nil else { return count }
      }
      return most
    }

    func check() {
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
      let copy = stack.copy()
      if let violated = copy.checkInvariants() { Issue.record("a copy violates: \(violated)") }
    }
  }

  @Test(
    "E1 2,000 SYNs on a link that is never pulled: a client on another is answered", arguments: [16, 1_024])
  func other(limit: UInt32) throws {
    let links = try Links(2, replies: limit)
    for n in 0..<2_000 { links.syn(0, from: n) }
    links.check()
    #expect(links.stack.counters.drops(.outputQueueFull) > 0)
    for n in 0..<200 {
      // Those on the full link go on meanwhile, and take what is given back.
      links.syn(1, from: n)
      links.syn(0, from: 3_000 + n)
      #expect(links.pull(1) == 1)
    }
    links.check()
    let waiting = links.pull(0)
    #expect(waiting >= Int(limit) / 2 && waiting < Int(limit))
    links.check()
  }

  @Test("E1 a link that takes one packet for ten that it is to send keeps no place that another needs")
  func slow() throws {
    let links = try Links(2, replies: 256)
    var answered = 0
    for n in 0..<1_000 {
      for k in 0..<10 { links.syn(0, from: n * 10 + k) }
      _ = links.pull(0, most: 1)
      for k in 0..<8 { links.syn(1, from: n * 8 + k) }
      answered += links.pull(1)
      if n % 100 == 0 { links.check() }
    }
    #expect(answered == 8_000)
  }

  @Test("E1 of eight links seven are full, and the eighth has its answers")
  func eight() throws {
    let links = try Links(8)
    for link in 0..<7 { for n in 0..<1_500 { links.syn(link, from: n) } }
    links.syn(7, from: 1)
    #expect(links.pull(7) == 1)
    links.check()
    // What goes away with a link is there for the others.
    for link in 1..<7 { try links.stack.removeInterface(links.links[link]) }
    links.check()
    for n in 0..<200 { links.syn(7, from: n) }
    #expect(links.pull(7) == 200)
    links.check()
  }

  @Test("The only link has all places")
  func alone() throws {
    let links = try Links(2, replies: 100)
    try links.stack.removeInterface(links.links[0])
    for n in 0..<200 { links.syn(1, from: n) }
    #expect(links.pull(1) == 100)
    links.check()
  }
}
