import MartletLinks
import MartletStack
import MartletWire
import Testing

@Suite("The kernel's address, when nobody names one")
struct NextFreeAddressTests {
  @Test("The next host address of the prefix; after the last the first")
  func next() throws {
    #expect(try prefix(10, 7, 0, 1, 24).nextFreeAddress() == prefix(10, 7, 0, 2, 24))
    #expect(try prefix(10, 7, 0, 254, 24).nextFreeAddress() == prefix(10, 7, 0, 1, 24))
    #expect(try prefix(10, 7, 0, 1, 30).nextFreeAddress() == prefix(10, 7, 0, 2, 30))
    #expect(try prefix(10, 7, 0, 2, 30).nextFreeAddress() == prefix(10, 7, 0, 1, 30))
    // RFC 3021: both addresses of a /31 are hosts'.
    #expect(try prefix(10, 7, 0, 0, 31).nextFreeAddress() == prefix(10, 7, 0, 1, 31))
    #expect(try prefix(10, 7, 0, 1, 31).nextFreeAddress() == prefix(10, 7, 0, 0, 31))
    #expect(try prefix(255, 255, 255, 254, 8).nextFreeAddress() == prefix(255, 0, 0, 1, 8))
  }

  @Test("What is taken is passed over")
  func taken() throws {
    let free = try prefix(10, 7, 0, 1, 29).nextFreeAddress(
      taken: [prefix(10, 7, 0, 2, 29).address, prefix(10, 7, 0, 3, 29).address])
    #expect(free == prefix(10, 7, 0, 4, 29))
  }

  @Test("IPv6: within the prefix, never the subnet-router anycast address")
  func ipv6() throws {
    func v6(_ low: UInt64, _ length: UInt8) -> IPPrefix {
      IPPrefix(.v6(IPv6Address(high: 0xfd00_0007_0000_0000, low: low)), length: length)
    }
    #expect(try v6(1, 64).nextFreeAddress() == v6(2, 64))
    #expect(try v6(.max, 64).nextFreeAddress() == v6(1, 64))
    #expect(try v6(2, 126).nextFreeAddress() == v6(3, 126))
    #expect(try v6(3, 126).nextFreeAddress() == v6(1, 126))
    #expect(try v6(1, 127).nextFreeAddress() == v6(0, 127))
    #expect(try v6(1, 16).nextFreeAddress() == v6(2, 16))
  }

  @Test("One for each network of the stack's addresses, none of which is the stack's")
  func kernelSide() throws {
    let own = [prefix(10, 7, 0, 1, 24), prefix(10, 7, 0, 2, 24), prefix(10, 8, 0, 1, 24)]
    #expect(try IPPrefix.kernelSide(of: own) == [prefix(10, 7, 0, 3, 24), prefix(10, 8, 0, 2, 24)])
  }

  @Test("A prefix with no room says so")
  func noRoom() throws {
    let full = #expect(throws: LinkError.self) { try prefix(10, 7, 0, 1, 32).nextFreeAddress() }
    #expect(full?.code == .addressInUse)
    let taken = #expect(throws: LinkError.self) {
      try prefix(10, 7, 0, 1, 30).nextFreeAddress(taken: [prefix(10, 7, 0, 2, 30).address])
    }
    #expect(taken?.code == .addressInUse)
  }
}
