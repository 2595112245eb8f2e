import MartletStack
import MartletTCP
import MartletWire
import Testing

@Suite("Memory of autoconfiguration")
struct AutoconfigurationMemoryTests {
  private func interface(_ n: UInt8) -> InterfaceConfiguration {
    let medium = EthernetMedium(
      hardwareAddress: MACAddress(0x02, 0, 0, 0, 0, n), checksAddresses: false, autoconfigures: true)
    return InterfaceConfiguration(medium: .ethernet(medium))
  }

  /// A router tells of sixteen networks that addresses may be made of.
  private func advertise(_ stack: inout NetworkStack, on link: InterfaceID, _ n: UInt8, now: Instant) {
    for half in 0..<2 as Range<UInt64> {
      var body = Packet(repeating: 0, count: 8)
      for k in 0..<8 as Range<UInt64> {
        let high = 0x2001_0db8_0000_0000 + UInt64(n) << 24 + (half * 8 + k) << 16
        body += AutoconfigurationTests.Prefix(high: high).octets
      }
      var packet = icmp(
        from: AutoconfigurationTests.router, to: .v6(.allNodes), type: 134, rest: 64 << 24 | 1_800, body)
      packet[7] = 255
      let frame: Packet = [0x33, 0x33, 0, 0, 0, 1] + octets(mac(255)) + [0x86, 0xdd] + packet
      stack.receive(frame.span.bytes, on: link, now: now)
    }
  }

  @Test("What eight interfaces learn is charged for eight, and given back with each")
  func interfaces() throws {
    var configuration = StackConfiguration()
    configuration.memoryBudget = 1 << 20
    var stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    let now = Instant(nanoseconds: 1_000_000_000)
    var links: [InterfaceID] = []
    var charged: [Int] = []
    for n in 0..<8 as Range<UInt8> {
      let link = try stack.addInterface(interface(n))
      links.append(link)
      advertise(&stack, on: link, n, now: now)
      charged.append(stack.memoryUse().neighbours)
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
    }
    var addresses = 0
    while let event = stack.nextEvent() {
      if case .addressReady = event { addresses += 1 }
    }
    #expect(addresses == 8 * 16)
    // An address has 16 octets and two lifetimes at least, and is written down twice.
    let each = charged[7] - charged[6]
    #expect(each >= 16 * (32 + 20))
    // Beside that, a router is looked for where others find no room: a record of a neighbour for each.
    let room = 1_024
    for n in 0..<8 { #expect(abs(charged[n] - charged[0] - n * each) < room) }
    for (n, link) in links.enumerated() {
      try stack.removeInterface(link)
      #expect(abs(stack.memoryUse().neighbours - (n == 7 ? 0 : charged[6 - n])) < room)
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
    }
  }

  @Test("Where the budget has no room for an interface's addresses it has none, and the others keep theirs")
  func small() throws {
    var configuration = StackConfiguration()
    configuration.memoryBudget = 64 << 10
    var stack = NetworkStack(configuration: configuration, seed: StackSeed(7))
    let now = Instant(nanoseconds: 1_000_000_000)
    var addresses = 0
    for n in 0..<40 as Range<UInt8> {
      advertise(&stack, on: try stack.addInterface(interface(n)), n, now: now)
      while let event = stack.nextEvent() {
        if case .addressReady = event { addresses += 1 }
      }
      if let violated = stack.checkInvariants() { Issue.record("violated: \(violated)") }
    }
    #expect(addresses >= 16 && addresses < 40 * 16)
    #expect(stack.memory.highWater <= stack.memory.limit)
  }
}
