import MartletStack
import MartletTCP
import MartletWire
import Testing

/// Robustness rules E1 and E13 on an Ethernet: somebody sends SYNs in the names of neighbours that nobody knows, and
/// each of them would have to be looked for.
@Suite("Searches for neighbours under a flood")
struct NeighbourFloodTests {
  private static let far = v4(192, 0, 2, 1)
  private static let gateway = v4(10, 0, 0, 254)

  private func station(_ configure: (inout StackConfiguration) -> Void = { _ in }) throws -> Station {
    let s = try Station(
      addresses: [IPPrefix(v4(10, 0, 0, 1), length: 8), IPPrefix(v6(1), length: 64)], configure)
    s.checksEachStep = false
    _ = try s.stack.listen(on: LocalEndpoint(port: 80))
    return s
  }

  private func stranger(_ n: Int, version: Int = 4) -> IPAddress {
    version == 4
      ? v4(10, 1, UInt8(truncatingIfNeeded: n >> 8), UInt8(truncatingIfNeeded: n)) : v6(0x10_0000 + UInt64(n))
  }

  /// A second of it: 20,000 SYNs. Returns what left for others than strangers.
  private func flood(
    _ s: Station, version: Int = 4, to service: UInt16 = 80, each: (Int, [SeenFrame]) -> Void = { _, _ in }
  ) {
    let own = Endpoint(address: version == 4 ? s.address : s.address6, port: service)
    for n in 0..<20_000 {
      let peer = Endpoint(address: stranger(n, version: version), port: 9)
      s.inject(s.frame(tcp(from: peer, to: own, seq: UInt32(n), .syn), from: mac(66)))
      guard n % 100 == 99 else { continue }
      each(n, s.pull())
      s.advance(by: .milliseconds(5))
      if n % 2_000 == 1_999 { s.check() }
    }
  }

  private func honest(_ n: Int, version: Int) -> IPAddress {
    version == 4 ? v4(10, 0, 0, UInt8(n + 9)) : v6(UInt64(n + 9))
  }

  /// Whether somebody who is heard of for the first time gets a connection, and an answer on it.
  private func isServed(_ s: Station, _ address: IPAddress, at hardware: MACAddress) -> Bool {
    let own = Endpoint(address: address.isIPv4 ? s.address : s.address6, port: 80)
    let client = Endpoint(address: address, port: 4_000)
    s.inject(s.frame(tcp(from: client, to: own, seq: 1, .syn), from: hardware))
    guard let frame = s.pull().last(where: { $0.ip?.destination == address }), let answer = frame.ip else {
      return false
    }
    #expect(frame.destination == hardware)
    s.inject(
      s.frame(tcp(from: client, to: own, seq: 2, ack: answer.seq &+ 1, .ack, text: [1]), from: hardware))
    // It has a connection now, and is looked for before others are.
    s.advance(by: .milliseconds(50))
    var frames = s.pull()
    if frames.contains(where: { $0.arp?.targetProtocol == address.four && address.isIPv4 }) {
      frames = s.answers(to: s.arp(.reply, from: hardware, address, for: s.address))
    } else if frames.contains(where: { $0.neighbour?.target == address.six && !address.isIPv4 }) {
      frames = s.answers(to: s.advertisement(of: address, at: hardware))
    }
    return frames.contains { $0.destination == hardware && $0.ip?.destination == address && $0.ip?.ack == 3 }
  }

  @Test(
    "E1 E13 among 20,000 questions a second in strangers' names one who asks is answered at once, and served",
    arguments: [4, 6])
  func questions(version: Int) throws {
    let s = try station()
    func question(from address: IPAddress, at hardware: MACAddress) -> Packet {
      version == 4
        ? s.arp(.request, from: hardware, address, for: s.address)
        : s.solicitation(of: s.address6, from: address, at: hardware)
    }
    var served = 0
    for n in 0..<20_000 {
      s.inject(question(from: stranger(n, version: version), at: mac(66)))
      guard n % 100 == 99 else { continue }
      let answers = s.pull()
      #expect(answers.count == 100 && answers.allSatisfy { $0.destination == mac(66) })
      s.advance(by: .milliseconds(5))
      guard n % 4_000 == 3_999 else { continue }
      s.check()
      let (address, hardware) = (honest(n / 4_000, version: version), mac(UInt8(n / 4_000 + 9)))
      #expect(s.answers(to: question(from: address, at: hardware)).map(\.destination) == [hardware])
      if isServed(s, address, at: hardware) { served += 1 }
    }
    #expect(served == 5)
    // Nobody was looked for, and nobody is doubted because he was answered.
    s.advance(by: .seconds(10))
    #expect(s.pull().allSatisfy { $0.destination != mac(66) })
    #expect(s.stack.held.neighbours == 512)
  }

