import MartletSimulator
import MartletStack
import MartletTCP
import MartletTesting
import MartletWire
import Testing

/// What a seed of the simulator found, as the script it was reduced to.
@Suite struct FoundBySeeds {
  // Seed 917: both ends opened at once, took the other's window for 128 times its size, sent beyond it, and
  // then acknowledged from numbers that the other no longer accepted, until both gave up.
  @Test("S2.10 the window of a SYN-ACK is not scaled in a simultaneous open either", .bothFamilies)
  func unscaledWindow() {
    let offer: [ScriptOption] = [.mss(1_460), .windowScale(7)]
    let s = Scenario(.synReceived(.active), offering: offer, window: 1_000)
    s.inject(.synAck(seq: 0, ack: 1, window: 1_000, options: offer))
    s.expect(.ack(seq: 1, ack: 1))
    s.expectState(.established)
    #expect(s.status?.sndWscale == 7)
    // A plain segment could not say more than 7 units of 128.
    #expect(s.status?.sndWnd == 896)
    s.send(10_000)
    #expect(s.takeSegments().map(\.text.count).reduce(0, +) <= 1_000)
  }

  @Test("RFC 7323 §2.4 an acknowledgment comes from what was sent, though the window's field rounds it away")
  func roundedWindow() {
    let s = Scenario(.established(), offering: [.mss(1_460), .windowScale(7)], window: 32)
    s.setOptions { $0.noDelay = true }
    s.send(4_096)
    #expect(s.takeSegments().map(\.text.count) == [1_460, 1_460, 1_176])
    // 100 octets fewer are left of the promise than 32 units: 31 of them, and the rest is not taken back.
    s.inject(.data(seq: 1, ack: 101, window: 31, 100))
    s.expectNext(in: .zero ... .milliseconds(40), .ack(seq: 4_097, ack: 101))
  }

  // Schedule 3868: the last segment was shorter than a full one, and so no time-out of it was a sign of a black
  // hole, however often it came again.
  @Test(
    "RFC 4821 §7.7 a segment that is not full is made smaller where nothing larger arrives",
    arguments: [false, true])
  func shortSegmentInBlackHole(_ overIPv6: Bool) {
    var conditions = LinkConditions(delay: .milliseconds(5))
    conditions.mtu = 1_280
    conditions.tellsTooBig = false
    let pair = Pair(conditions, overIPv6: overIPv6)
    pair.connect()
    pair.send(.client, 1_300)
    pair.run(for: .seconds(5))
    #expect(pair.receive(.server).octets == scriptText(0..<1_300), "\(pair.transcript)")
  }

  // Schedules 498040, 850056 and 917236: each time-out of an orphan got something through, but never anything that had
  // been sent only once, so that its back-off stood (Karn) and in the end counted as eight tries in a row.
  @Test("E8 RFC 9293 §3.8.3 an orphan each of whose time-outs brings something forward is not given up")
  func orphanThatComesForward() {
    let s = Scenario(.established())
    s.send(30_000)
    s.close()
    s.takeSegments()
    for segment in 1...9 {
      let next = (segment - 1) * 1_460 + 1
      for _ in 0..<700 where !s.takeSegments().contains(where: { $0.seq == next && !$0.text.isEmpty }) {
        s.advance(by: .milliseconds(100))
      }
      s.inject(.ack(seq: 1, ack: segment * 1_460 + 1))
    }
    s.takeSegments()
    #expect(s.state == .finWait1)
    // From then on nothing comes forward.
    s.advance(by: .minutes(30))
    #expect(s.takeSegments().last?.flags.contains(.rst) == true)
    s.expectQuiet()
  }

  // Schedule 20379397: a hook wrote window 0 on text of one end and on the FIN of the other. Both acknowledged from
  // the window's edge, which lay before what the other had, and refused each other's acknowledgments for ever.
  @Test("RFC 9293 §3.10.7.4 whoever refuses a segment answers from where its sender listens")
  func bothWindowsTakenBack() {
    let s = Scenario(.established())
    s.send(1_000)
    s.takeSegments()
    s.inject(.data(seq: 1, ack: 1, window: 0, 100))
    s.expectNext(in: .zero ... .milliseconds(40), .ack(seq: 1, ack: 101))
    // All of it has arrived, and the window is open, but this stands before RCV.NXT.
    s.inject(.ack(seq: 1, ack: 1_001, window: 5_000))
    s.expect(.ack(seq: 1_001, ack: 101))
    s.advance(by: .seconds(1))
    // What cannot be true, or has no room for it, changes nothing.
    s.takeSegments()
    for (ack, window) in [(1_002, 5_000), (0, 5_000), (501, 499)] {
      s.inject(.ack(seq: 1, ack: ack, window: UInt16(window)))
      s.expect(.ack(seq: 1, ack: 101))
      s.advance(by: .seconds(1))
      s.takeSegments()
    }
  }

  // Schedule 0: the third segment of every handshake was counted by the half-open record and again by the
  // connection that came of it.
  @Test("RFC 4022 §2 every segment is counted once, in whatever record it ends")
  func segmentsCountedOnce() {
    for synCookies in SynCookiePolicy.allCases {
      let s = Scenario(.closed)
      var options = ListenerOptions()
      options.synCookies = synCookies
      s.listen(port: 80, options)
      s.inject(.syn(seq: 0, window: 65_535, options: [.mss(1_460)]))
      s.expect(.synAck(seq: 0, ack: 1))
      s.inject(.data(seq: 1, ack: 1, "hello"))
      #expect(s.counters.tcp.inSegs == 2, "\(synCookies)")
    }
  }
}
