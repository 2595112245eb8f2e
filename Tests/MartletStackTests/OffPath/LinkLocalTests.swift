import MartletStack
import MartletTCP
import MartletWire
import Testing

// Every link has its own fe80::9. Those of two links are two hosts, and nothing that concerns one may reach the
// other (RFC 4007 §6).

@Suite("Link-local addresses of two links")
struct LinkLocalTests {
  @Test("An attempt that is answered by unreachable is told so on the link that it came from")
  func unreachable() throws {
    let links = try TwoLinks()
    var options = ListenerOptions()
    options.defersAccept = true
    _ = try links.stack.listen(on: LocalEndpoint(port: 80), options)
    for link in [1, 0] {
      links.inject(tcp(from: links.peer, to: links.own(link, 80), seq: 100, .syn), link)
      guard case .attempt(let id)? = links.stack.nextEvent() else {
        Issue.record("no attempt")
        return
      }
      try links.stack.answer(id, .unreachable, now: links.now)
      let other = links.pull(1 - link)
      let errors = links.pull(link).compactMap { Seen($0) }
      #expect(other.isEmpty && errors.map(\.proto) == [.icmpv6])
      #expect(errors.first?.destination == links.peer.address && errors.first?.payload.first == 1)
    }
  }

  @Test("MUST-54 O5 an ICMPv6 error reaches the link-local connection of the link that it came from")
  func errors() throws {
    let links = try TwoLinks()
    let remote = Endpoint(address: links.peer.address, port: 7)
    let local = LocalEndpoint(address: links.own(1, 0).address)
    let c = try links.stack.connect(to: remote, from: local, now: links.now)
    let syn = try #require(links.pull(1).first)
    let error = icmp(from: remote.address, to: links.own(1, 0).address, type: 1, code: 4, syn)
    links.inject(error, 0)
    #expect(try links.stack.status(c, now: links.now).tcp.state == .synSent)
    #expect(links.stack.counters.drops(.notOurs) == 1)
    links.inject(error, 1)
    #expect(try links.stack.status(c, now: links.now).tcp.state == .closed)
    #expect(links.stack.counters.drops(.notOurs) == 1)
  }

  @Test("O6 a Packet Too Big lowers the path of one link's fe80::9, and not that of its twin")
  func packetTooBig() throws {
    let links = try TwoLinks()
    let listener = try links.stack.listen(on: LocalEndpoint(port: 80))
    func accept(_ link: Int, port: UInt16) throws -> ConnectionID {
      let from = Endpoint(address: links.peer.address, port: port)
      var options = TCPOptions()
      options.present = .maximumSegmentSize
      options.maximumSegmentSize = 1_440
      links.inject(tcp(from: from, to: links.own(link, 80), seq: 1, .syn, options: options), link)
      let synAck = try #require(links.pull(link).first.flatMap { Seen($0) })
      links.inject(tcp(from: from, to: links.own(link, 80), seq: 2, ack: synAck.seq &+ 1, .ack), link)
      return try links.stack.accept(listener)
    }
    let c = try accept(1, port: 4_000)
    _ = try links.stack.send(c, Packet(repeating: 7, count: 4_000).span.bytes, now: links.now)
    let full = try #require(links.pull(1).first)
    #expect(full.count == 1_500)
    let error = icmp(
      from: links.peer.address, to: links.own(1, 0).address, type: 2, rest: 1_300, Packet(full.prefix(1_000)))
    links.inject(error, 0)
    #expect(links.stack.counters.drops(.notOurs) == 1 && links.pull(1).isEmpty)
    links.inject(error, 1)
    let resent = links.pull(1)
    #expect(!resent.isEmpty && resent.allSatisfy { $0.count <= 1_300 })
    // The next connection to the same host knows it, the first to its twin does not.
    let again = try accept(1, port: 4_001)
    let twin = try accept(0, port: 4_002)
    #expect(try links.stack.status(again, now: links.now).tcp.sndMss == 1_240)
    #expect(try links.stack.status(twin, now: links.now).tcp.sndMss == 1_440)
  }