  @Test(
    "E1 questions of strangers are answered up to a limit together; who was proven to hear us has his answer",
    arguments: [4, 6])
  func answerLimit(version: Int) throws {
    let s = try station { $0.neighbourAnswersPerSecond = 400 }
    func question(from address: IPAddress, at hardware: MACAddress) -> Packet {
      version == 4
        ? s.arp(.request, from: hardware, address, for: s.address)
        : s.solicitation(of: s.address6, from: address, at: hardware)
    }
    let (friend, his) = (honest(0, version: version), mac(9))
    // He asks, and acknowledges what he gets.
    #expect(s.answers(to: question(from: friend, at: his)).count == 1)
    #expect(isServed(s, friend, at: his))
    var (strangers, friends) = (0, 0)
    for n in 0..<10_000 {
      s.inject(question(from: stranger(n, version: version), at: mac(66)))
      guard n % 50 == 49 else { continue }
      s.inject(question(from: friend, at: his))
      for frame in s.pull() {
        if frame.destination == mac(66) { strangers += 1 }
        if frame.destination == his, frame.arp != nil || frame.neighbour != nil { friends += 1 }
      }
      s.advance(by: .milliseconds(25))
    }
    s.check()
    // Five seconds; his own eighth is 50 a second, and he asks 40 times.
    #expect((1_800...2_300).contains(strangers), "\(strangers)")
    #expect(friends == 200)
    #expect(s.stack.counters.drops(.neighbourAnswerLimited) == UInt64(10_000 - strangers))
    // Whoever asks in his name from elsewhere is a stranger.
    var forged = 0
    for _ in 0..<400 {
      s.inject(question(from: stranger(0, version: version), at: mac(66)))
      forged += s.answers(to: question(from: friend, at: mac(67))).count
    }
    #expect(forged < 100, "\(forged)")
  }

  @Test(
    "E1 whoever asks from elsewhere, in the name of one who has just been heard, is a stranger",
    arguments: [4, 6])
  func inHisName(version: Int) throws {
    let s = try station { $0.neighbourAnswersPerSecond = 400 }
    func question(from address: IPAddress, at hardware: MACAddress) -> Packet {
      version == 4
        ? s.arp(.request, from: hardware, address, for: s.address)
        : s.solicitation(of: s.address6, from: address, at: hardware)
    }
    let (friend, his) = (honest(0, version: version), mac(9))
    #expect(s.answers(to: question(from: friend, at: his)).count == 1)
    #expect(isServed(s, friend, at: his))
    var forged = 0
    for _ in 0..<30 {
      for n in 0..<49 { s.inject(question(from: stranger(n, version: version), at: mac(66))) }
      forged += s.answers(to: question(from: friend, at: mac(67))).count { $0.destination == mac(67) }
      s.advance(by: .milliseconds(25))
    }
    #expect(forged <= 10, "\(forged)")
  }

  @Test(
    "E1 who knows us, and whom we do not know, is served under a flood: no search is needed to answer a SYN",
    arguments: [4, 6])
  func honest(version: Int) throws {
    let s = try station()
    let known = Int(s.stack.counters.neighbourSolicits)
    var served = 0
    flood(s, version: version) { n, _ in
      guard n % 4_000 == 3_999 else { return }
      if isServed(s, honest(n / 4_000, version: version), at: mac(UInt8(n / 4_000 + 9))) { served += 1 }
    }
    #expect(served == 5)
    // A second and a quarter of it, and what was there in the beginning.
    #expect(Int(s.stack.counters.neighbourSolicits) - known < 700)
  }

