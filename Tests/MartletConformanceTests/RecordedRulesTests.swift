import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// Decisions that no textbook scenario and hardly a random schedule brings about, as the flight recorder has them.

@Suite("Flight records of rare decisions")
struct RecordedRulesTests {
  private static let records: UInt32 = 4_096

  private func established(_ configure: @escaping (inout StackConfiguration) -> Void = { _ in }) -> Scenario {
    Scenario(.established()) {
      $0.recorderCapacity = Self.records
      configure(&$0)
    }
  }

  private func recovery(initialWindow: UInt8 = 20) -> RecoveryScript {
    RecoveryScript(initialWindow: initialWindow) { $0.recorderCapacity = Self.records }.measured()
  }

  @Test("S7.3 an acknowledgment of what was never sent, with what was", .bothFamilies)
  func ackOfUnsent() {
    let s = established()
    s.inject(.ack(seq: 1, ack: 2))
    let record = s.records(.ackOfUnsent).first
    #expect(record.map { $0.a &- $0.b } == 1)
    s.takeSegments()
  }

  @Test(
    "S7.3 a segment without the ACK bit, an acknowledgment that was had before, and one that is too old",
    .bothFamilies)
  func poorAcknowledgments() {
    let s = established()
    var acked = 1
    while acked < 70_001 {
      s.send(14_600)
      s.takeSegments()
      acked += 14_600
      s.inject(.ack(seq: 1, ack: acked))
    }
    var bare = InjectedSegment.data(seq: 1, ack: acked, 10)
    bare.flags.remove(.ack)
    s.inject(bare)
    s.inject(.ack(seq: 1, ack: acked - 10))
    s.inject(.ack(seq: 1, ack: acked - 65_536))
    s.takeSegments()
    #expect(s.records(.ackMissing).count == 1)
    #expect(s.records(.ackRepeated).map { $0.b &- $0.a } == [10])
    #expect(s.records(.ackTooOld).map { $0.b &- $0.a } == [65_536])
  }

  @Test("S7.3 text for a connection that nobody reads any more", .bothFamilies)
  func textToOrphan() {
    let s = Scenario(.finWait2(orphan: true)) { $0.recorderCapacity = Self.records }
    s.inject(.data(seq: 1, ack: 2, 10))
    s.takeSegments()
    #expect(s.records(.textToOrphan).map(\.b) == [10])
  }

  @Test("S7.3 an urgent pointer that moves, and not one that does not", .bothFamilies)
  func urgentText() {
    let s = established()
    s.inject(.data(seq: 1, ack: 1, 10).urgent(50))
    s.inject(.data(seq: 11, ack: 1, 10).urgent(5))
    #expect(s.records(.urgentText).count == 1)
    s.takeSegments()
  }

  @Test("S7.3 a close with text that nobody has read, and how much", .bothFamilies)
  func textUnread() {
    let s = established()
    s.inject(.data(seq: 1, ack: 1, 10))
    s.close()
    #expect(s.records(.textUnread).map(\.b) == [10])
    s.takeSegments()
  }

  @Test("S7.3 text behind more holes than are kept", .bothFamilies)
  func textRefused() {
    let s = established { $0.tcp.connection.receiveBuffer = 1 << 20 }
    for n in 1...2_000 { s.inject(.data(seq: 1 + n * 20, ack: 1, 1)) }
    let refused = s.records(.textRefused)
    #expect(!refused.isEmpty && refused.allSatisfy { $0.b == 1 })
    s.takeSegments()
  }

  @Test("S7.3 a window that was not used for five minutes, with what is left of it", .bothFamilies)
  func windowUnused() {
    let r = recovery()
    r.send(20)
    r.s.takeSegments()
    r.advance(100)
    r.ack(21)
    r.advance(301_000)
    r.send(1)
    r.s.takeSegments()
    // Down to the initial window.
    #expect(r.s.records(.windowUnused).map(\.a) == [20_000])
  }

  @Test("S7.3 reports that a time-out has proved empty", .bothFamilies)
  func sackReneged() {
    let r = recovery()
    r.send(20)
    r.s.takeSegments()
    r.advance(100)
    r.ack(1, 2..<21)
    r.s.takeSegments()
    r.advance(100)
    r.ack(2)
    for _ in 1...20 {
      r.advance(100)
      r.s.takeSegments()
    }
    #expect(r.s.records(.sackReneged).count == 1)
    // Each cause comes before its effect.
    let order = r.s.rules.filter { [.retransmissionTimeout, .windowReduced, .sackReneged].contains($0) }
    #expect(order.first == .windowReduced || order.first == .retransmissionTimeout)
    let timeout = order.firstIndex(of: .retransmissionTimeout)
    let reneged = order.firstIndex(of: .sackReneged)
    #expect(timeout != nil && reneged != nil && (timeout ?? 0) < (reneged ?? 0), "\(order)")
  }

  @Test("S7.3 a loss: found, repaired with a smaller window, and over, in this order", .bothFamilies)
  func recoveryInOrder() {
    let r = recovery()
    r.send(20)
    r.s.takeSegments()
    r.advance(100)
    r.ack(1, 2..<21)
    r.s.takeSegments()
    r.advance(100)
    r.ack(21)
    let wanted: Set<Rule> = [.lossDetected, .fastRetransmit, .windowReduced, .recoveryEnds]
    #expect(
      r.s.rules.filter { wanted.contains($0) } == [
        .lossDetected, .fastRetransmit, .windowReduced, .recoveryEnds,
      ])
    r.s.takeSegments()
  }

  @Test("S7.3 each duplicate without room to repair lets a new segment leave", .bothFamilies)
  func limitedTransmit() {
    let r = recovery(initialWindow: 4)
    r.send(10)
    r.s.takeSegments()
    r.advance(100)
    r.ack(1, 2..<3)
    r.s.takeSegments()
    #expect(r.s.records(.limitedTransmit).count == 1)
  }
}

extension Scenario {
  fileprivate var all: [FlightRecorder.Record] {
    (0..<stack.recordsWritten).compactMap { stack.record($0) }
  }

  fileprivate var rules: [Rule] { all.map(\.rule) }

  fileprivate func records(_ rule: Rule) -> [FlightRecorder.Record] { all.filter { $0.rule == rule } }
}
