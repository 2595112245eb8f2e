import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.4.1 and RFC 6528: initial sequence numbers. RFC 6056: ports.

@Suite("RFC 9293: initial sequence numbers")
struct ISNTests {
  /// The number of the SYN that an active open sends; the attempt is refused at once.
  private func activeISS(_ s: Scenario, to port: UInt16 = 80) -> UInt32 {
    s.connect(to: port)
    let syn = s.expect(.syn())
    s.inject(.rstAck(seq: 0, ack: 1))
    s.close()
    return syn?.header.seq.rawValue ?? 0
  }

  /// The number of the SYN-ACK that a SYN gets; the peer takes it back at once.
  private func passiveISS(_ s: Scenario, from port: UInt16) -> UInt32 {
    s.inject(.syn().from(port: port))
    let answer = s.expect(.synAck().to(port: port))
    s.inject(.rst(seq: 1).from(port: port))
    return answer?.header.seq.rawValue ?? 0
  }

  @Test(
    "MUST-8 O1 for the same ports the number advances by one each 4 µs, on either side",
    arguments: ScenarioFamily.allCases)
  func clock(family: ScenarioFamily) {
    let s = Scenario(.closed, family: family)
    let first = activeISS(s)
    s.advance(by: .seconds(1))
    #expect(activeISS(s) &- first == 250_000)
    s.advance(by: .hours(5))
    #expect(activeISS(s) &- first == UInt32(250_000) &* (5 * 3_600 + 1))

    let l = Scenario(.listening, family: family)
    let answer = passiveISS(l, from: 4_000)
    l.advance(by: .milliseconds(10))
    #expect(passiveISS(l, from: 4_000) &- answer == 2_500)
  }

  @Test(
    "SHLD-1 O1 at one time, each pair of ports has a number of its own, scattered over the whole range",
    .bothFamilies)
  func hash() {
    let s = Scenario(.listening)
    let numbers = (0..<256).map { passiveISS(s, from: 10_000 + UInt16($0)) }
    #expect(Set(numbers).count == 256)
    // Neighbours must not be predictable from each other: 256 draws fill sixteen bins, and so do the steps.
    let steps = zip(numbers, numbers.dropFirst()).map { $1 &- $0 }
    #expect(Set(numbers.map { $0 >> 28 }).count == 16)
    #expect(Set(steps.map { $0 >> 28 }).count == 16)
    #expect(Set(steps).count == 255)
  }

  @Test("MUST-9 O1 the same ports at the same time have another number under another secret", .bothFamilies)
  func secret() {
    let numbers = (1...64).map { activeISS(Scenario(.closed, seed: $0)) }
    #expect(Set(numbers).count == 64)
    #expect(Set(numbers.map { $0 >> 28 }).count >= 12)
    #expect(activeISS(Scenario(.closed, seed: 1)) == numbers[0])
  }

  @Test(
    "O2 local ports are drawn from the whole range, and no draw tells the next",
    arguments: ScenarioFamily.allCases)
  func ports(family: ScenarioFamily) {
    let s = Scenario(.closed, family: family)
    var ports: [UInt16] = []
    for _ in 0..<128 {
      s.connect(from: nil)
      s.takeSegments()
      ports.append(s.localPort)
    }
    #expect(Set(ports).count == 128)
    #expect(ports.allSatisfy { $0 >= 32_768 })
    #expect(Set(ports.map { $0 >> 11 & 15 }).count == 16)
    let steps = zip(ports, ports.dropFirst()).map { $1 &- $0 }
    #expect(Set(steps).count > 120)
  }

  @Test("O2 a port that is taken is drawn again, until there is none", .bothFamilies)
  func clash() {
    let s = Scenario(.closed) {
      $0.firstEphemeralPort = 60_000
      $0.lastEphemeralPort = 60_007
    }
    let ports = (0..<8).map { _ in
      s.connect(from: nil)
      s.expect(.syn(seq: 0))
      return s.localPort
    }
    #expect(Set(ports) == Set(60_000...60_007))
    #expect(throws: ConnectError.noPort) {
      try s.stack.connect(to: Endpoint(address: s.peer, port: 80), now: s.now)
    }
    // To another peer they are all free.
    s.connect(to: 81, from: nil)
    s.expect(.syn(seq: 0))
  }
}
