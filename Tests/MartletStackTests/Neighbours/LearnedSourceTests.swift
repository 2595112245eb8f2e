import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Rules S5.4 and O8, where an address of ours has a length of 128 and a router says what is on the link.
@Suite("Neighbours by a router's word")
struct LearnedSourceTests {
  private static let network = AutoconfigurationTests.Prefix()
  private static let router = AutoconfigurationTests.router

  /// Has an address of `network`, and a router told whether the network is on the link.
  private func station(isOnLink: Bool = true, _ configure: (inout StackConfiguration) -> Void = { _ in })
    throws -> (Station, own: IPAddress)
  {
    let s = try Station(addresses: [], autoconfigures: true, configure)
    var prefix = Self.network
    if !isOnLink { prefix.flags = 0x40 }
    let body = Packet(repeating: 0, count: 8) + [1, 1] + octets(mac(255)) + prefix.octets
    s.inject(s.neighbourMessage(134, 1_800, body, from: Self.router, to: .v6(.allNodes), mac(255)))
    s.advance(by: .seconds(3))
    _ = s.pull()
    let ready = s.drain().compactMap {
      if case .addressReady(.v6(let address), _) = $0, address.high == prefix.high {
        IPAddress.v6(address)
      } else {
        nil
      }
    }
    return (s, try #require(ready.first))
  }

  private func host(_ n: UInt64, in high: UInt64 = network.high) -> IPAddress {
    .v6(IPv6Address(high: high, low: n))
  }

  /// What answers its SYN.
  private func knock(
    _ s: Station, _ own: IPAddress, from address: IPAddress, port: UInt16, to service: UInt16
  ) -> Seen? {
    let peer = Endpoint(address: address, port: port)
    s.inject(s.frame(tcp(from: peer, to: Endpoint(address: own, port: service), seq: 1, .syn), from: mac(9)))
    // It may have to be looked for first.
    var answers = s.pull()
    if let asked = answers.compactMap(\.neighbour).first(where: { $0.type == 135 }) {
      answers = s.answers(to: s.advertisement(of: .v6(asked.target), at: mac(9), to: own))
    }
    return answers.compactMap(\.ip).last { $0.destination == address }
  }

  /// True: it is served.
  private func connect(_ s: Station, _ own: IPAddress, from address: IPAddress, port: UInt16) -> Bool {
    guard let synAck = knock(s, own, from: address, port: port, to: 80), synAck.flags == [.syn, .ack] else {
      return false
    }
    let peer = Endpoint(address: address, port: port)
    s.inject(
      s.frame(
        tcp(from: peer, to: Endpoint(address: own, port: 80), seq: 2, ack: synAck.seq &+ 1, .ack),
        from: mac(9)))
    return true
  }

  @Test("S5.4 who has as many connections as one may have locks out nobody else of his network on the link")
  func connections() throws {
    // Over IPv4 no router says what is on the link: this is about IPv6.
    let (s, own) = try station { $0.connectionsPerSource = 4 }
    _ = try s.stack.listen(on: LocalEndpoint(port: 80))
    for port in 4_000..<4_004 as Range<UInt16> { #expect(connect(s, own, from: host(2), port: port)) }
    #expect(!connect(s, own, from: host(2), port: 4_004))
    #expect(connect(s, own, from: host(3), port: 4_000))
    // Of a network elsewhere all are one.
    let far = Self.network.high + 0xff_0000
    for n in 1...4 as ClosedRange<UInt64> { #expect(connect(s, own, from: host(n, in: far), port: 4_000)) }
    #expect(!connect(s, own, from: host(5, in: far), port: 4_000))
  }

  @Test(
    "O8 a neighbour has his own share of the resets if his network is on the link, whoever told so",
    arguments: ["learned", "configured", "gateway", "elsewhere"])
  func shares(way: String) throws {
    let (s, own) = try station(isOnLink: way == "learned")
    let prefix = IPPrefix(host(0), length: 64)
    if way == "configured" { try s.stack.addRoute(Route(prefix: prefix, interface: s.interface)) }
    if way == "gateway" {
      try s.stack.addRoute(Route(prefix: prefix, interface: s.interface, gateway: Self.router))
    }
    var counts: [Int] = []
    for n in 2...3 as ClosedRange<UInt64> {
      var count = 0
      for port in 4_000..<4_100 as Range<UInt16> {
        if knock(s, own, from: host(n), port: port, to: 9)?.flags.contains(.rst) == true { count += 1 }
      }
      counts.append(count)
    }
    #expect(counts == (["learned", "configured"].contains(way) ? [31, 31] : [31, 0]), "\(way)")
  }
}