  @Test("E1 our own connections find neighbours and gateways while strangers use up the searches")
  func ours() throws {
    let s = try station()
    let everybody = IPPrefix(.v4(.any), length: 0)
    try s.stack.addRoute(Route(prefix: everybody, interface: s.interface, gateway: Self.gateway))
    var syns: Set<IPAddress> = []
    var asked: [IPAddress] = []
    flood(s) { n, frames in
      switch n {
      case 9_999: _ = try? s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 7), port: 80), now: s.now)
      case 11_999: _ = try? s.stack.connect(to: Endpoint(address: Self.far, port: 80), now: s.now)
      default: break
      }
      for frame in frames + s.pull() {
        if let ip = frame.ip, ip.flags == .syn { syns.insert(ip.destination) }
        for (address, hardware) in [(v4(10, 0, 0, 7), mac(7)), (Self.gateway, mac(254))]
        where frame.arp?.targetProtocol == address.four {
          asked.append(address)
          s.inject(s.arp(.reply, from: hardware, address, for: s.address))
        }
      }
    }
    #expect(syns == [v4(10, 0, 0, 7), Self.far])
    #expect(asked == [v4(10, 0, 0, 7), Self.gateway])
  }

  @Test("E13 a search of ours is not ended by strangers', and waits as long as any")
  func kept() throws {
    let s = try station()
    _ = try s.stack.connect(to: Endpoint(address: v4(10, 0, 0, 7), port: 80), now: s.now)
    _ = s.pull()
    // It answers only to the third question.
    flood(s)
    flood(s)
    let frames = s.answers(to: s.arp(.reply, from: mac(7), v4(10, 0, 0, 7), for: s.address))
    #expect(frames.contains { $0.destination == mac(7) && $0.ip?.flags == .syn })
  }

  @Test("E1 a flood on one link takes no searches from another")
  func links() throws {
    let s = try station()
    let hardware = MACAddress(0x02, 0, 0, 0, 0, 0xbb)
    let other = try s.stack.addInterface(
      InterfaceConfiguration(
        addresses: [IPPrefix(v4(172, 16, 0, 1), length: 16)],
        medium: .ethernet(EthernetMedium(hardwareAddress: hardware, checksAddresses: false))))
    let socket = try s.stack.openDatagram()
    var questions = 0
    var buffer = Packet(repeating: 0, count: 2_000)
    flood(s) { n, _ in
      guard n >= 10_000, n % 1_000 == 999 else { return }
      let text: Packet = [1]
      let peer = Endpoint(address: v4(172, 16, 0, UInt8(n / 1_000 + 1)), port: 9)
      try? s.stack.send(socket, text.span.bytes, to: peer, now: s.now)
      while true {
        var span = buffer.mutableSpan
        var raw = span.mutableBytes
        guard let out = s.stack.nextPacket(on: other, into: &raw, now: s.now) else { break }
        let seen = SeenFrame(Packet(buffer.prefix(out.count)), out.metadata, vlan: nil)
        if seen?.arp?.targetProtocol == peer.address.four { questions += 1 }
      }
    }
    #expect(questions == 10)
  }

  @Test("Under a flood the answer to a neighbour that is known goes to him, whoever asked in his name")
  func behindRouter() throws {
    let s = try station()
    flood(s)
    // In the name of a neighbour that we know.
    s.inject(s.arp(.request, from: mac(9), v4(10, 0, 0, 9), for: s.address))
    _ = s.pull()
    let own = Endpoint(address: s.address, port: 80)
    let victim = Endpoint(address: v4(10, 0, 0, 9), port: 4_000)
    let frames = s.answers(to: s.frame(tcp(from: victim, to: own, seq: 1, .syn), from: mac(254)))
    #expect(frames.compactMap { $0.ip == nil ? nil : $0.destination } == [mac(9)])
    // Nothing was learned of those who were answered so.
    #expect(s.stack.held.neighbours <= 129)
  }
}

extension IPAddress {
  fileprivate var four: IPv4Address? { if case .v4(let a) = self { a } else { nil } }
  fileprivate var six: IPv6Address? { if case .v6(let a) = self { a } else { nil } }
}