  @Test("Without an address of ours a link-local peer is on the first link that has such addresses")
  func firstLink() throws {
    let links = try TwoLinks()
    let c = try links.stack.connect(to: links.peer, now: links.now)
    let syn = try #require(links.pull(0).first.flatMap { Seen($0) })
    let own = links.own(0, syn.header?.sourcePort ?? 0)
    let synAck = tcp(from: links.peer, to: own, seq: 7, ack: syn.seq &+ 1, [.syn, .ack])
    links.inject(synAck, 1)
    #expect(try links.stack.status(c, now: links.now).tcp.state == .synSent)
    links.inject(synAck, 0)
    #expect(try links.stack.status(c, now: links.now).tcp.state == .established)
  }

  @Test(
    "O9 a link-local address with anything in its 54 zero bits is nobody's, and reaches nobody's connection")
  func strangeAddress() throws {
    let links = try TwoLinks()
    let local = LocalEndpoint(address: links.own(1, 0).address)
    let c = try links.stack.connect(to: links.peer, from: local, now: links.now)
    let syn = try #require(links.pull(1).first.flatMap { Seen($0) })
    // Were the zone mixed into these bits, this would be the peer on the other link.
    for high: UInt64 in [0xfe80_0003_0000_0000, 0xfe80_0002_0000_0000, 0xfebf_0000_0000_0000] {
      let strange = IPAddress.v6(IPv6Address(high: high, low: 9))
      let from = Endpoint(address: strange, port: links.peer.port)
      let before = links.stack.counters.drops(.martianSource)
      let to = Endpoint(address: links.own(1, 0).address, port: syn.header?.sourcePort ?? 0)
      links.inject(tcp(from: from, to: to, seq: 0, ack: syn.seq &+ 1, [.rst, .ack]), 0)
      #expect(links.stack.counters.drops(.martianSource) == before + 1)
      #expect(try links.stack.status(c, now: links.now).tcp.state == .synSent)
      // Nor does an error that quotes it, and nobody can connect to it.
      let quoted = tcp(from: to, to: from, seq: syn.seq, .syn)
      let strays = links.stack.counters.drops(.notOurs)
      links.inject(icmp(from: links.peer.address, to: to.address, type: 1, code: 4, quoted), 0)
      #expect(links.stack.counters.drops(.notOurs) == strays + 1)
      #expect(try links.stack.status(c, now: links.now).tcp.state == .synSent)
      #expect(throws: ConnectError.broadcastOrMulticast) {
        _ = try links.stack.connect(to: from, from: local, now: links.now)
      }
    }
  }

  @Test(
    "S5.4 O8 neighbours are sources of their own, and so are twins of two links", arguments: [true, false])
  func sources(isIPv4: Bool) throws {
    let links = try TwoLinks(isIPv4: isIPv4) { $0.connectionsPerSource = 2 }
    _ = try links.stack.listen(on: LocalEndpoint(port: 80))
    /// IPv4 has one flow for two twins with the same ports.
    func connect(_ n: UInt64, _ link: Int, port: UInt16) throws -> Bool {
      let from = Endpoint(address: links.linkLocal(n), port: port + UInt16(link) * 100)
      links.inject(tcp(from: from, to: links.own(link, 80), seq: 1, .syn), link)
      let answer = try #require(links.pull(link).first.flatMap { Seen($0) })
      if answer.flags.contains(.rst) { return false }
      links.inject(tcp(from: from, to: links.own(link, 80), seq: 2, ack: answer.seq &+ 1, .ack), link)
      return true
    }
    for link in [0, 1] {
      for n: UInt64 in [9, 10] {
        let admitted = try (1...3).map { try connect(n, link, port: $0) }
        #expect(admitted == [true, true, false], "\(links.linkLocal(n)) on \(link)")
      }
    }
    // Who leaves makes room for himself only.
    let gone = Endpoint(address: links.linkLocal(9), port: 101)
    links.inject(tcp(from: gone, to: links.own(1, 80), seq: 2, .rst), 1)
    #expect(try !connect(9, 0, port: 4) && !connect(10, 1, port: 4))
    #expect(try connect(9, 1, port: 4) && !connect(9, 1, port: 5))
  }

  @Test("O8 S5.1 neighbours and twins have shares of their own", arguments: [true, false])
  func shares(isIPv4: Bool) throws {
    let links = try TwoLinks(isIPv4: isIPv4)
    func resets(_ n: UInt64, _ link: Int) -> Int {
      let from = Endpoint(address: links.linkLocal(n), port: 4_000)
      for seq: UInt32 in 0..<40 {
        links.inject(tcp(from: from, to: links.own(link, 9), seq: seq, .syn), link)
      }
      return links.pull(link).count
    }
    #expect(resets(9, 0) == 31)
    #expect(resets(9, 1) == 31)
    #expect(resets(10, 0) == 31)
    #expect(resets(9, 0) == 0 && resets(9, 1) == 0)
  }

  @Test(
    "O8 what a connection over 169.254/16 refuses counts for its peer, and not for the twin on another link")
  func refusedByConnection() throws {
    let links = try TwoLinks(isIPv4: true)
    let listener = try links.stack.listen(on: LocalEndpoint(port: 80))
    links.inject(tcp(from: links.peer, to: links.own(1, 80), seq: 1, .syn), 1)
    let synAck = try #require(links.pull(1).first.flatMap { Seen($0) })
    links.inject(tcp(from: links.peer, to: links.own(1, 80), seq: 2, ack: synAck.seq &+ 1, .ack), 1)
    let c = try links.stack.accept(listener)
    func resets(_ link: Int) -> Int {
      let from = Endpoint(address: links.peer.address, port: 5_000)
      for seq: UInt32 in 0..<40 {
        links.inject(tcp(from: from, to: links.own(link, 9), seq: seq, .syn), link)
      }
      return links.pull(link).count
    }
    // Forged in the name of the peer, on its link: refused, and counted.
    for _ in 0..<40 {
      links.inject(tcp(from: links.peer, to: links.own(1, 80), seq: 1 << 30, ack: 7, .ack), 1)
    }
    _ = links.pull(1)
    #expect(resets(1) == 0 && resets(0) == 31)
    // The twin has no connection here, and cannot end this one.
    links.inject(tcp(from: links.peer, to: links.own(1, 80), seq: 2, .rst), 0)
    #expect(try links.stack.status(c, now: links.now).tcp.state == .established)
    #expect(links.stack.counters.drops(.noConnection) > 0)
  }
}

