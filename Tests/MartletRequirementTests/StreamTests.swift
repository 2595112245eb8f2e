import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#elseif canImport(Musl)
  import Musl
#endif

private let roles = ScenarioRole.both

/// S6.1: what a wire may do to the packets on it.
struct WireFaults: Sendable, CustomTestStringConvertible {
  var name: String
  /// Of a million packets.
  var lost: UInt32 = 0
  var doubled: UInt32 = 0
  var corrupted: UInt32 = 0
  /// Least and most time on the way; what differs is reordered.
  var delay: ClosedRange<Int64> = 10...10

  var testDescription: String { name }

  static let all: [WireFaults] = [
    WireFaults(name: "loss", lost: 50_000), WireFaults(name: "duplication", doubled: 200_000),
    WireFaults(name: "reordering", delay: 5...40), WireFaults(name: "delay", delay: 400...400),
    WireFaults(name: "corruption", corrupted: 50_000),
    WireFaults(name: "everything", lost: 30_000, doubled: 50_000, corrupted: 30_000, delay: 5...60),
  ]
}

/// S6: what the connection is for.
@Suite struct StreamTests {
  @Test(
    "S6.1 every octet arrives once, in order and unchanged, both ways at the same time", .bothFamilies,
    arguments: WireFaults.all,
    [1, 2, 3] as [UInt64])
  func faultyWire(_ faults: WireFaults, _ seed: UInt64) throws {
    for family in ScenarioFamily.allCases {
      let w = TwoStacks(family, seed: seed)
      try w.listen(w.b)
      try w.connect(w.a)
      w.a.toSend = scriptText(0..<150_000)
      w.b.toSend = scriptText(1_000_000..<1_120_000)
      w.run(.seconds(600), over: faults, seed: seed) {
        w.a.received.count == 120_000 && w.b.received.count == 150_000
      }
      try w.close(w.a)
      w.run(.seconds(200), over: faults, seed: seed &+ 1) { w.b.isAtEnd }
      #expect(w.b.received == scriptText(0..<150_000), "seed \(seed), \(family)")
      #expect(w.a.received == scriptText(1_000_000..<1_120_000), "seed \(seed), \(family)")
      #expect(w.b.isAtEnd)
    }
  }

  @Test(
    "S6.1 an octet that came first stays: a later segment that says otherwise changes nothing", .bothFamilies,
    arguments: roles)
  func firstArrivalCounts(_ role: ScenarioRole) {
    let s = Scenario(.established(role))
    s.inject(.data(seq: 4, ack: 1, "DEF"))
    s.inject(.data(seq: 1, ack: 1, "abcdefghi"))
    s.takeSegments()
    #expect(s.receive().text == "abcDEFghi")
    s.inject(.data(seq: 1, ack: 1, "ABCDEFGHIj"))
    #expect(s.receive().text == "j")
  }

  // MARK: S6.2

