import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 6724 §5 and §10.1.
@Suite("Source addresses")
struct SourceSelectionTests {
  private func source(_ own: [String], to destination: String) throws -> String? {
    var stack = NetworkStack(seed: StackSeed(1))
    let interface = try stack.addInterface(
      InterfaceConfiguration(addresses: own.map { try #require(IPPrefix($0)) }))
    try stack.addRoute(Route(prefix: IPPrefix(v6(0), length: 0), interface: interface))
    let to = Endpoint(address: try #require(IPAddress(destination)), port: 53)
    guard let socket = try? stack.openDatagram(connectedTo: to) else { return nil }
    return try stack.localEndpoint(socket).address.map { "\($0)" }
  }

  @Test(
    "RFC 6724 §5: scope, kind, then the longest prefix in common",
    arguments: [
      (["2001:db8:3::1/64", "fe80::1/64"], "2001:db8:1::1", "2001:db8:3::1"),
      (["fe80::1/64", "2001:db8:3::1/64"], "fe80::2", "fe80::1"),
      (["2001:db8:1::1/64", "2001:db8:3::2/64"], "2001:db8:3::9", "2001:db8:3::2"),
      (["fd00:7::1/64", "2001:db8::1/64"], "2a00::1", "2001:db8::1"),
      (["2001:db8::1/64", "fd00:7::1/64"], "fd00:9::1", "fd00:7::1"),
      (["2002:c633:6401::d5e3/64", "2001:db8:1::2/64"], "2002:c633:6401::1", "2002:c633:6401::d5e3"),
      (["2002:c633:6401::1/64", "2001:db8:1::2/64"], "2001:db8:1::1", "2001:db8:1::2"),
      (["2001:db8:1::1/64", "2001:db8:1::2/64"], "2001:db8:2::1", "2001:db8:1::1"),
    ] as [([String], String, String)])
  func choice(own: [String], destination: String, expected: String) throws {
    #expect(try source(own, to: destination) == expected)
    #expect(
      try source(own.reversed(), to: destination)
        == (own.allSatisfy { $0.hasPrefix("2001:db8:1") } ? "2001:db8:1::2" : expected))
  }

  @Test("A link-local address alone reaches nobody beyond the link")
  func linkLocalOnly() throws {
    #expect(try source(["fe80::1/64"], to: "2001:db8::1") == nil)
    #expect(try source(["2001:db8::1/64"], to: "fe80::2") == nil)
  }
}
