import MartletStack
import MartletTCP
import MartletWire
import Testing

// An attacker who can forge any source address, but sees only what is sent to his own, compares a stack
// that has a certain connection with one that has not. All that he sees has to be the same octets.

@Suite("What an attacker off the path sees")
struct AttackerViewTests {
  /// What the stack has with the peer, in the four-tuple that the attacker asks about.
  enum Victim: CaseIterable, CustomTestStringConvertible {
    case none, halfOpen, established, otherNumbers, sending, closing, timeWait, connecting, otherPort
    var testDescription: String { "\(self)" }
  }

  /// Who is who, in one family.
  struct Cast {
    let host: Host
    let isIPv4: Bool
    var peer: Endpoint { Endpoint(address: isIPv4 ? v4(10, 0, 0, 9) : v6(9), port: 4_000) }
    var attacker: IPAddress { isIPv4 ? v4(10, 0, 0, 66) : v6(66) }
    var own: IPAddress { isIPv4 ? host.address : host.address6 }
    func local(_ port: UInt16) -> Endpoint { Endpoint(address: own, port: port) }
  }

  /// Brings the connection about; time goes on by a second.
  private func prepare(_ cast: Cast, _ victim: Victim) throws {
    let host = cast.host
    let start = host.now
    let listener = try host.stack.listen(on: LocalEndpoint(port: 80))
    let irs: UInt32 = victim == .otherNumbers ? 0x9876_5432 : 1_000
    var peer = cast.peer
    if victim == .otherPort { peer.port = 4_001 }
    switch victim {
    case .none: break
    case .connecting:
      _ = try host.stack.connect(
        to: cast.peer, from: LocalEndpoint(address: cast.own, port: 8_080), now: host.now)
    case .halfOpen: host.inject(tcp(from: peer, to: cast.local(80), seq: irs, .syn))
    case .established, .otherNumbers, .sending, .closing, .timeWait, .otherPort:
      let synAck = try host.answers(to: tcp(from: peer, to: cast.local(80), seq: irs, .syn))
      let iss = synAck[0].seq
      host.inject(tcp(from: peer, to: cast.local(80), seq: irs &+ 1, ack: iss &+ 1, .ack))
      let c = try host.stack.accept(listener)
      if victim == .sending { _ = try host.send(c, Packet(repeating: 1, count: 50_000)) }
      if victim == .closing || victim == .timeWait {
        try host.stack.close(c, now: host.now)
        _ = host.pull()
      }
      if victim == .timeWait {
        host.inject(tcp(from: peer, to: cast.local(80), seq: irs &+ 1, ack: iss &+ 2, [.fin, .ack]))
      }
    }
    _ = host.pull()
    host.advance(by: .nanoseconds(start.advanced(by: .seconds(1)).since(host.now).nanoseconds))
    _ = host.pull()
  }

  /// Everything that is sent to the attacker, with its time.
  private func view(
    _ victim: Victim, _ version: Int, seed: UInt64, rounds: Int = 60, attack: (Cast, inout Draws) -> Void
  ) throws -> [String] {
    let host = try Host(2, seed: 7)
    let cast = Cast(host: host, isIPv4: version == 4)
    try prepare(cast, victim)
    var draws = Draws(seed)
    var seen: [String] = []
    for _ in 0..<rounds {
      attack(cast, &draws)
      for (packet, _) in host.pull() {
        let shown = try #require(Seen(packet))
        if shown.destination == cast.attacker { seen.append("\(host.now.nanoseconds) \(packet)") }
      }
      host.advance(by: .milliseconds(Int64(draws.next(50))))
    }
    return seen
  }

  /// A forged segment of the four-tuple.
  private func forgery(_ cast: Cast, _ draws: inout Draws) -> Packet {
    let flags: [TCPFlags] = [
      .syn, [.syn, .ack], .ack, .rst, [.rst, .ack], [.psh, .ack], [.fin, .ack], [],
    ]
    let kind = flags[Int(draws.next(8))]
    let text = kind.contains(.psh) ? Packet(repeating: 0x66, count: Int(draws.next(1_000))) : []
    let port: UInt16 = draws.next(4) == 0 ? 8_080 : 80
    return tcp(
      from: cast.peer, to: cast.local(port), seq: UInt32(draws.next(1 << 32)),
      ack: UInt32(draws.next(1 << 32)), kind, text: text)
  }

