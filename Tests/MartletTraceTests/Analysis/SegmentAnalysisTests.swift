import MartletTCP
import MartletTrace
import MartletWire
import Testing

/// Each finding once where it belongs, and once where it is only almost so.
@Suite("What is odd about a segment")
struct SegmentAnalysisTests {
  @Test("Nothing is odd about a connection that opens, carries and closes")
  func nothing() {
    var passage = Passage()
    var findings = passage.open(scale: 7)
    findings += [
      passage.pass(.left, .psh, seq: 1, ack: 1, text: 100),
      passage.pass(.right, seq: 1, ack: 101),
      passage.pass(.right, .psh, seq: 1, ack: 101, text: 300),
      passage.pass(.left, .fin, seq: 101, ack: 301),
      passage.pass(.right, .fin, seq: 301, ack: 102),
      passage.pass(.left, seq: 102, ack: 302),
    ]
    #expect(findings.allSatisfy { $0.isEmpty }, "\(findings.map(\.names))")
  }

  // MARK: What comes again

  @Test("Text that passes again later is a retransmission, its continuation is none")
  func retransmission() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
    #expect(passage.pass(.left, seq: 101, ack: 1, text: 100, after: 300_000) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100, after: 300_000) == .retransmission)
    #expect(passage.pass(.left, seq: 101, ack: 1, text: 200) == .retransmission)
    #expect(passage.pass(.left, seq: 301, ack: 1, text: 100) == [])
  }

  @Test("A SYN and a FIN that pass again are retransmissions")
  func repeatedFlags() {
    var passage = Passage()
    #expect(passage.pass(.left, .syn, seq: 0) == [])
    #expect(passage.pass(.left, .syn, seq: 0, after: 1_000_000) == .retransmission)
    #expect(passage.pass(.right, .syn, seq: 0, ack: 1) == [])
    #expect(passage.pass(.right, .syn, seq: 0, ack: 1, after: 1_000_000) == .retransmission)
    #expect(passage.pass(.left, .fin, seq: 1, ack: 1) == [])
    #expect(passage.pass(.left, .fin, seq: 1, ack: 1, after: 300_000) == .retransmission)
  }

  /// After `duplicates` of them text comes again.
  private func answer(to duplicates: Int, after wait: Int64) -> SegmentFindings {
    var passage = Passage.opened()
    for seq in [UInt32(1), 101, 201, 301] { _ = passage.pass(.left, seq: seq, ack: 1, text: 100) }
    _ = passage.pass(.right, seq: 1, ack: 101, after: 1_000)
    for _ in 0..<duplicates { #expect(passage.pass(.right, seq: 1, ack: 101) == .duplicateAcknowledgment) }
    return passage.pass(.left, seq: 101, ack: 1, text: 100, after: wait)
  }

  @Test(
    "After two duplicates of an acknowledgment, and at once, it is a fast retransmission; else an ordinary one"
  )
  func fastRetransmission() {
    #expect(answer(to: 2, after: 19_000) == .fastRetransmission)
    #expect(answer(to: 1, after: 19_000) == .retransmission)
    #expect(answer(to: 2, after: 21_000) == .retransmission)
  }

  @Test("What was acknowledged is sent again for nothing; what was acknowledged but for one octet is not")
  func spuriousRetransmission() {
    for (ack, expected) in [(UInt32(101), SegmentFindings.spuriousRetransmission), (100, .retransmission)] {
      var passage = Passage.opened()
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
      #expect(passage.pass(.right, seq: 1, ack: ack) == [])
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100, after: 300_000) == expected)
    }
  }

  @Test("What fills a gap sooner than a round trip is late, what takes longer was sent again")
  func outOfOrder() {
    for (wait, expected) in [(Int64(900), SegmentFindings.outOfOrder), (1_100, .retransmission)] {
      var passage = Passage.opened()
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
      #expect(passage.pass(.left, seq: 201, ack: 1, text: 100) == .gap)
      #expect(passage.pass(.left, seq: 101, ack: 1, text: 100, after: wait) == expected)
    }
  }

  @Test("A gap is before what begins beyond the next octet, and not before the next octet")
  func gap() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, seq: 2, ack: 1, text: 100) == .gap)
    #expect(passage.pass(.left, seq: 102, ack: 1, text: 100) == [])
  }

  // MARK: Probes

  @Test(
    "An octet below the next, or none, is a keep-alive, its answer no duplicate; two below are a retransmission"
  )
  func keepAlive() {
    for text in [UInt32(0), 1] {
      var passage = Passage.opened()
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
      #expect(passage.pass(.right, seq: 1, ack: 101) == [])
      #expect(passage.pass(.left, seq: 100, ack: 1, text: text, after: 75_000_000) == .keepAlive)
      #expect(passage.pass(.right, seq: 1, ack: 101) == .keepAliveAnswer)
      #expect(passage.pass(.right, seq: 1, ack: 101) == .duplicateAcknowledgment, "nobody asked again")
      #expect(passage.pass(.left, seq: 99, ack: 1, text: 1) == .spuriousRetransmission)
    }
  }

  @Test("An octet into a shut window is a probe and moves nothing; into an open one it is text")
  func windowProbe() {
    for (window, expected) in [(UInt16(0), SegmentFindings.windowProbe), (1, [])] {
      var passage = Passage.opened()
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
      #expect(passage.pass(.right, seq: 1, ack: 101, window: window) == (window == 0 ? .zeroWindow : []))
      #expect(passage.pass(.left, seq: 101, ack: 1, text: 1, after: 300_000) == expected)
      guard window == 0 else { continue }
      #expect(passage.pass(.right, seq: 1, ack: 101, window: 0) == .zeroWindow, "it answers the probe")
      #expect(passage.pass(.right, seq: 1, ack: 101) == .windowUpdate)
      #expect(passage.pass(.left, seq: 101, ack: 1, text: 100) == [], "the probe's octet among it")
    }
  }

  // MARK: Acknowledgments

  @Test("An acknowledgment again is a duplicate, unless it carries text, a FIN or another window")
  func duplicateAcknowledgment() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
    #expect(passage.pass(.right, seq: 1, ack: 101) == [])
    #expect(passage.pass(.right, seq: 1, ack: 101) == .duplicateAcknowledgment)
    #expect(passage.pass(.right, seq: 1, ack: 101, window: 600) == .windowUpdate)
    #expect(passage.pass(.right, seq: 1, ack: 101, text: 10, window: 600) == [])
    #expect(passage.pass(.right, .fin, seq: 11, ack: 101, window: 600) == [])
  }

  @Test("An update of the window moves no acknowledgment, and shuts nothing")
  func windowUpdate() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
    #expect(passage.pass(.right, seq: 1, ack: 51, window: 400) == [])
    #expect(passage.pass(.right, seq: 1, ack: 101, window: 300) == [])
    #expect(passage.pass(.right, seq: 1, ack: 101, window: 200) == .windowUpdate)
    #expect(passage.pass(.right, seq: 1, ack: 101, window: 0) == .zeroWindow)
  }

  @Test("A window of nothing is told of, but not in a SYN, a FIN or a reset")
  func zeroWindow() {
    var passage = Passage()
    #expect(passage.pass(.left, .syn, seq: 0, window: 0) == [])
    #expect(passage.pass(.right, .syn, seq: 0, ack: 1) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1, window: 0) == .zeroWindow)
    #expect(passage.pass(.left, .fin, seq: 1, ack: 1, window: 0) == [])
    #expect(passage.pass(.left, .rst, seq: 2, window: 0) == [])
  }

  @Test("Who acknowledges beyond what has passed has seen more than we have")
  func acknowledgesUnseen() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
    #expect(passage.pass(.right, seq: 1, ack: 101) == [])
    #expect(passage.pass(.right, seq: 1, ack: 102) == .acknowledgesUnseen)
  }

  // MARK: Beginnings and windows

  @Test(
    "Another SYN on the same ports begins again, and what was before counts no more; the same SYN does not")
  func portsUsedAgain() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, .syn, seq: 0, after: 1_000_000) == .retransmission)
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
    passage.clientISS &+= 50
    passage.serverISS &-= 5_000
    #expect(passage.pass(.left, .syn, seq: 0) == .portsUsedAgain)
    #expect(passage.pass(.right, .syn, seq: 0, ack: 1) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
  }

  @Test("Text that begins at the right edge of the window is beyond it, text that begins before is not")
  func beyondWindow() {
    for scale in [nil, UInt8(7)] {
      // The window of a SYN-ACK is not scaled, the next one is.
      var passage = Passage.opened(scale: scale)
      let room: UInt32 = scale == nil ? 502 : 502 << 7
      #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
      #expect(passage.pass(.right, seq: 1, ack: 101) == [])
      #expect(passage.pass(.left, seq: 101, ack: 1, text: room - 1) == [])
      #expect(passage.pass(.left, seq: 100 + room, ack: 1, text: 1) == [])
      #expect(passage.pass(.left, seq: 101 + room, ack: 1, text: 1) == .beyondWindow)
    }
  }

  @Test(
    "Where a snap length hides the SYNs' options, or there was no SYN, nobody knows where the window ends")
  func unknownScale() {
    var passage = Passage.opened(lacksOptions: true)
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 60_000) == [])
    #expect(passage.pass(.left, seq: 60_001, ack: 1, text: 60_000) == [])
    passage = Passage()
    #expect(passage.pass(.right, seq: 1, ack: 1) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 60_000) == [])
    #expect(passage.pass(.left, seq: 60_001, ack: 1, text: 60_000) == [])
  }

  @Test("Of a flow without a beginning the first segment is not odd, the second may be")
  func noBeginning() {
    var passage = Passage()
    #expect(passage.pass(.left, seq: 5_000, ack: 7_000, text: 100) == [])
    #expect(passage.pass(.right, seq: 7_000, ack: 5_100) == [])
    #expect(passage.pass(.left, seq: 5_000, ack: 7_000, text: 100, after: 300_000) == .spuriousRetransmission)
    #expect(passage.pass(.left, seq: 5_200, ack: 7_000, text: 100) == .gap)
  }

  @Test("A reset is never odd by its numbers, and counts for nothing afterwards")
  func reset() {
    var passage = Passage.opened()
    #expect(passage.pass(.left, .rst, seq: 9_999) == [])
    #expect(passage.pass(.left, .rst, seq: 1) == [])
    #expect(passage.pass(.left, seq: 1, ack: 1, text: 100) == [])
  }

  @Test("Each finding has a word in both languages, no two the same")
  func words() {
    for language in Language.allCases {
      let words = SegmentFindings.each.map { $0.text(language) }
      #expect(Set(words).count == SegmentFindings.each.count && !words.contains(""))
    }
    let both: SegmentFindings = [.gap, .zeroWindow]
    #expect(both.text(.english) == "gap before it, zero window")
    #expect(both.text(.simplifiedChinese) == "前有缺口，零窗口")
    #expect(both.names == ["gap before it", "zero window"])
  }
}
