import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// The examples of Documentation/WritingTests.md.
@Suite struct DocumentedExamples {
  @Test("S2.1 a SYN is sent again after 1 s, then after 2")
  func repeatedSYN() {
    let s = Scenario(.synSent)
    s.expectNext(after: .seconds(1), .syn(seq: 0))
    s.expectNext(after: .seconds(2), .syn(seq: 0))
    s.expectNext(after: .seconds(4), .syn(seq: 0))
  }

  @Test("a reset tells the reader why")
  func reset() {
    let s = Scenario(.established())
    s.inject(.rst(seq: 1))
    #expect(s.state == .closed)
    #expect(s.receive().error == .ended(.reset))
    #expect(s.news.contains(.ended))
    s.close()
    s.expectQuiet()
  }

  @Test("P2 an option with length 0 ends the list and does no harm")
  func badOption() {
    let s = Scenario()
    s.inject(.syn().rawOptions([2, 4, 5, 0xb4, 8, 0]))
    s.expect(.synAck(seq: 0, ack: 1).lacking(.timestamps))
  }
}
