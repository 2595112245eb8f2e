import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

// RFC 9293 §3.6: closing. The states themselves are tested with the life cycle.

@Suite("RFC 9293: closing")
struct CloseTests {
  @Test("MUST-12 the reader can tell the peer's close, a reset and a time-out apart", .bothFamilies)
  func told() {
    let closed = Scenario(.established())
    closed.inject(.fin(seq: 1, ack: 1, "last"))
    #expect(closed.news.contains(.hangUp))
    #expect(closed.receive() == ScenarioReceived(octets: Array("last".utf8), isEndOfStream: true))
    #expect(closed.takeError() == nil)

    let reset = Scenario(.established())
    reset.inject(.rst(seq: 1))
    #expect(reset.news.contains(.ended))
    #expect(reset.receive().error == .ended(.reset))
    #expect(reset.trySend("more") == .failure(.ended(.reset)))
    #expect(reset.takeError() == .ended(.reset))

    let silent = Scenario(.established())
    silent.send("anybody?")
    silent.advance(by: .minutes(20))
    #expect(silent.news.contains(.ended))
    #expect(silent.receive().error == .ended(.timedOut))
    #expect(silent.trySend("more") == .failure(.ended(.timedOut)))
  }

  @Test(
    "MUST-13 TIME-WAIT lasts twice the segment lifetime, and begins anew with the peer's FIN", .bothFamilies)
  func timeWait() {
    let s = Scenario(.timeWait())
    s.advance(by: .seconds(59))
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
    s.advance(by: .milliseconds(59_999))
    #expect(s.state == .timeWait)
    s.advance(by: .milliseconds(2))
    #expect(s.state == .closed)
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.rst(seq: 2))
  }

  @Test("SHLD-2 a reset may carry text, which is nobody's", .bothFamilies)
  func resetWithText() {
    let s = Scenario(.established())
    s.inject(.segment(.rst, seq: 1, "connection refused by policy"))
    s.expectNothing()
    #expect(s.endReason == .reset)
    #expect(s.receive() == ScenarioReceived(error: .ended(.reset)))
  }

  @Test("SHLD-3 closing with unread text resets, instead of pretending that it was read", .bothFamilies)
  func closeUnread() {
    let s = Scenario(.established())
    s.inject(.data(seq: 1, ack: 1, 1_000))
    s.close()
    s.expect(.rstAck(seq: 1, ack: 1_001))
    s.expectQuiet()

    let read = Scenario(.established())
    read.inject(.data(seq: 1, ack: 1, 1_000))
    read.receive()
    read.close()
    read.expect(.fin(seq: 1, ack: 1_001))
  }

  @Test("SHLD-3 text that arrives after the close resets too", .bothFamilies, arguments: [false, true])
  func textAfterClose(isFinAcknowledged: Bool) {
    let s = Scenario(isFinAcknowledged ? .finWait2(orphan: true) : .finWait1(orphan: true))
    s.inject(.data(seq: 1, ack: isFinAcknowledged ? 2 : 1, "too late"))
    s.expect(.reset())
    s.expectQuiet()
  }

  @Test(
    "MAY-2 a SYN beyond the old connection's numbers reopens TIME-WAIT, with a number beyond its own",
    .bothFamilies)
  func reopened() {
    let s = Scenario(.timeWait(orphan: true), iss: 0xffff_fff0)
    s.inject(.syn(seq: 3))
    let answer = s.expect(.synAck(seq: 0, ack: 4))
    #expect(answer?.header.seq.follows(SequenceNumber(0xffff_fff2)) == true)
    s.inject(.data(seq: 4, ack: 1, "again"))
    #expect(s.state == .established)
    #expect(s.receive().text == "again")
    #expect(s.stack.held.timeWait == 0)
  }

  @Test(
    "MAY-2 a SYN that may be old gets an acknowledgment and opens nothing", .bothFamilies,
    arguments: [1, 0, -1_000])
  func oldSYN(seq: Int) {
    let s = Scenario(.timeWait(orphan: true))
    s.inject(.syn(seq: seq))
    s.expect(.ack(seq: 2, ack: 2))
    #expect(s.state == .timeWait)
    #expect(s.stack.held.halfOpen == 0)
  }

  @Test(
    "SHLD-4 timestamps decide where both connections have them: a later one opens, an earlier one does not",
    .bothFamilies)
  func timestamps() {
    for (tsval, opens) in [(1_001, true), (999, false)] as [(UInt32, Bool)] {
      for seq in [-5_000, 5_000] {
        let s = Scenario(.timeWait(orphan: true), offering: ScriptOption.everything())
        s.inject(.syn(seq: seq, options: [.mss(1_460), .timestamps(tsval, 0), .windowScale(7)]))
        if opens {
          s.expect(.synAck(seq: 0, ack: seq + 1))
        } else {
          s.expect(.ack(seq: 2, ack: 2))
        }
        #expect(s.stack.held.halfOpen == (opens ? 1 : 0))
      }
    }
  }

  @Test("SHLD-4 a listener takes the next connection from the same ports without waiting", .bothFamilies)
  func reused() {
    let s = Scenario(.timeWait(orphan: true), offering: ScriptOption.everything())
    s.advance(by: .milliseconds(1))
    s.inject(.syn(seq: 2, options: [.mss(1_460), .timestamps(s.peerClock, 0)]))
    s.expect(.synAck(seq: 0, ack: 3))
    s.inject(.ack(seq: 3, ack: 1))
    #expect(s.state == .established)
    #expect(s.counters.timeWaitsRecycled == 1)
  }

  @Test("T1 a reset does not end TIME-WAIT, at whatever number", .bothFamilies, arguments: [2, 1, 3, 70_000])
  func assassination(seq: Int) {
    let s = Scenario(.timeWait())
    s.inject(.rst(seq: seq))
    s.inject(.rstAck(seq: seq, ack: 2))
    s.expectNothing()
    #expect(s.state == .timeWait)
    s.inject(.fin(seq: 1, ack: 2))
    s.expect(.ack(seq: 2, ack: 2))
  }
}
