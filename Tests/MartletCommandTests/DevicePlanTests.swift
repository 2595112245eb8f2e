import MartletCommand
import MartletWire
import Testing

@Suite struct DevicePlanTests {
  private func prefix(_ text: String) throws -> IPPrefix { try #require(IPPrefix(text)) }

  private func plan(_ addresses: [String], kernel: [String] = []) throws -> DevicePlan {
    try DevicePlan(
      name: "tun0", mtu: 1500, addresses: addresses.map { try AddressArgument.parse($0) },
      kernel: kernel.map { try KernelAddressArgument($0) })
  }

  @Test("The kernel gets the next free address of each prefix")
  func nextFree() throws {
    let plan = try plan(["10.7.0.1/24", "fd00:7::1/64"])
    #expect(plan.kernelAddresses == [try prefix("10.7.0.2/24"), try prefix("fd00:7::2/64")])
  }

  @Test("Two addresses of one prefix share one address of the kernel")
  func shared() throws {
    #expect(try plan(["10.7.0.1/24", "10.7.0.2/24"]).kernelAddresses == [try prefix("10.7.0.3/24")])
  }

  @Test("An address that is given takes the place of the one that would be chosen, with or without length")
  func given() throws {
    #expect(try plan(["10.7.0.1/24"], kernel: ["10.7.0.9"]).kernelAddresses == [try prefix("10.7.0.9/24")])
    #expect(
      try plan(["10.7.0.1/24", "fd00:7::1/64"], kernel: ["10.7.0.9/24"]).kernelAddresses
        == [try prefix("10.7.0.9/24"), try prefix("fd00:7::2/64")])
  }

  @Test("Both sides cannot have one address, and somebody must have one")
  func contradictions() {
    #expect(throws: SpecificationError.self) { try plan(["10.7.0.1/24"], kernel: ["10.7.0.1"]) }
    #expect(throws: SpecificationError.self) { try plan(["10.7.0.1/24"], kernel: ["10.8.0.1"]) }
    #expect(throws: SpecificationError.self) { try plan([]) }
  }

  @Test("Routes lead everywhere, in the families that there are")
  func routes() throws {
    #expect(try plan(["10.7.0.1/24"]).routes == [try prefix("0.0.0.0/0")])
    #expect(try plan(["fd00:7::1/64"]).routes == [try prefix("::/0")])
  }

  @Test(
    "Bad addresses are refused",
    arguments: [
      "", "10.7.0.1", "10.7.0.1/33", "10.7.0/24", "host/24", "224.0.0.1/24", "127.0.0.1/8", "10.7.0.0/24",
      "10.7.0.255/24", "0.0.0.0/0", "ff02::1/64", "::/64", "fd00::1", "fe80::1%eth0/64",
    ])
  func badAddresses(_ text: String) {
    #expect(throws: SpecificationError.self) { try AddressArgument.parse(text) }
  }
}
