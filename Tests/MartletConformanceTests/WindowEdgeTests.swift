import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// The four cases of RFC 9293 Table 6, each at the octet where it ends.
@Suite("RFC 9293 Table 6: the edges of the window")
struct WindowEdgeTests {
  /// The first number behind the window of a connection that has received nothing.
  private func edge(_ s: Scenario) -> Int { 1 + Int(s.status?.rcvWnd ?? 0) }

  /// One whose window is 1,024 octets, of which nobody reads any.
  private func narrow() -> Scenario {
    let s = Scenario(.established()) {
      $0.tcp.receiveBuffer = 1_024
      $0.tcp.maximumReceiveBuffer = 1_024
    }
    #expect(s.status?.rcvWnd == 1_024)
    return s
  }

  @Test(
    "A peer that has what was sent past the window that it took back is answered from behind it",
    .bothFamilies)
  func peerAhead() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 10))
    s.advance(by: .seconds(1))
    s.send(1_000)
    s.takeSegments()
    s.inject(.ack(seq: 11, ack: 1, window: 100))
    s.inject(.data(seq: 1, ack: 1, window: 100, 10))
    s.expect(.ack(seq: 101, ack: 11))
    // Its own window was taken back, too, so that all it says lies before what is taken here.
    s.inject(.data(seq: 1, ack: 1_001, 10))
    s.expect(.ack(seq: 1_001, ack: 11))
    // Once for each time that it says so.
    s.inject(.data(seq: 1, ack: 1, window: 100, 10))
    s.expect(.ack(seq: 101, ack: 11))
  }

  @Test("An empty segment is taken at the edge, and not beyond it", .bothFamilies, arguments: [0, 1])
  func empty(beyond: Int) {
    let s = Scenario(.established())
    s.send(100)
    s.takeSegments()
    s.inject(.ack(seq: edge(s) + beyond, ack: 101))
    #expect(s.status?.unacked == (beyond == 0 ? 0 : 100))
  }

  @Test("Text is taken in the last octet of the window, and not behind it", .bothFamilies, arguments: [0, 1])
  func text(behind: Int) {
    let s = Scenario(.established())
    s.send(100)
    s.takeSegments()
    s.inject(.data(seq: edge(s) - 1 + behind, ack: 101, 10))
    #expect(s.status?.unacked == (behind == 0 ? 0 : 100))
    #expect(s.status?.outOfOrder == (behind == 0 ? 1 : 0))
    s.expect(.ack(seq: 101, ack: 1))
  }

  @Test(
    "What begins before the window is taken if it ends in it or behind it", .bothFamilies,
    arguments: [1, 2, 1_025, 1_026, 1_400])
  func around(end: Int) {
    let s = narrow()
    s.inject(.data(seq: -8, ack: 1, .octets([UInt8](repeating: 7, count: end + 8))))
    let taken = min(end - 1, 1_024)
    s.expect(.ack(seq: 1, ack: 1 + max(taken, 0)))
    #expect(s.receive().octets.count == taken)
  }

  @Test(
    "An acknowledgment of one octet that was never sent is answered, and believed in nothing", .bothFamilies)
  func unsent() {
    let s = Scenario(.established())
    s.send(100)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 102))
    s.expect(.ack(seq: 101, ack: 1))
    #expect(s.status?.unacked == 100)
  }

  @Test("RFC 5961 §5.2 an acknowledgment older than any window is answered", .bothFamilies)
  func tooOld() {
    let s = Scenario(.established())
    var acked = 1
    while acked < 70_001 {
      s.send(14_600)
      s.takeSegments()
      acked += 14_600
      s.inject(.ack(seq: 1, ack: acked))
    }
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: acked - 65_535))
    s.expectNothing()
    s.inject(.data(seq: 1, ack: acked - 65_536, 10))
    s.expect(.ack(seq: acked, ack: 1))
    #expect(s.receive().octets.isEmpty)
  }

  @Test("MAY-12 an old acknowledgment changes nothing, and the text beside it is taken", .bothFamilies)
  func oldBesideText() {
    let s = Scenario(.established())
    s.send(100)
    s.takeSegments()
    s.inject(.ack(seq: 1, ack: 101))
    s.inject(.data(seq: 1, ack: 51, 10))
    #expect(s.receive().octets.count == 10)
  }

  @Test("A window that opens ends the probes, and what they took", .bothFamilies)
  func opened() {
    let s = Scenario(.established())
    s.inject(.ack(seq: 1, ack: 1, window: 0))
    s.send(500)
    s.advance(by: .seconds(20))
    #expect(s.takeSegments().count >= 3)
    #expect(s.status?.backoff ?? 0 >= 3)
    s.inject(.ack(seq: 1, ack: 1, window: 10_000))
    #expect(!s.takeSegments().isEmpty)
    #expect(s.status?.backoff == 0 && s.status?.retransmits == 0)
  }

  @Test("A segment older than SND.WL1 sets no window", .bothFamilies)
  func oldWindow() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 10))
    s.inject(.ack(seq: 11, ack: 1, window: 5_000))
    #expect(s.status?.sndWnd == 5_000)
    // Partly old, with new text behind.
    s.inject(.data(seq: 6, ack: 1, window: 9_000, .octets(scriptText(5..<15))))
    #expect(s.status?.sndWnd == 5_000)
  }
}