/// A stack with fe80::1, or 169.254.0.1, on one link and ::2 or .2 on another. The peer is the 9 of whichever.
final class TwoLinks {
  var stack: NetworkStack
  let links: [InterfaceID]
  let now = Instant(nanoseconds: 1_000_000_000)
  let isIPv4: Bool

  var peer: Endpoint { Endpoint(address: linkLocal(9), port: 4_000) }

  static func linkLocal(_ n: UInt64) -> IPAddress { .v6(IPv6Address(high: 0xfe80 << 48, low: n)) }

  func linkLocal(_ n: UInt64) -> IPAddress { Self.linkLocal(n, isIPv4: isIPv4) }

  private static func linkLocal(_ n: UInt64, isIPv4: Bool) -> IPAddress {
    isIPv4 ? .v4(IPv4Address(169, 254, 0, UInt8(truncatingIfNeeded: n))) : linkLocal(n)
  }

  init(isIPv4: Bool = false, _ configure: (inout StackConfiguration) -> Void = { _ in }) throws {
    self.isIPv4 = isIPv4
    var configuration = StackConfiguration()
    configure(&configuration)
    stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    func link(_ n: UInt64) -> InterfaceConfiguration {
      let address = Self.linkLocal(n, isIPv4: isIPv4)
      return InterfaceConfiguration(addresses: [IPPrefix(address, length: isIPv4 ? 16 : 64)])
    }
    let (first, second) = (link(1), link(2))
    links = [try stack.addInterface(first), try stack.addInterface(second)]
  }

  /// Our own end on a link.
  func own(_ link: Int, _ port: UInt16) -> Endpoint {
    Endpoint(address: linkLocal(UInt64(link) + 1), port: port)
  }

  func inject(_ packet: Packet, _ link: Int, sourceLocation: SourceLocation = #_sourceLocation) {
    stack.receive(packet.span.bytes, on: links[link], now: now)
    if let violated = stack.checkInvariants() {
      Issue.record("violated: \(violated)", sourceLocation: sourceLocation)
    }
  }

  /// Everything that leaves on a link.
  func pull(_ link: Int) -> [Packet] {
    var all: [Packet] = []
    var buffer = Packet(repeating: 0, count: 1_500)
    while true {
      var span = buffer.mutableSpan
      var raw = span.mutableBytes
      guard let out = stack.nextPacket(on: links[link], into: &raw, now: now) else { return all }
      all.append(Packet(buffer.prefix(out.count)))
    }
  }
}