  @Test(
    "S6.2 a connection that nobody uses is there after a hundred days", arguments: ScenarioFamily.allCases,
    roles)
  func idle(_ family: ScenarioFamily, _ role: ScenarioRole) {
    for offer in [[ScriptOption.mss(1_460)], ScriptOption.everything()] {
      let s = Scenario(.established(role), family: family, offering: offer)
      #expect(s.timeToDeadline == nil)
      for days: Int64 in [1, 25, 74] {
        s.expectNothing(for: .hours(24 * days))
        s.expectState(.established)
      }
      s.inject(.data(seq: 1, ack: 1, "still here"))
      s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 11))
      #expect(s.receive().text == "still here")
      s.send("so am I")
      s.expect(.data(seq: 1, ack: 11, "so am I"))
      s.inject(.ack(seq: 11, ack: 8))
      s.expectNothing(for: .hours(24))
      s.expectState(.established)
    }
  }

  @Test("S6.2 half-closed ones last as long", .bothFamilies, arguments: roles)
  func idleHalfClosed(_ role: ScenarioRole) {
    for start in [ScenarioStart.finWait2(role), .closeWait(role)] {
      let s = Scenario(start)
      s.expectNothing(for: .hours(24 * 50))
      s.expectState(start.state)
    }
  }

  // MARK: S6.3

  /// Just before the wrap, before the change of sign, and where the window straddles them.
  static let origins: [UInt32] = [
    0xffff_ffff, 0xffff_fffe, 0xffff_fa00, 0xffff_0000, 0xfffe_0000, 0x7fff_ffff, 0x7fff_0000, 0x8000_0000, 0,
  ]

  @Test(
    "S6.3 both directions go over the wrap of sequence numbers, in order and with holes", .bothFamilies,
    arguments: origins,
    roles)
  func wraps(_ origin: UInt32, _ role: ScenarioRole) {
    for offer in [[ScriptOption.mss(1_460)], [.mss(1_460), .sackPermitted]] {
      let s = Scenario(.established(role), offering: offer, peerISN: origin, iss: origin &- 7_000)
      // In: each third segment comes late.
      var next = 1
      for i in 0..<60 {
        let place = 1 + 1_460 * (i % 3 == 0 ? i + 1 : i % 3 == 1 ? i - 1 : i)
        s.inject(.data(seq: place, ack: 1, 1_460))
        if i % 3 == 2 {
          next += 3 * 1_460
          s.advance(by: .milliseconds(50))
          #expect(s.takeSegments().last?.ack == next)
          #expect(s.receive().octets == scriptText(next - 1 - 3 * 1_460..<next - 1))
          s.takeSegments()
        }
      }
      // Out: the first of each flight is lost.
      var acked = 1
      while acked < 100_001 {
        if acked == 1 { s.send(100_000) }
        let flight = s.takeSegments().filter { !$0.text.isEmpty }
        guard let last = flight.last else {
          s.advance(by: .milliseconds(100))
          if s.elapsed > .seconds(100) { break }
          continue
        }
        if flight.count > 1, acked == flight[0].seq, flight[0].seq % 3 == 0 {
          for _ in 1..<flight.count { s.inject(.ack(seq: next, ack: acked)) }
          continue
        }
        acked = max(acked, last.seq + last.text.count)
        s.inject(.ack(seq: next, ack: acked))
      }
      #expect(acked == 100_001)
      #expect(s.status?.unacked == 0)
      // And the close.
      s.shutdown(.send)
      s.expect(.fin(seq: 100_001, ack: next, 0))
      s.inject(.fin(seq: next, ack: 100_002))
      s.expect(.ack(seq: 100_002, ack: next + 1))
      s.expectState(.timeWait)
    }
  }

  @Test(
    "S6.3 T2 a handshake and a close on the wrap itself", .bothFamilies,
    arguments: [0xffff_fffd, 0xffff_fffe, 0xffff_ffff] as [UInt32], roles)
  func handshakeOnWrap(_ origin: UInt32, _ role: ScenarioRole) {
    let s = Scenario(.timeWait(role), peerISN: origin, iss: origin)
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
    let p = Scenario(.lastAck(role), peerISN: origin, iss: origin)
    p.inject(.ack(seq: 2, ack: 2))
    #expect(p.status?.state == .closed)
  }

  @Test(
    "S6.3 more octets than there is window, many times over, from just before the wrap", .bothFamilies,
    arguments: [true, false])
  func transferOverWrap(_ timestamps: Bool) throws {
    let transfer = try BulkTransfer(timestamps: timestamps)
    #expect(try transfer.run(16 << 20, from: 0xff80_0000) == 16 << 20)
  }

  /// A minute without optimisation, seconds with it.
  static var isOptimised: Bool {
    #if DEBUG
      false
    #else
      true
    #endif
  }

  @Test("S6.3 more than 4 GiB on one connection", .bothFamilies, .enabled(if: isOptimised))
  func transferBeyondTheSequenceSpace() throws {
    let count = 4 << 30 + 256 << 20
    #expect(try BulkTransfer(timestamps: true).run(count, from: 0) == count)
  }

  /// It takes its time: `MARTLET_LONG_TESTS=1 swift test -c release --filter longTransfer`.
  static var runsLongTests: Bool { getenv("MARTLET_LONG_TESTS") != nil }

  @Test(
    "S6.3 nine gigabytes on one connection: two wraps", .bothFamilies, .enabled(if: runsLongTests),
    arguments: [true, false])
  func longTransfer(_ timestamps: Bool) throws {
    #expect(try BulkTransfer(timestamps: timestamps).run(9 << 30, from: 0) == 9 << 30)
  }
}
