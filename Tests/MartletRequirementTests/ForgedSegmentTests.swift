import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// S5.6: somebody who is not on the path, but knows both addresses and both ports, forges segments of a
/// connection, and errors about them. What he does not know is where its numbers are.
@Suite struct ForgedSegmentTests {
  /// How much the attacker has found out.
  enum Knowledge: CaseIterable, Sendable {
    /// Nothing: he draws both numbers from all that there are.
    case nothing
    /// What the victim expects next, to within its window: he never hits it exactly.
    case window
    /// Exactly what the victim expects, but not what it has sent.
    case sequenceNumber
  }

  /// One attempt, as a packet from the other end.
  private func forgery(
    to victim: End, from other: End, _ knowledge: Knowledge, _ random: inout SimulatorRandom
  ) -> [UInt8]? {
    guard let id = victim.connection, let status = try? victim.stack.status(id, now: .origin) else {
      return nil
    }
    var seq = UInt32(truncatingIfNeeded: random.next())
    // Far from anything that can have been sent: half of all numbers, less what a window takes.
    let ack = status.tcp.sndNxt.rawValue &+ 0x4000_0000 &+ UInt32(random.below(0x7fff_0000))
    switch knowledge {
    case .nothing: break
    case .window:
      seq = status.tcp.rcvNxt.rawValue &+ 1 &+ UInt32(random.below(UInt64(max(status.tcp.rcvWnd, 2) - 1)))
    case .sequenceNumber: seq = status.tcp.rcvNxt.rawValue
    }
    let kinds: [TCPFlags] = [.rst, [.rst, .ack], .syn, [.syn, .ack], [.psh, .ack], [.fin, .ack], .ack]
    var flags = kinds[Int(random.below(7))]
    // Who knows RCV.NXT exactly needs no other number for a reset: that is what 32 bits are for.
    if knowledge == .sequenceNumber { flags.remove(.rst) }
    if flags.isEmpty { flags = .ack }
    let text = flags.isDisjoint(with: [.psh, .fin]) ? 0 : Int(random.below(900))
    let header = TCPHeader(
      sourcePort: other.port, destinationPort: victim.port, seq: SequenceNumber(seq),
      ack: SequenceNumber(ack),
      flags: flags, window: UnscaledWindow(UInt16(random.below(65_536))))
    return forgedPacket(
      from: other.address, to: victim.address, header, text: [UInt8](repeating: 0x66, count: text))
  }

  @Test(
    "S5.6 O3 a stream survives twenty thousand forged segments of its own four-tuple, unchanged",
    arguments: Knowledge.allCases, ScenarioFamily.allCases)
  func segments(knowledge: Knowledge, family: ScenarioFamily) throws {
    for timestamps in [true, false] {
      let seed: UInt64 = timestamps ? 11 : 12
      let w = TwoStacks(family, seed: seed) { $0.tcp.timestamps = timestamps }
      try w.open()
      var random = SimulatorRandom(seed: seed)
      var injected = 0
      for round in 0..<100 {
        w.send(scriptText(round * 1_000..<(round + 1) * 1_000), from: w.a)
        w.send(scriptText(round * 700..<(round + 1) * 700), from: w.b)
        for n in 0..<100 {
          let (victim, other) = n % 2 == 0 ? (w.a, w.b) : (w.b, w.a)
          guard let packet = forgery(to: victim, from: other, knowledge, &random) else { continue }
          victim.stack.receive(packet.span.bytes, on: victim.interface, now: w.now)
          injected += 1
          if n % 10 == 0, !w.inFlight.isEmpty { try w.deliver() }
        }
        w.run(.milliseconds(100))
      }
      #expect(injected == 10_000, "seed \(seed)")
      w.run(.seconds(60))
      #expect(w.b.received == scriptText(0..<100_000), "seed \(seed)")
      #expect(w.a.received == scriptText(0..<70_000), "seed \(seed)")
      #expect(w.state(w.a) == .established && w.state(w.b) == .established, "seed \(seed)")
      try w.close(w.a)
      w.run(.seconds(1))
      try w.close(w.b)
      w.run(.seconds(1))
      #expect(w.state(w.a) == .timeWait && w.state(w.b) == .listen, "seed \(seed)")
    }
  }
}
