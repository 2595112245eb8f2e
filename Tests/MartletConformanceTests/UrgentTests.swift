import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.8.5: urgent text stays in the stream, and a mark tells how far it reaches.

@Suite("RFC 9293: urgent data")
struct UrgentTests {
  @Test(
    "RFC 9293 §3.10.7.4: RCV.UP is the greatest pointer so far: one that lies before it moves nothing",
    .bothFamilies)
  func neverBack() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 10).urgent(50))
    #expect(s.status?.urgentPending == 50)
    s.inject(.data(seq: 11, ack: 1, 10).urgent(5))
    #expect(s.status?.urgentPending == 50)
    s.inject(.data(seq: 21, ack: 1, 10).urgent(60))
    #expect(s.status?.urgentPending == 80)
  }

  @Test(
    "MUST-30 MUST-32 the mark is told when it arrives, before the text is read, and the text stays in-band",
    .bothFamilies)
  func told() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "hello").urgent(3))
    #expect(s.news.isSuperset(of: [.urgent, .readable]))
    #expect(s.readiness.contains(.urgent))
    #expect(s.receive().text == "hello")
    #expect(!s.readiness.contains(.urgent))
  }

  @Test("MUST-32 RFC9293-3.9.1.8-a the mark is told although its text is still on the way", .bothFamilies)
  func aheadOfText() {
    let s = Scenario(.established())
    s.inject(.ack(seq: 1, ack: 1).urgent(1_000))
    #expect(s.news == .urgent)
    #expect(s.status?.urgentPending == 1_000)
    s.takeEvents()
    s.inject(.data(seq: 1, ack: 1, 1_000))
    #expect(!s.news.contains(.urgent))
    #expect(s.readiness.contains(.urgent))
  }

  @Test("MUST-33 how much urgent text is left can be asked, and falls as it is read", .bothFamilies)
  func left() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "abcdefgh").urgent(5))
    #expect(s.status?.urgentPending == 5)
    #expect(s.receive(upTo: 3).text == "abc")
    #expect(s.status?.urgentPending == 2)
    #expect(s.receive(upTo: 2).text == "de")
    #expect(s.status?.urgentPending == 0)
    #expect(!s.readiness.contains(.urgent))
    #expect(s.receive().text == "fgh")
  }

  @Test(
    "MUST-31 urgent text of any length, over as many segments as it takes", .bothFamilies,
    arguments: [1, 10, 1_461, 65_535])
  func anyLength(length: Int) {
    let s = Scenario(.established())
    var seq = 1
    while seq <= length {
      let left = length + 1 - seq
      s.inject(.data(seq: seq, ack: 1, .count(min(left, 1_460))).urgent(UInt16(left)))
      #expect(s.status?.urgentPending == UInt32(length))
      seq += min(left, 1_460)
    }
    #expect(s.receive(upTo: length - 1).octets == scriptText(0..<length - 1))
    #expect(s.status?.urgentPending == 1)
    #expect(s.receive().octets == scriptText(length - 1..<length))
    #expect(s.status?.urgentPending == 0)
  }

  @Test("MUST-31 a later mark moves it on, an earlier one does not move it back", .bothFamilies)
  func moves() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 10).urgent(10))
    s.inject(.data(seq: 11, ack: 1, 10).urgent(10))
    #expect(s.status?.urgentPending == 20)
    s.inject(.data(seq: 21, ack: 1, 10).urgent(0))
    #expect(s.status?.urgentPending == 20)
  }

  @Test("MUST-62 the pointer that is sent names the octet after the urgent text", .bothFamilies)
  func sent() {
    let s = Scenario(.established())
    s.send("abc", urgent: true)
    s.expect(.data(seq: 1, "abc").urgent(3))
    s.inject(.ack(seq: 1, ack: 4))
    s.send("d")
    s.expect(.data(seq: 4, "d"))
    s.inject(.ack(seq: 1, ack: 5))
    // Every segment that begins before the mark says where it is.
    s.send(2_000, urgent: true)
    s.expect(.data(seq: 5, 1_460).urgent(2_000))
    s.inject(.ack(seq: 1, ack: 1_465))
    s.expect(.data(seq: 1_465, 540).urgent(540))
  }

  @Test(
    "P3 a pointer before, in, at or past the text changes nothing but the mark", .bothFamilies,
    arguments: [0, 1, 4, 5, 6, 1_000, 65_535] as [UInt16])
  func pointers(pointer: UInt16) {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, "hello").urgent(pointer))
    #expect(s.status?.urgentPending == UInt32(pointer))
    s.inject(.data(seq: 11, ack: 1, "later").urgent(pointer))
    s.expect(.ack(seq: 1, ack: 6))
    s.inject(.data(seq: 6, ack: 1, "comes").urgent(pointer))
    s.expect(.ack(seq: 1, ack: 16))
    #expect(s.receive().text == "hellocomeslater")
    s.inject(.fin(seq: 16, ack: 1).urgent(pointer))
    s.expect(.ack(seq: 1, ack: 17))
    #expect(s.state == .closeWait)
    #expect(s.receive().isEndOfStream)
  }
}
