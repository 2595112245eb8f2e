import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 5681 §4.2 leaves a receiver some freedom: what this one does with it.

@Suite("RFC 5681 §4.2: when to acknowledge")
struct AcknowledgmentPolicyTests {
  /// Injects `n` full segments from `seq` on; how many of them were acknowledged at once.
  @discardableResult
  private func feed(_ s: Scenario, _ n: Int, from seq: inout Int, size: Int = 1_460) -> Int {
    var answered = 0
    for _ in 0..<n {
      s.inject(.segment(.ack, seq: seq, ack: 1, .count(size)))
      seq += size
      let acks = s.takeSegments()
      if acks.last?.ack == seq { answered += 1 }
      #expect(acks.count <= 1)
    }
    return answered
  }

  @Test(
    "RFC5681-4.2-c/i each of the first 16 full segments is acknowledged at once, then every second, once",
    .bothFamilies)
  func start() {
    let s = Scenario(.established())
    var seq = 1
    #expect(feed(s, 16, from: &seq) == 16)
    #expect(feed(s, 100, from: &seq) == 50)
  }

  @Test(
    "RFC 5681 §4.2 a path that carries less than the offered size has its full segments too", .bothFamilies)
  func smallerPath() {
    let s = Scenario(.established())
    var seq = 1
    #expect(feed(s, 16, from: &seq, size: 1_200) == 16)
    #expect(feed(s, 100, from: &seq, size: 1_200) == 50)
  }

  @Test("SHLD-18 a small segment waits for the answer at the start too", .bothFamilies)
  func smallAtStart() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 1_000))
    s.expectNext(after: .milliseconds(40), .ack(ack: 1_001))
  }

  @Test(
    "RFC 5681 §4.2 after a spell as long as a time-out the sender starts anew: quickly again", .bothFamilies)
  func afterIdle() {
    let s = Scenario(.established())
    var seq = 1
    feed(s, 16, from: &seq)
    s.advance(by: .milliseconds(199))
    #expect(feed(s, 20, from: &seq) == 10)
    s.advance(by: .milliseconds(200))
    #expect(feed(s, 16, from: &seq) == 16)
    #expect(feed(s, 20, from: &seq) == 10)
  }

  @Test("RFC 5681 §4.2 a hole, while it is open and after it was filled", .bothFamilies)
  func afterHole() {
    let s = Scenario(.established())
    var seq = 1
    feed(s, 16, from: &seq)
    // One is missing; each beyond it, and the one that fills it, is acknowledged at once.
    let hole = seq
    seq += 1_460
    for _ in 0..<3 {
      s.inject(.data(seq: seq, ack: 1, 1_460))
      s.expect(.ack(ack: hole))
      seq += 1_460
    }
    s.inject(.data(seq: hole, ack: 1, 1_460))
    s.expect(.ack(ack: seq))
    #expect(feed(s, 16, from: &seq) == 16)
    #expect(feed(s, 20, from: &seq) == 10)
  }

  @Test(
    "RFC 5681 §4.2 more than a full segment waits no longer: the rest of a message behind one", .bothFamilies)
  func rest() {
    let s = Scenario(.established()) { $0.tcp.quickAcks = 0 }
    s.inject(.segment(.ack, seq: 1, ack: 1, 1_460))
    s.expectNothing()
    s.inject(.data(seq: 1_461, ack: 1, 1))
    s.expect(.ack(ack: 1_462))
    // Small ones add up likewise.
    for i in 0..<14 { s.inject(.data(seq: 1_462 + i * 100, ack: 1, 100)) }
    s.expectNothing()
    s.inject(.data(seq: 2_862, ack: 1, 100))
    s.expect(.ack(ack: 2_962))
  }

  @Test(
    "RFC 5681 §4.2 segments that a device joined have one acknowledgment, and so has a batch of them",
    .bothFamilies)
  func joined() {
    let s = Scenario(.established()) { $0.tcp.quickAcks = 0 }
    let large = (0..<4).map { s.packet(.data(seq: 1 + $0 * 14_600, ack: 1, 14_600)) }
    let metadata = PacketMetadata(segmentSize: 1_460, headerCount: 40)
    s.inject(packet: large[0], metadata: metadata)
    s.expect(.ack(ack: 14_601))
    s.callStack("three more at once") { stack, now in
      for packet in large.dropFirst() {
        stack.receive(packet.span.bytes, metadata, on: s.interface, now: now)
      }
    }
    s.expect(.ack(ack: 58_401))
    s.expectNothing(for: .seconds(1))
    // What they were joined from is what a full segment is.
    s.inject(.data(seq: 58_401, ack: 1, 1_460))
    s.expectNothing()
    s.inject(.data(seq: 59_861, ack: 1, 1_460))
    s.expect(.ack(ack: 61_321))
  }

  @Test(
    "MUST-40 a host that slept through the delay acknowledges as it wakes", .bothFamilies,
    arguments: [1, 33, 40, 64])
  func slept(seconds: Int64) {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "text"))
    let later = s.now.advanced(by: .seconds(seconds))
    s.callStack("wake") { stack, _ in stack.advance(to: later) }
    s.expect(.ack(ack: 5))
  }
}
