import MartletStack
import MartletTCP
import MartletWire
import Testing

/// RFC 4291 §2.1: "All interfaces are required to have at least one Link-Local unicast address".
@Suite("Link-local addresses of stations that were given addresses")
struct OwnLinkLocalTests {
  private func own(_ s: Station) -> IPAddress? {
    s.stack.addresses().map(\.address).first { $0.isLinkLocal }
  }

  @Test("Who was given an address of IPv6 has a link-local one beside it, and asks no routers")
  func beside() throws {
    let s = try Station(linkLocal: true)
    let local = try #require(own(s))
    #expect(s.stack.addresses().count == 3)
    let answers = s.answers(to: s.solicitation(of: local, from: v6(9), at: mac(9)))
    #expect(answers.count == 1 && answers.first?.neighbour.map { .v6($0.target) } == local)
    s.advance(by: .seconds(20))
    #expect(s.pull().isEmpty, "routers are asked where somebody wants to be told by them")
    // What is said of groups comes from it, or no switch hears it (RFC 3810 §5.1.14).
    let socket = try s.stack.openDatagram(on: LocalEndpoint(port: 9))
    _ = s.takeReports()
    try s.stack.joinGroup(
      socket, .v6(IPv6Address(high: 0xff05 << 48, low: 0x99)), on: s.interface, now: s.now)
    s.advance(by: .milliseconds(1))
    let reports = s.takeReports()
    #expect(!reports.isEmpty && reports.allSatisfy { $0.source == local })
  }

  @Test("It is checked like any other, and another is made where somebody has it")
  func checked() throws {
    let s = try Station(checksAddresses: true, linkLocal: true)
    s.advance(by: .milliseconds(1_200))
    let asked = s.pull().compactMap { $0.neighbour.map { IPAddress.v6($0.target) } }.filter(\.isLinkLocal)
    let first = try #require(asked.first)
    s.inject(s.advertisement(of: first, at: mac(9), solicited: false, to: .v6(.allNodes)))
    s.advance(by: .seconds(4))
    let second = try #require(own(s))
    #expect(second != first)
  }

  @Test("None without an address of IPv6, none beside one that was given, none where it is not wanted")
  func none() throws {
    let four = try Station(addresses: [IPPrefix(v4(10, 0, 0, 1), length: 24)], linkLocal: true)
    #expect(own(four) == nil)
    try four.stack.addAddress(IPPrefix(v6(1), length: 64), to: four.interface)
    #expect(own(four) != nil && four.stack.addresses().count == 3)
    let given = IPAddress.v6(IPv6Address(high: 0xfe80_0000_0000_0000, low: 5))
    let own = try Station(
      addresses: [IPPrefix(v6(1), length: 64), IPPrefix(given, length: 64)], linkLocal: true)
    #expect(own.stack.addresses().map(\.address) == [v6(1), given])
    #expect(try Station().stack.addresses().allSatisfy { !$0.address.isLinkLocal })
  }

  @Test("It is no part of what routers may make us hold")
  func memory() throws {
    let with = try Station(linkLocal: true)
    let without = try Station()
    #expect(with.stack.memoryUse().neighbours == without.stack.memoryUse().neighbours)
  }
}
