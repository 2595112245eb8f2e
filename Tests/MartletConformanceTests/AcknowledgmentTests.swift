import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.8.6.3: when to acknowledge; RFC 5681 §4.2.

@Suite("RFC 9293: acknowledgments")
struct AcknowledgmentTests {
  @Test(
    "SHLD-18 MUST-40 RFC5681-4.2-a a small segment is acknowledged after 40 ms, less than half a second",
    .bothFamilies)
  func delayed() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "small"))
    s.expectNext(after: .milliseconds(40), .ack(seq: 1, ack: 6))
    s.expectNothing(for: .minutes(1))
  }

  @Test(
    "MUST-40 RFC5681-4.2-b/d/e half a second is never reached, whatever is configured", .bothFamilies,
    arguments: [499, 500, 5_000, 100_000] as [Int64])
  func longestDelay(milliseconds: Int64) {
    let s = Scenario(.established()) { $0.tcp.delayedAck = .milliseconds(milliseconds) }
    s.inject(.data(seq: 1, ack: 1, "small"))
    s.expectNext(in: .milliseconds(400)...(.milliseconds(498)), .ack(seq: 1, ack: 6))
  }

  @Test("SHLD-18 an answer of the application carries the acknowledgment", .bothFamilies)
  func piggybacked() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "question"))
    s.advance(by: .milliseconds(20))
    s.send("answer")
    s.expect(.data(seq: 1, ack: 9, "answer"))
    s.inject(.ack(seq: 9, ack: 7))
    s.expectNothing(for: .seconds(1))
  }

  @Test(
    "SHLD-19 RFC5681-4.2-c every second full segment is acknowledged at once", .bothFamilies,
    arguments: [1_460, 536])
  func everySecond(size: Int) {
    let s = Scenario(.established(), offering: [.mss(UInt16(size))]) { $0.tcp.quickAcks = 0 }
    for pair in 0..<10 {
      let seq = 1 + pair * 2 * size
      s.inject(.data(seq: seq, ack: 1, .count(size)))
      s.expectNothing()
      s.inject(.data(seq: seq + size, ack: 1, .count(size)))
      s.expect(.ack(seq: 1, ack: seq + 2 * size))
    }
  }

  @Test("SHLD-19 the last of an odd number waits no longer than any", .bothFamilies)
  func oddOne() {
    let s = Scenario(.established()) { $0.tcp.quickAcks = 0 }
    for i in 0..<3 { s.inject(.data(seq: 1 + i * 1_460, ack: 1, 1_460)) }
    s.expect(.ack(ack: 2_921))
    s.expectNext(after: .milliseconds(40), .ack(ack: 4_381))
  }

  @Test(
    "MUST-58 MUST-59 what arrives together is looked at together, and answered by one acknowledgment",
    .bothFamilies)
  func batch() {
    let s = Scenario(.established())
    s.injectTogether((0..<20).map { .data(seq: 1 + $0 * 1_460, ack: 1, 1_460) })
    s.expect(.ack(seq: 1, ack: 29_201))
    s.expectNothing(for: .seconds(1))
    #expect(s.receive().octets == scriptText(0..<29_200))
  }

  @Test(
    "MUST-58 but duplicate acknowledgments are never merged: their number is what they say", .bothFamilies)
  func duplicates() {
    let s = Scenario(.established())
    s.injectTogether((1...5).map { .data(seq: 1 + $0 * 1_460, ack: 1, 1_460) })
    for _ in 1...5 { s.expect(.ack(seq: 1, ack: 1)) }
    s.expectNothing()
  }

  @Test(
    "SHLD-31 MAY-13 RFC5681-3.2-a RFC5681-4.2-f/g text beyond a hole is kept, and acknowledged at once",
    .bothFamilies)
  func outOfOrder() {
    let s = Scenario(.established())
    for seq in [1_461, 4_381, 2_921] {
      s.inject(.data(seq: seq, ack: 1, 1_460))
      s.expect(.ack(seq: 1, ack: 1))
    }
    #expect(s.status?.outOfOrder == 4_380)
    #expect(s.receive().error == .wouldBlock)
    s.inject(.data(seq: 1, ack: 1, 1_460))
    s.expect(.ack(seq: 1, ack: 5_841))
    #expect(s.receive().octets == scriptText(0..<5_840))
  }

  @Test(
    "MAY-13 RFC5681-3.2-b RFC5681-4.2-h what fills a part of the hole is acknowledged at once too",
    .bothFamilies)
  func partOfHole() {
    let s = Scenario(.established())
    s.inject(.data(seq: 301, ack: 1, 100))
    s.expect(.ack(ack: 1))
    s.inject(.data(seq: 1, ack: 1, 100))
    s.expect(.ack(ack: 101))
    s.inject(.data(seq: 201, ack: 1, 100))
    s.expect(.ack(ack: 101))
    s.inject(.data(seq: 101, ack: 1, 100))
    s.expect(.ack(ack: 401))
  }

  @Test("Text that comes twice is acknowledged each time, at once", .bothFamilies)
  func twice() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "text"))
    for _ in 0..<3 {
      s.inject(.data(seq: 1, ack: 1, "text"))
      s.expect(.ack(seq: 1, ack: 5))
    }
    #expect(s.receive().text == "text")
  }

  @Test(
    "MUST-39 a reader who takes an octet at a time opens the window by a segment at a time", .bothFamilies)
  func slowReader() {
    let s = Scenario(.established()) { $0.tcp.receiveBuffer = 8_192 }
    var seq = 1
    while seq <= 8_192 {
      let count = min(1_460, 8_193 - seq)
      s.inject(.data(seq: seq, ack: 1, .count(count)))
      seq += count
    }
    s.advance(by: .milliseconds(40))
    #expect(s.takeSegments().last?.window == 0)
    var updates: [Int] = []
    for read in 1...8_192 {
      s.receive(upTo: 1)
      for update in s.takeSegments() {
        #expect(update.ack == 8_193)
        updates.append(update.window)
        #expect(update.window <= read)
      }
    }
    // The first at one segment, then two at a time: never a sliver.
    #expect(updates == [1_460, 4_380, 7_300])
  }

  @Test("MUST-39 where half the buffer is less than a segment, half the buffer is the step", .bothFamilies)
  func smallBuffer() {
    let s = Scenario(.established()) { $0.tcp.receiveBuffer = 2_048 }
    s.inject(.data(seq: 1, ack: 1, 1_460))
    s.inject(.data(seq: 1_461, ack: 1, 588))
    s.advance(by: .milliseconds(40))
    #expect(s.takeSegments().last?.window == 0)
    s.receive(upTo: 1_023)
    s.expectNothing()
    s.receive(upTo: 1)
    s.expect(.ack(ack: 2_049, window: 1_024))
  }
}