  /// A forged ICMP error about the four-tuple.
  private func forgedError(_ cast: Cast, _ draws: inout Draws) -> Packet {
    let quoted = tcp(from: cast.local(80), to: cast.peer, seq: UInt32(draws.next(1 << 32)), .ack)
    let code = UInt8(draws.next(5))
    return icmp(
      from: cast.peer.address, to: cast.own, type: cast.isIPv4 ? 3 : 1, code: code,
      rest: cast.isIPv4 && code == 4 ? 600 : 0, Packet(quoted.prefix(cast.isIPv4 ? 28 : 48)))
  }

  /// An honest question of the attacker's own, whose answer he sees.
  private func question(_ cast: Cast, _ draws: inout Draws) -> Packet {
    let own = Endpoint(address: cast.attacker, port: UInt16(1_024 + draws.next(60_000)))
    let seq = UInt32(draws.next(1 << 32))
    switch draws.next(6) {
    case 0: return tcp(from: own, to: cast.local(80), seq: seq, .syn)
    case 1: return tcp(from: own, to: cast.local(80), seq: seq, ack: 5, .ack)
    case 2: return udp(from: own, to: cast.local(53), [1, 2, 3])
    case 3: return icmp(from: own.address, to: cast.own, type: cast.isIPv4 ? 8 : 128, rest: seq)
    default: return tcp(from: own, to: cast.local(9), seq: seq, .syn)
    }
  }

  @Test(
    "O4 O8 S5.1 whatever connections others have, an attacker sees the same octets",
    arguments: Victim.allCases.filter { $0 != .none }, [4, 6])
  func forged(victim: Victim, version: Int) throws {
    func attack(_ cast: Cast, _ draws: inout Draws) {
      for _ in 0..<20 {
        switch draws.next(4) {
        case 0: cast.host.inject(question(cast, &draws))
        case 1: cast.host.inject(forgedError(cast, &draws))
        default: cast.host.inject(forgery(cast, &draws))
        }
      }
    }
    for seed in UInt64(1)...6 {
      let without = try view(.none, version, seed: seed, attack: attack)
      let with = try view(victim, version, seed: seed, attack: attack)
      #expect(without.count > 100)
      #expect(without == with, "seed \(seed)")
    }
  }

  @Test(
    "O4 O8 S5.1 nor do bursts that use up every limit, forged ones and his own, tell him anything",
    arguments: Victim.allCases.filter { $0 != .none }, [4, 6])
  func bursts(victim: Victim, version: Int) throws {
    func attack(_ cast: Cast, _ draws: inout Draws) {
      // As many as the whole limit has, as fast as can be: once in the peer's name, once in his own.
      // An acknowledgment of nothing is reset where there is no connection, and challenged where there is one.
      let port: UInt16 = draws.next(2) == 0 ? 80 : 8_080
      let forged = tcp(
        from: cast.peer, to: cast.local(port), seq: UInt32(draws.next(1 << 32)),
        ack: UInt32(draws.next(1 << 32)), .ack)
      for _ in 0..<260 { cast.host.inject(forged) }
      let own = Endpoint(address: cast.attacker, port: 5_000)
      for seq in 0..<UInt32(260) {
        cast.host.inject(tcp(from: own, to: cast.local(9), seq: seq, .syn))
        if seq % 8 == 0 { cast.host.inject(udp(from: own, to: cast.local(53), [1])) }
      }
    }
    let without = try view(.none, version, seed: 3, rounds: 12, attack: attack)
    let with = try view(victim, version, seed: 3, rounds: 12, attack: attack)
    #expect(without.count > 60)
    #expect(without == with)
  }
}

/// Weyl sequence with an avalanche: the same for the same seed.
struct Draws {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  /// From 0 up to, not including, `bound`.
  mutating func next(_ bound: UInt64) -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return (z ^ (z >> 31)).multipliedFullWidth(by: bound).high
  }
}
