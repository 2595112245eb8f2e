import MartletCommand
import MartletTCP
import MartletWire
import Testing

@Suite("What is said of a damaging link") struct LinkQuantityTests {
  @Test(
    "Shares of packets",
    arguments: [("1%", 10_000), ("0%", 0), ("100%", 1_000_000), ("0.05%", 500), ("33.3333%", 333_333)])
  func chances(_ text: String, _ perMillion: UInt32) throws {
    #expect(try Chance(parsing: text) == Chance(perMillion: perMillion))
  }

  @Test(
    "Times",
    arguments: [("20ms", 20_000_000), ("500us", 500_000), ("1.5s", 1_500_000_000), ("0ms", 0), ("7ns", 7)])
  func times(_ text: String, _ nanoseconds: Int64) throws {
    #expect(try TimeAmount(parsing: text) == .nanoseconds(nanoseconds))
  }

  @Test(
    "Rates",
    arguments: [
      ("100mbit", 12_500_000), ("1.5GBIT", 187_500_000), ("64kbit", 8_000), ("unlimited", 0),
      ("1000bit", 125),
    ])
  func rates(_ text: String, _ octets: UInt64) throws {
    #expect(try BitRate(parsing: text) == BitRate(octetsPerSecond: octets))
  }

  @Test(
    "Lengths of queues",
    arguments: [
      ("100kB", QueueAmount.octets(100_000)), ("64KiB", .octets(65_536)), ("1500b", .octets(1_500)),
      ("50packets", .packets(50)), ("1packet", .packets(1)), ("1bdp", .delayProduct(1_000)),
      ("0.25bdp", .delayProduct(250)),
    ])
  func queues(_ text: String, _ amount: QueueAmount) throws {
    #expect(try QueueAmount(parsing: text) == amount)
  }

  @Test("A queue of the delay product is rate times round trip, and ten packets at least")
  func delayProduct() throws {
    let rate = try BitRate(parsing: "100mbit")
    let amount = try QueueAmount(parsing: "0.5bdp")
    #expect(amount.limit(rate: rate, roundTrip: .milliseconds(40), mtu: 1_500) == .octets(250_000))
    #expect(amount.limit(rate: rate, roundTrip: .milliseconds(1), mtu: 1_500) == .octets(15_000))
    let fastest = BitRate(octetsPerSecond: 125_000_000_000)
    #expect(
      QueueAmount.delayProduct(1_000_000).limit(rate: fastest, roundTrip: .hours(2), mtu: 1_500)
        == .octets(.max))
  }

  @Test("Bursts of losses")
  func bursts() throws {
    #expect(
      try BurstLoss(parsing: "1%,30%")
        == BurstLoss(begin: Chance(perMillion: 10_000), end: Chance(perMillion: 300_000)))
    #expect(try BurstLoss(parsing: "1%,30%,80%").loss == Chance(perMillion: 800_000))
  }

  @Test("Ends: device, namespace, addresses")
  func ends() throws {
    let end = try LinkEnd(parsing: "dev=l0,netns=a,address=10.7.0.1/24,address=fd00:7::1/64")
    #expect(end.device == "l0" && end.netns == "a")
    #expect(end.addresses.map(\.description) == ["10.7.0.1/24", "fd00:7::1/64"])
    #expect(try LinkEnd(parsing: "netns=a").device == "martlet%d")
  }

  @Test(
    "Whatever makes no sense is refused with a sentence",
    arguments: [
      "", "%", "1", "-1%", "+1%", "101%", "1.%", ".5%", "1..5%", "1.5.5%", "1e3%", "one", "1 %", "٣%",
      "99999999999999999999%", "0.0000000001%", "20", "20m", "3601s", "999999999999999s", "mbit", "0mbit",
      "1bit", "2000gbit", "999999999999999gbit", "100", "0packets", "0kB", "1.5 kB", "2000000packets",
      "99999mb", "0bdp", "1001bdp", "1%,", ",", "1%,0%", "1%,2%,3%,4%", "dev", "dev=", "netns=a,", "size=3",
      "address=10.7.0.1", "address=10.7.0.0/24",
    ])
  func refuses(_ text: String) {
    #expect(throws: SpecificationError.self) { try Chance(parsing: text) }
    #expect(throws: SpecificationError.self) { try TimeAmount(parsing: text) }
    #expect(throws: SpecificationError.self) { try BitRate(parsing: text) }
    #expect(throws: SpecificationError.self) { try QueueAmount(parsing: text) }
    #expect(throws: SpecificationError.self) { try BurstLoss(parsing: text) }
    #expect(throws: SpecificationError.self) { try LinkEnd(parsing: text) }
  }

  @Test(
    "Sizes of buffers",
    arguments: [("256KiB", 262_144), ("4MB", 4_000_000), ("100000", 100_000), ("1024MiB", 1 << 30)])
  func buffers(_ text: String, _ octets: UInt32) throws {
    #expect(try BufferAmount(parsing: text).octets == octets)
    #expect(throws: SpecificationError.self) { try BufferAmount(parsing: text + "x") }
  }

  @Test(
    "RFC 7323 §2.3 No buffer is larger than a window can be", arguments: ["1025MiB", "1023", "0", "-1", ""])
  func buffersOutOfRange(_ text: String) {
    #expect(throws: SpecificationError.self) { try BufferAmount(parsing: text) }
  }

  @Test("Every congestion control and every ECN policy has a name that reads back")
  func names() throws {
    for control in CongestionControl.allCases {
      #expect(try CongestionControl(parsing: control.name) == control)
    }
    #expect(try CongestionControl(parsing: "reno") == .newReno)
    #expect(try ECNPolicy.allCases == ["off", "passive", "on"].map { try ECNPolicy(parsing: $0) })
    #expect(throws: SpecificationError.self) { try CongestionControl(parsing: "vegas") }
    #expect(throws: SpecificationError.self) { try ECNPolicy(parsing: "maybe") }
  }
}
